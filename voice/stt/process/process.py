"""Runs the recogniser in a low-priority child process, so that it neither starves the event loop nor takes calls down.

The parent's threads send requests, the child's threads serve several at once (so that Whisper still decodes batches).
A child that dies is replaced; one that misses a request's deadline is killed and replaced. The utterances in flight are
then retried one at a time, to isolate the one that caused it. A stream fails instead: the caller, who has its audio,
then transcribes the utterance whole.
"""

from collections.abc import Callable
from threading import Lock
from typing import Any

import numpy as np

from voice.audio.formats import RATE_HZ, Float32Mono16k, Int16Mono16k
from voice.errors import Cancelled as CancelledError
from voice.errors import EngineUnavailable
from voice.stt.base import (
    ByLanguage,
    PerCallTranscriber,
    StreamingTranscriber,
    Transcriber,
    Transcript,
    TranscriptStream,
)
from voice.stt.call_language import CallLanguage
from voice.stt.process.isolation import IsolationLock
from voice.stt.process.link import Link, WorkerDied, WorkerKilled
from voice.stt.samples import checked
from voice.work.cancellation import (
    Cancelled,
    never_cancelled,
)

NICENESS = 5
START_S = 120.0
REQUEST_S = 10.0
"""Timeout of a request in seconds, plus the duration of its audio."""

START_TRIES = 3
"""Attempts to start a child; the failure of the last one is raised."""


class ProcessTranscriber(ByLanguage):
    """A `Transcriber` whose engine runs in a child process.

    Supervision: a killed child is replaced, a hung one is killed, and no utterance is lost.

    Args:
        make: picklable factory of the engine (a function, or a partial of one), called in the child.
        name: the engine's name.
        niceness: increment of the child's niceness; 0 keeps its priority.
        request_s: timeout of a request in seconds, in addition to the duration of its audio.
    """

    def __init__(
        self,
        make: Callable[[], Transcriber],
        *,
        name: str,
        niceness: int = NICENESS,
        request_s: float = REQUEST_S,
    ) -> None:
        self.name = name
        self._make = make
        self._niceness = niceness
        self._request_s = request_s
        self._link: Link | None = None
        self._batched: Callable[[int], None] | None = None
        self._restarted: Callable[[], None] | None = None
        self._starting = Lock()
        self._isolation = IsolationLock()
        self._closed = False

    @property
    def pid(self) -> int | None:
        """Process id of the child; None before first use."""
        return self._link.process.pid if self._link is not None else None

    @property
    def pending(self) -> int:
        """Number of requests that the child has not answered."""
        return self._link.pending if self._link is not None else 0

    def observe_batches(self, batched: Callable[[int], None]) -> None:
        """See `BatchingTranscriber.observe_batches`."""
        self._batched = batched

    def observe_restarts(self, restarted: Callable[[], None]) -> None:
        """Have `restarted` called when a child takes the place of one that died, in whichever thread."""
        self._restarted = restarted

    def _batch(self, size: int) -> None:
        if self._batched is not None:
            self._batched(size)

    def warm(self) -> None:
        """Start the child and load its model. Blocking.

        Raises:
            EngineUnavailable: the engine cannot be loaded; the message says what to do.
        """
        self.alive()

    def transcribe_in(
        self,
        language: str | None,
        audio: Float32Mono16k,
        prompt: str,
        cancelled: Cancelled,
        expected: str | None = None,
        *,
        sketch: bool = False,
    ) -> Transcript:
        """Transcribe in the call's language; retry once if the child dies or hangs.

        The retry has the child to itself: if the child dies again, this utterance is the cause, and fails. Only if the
        child was killed from outside during the retry is there a second one. An engine that cannot sketch transcribes.
        """
        audio = checked(audio)
        return self._retried("transcribe", (language, audio, prompt, expected, sketch), len(audio), cancelled)

    def translate(
        self, audio: Float32Mono16k, *, prompt: str = "", cancelled: Cancelled = never_cancelled
    ) -> Transcript:
        """See `Translator.translate`, and `transcribe_in` for the retries."""
        audio = checked(audio)
        return self._retried("translate", (audio, prompt), len(audio), cancelled)

    def _retried(self, verb: str, args: tuple[Any, ...], samples: int, cancelled: Cancelled) -> Transcript:
        def request() -> Transcript:
            if cancelled():
                raise CancelledError("The transcript is no longer wanted.")
            deadline_s = self._request_s + samples / RATE_HZ
            transcript: Transcript = self.alive().request(verb, *args, deadline_s=deadline_s, cancelled=cancelled)
            return transcript

        try:
            with self._isolation.shared(cancelled):
                return request()
        except WorkerDied:
            with self._isolation.exclusive(cancelled):
                try:
                    return request()
                except WorkerKilled:
                    return request()

    def close(self) -> None:
        """Kill the child. Idempotent."""
        self._closed = True
        if self._link is not None:
            self._link.kill()

    def alive(self) -> Link:
        """Return the connection to a child that has loaded its model; start a new child if the last one died. Blocking.

        Raises:
            EngineUnavailable: the engine cannot be loaded, or this transcriber is closed.
            WorkerDied: every child died while it loaded.
        """
        with self._starting:
            for _ in range(START_TRIES - 1):
                try:
                    return self._started()
                except WorkerDied:
                    continue
            return self._started()

    def _started(self) -> Link:
        link = self._link
        if link is None or link.dead:
            if not self._closed:
                self._link = fresh = Link(self._make, self._niceness, self._batch)
                if link is not None and self._restarted is not None:
                    self._restarted()
                link = fresh
            if self._closed:  # possibly meanwhile, before `close` could see the new child
                self.close()
                raise EngineUnavailable("The recogniser is shut down with the service.")
        assert link is not None
        if not link.warmed:
            link.request("warm", deadline_s=START_S)
            link.warmed = True
        return link


