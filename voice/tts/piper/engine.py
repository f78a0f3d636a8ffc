"""Piper: neural voices from .onnx files, clause by clause, with word timings.

A `Renderer` turns the phoneme ids of a sentence into audio. If the voice's graph can be cut at its decoder, audio comes
out before the sentence is complete; otherwise sentence by sentence.
"""

import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from voice.errors import Cancelled, EngineFailed, EngineUnavailable
from voice.tts.base import SpeechChunk, VoiceStyle, Word
from voice.tts.piper.level import levelled, measured_gain
from voice.tts.piper.loading import load_voice, open_voice
from voice.tts.piper.phoneme_words import WordPhonemes, words_of
from voice.tts.piper.rendering import Renderer

if TYPE_CHECKING:
    from piper import PiperVoice, SynthesisConfig

MAX_CHARACTERS = 2000

_KEPT_VOICES = 4
# Piper reads "[[...]]" as raw phonemes; replace each bracket with a space, which keeps the positions.
_UNSPEAKABLE = re.compile(r"[\[\]\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class PiperSynthesizer:
    """A `Synthesizer` on Piper voices.

    `VoiceStyle.names["piper"]` is a voice in the same folder ("en_US-lessac-medium", with "#3" or "#name" for one of
    its speakers); a missing voice falls back to the default one. `VoiceStyle.pitch` is ignored: Piper has no such
    control, and resampling would change the speaker.
    """

    def __init__(
        self,
        model: Path,
        *,
        renderer: "Callable[[PiperVoice], Renderer] | None" = None,
        name: str = "piper",
        same_each_time: bool = False,
        lazy: bool = False,
    ) -> None:
        """Load and warm the default voice, or with `lazy` leave that to `warm` or to the first text.

        Args:
            model: the voice's .onnx file, with its .onnx.json beside it.
            name: the engine's name.
            renderer: factory of the renderer; by default the voice is cut at its decoder if possible.
            same_each_time: draw no noise: a text gives the same samples each time, as replays want; a little flatter.
            lazy: return at once; nothing is checked yet.

        Raises:
            EngineUnavailable: a file is missing, damaged, or belongs to another voice; the voice cannot count to nine.
        """
        self.name = name
        self._model = model
        self._make_renderer = renderer
        self._noise = 0.0 if same_each_time else None
        self._lock = threading.Lock()
        self._voices: dict[Path, _Voice] = {}
        if not lazy:
            self.warm()

    def warm(self) -> None:
        """Load the default voice, unless it is loaded, and measure its level. Blocking, about a second.

        Raises:
            EngineUnavailable: as for the constructor.
        """
        model = self._model
        try:
            self._loaded(model).gain(None)
        except EngineUnavailable:
            raise
        except Exception as error:
            raise EngineUnavailable(
                f"The Piper voice {model.stem} cannot count to nine; delete it and run `glow models pull {model.stem}`."
            ) from error

    def synthesize(self, text: str, style: VoiceStyle, *, cancelled: Callable[[], bool]) -> Iterator[SpeechChunk]:
        """Synthesize one clause: int16 chunks at the voice's rate, shape (n,), several per sentence of a cut voice.

        Args:
            text: at most 2000 characters; the rest is dropped.
            style: voice and rate.
            cancelled: polled before and after each chunk.

        Raises:
            Cancelled: `cancelled()` turned True.
            EngineFailed: the voice's graph failed on this text.

        Source: piper-tts 1.8, PiperVoice.synthesize, with one gain for each speaker in place of one for each sentence.
        """
        text = _UNSPEAKABLE.sub(" ", text[:MAX_CHARACTERS])
        speaking, config = self._asked(style)
        voice, renderer = speaking.piper, speaking.renderer
        said = 0
        try:
            gain = speaking.gain(config.speaker_id)
            sentences = voice.phonemize(text)
            words = words_of(text, sentences, voice.phonemize)
            for phonemes, spans in zip(sentences, words, strict=True):
                if not spans:
                    continue
                _check(cancelled)
                timed: list[Word] = []
                for piece in renderer.render(voice.phonemes_to_ids(phonemes), config):
                    _check(cancelled)
                    if piece.durations is not None:
                        timed = _timed(voice, phonemes, spans, piece.durations, said)
                    audio = levelled(piece.audio, gain)
                    said += len(audio)
                    begun = sum(word.start < said for word in timed)
                    yield SpeechChunk(audio, voice.config.sample_rate, tuple(timed[:begun]))
                    del timed[:begun]
        except Cancelled:
            raise
        except Exception as error:
            raise EngineFailed(
                f"The Piper voice {self._model.stem} broke on this text; choose another voice or eSpeak."
            ) from error

    def _asked(self, style: VoiceStyle) -> "tuple[_Voice, SynthesisConfig]":
        from piper import SynthesisConfig

        name, _, speaker = style.names.get("piper", "").partition("#")
        model = self._model
        if name and re.fullmatch(r"[\w.-]+", name) and (self._model.parent / f"{name}.onnx").is_file():
            model = self._model.parent / f"{name}.onnx"
        speaking = self._loaded(model)
        voice = speaking.piper
        rate = min(2.0, max(0.5, style.rate))
        speaker_id = voice.config.speaker_id_map.get(speaker, int(speaker) if speaker.isdecimal() else None)
        if speaker_id is not None and speaker_id >= voice.config.num_speakers:
            speaker_id = None
        config = SynthesisConfig(
            speaker_id=speaker_id,
            length_scale=voice.config.length_scale / rate,
            noise_scale=self._noise,
            noise_w_scale=self._noise,
            normalize_audio=False,
        )
        return speaking, config

    def _loaded(self, model: Path) -> "_Voice":
        with self._lock:
            if model not in self._voices:
                while len(self._voices) >= _KEPT_VOICES:
                    self._voices.pop(next(iter(self._voices)))
                self._voices[model] = self._open(model)
            # LRU: move the voice to the end, so that the first one is evicted.
            self._voices[model] = self._voices.pop(model)
            return self._voices[model]

    def _open(self, model: Path) -> "_Voice":
        if self._make_renderer is None:
            return _Voice(*open_voice(model))
        voice = load_voice(model)
        return _Voice(voice, self._make_renderer(voice))


class _Voice:
    """A loaded voice and the level of its speakers."""

    def __init__(self, piper: "PiperVoice", renderer: Renderer) -> None:
        self.piper, self.renderer = piper, renderer
        self._gains: dict[int | None, float] = {}

    def gain(self, speaker_id: int | None) -> float:
        """Return the speaker's gain, measured at the first call, which takes about 0.2 s."""
        if speaker_id not in self._gains:
            self._gains[speaker_id] = measured_gain(self.piper, self.renderer, speaker_id)
        return self._gains[speaker_id]


def _check(cancelled: Callable[[], bool]) -> None:
    if cancelled():
        raise Cancelled("The clause is no longer wanted; ask again to hear it.")


def _timed(
    voice: "PiperVoice", phonemes: list[str], spans: list[WordPhonemes], durations: NDArray[np.int64], base: int
) -> list[Word]:
    """Compute the words' sample positions from the duration of each phoneme id."""
    id_map: Any = voice.config.phoneme_id_map
    pad = len(id_map.get("_", ()))
    counts = [len(id_map[phoneme]) + pad if phoneme in id_map else 0 for phoneme in phonemes]
    # The ids of the sentence's beginning precede the first phoneme.
    edges = np.cumsum([len(id_map.get("^", ())) + pad, *counts])
    if edges[-1] > len(durations):
        return []
    positions = base + np.concatenate([[0], np.cumsum(durations)])
    return [
        Word(span.text_start, span.text_end, int(positions[edges[span.first]]), int(positions[edges[span.last]]))
        for span in spans
    ]
