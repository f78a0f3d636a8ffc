"""The level of a Piper voice: one gain for each speaker, as loud as Piper's own normalization makes it on average.

`PiperVoice.synthesize` divides each sentence by its peak, which is known only once the sentence is complete. A stream
cannot wait for it, so that the gain comes from a sentence that is rendered once, before the first is spoken.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from voice.tts.base import Int16Mono
from voice.tts.piper.rendering import Renderer

if TYPE_CHECKING:
    from piper import PiperVoice

_COUNTING = "1 2 3 4 5 6 7 8 9."
"""What every eSpeak language can say, about 2.6 s: its peak is that of an average sentence."""

_GAINS = (0.5, 8.0)
_KNEE = 0.75


def measured_gain(voice: "PiperVoice", renderer: Renderer, speaker_id: int | None) -> float:
    """Return the gain that brings the peak of an average sentence to full scale, 0.5..8; 1 for a silent voice.

    Args:
        voice: provides the phonemes and their ids.
        renderer: renders them; without noise, so that the gain is the same at every start.
        speaker_id: the speaker; None for the voice's default one.
    """
    from piper import SynthesisConfig

    config = SynthesisConfig(speaker_id=speaker_id, noise_scale=0.0, noise_w_scale=0.0, normalize_audio=False)
    peak = 0.0
    for phonemes in voice.phonemize(_COUNTING):
        for piece in renderer.render(voice.phonemes_to_ids(phonemes), config):
            peak = max(peak, float(np.max(np.abs(np.nan_to_num(piece.audio)), initial=0.0)))
    return float(np.clip(1 / peak, *_GAINS)) if peak > 0 else 1.0


def levelled(audio: NDArray[np.float32], gain: float) -> Int16Mono:
    """Apply a gain to samples in about [-1, 1], shape (n,); what exceeds three quarters is rounded off, not clipped."""
    loud = np.nan_to_num(audio) * gain
    size = np.abs(loud)
    rounded = np.sign(loud) * (_KNEE + (1 - _KNEE) * np.tanh((size - _KNEE) / (1 - _KNEE)))
    return (np.where(size > _KNEE, rounded, loud) * 32767).astype(np.int16)
