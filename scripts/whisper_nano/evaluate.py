"""Word error rate of a Whisper model on recordings with a manifest, with the short window and at 30 s.

`glow bench stt --model FOLDER` also measures speed, on recordings of at least a second; this script takes every entry
of the manifest, and separates recordings with known words only from those with unknown ones.

    python scripts/whisper_nano/evaluate.py [MODEL ...] [--words FILE] [--noise DECIBELS]
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from text import WORDS, words_of

from voice.audio.containers import decode_file
from voice.audio.formats import Float32Mono16k
from voice.stt.whisper.engine import FasterWhisper, load_model, token_cap
from voice.stt.whisper.short_window import ShortWindow
from voice.stt.word_error import WordErrors, word_errors
from voice.test_models import WHISPER_NANO

RECORDINGS = Path(__file__).parents[2] / "voice" / "recordings"


@dataclass(frozen=True)
class Recording:
    """A recording: samples at 16 kHz, text, voice."""

    audio: Float32Mono16k
    text: str
    voice: str


def recordings_of(folder: Path, noise: float | None) -> list[Recording]:
    """Load the recordings of the manifest, optionally with deterministic white noise at this SNR in dB."""
    pick = np.random.default_rng(1)
    recordings = []
    for entry in json.loads((folder / "manifest.json").read_text("utf-8")):
        audio = decode_file((folder / entry["file"]).read_bytes(), max_seconds=30)
        if noise is not None:
            loudness = float(np.sqrt(np.mean(audio**2)))
            white = pick.standard_normal(len(audio), dtype=np.float32)
            audio = np.clip(audio + white * np.float32(loudness * 10 ** (-noise / 20)), -1, 1)
        recordings.append(Recording(audio, entry["text"], entry.get("voice", "")))
    return recordings


def ways_of(folder: Path) -> dict[str, Callable[[Float32Mono16k], str]]:
    """Return the ways of decoding: this project's, with both windows, and stock faster-whisper."""
    own = FasterWhisper(folder, compute_type="int8", cpu_threads=1)
    full = FasterWhisper(folder, compute_type="int8", cpu_threads=1, window="full")
    model = load_model(folder, "cpu", "int8", 1)
    short = ShortWindow(model)

    def stock(audio: Float32Mono16k) -> str:
        most = short.most_new_tokens("", "en", token_cap(len(audio), model.hf_tokenizer.get_vocab_size()))
        segments, _ = model.transcribe(audio, language="en", beam_size=1, max_new_tokens=most)
        return " ".join(segment.text.strip() for segment in segments)

    return {
        "own window": lambda audio: own.transcribe(audio).text,
        "30 s": lambda audio: full.transcribe(audio).text,
        "stock faster-whisper": stock,
    }


def rates(
    recordings: list[Recording], hear: Callable[[Float32Mono16k], str], known: frozenset[str]
) -> dict[str, WordErrors]:
    """Count word errors over all recordings, over those with known words only, over the others, and by voice."""
    counted: dict[str, WordErrors] = {}
    for recording in recordings:
        errors = word_errors(recording.text, hear(recording.audio))
        kind = "known words" if known.issuperset(recording.text.split()) else "other words among them"
        for name in ("all", kind, recording.voice):
            counted[name] = counted.get(name, WordErrors()) + errors
    return counted


def main() -> None:
    """Measure each model and print a line per way of decoding."""
    parser = argparse.ArgumentParser(description="Word error of a Whisper model on recordings.")
    parser.add_argument("models", type=Path, nargs="*", default=[WHISPER_NANO])
    parser.add_argument("--audio", type=Path, default=RECORDINGS, help="a folder with manifest.json")
    parser.add_argument("--words", type=Path, help="a file of the words that the model was trained on")
    parser.add_argument("--noise", type=float, help="white noise so many decibels below the speech")
    options = parser.parse_args()
    known = frozenset(words_of(options.words) if options.words else WORDS)
    recordings = recordings_of(options.audio, options.noise)
    for folder in options.models:
        for way, hear in ways_of(folder).items():
            row = ", ".join(
                f"{name} {errors.rate:.1%} of {errors.words}" for name, errors in rates(recordings, hear, known).items()
            )
            print(f"{folder.name}, {way}: {row}", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
