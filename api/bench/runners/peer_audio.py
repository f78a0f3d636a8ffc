# mypy: disable-error-code="import-not-found, no-any-return"
# In the peers' environments this file is not in a package: `scenarios` is imported from the same folder.
"""What the peers' runners share: microphone, loudspeaker, and engines with a fixed latency.

Imported only in the peers' environments, beside `scenarios`; depends on the standard library and numpy only.
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
from scenarios import SECONDS_A_CHARACTER, Int16, Script, Stretch

RATE_HZ = 16_000
OUT_RATE_HZ = 24_000
FRAME = 320
FRAME_S = 0.02
WORDS = "good morning what seems to be the problem"
_HUM_HZ = 200


class Loudspeaker:
    """A simulated player that plays audio in order of arrival and records when it sounded."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self.stretches: list[Stretch] = []
        self._held_s = 0.0
        self._paused = False

    def add(self, seconds: float) -> None:
        """Append audio of this duration."""
        if self._paused:
            self._held_s += seconds
            return
        now = self._now()
        if self.stretches and self.stretches[-1][1] >= now:
            self.stretches[-1] = (self.stretches[-1][0], self.stretches[-1][1] + seconds)
        else:
            self.stretches.append((now, now + seconds))

    def pause(self) -> None:
        """Pause, keeping the rest."""
        self._held_s += self._cut()
        self._paused = True

    def resume(self) -> None:
        """Resume playback."""
        self._paused = False
        held_s, self._held_s = self._held_s, 0.0
        if held_s:
            self.add(held_s)

    def clear(self) -> None:
        """Stop and drop the rest."""
        self._cut()
        self._held_s = 0.0

    @property
    def left_s(self) -> float:
        """Return the duration that is left to play, in seconds."""
        return self._held_s + (max(0.0, self.stretches[-1][1] - self._now()) if self.stretches else 0.0)

    def _cut(self) -> float:
        now = self._now()
        if not self.stretches or self.stretches[-1][1] <= now:
            return 0.0
        start, end = self.stretches[-1]
        self.stretches[-1] = (start, now)
        return end - now


class Microphone:
    """Feeds a session with a frame every 20 ms: queued speech, and background noise in between."""

    def __init__(self, push: Callable[[bytes], None], noise: int) -> None:
        self._push = push
        random = np.random.default_rng(0)
        self._room = [random.integers(-noise, noise + 1, FRAME).astype("<i2").tobytes() for _ in range(50)]
        self._at = 0
        self._speech: deque[tuple[Int16, asyncio.Future[Stretch]]] = deque()
        self._position = 0
        self._began = 0.0

    async def say(self, samples: Int16) -> Stretch:
        """Speak; return the times of the first and the last sample."""
        done: asyncio.Future[Stretch] = asyncio.get_running_loop().create_future()
        self._speech.append((samples, done))
        return await done

    def step(self, begin: float) -> None:
        """Feed the frame whose first sample is at `begin`."""
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
    """The 20 ms clock of all microphones of the process."""

    def __init__(self) -> None:
        self.microphones: list[Microphone] = []

    async def run(self) -> None:
        """Step all microphones every 20 ms; catch up after a late step."""
        begin = time.monotonic()
        while True:
            begin += FRAME_S
            await asyncio.sleep(max(0.0, begin - time.monotonic()))
            for microphone in self.microphones:
                microphone.step(begin - FRAME_S)


class ThisProcess:
    """A `scenarios.Meter` of this process."""

    def cpu_s(self) -> float:
        """Return the CPU seconds of all threads, and of children that have ended."""
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return time.process_time() + children.ru_utime + children.ru_stime

    def memory_mib(self) -> float:
        """Return the resident memory in MiB."""
        status = Path("/proc/self/status").read_text("ascii")
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS:")).split()[1]) / 1024


def hum(text: str) -> tuple[bytes, list[tuple[str, float, float]]]:
    """Return a hum as long as the text's speech (24 kHz mono PCM16), and its words with start and end in seconds."""
    length = round(len(text) * SECONDS_A_CHARACTER * OUT_RATE_HZ)
    wave = np.sin(np.arange(length) * (2 * np.pi * _HUM_HZ / OUT_RATE_HZ)) * 3000
    words, at = [], 0
    for word in text.split():
        start = text.index(word, at)
        at = start + len(word)
        words.append((word, start * SECONDS_A_CHARACTER, at * SECONDS_A_CHARACTER))
    return wave.astype("<i2").tobytes(), words


class RealEngines:
    """faster-whisper and Piper on the same model files, one thread each."""

    def __init__(self, whisper: str, piper: str) -> None:
        from faster_whisper import WhisperModel
        from piper import PiperVoice

        self._whisper = WhisperModel(whisper, device="cpu", compute_type="int8", cpu_threads=2)
        self._piper = PiperVoice.load(piper)
        self.rate_hz = int(self._piper.config.sample_rate)

    def transcribe(self, pcm: bytes) -> str:
        """Transcribe 16 kHz mono PCM16."""
        audio = np.frombuffer(pcm, "<i2").astype(np.float32) / 32768
        segments, _ = self._whisper.transcribe(audio, language="en", beam_size=1, without_timestamps=True)
        return " ".join(segment.text.strip() for segment in segments)

    def speak(self, text: str) -> bytes:
        """Synthesize mono PCM16 at `rate_hz`."""
        return b"".join(chunk.audio_int16_bytes for chunk in self._piper.synthesize(text))


def read_job() -> tuple[dict[str, Any], Script]:
    """Read the job from standard input, and its recordings (files of 16 kHz mono PCM16)."""
    job = json.load(sys.stdin)
    turns = [np.frombuffer(Path(path).read_bytes(), "<i2").astype(np.int16) for path in job["lines"]]
    interruption = np.frombuffer(Path(job["interruption"]).read_bytes(), "<i2").astype(np.int16)
    return job, Script(turns, interruption, job["reply"])


def write_result(result: dict[str, Any]) -> None:
    """Write the result as the last line of standard output."""
    sys.stdout.write("\n" + json.dumps(result) + "\n")
    sys.stdout.flush()
