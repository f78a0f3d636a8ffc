"""Records the telephone's sentences with Piper's voice joe: python scripts/record_sentences.py VOICE.onnx"""

import sys
from pathlib import Path

import numpy as np
import soundfile

from api.doors.telephone.sentences import FOLDER, RECORDED_HZ, TEXTS
from voice.audio.resample import Resampler
from voice.tts.base import VoiceStyle
from voice.tts.piper.engine import PiperSynthesizer


def main(voice: Path) -> None:
    """Write one FLAC for each sentence."""
    synthesizer = PiperSynthesizer(voice, same_each_time=True)
    for sentence, text in TEXTS.items():
        chunks = list(synthesizer.synthesize(text, VoiceStyle(), cancelled=lambda: False))
        resampler = Resampler(chunks[0].rate_hz, RECORDED_HZ)
        audio = np.concatenate([*(resampler.process(chunk.audio) for chunk in chunks), resampler.flush()])
        soundfile.write(FOLDER / f"{sentence.value}.flac", audio, RECORDED_HZ, subtype="PCM_16")
        sys.stdout.write(f"{sentence.value}: {len(audio) / RECORDED_HZ:.1f} s\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