class ProcessPerCallTranscriber(ProcessTranscriber):
    """A `ProcessTranscriber` that detects the language per call and keeps it in the parent, safe from a crash."""

    def for_call(self, expected: str = "") -> Transcriber:
        """See `PerCallTranscriber.for_call`."""
        return CallLanguage(self, expected)


class ProcessStreamingTranscriber(ProcessTranscriber):
    """A `StreamingTranscriber` whose engine runs in a child process."""

    def stream(self, *, prompt: str = "") -> "ProcessStream | None":
        """See `StreamingTranscriber.stream`."""
        with self._isolation.shared(never_cancelled):
            link = self.alive()
            number = link.request("stream", prompt, deadline_s=self._request_s)
        return None if number is None else ProcessStream(link, number, self._request_s, self._isolation)


class ProcessStream:
    """A `TranscriptStream` on a decoder in the child; every method raises EngineFailed once the child died."""

    def __init__(self, link: Link, number: int, request_s: float, isolation: IsolationLock) -> None:
        self._link = link
        self._number = number
        self._request_s = request_s
        self._isolation = isolation
        self._closed = False

    def accept(self, audio: Int16Mono16k) -> None:
        """See `TranscriptStream.accept`."""
        self._request("accept", np.ascontiguousarray(audio))

    def partial(self) -> str:
        """See `TranscriptStream.partial`."""
        words: str = self._request("partial")
        return words

    def finish(self) -> Transcript:
        """See `TranscriptStream.finish`."""
        transcript: Transcript = self._request("finish")
        return transcript

    def close(self) -> None:
        """See `TranscriptStream.close`."""
        if not self._closed:
            self._closed = True
            self._link.notify("close", self._number)

    def _request(self, verb: str, *args: Any) -> Any:
        with self._isolation.shared(never_cancelled):
            return self._link.request(verb, self._number, *args, deadline_s=self._request_s)


def in_process(make: Callable[[], Transcriber], example: Transcriber, *, request_s: float = REQUEST_S) -> Transcriber:
    """Create a transcriber that runs the engine of `make` in a child process.

    Args:
        make: picklable factory of the engine.
        example: an unused engine of that factory, which tells the name and whether it streams or has state per call.
        request_s: timeout of a request in seconds, in addition to the duration of its audio.
    """
    kind = ProcessTranscriber
    if isinstance(example, StreamingTranscriber):
        kind = ProcessStreamingTranscriber
    elif isinstance(example, PerCallTranscriber):
        kind = ProcessPerCallTranscriber
    return kind(make, name=example.name, request_s=request_s)


__all__ = [
    "ProcessPerCallTranscriber",
    "ProcessStreamingTranscriber",
    "ProcessTranscriber",
    "TranscriptStream",
    "WorkerDied",
    "in_process",
]
