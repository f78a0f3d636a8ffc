"""Synthetic training speech for whisper:nano: eSpeak NG in many variants, and Flite's voices if `flite` is installed.

Clean speech is written in shards of int16 samples; gain, noise, silence and speed are augmented randomly on each use of
an utterance (see `roughened`), so that a shard can be used many times.

    python scripts/whisper_nano/speech.py FOLDER [--shards N] [--each N] [--seed N]
"""

import argparse
import random
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from text import Sentences

from voice.audio.resample import Resampler
from voice.tts.base import VoiceStyle
from voice.tts.espeak.engine import RATE_HZ as ESPEAK_HZ
from voice.tts.espeak.engine import EspeakSynthesizer

RATE_HZ = 16_000
LONGEST_S = 7.5
LANGUAGES = ["en-us", "en-us", "en-us", "en-gb", "en-gb-x-rp", "en-gb-scotland", "en-029"]
VARIANTS = ["", "", "", "+f2", "+f3", "+f4", "+m1", "+m3", "+m5", "+m7"]
FLITE_VOICES = ["slt", "rms", "awb", "kal16"]

Int16Mono = NDArray[np.int16]
Float32Mono = NDArray[np.float32]
Spoken = tuple[str, Int16Mono]


class Speakers:
    """Synthesizes sentences in random voices, half of them Flite's if Flite is installed.

    Args:
        seed: random seed.
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._espeak = EspeakSynthesizer()
        self._flite = shutil.which("flite")

    def say(self, text: str) -> Int16Mono:
        """Synthesize a text: mono samples at 16 kHz, shape (n,)."""
        if self._flite and self._random.random() < 0.5:
            return self._say_by_flite(self._flite, text)
        pick = self._random
        style = VoiceStyle(
            names={"espeak": pick.choice(LANGUAGES) + pick.choice(VARIANTS)},
            rate=pick.uniform(0.7, 1.25),
            pitch=pick.uniform(0.75, 1.35),
        )
        chunks = [chunk.audio for chunk in self._espeak.synthesize(text, style, cancelled=lambda: False)]
        resampler = Resampler(ESPEAK_HZ, RATE_HZ)
        return np.concatenate([*(resampler.process(chunk) for chunk in chunks), resampler.flush()])

    def _say_by_flite(self, flite: str, text: str) -> Int16Mono:
        stretch = self._random.uniform(0.85, 1.25)
        with tempfile.TemporaryDirectory(prefix="whisper-nano-") as folder:
            path = Path(folder) / "said.wav"
            command = [flite, "-voice", self._random.choice(FLITE_VOICES)]
            command += ["--setf", f"duration_stretch={stretch:.2f}", "-t", text, "-o", str(path)]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            audio, rate_hz = soundfile.read(path, dtype="int16")
        if rate_hz != RATE_HZ:
            raise RuntimeError(f"flite's voice speaks at {rate_hz} Hz; leave it out of FLITE_VOICES.")
        return audio


def roughened(audio: Int16Mono, pick: np.random.Generator) -> Float32Mono:
    """Augment an utterance as from a microphone: padding, speed, gain, noise.

    Args:
        audio: clean speech at 16 kHz, shape (n,).
        pick: random generator.

    Returns:
        Samples in [-1, 1], at most 1.1 n plus one second.
    """
    said = audio.astype(np.float32) / 32768
    if pick.random() < 0.5:
        # Resample as a tape played faster or slower, which varies the vocal tract length without another synthesizer.
        speed = pick.uniform(0.92, 1.1)
        said = np.interp(np.arange(0, len(said) - 1, speed), np.arange(len(said)), said).astype(np.float32)
    before, after = (pick.uniform(0, 0.5, 2) * RATE_HZ).astype(int)
    said = np.pad(said, (before, after)) * np.float32(10 ** (pick.uniform(-14, 4) / 20))
    if pick.random() < 0.65:
        noise = pick.standard_normal(len(said), dtype=np.float32)
        if pick.random() < 0.5:
            noise = noise + 2 * np.concatenate([noise[:1], noise[:-1]])  # low-pass filtered, as in most rooms
        loudness = np.sqrt(np.mean(said**2) + 1e-10)
        wanted = loudness * 10 ** (-pick.uniform(12, 50) / 20)
        said = said + noise * np.float32(wanted / np.sqrt(np.mean(noise**2)))
    return np.clip(said, -1, 1).astype(np.float32)


def write_shard(path: Path, spoken: list[Spoken]) -> None:
    """Write utterances to a file, atomically."""
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        np.savez(
            file,
            texts=np.array([text for text, _ in spoken]),
            lengths=np.array([len(audio) for _, audio in spoken]),
            audio=np.concatenate([audio for _, audio in spoken]),
        )
    part.replace(path)


def read_shard(path: Path) -> list[Spoken]:
    """Read the utterances of a file."""
    with np.load(path) as shard:
        parts = np.split(shard["audio"], np.cumsum(shard["lengths"])[:-1])
        return list(zip(shard["texts"].tolist(), parts, strict=True))


def main() -> None:
    """Synthesize sentences and write them in shards."""
    parser = argparse.ArgumentParser(description="Make synthetic speech for whisper:nano.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--shards", type=int, default=40)
    parser.add_argument("--each", type=int, default=1000, help="utterances in a shard")
    parser.add_argument("--seed", type=int, default=1, help="of the first shard; the next has the next")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for seed in range(options.seed, options.seed + options.shards):
        sentences, speakers = Sentences(seed), Speakers(seed)
        spoken: list[Spoken] = []
        while len(spoken) < options.each:
            text = sentences.next()
            audio = speakers.say(text)
            if 0 < len(audio) <= LONGEST_S * RATE_HZ:
                spoken.append((text, audio))
        write_shard(options.folder / f"shard-{seed:04}.npz", spoken)
        print(f"shard {seed}: {sum(len(audio) for _, audio in spoken) / RATE_HZ / 60:.0f} min", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
