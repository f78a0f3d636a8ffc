# mypy: disable-error-code="import-not-found, no-any-return"
# `scenarios` is found beside this file where the scripts run, which is no package there.
"""The peers' microphone and loudspeaker, and engines of known cost: what their scripts share.

Imported only in the peers' environments, beside `scenarios`; knows the standard library and numpy.
"""

import asyncio
import json
import resource
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scenarios import SECONDS_A_CHARACTER, Int16, Lines, Stretch

RATE_HZ = 16_000
OUT_RATE_HZ = 24_000
FRAME = 320
FRAME_S = 0.02
WORDS = "good morning what seems to be the problem"
_HUM_HZ = 200


class Loudspeaker:
    """Plays what it is given in order from the moment it comes, and keeps a record of when it sounded."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self.stretches: list[Stretch] = []
        self._held_s = 0.0
        self._paused = False

    def add(self, seconds: float) -> None:
        """Append so much audio."""
        if self._paused:
            self._held_s += seconds
            return
        now = self._now()
        if self.stretches and self.stretches[-1][1] >= now:
            self.stretches[-1] = (self.stretches[-1][0], self.stretches[-1][1] + seconds)
        else:
            self.stretches.append((now, now + seconds))

    def pause(self) -> None:
        """Fall silent and keep the rest."""
        self._held_s += self._cut()
        self._paused = True

    def resume(self) -> None:
        """Play on."""
        self._paused = False
        held_s, self._held_s = self._held_s, 0.0
        if held_s:
            self.add(held_s)

    def clear(self) -> None:
        """Fall silent and forget the rest."""
        self._cut()
        self._held_s = 0.0

    @property
    def left_s(self) -> float:
        """How much is still to be played."""
        return self._held_s + (max(0.0, self.stretches[-1][1] - self._now()) if self.stretches else 0.0)

    def _cut(self) -> float:
        now = self._now()
        if not self.stretches or self.stretches[-1][1] <= now:
            return 0.0
        start, end = self.stretches[-1]
        self.stretches[-1] = (start, now)
        return end - now


class Microphone:
    """Gives one session a frame every 20 ms: what is being said, and a quiet room's noise in between."""

    def __init__(self, push: Callable[[bytes], None], noise: int) -> None:
        self._push = push
        random = np.random.default_rng(0)
        self._room = [random.integers(-noise, noise + 1, FRAME).astype("<i2").tobytes() for _ in range(50)]
        self._at = 0
        self._speech: deque[tuple[Int16, asyncio.Future[Stretch]]] = deque()
        self._position = 0
        self._began = 0.0

    async def say(self, samples: Int16) -> Stretch:
        """Speak; returns when the first and the last sample were said."""
        done: asyncio.Future[Stretch] = asyncio.get_running_loop().create_future()
        self._speech.append((samples, done))
        return await done

    def step(self, begin: float) -> None:
        """Give the frame whose first sample was said at `begin`."""
        self._at = (self._at + 1) % len(self._room)
        if not self._speech:
            self._push(self._room[self._at])
            return
        samples, done = self._speech[0]
        if not self._position:
            self._began = begin
        part = samples[self._position : self._position + FRAME]
        self._position += FRAME
        self._push(part.astype("<i2").tobytes() + self._room[self._at][2 * len(part) :])
        if self._position >= len(samples):
            self._speech.popleft()
            self._position = 0
            if not done.done():
                done.set_result((self._began, begin + len(part) / RATE_HZ))


class Pacer:
    """One clock for all microphones of the process."""

    def __init__(self) -> None:
        self.microphones: list[Microphone] = []

    async def run(self) -> None:
        """Step all microphones every 20 ms; a late step is made up for."""
        begin = time.monotonic()
        while True:
            begin += FRAME_S
            await asyncio.sleep(max(0.0, begin - time.monotonic()))
            for microphone in self.microphones:
                microphone.step(begin - FRAME_S)


class ThisProcess:
    """What this process uses."""

    def cpu_s(self) -> float:
        """Processor seconds of all its threads, and of children that have ended."""
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return time.process_time() + children.ru_utime + children.ru_stime

    def memory_mib(self) -> float:
        """Resident memory in MiB."""
        status = Path("/proc/self/status").read_text("ascii")
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS:")).split()[1]) / 1024


def hum(text: str) -> tuple[bytes, list[tuple[str, float, float]]]:
    """Return a hum as long as the text takes to say (24 kHz mono PCM16), and its words with start and end in seconds."""
    length = round(len(text) * SECONDS_A_CHARACTER * OUT_RATE_HZ)
    wave = np.sin(np.arange(length) * (2 * np.pi * _HUM_HZ / OUT_RATE_HZ)) * 3000
    words, at = [], 0
    for word in text.split():
        start = text.index(word, at)
        at = start + len(word)
        words.append((word, start * SECONDS_A_CHARACTER, at * SECONDS_A_CHARACTER))
    return wave.astype("<i2").tobytes(), words


class RealEngines:
    """faster-whisper and Piper on the same files, one thread each, called as each framework calls a local model."""

    def __init__(self, whisper: str, piper: str) -> None:
        from faster_whisper import WhisperModel
        from piper import PiperVoice

        self._whisper = WhisperModel(whisper, device="cpu", compute_type="int8", cpu_threads=2)
        self._piper = PiperVoice.load(piper)
        self.rate_hz = int(self._piper.config.sample_rate)

    def transcribe(self, pcm: bytes) -> str:
        """Return 16 kHz mono PCM16 to text."""
        audio = np.frombuffer(pcm, "<i2").astype(np.float32) / 32768
        segments, _ = self._whisper.transcribe(audio, language="en", beam_size=1, without_timestamps=True)
        return " ".join(segment.text.strip() for segment in segments)

    def speak(self, text: str) -> bytes:
        """Return text to mono PCM16 at `rate_hz`."""
        return b"".join(chunk.audio_int16_bytes for chunk in self._piper.synthesize(text))


def read_job() -> tuple[dict[str, Any], Lines]:
    """Return the job on standard input, and its recordings (files of 16 kHz mono PCM16)."""
    job = json.load(sys.stdin)
    turns = [np.frombuffer(Path(path).read_bytes(), "<i2").astype(np.int16) for path in job["lines"]]
    interruption = np.frombuffer(Path(job["interruption"]).read_bytes(), "<i2").astype(np.int16)
    return job, Lines(turns, interruption, job["reply"])


def write_result(result: dict[str, Any]) -> None:
    """The result, as the last line of standard output."""
    sys.stdout.write("\n" + json.dumps(result) + "\n")
    sys.stdout.flush()
