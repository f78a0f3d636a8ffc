"""A recogniser in a process of its own, at lower priority: the event loop keeps its processor, and a crash its calls.

The parent's threads ask, the child's threads work, several at once (so that Whisper still decodes utterances together).
A child that dies is replaced; one that hangs past a question's deadline is killed, and then replaced. A whole utterance
is asked for once more then, alone, so that one that crashes the engine takes no other down; a stream breaks, and
whoever holds its audio has the utterance transcribed whole.
"""

from collections.abc import Callable
from threading import Lock
from typing import Any

import numpy as np

from voice.audio.formats import RATE_HZ, Float32Mono16k, Int16Mono16k
from voice.errors import Cancelled as CancelledError
from voice.errors import EngineUnavailable
from voice.stt.base import PerCallTranscriber, StreamingTranscriber, Transcriber, Transcript, TranscriptStream
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
"""An answer takes at most this long, and as long again as the audio lasts."""

START_TRIES = 3
"""Children that may die while they load before whoever waits for one is told."""


class ProcessTranscriber:
    """A `StreamingTranscriber` whose engine lives in a child process.

    Args:
        make: makes the engine, in the child; must be picklable (a function, or a partial of one).
        name: the engine's name.
        niceness: added to the child's; 0 leaves its priority alone.
        request_s: how long an answer may take, besides the length of its audio.

    Source of the discipline: a worker is replaced when killed, killed when hung, and loses no utterance.
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
        self._starting = Lock()
        self._isolation = IsolationLock()
        self._closed = False

    @property
    def pid(self) -> int | None:
        """The child's process id; None before the first use."""
        return self._link.process.pid if self._link is not None else None

    @property
    def pending(self) -> int:
        """Questions that the child has not answered."""
        return self._link.pending if self._link is not None else 0

    def warm(self) -> None:
        """Start the child and load its model. Blocking.

        Raises:
            EngineUnavailable: the engine does not load; the message says what to do.
        """
        self.alive()

    def transcribe(
        self, audio: Float32Mono16k, *, prompt: str = "", cancelled: Cancelled = never_cancelled
    ) -> Transcript:
        """See `Transcriber.transcribe`, and `transcribe_in`."""
        return self.transcribe_in(None, audio, prompt, cancelled)

    def transcribe_in(
        self, language: str | None, audio: Float32Mono16k, prompt: str, cancelled: Cancelled
    ) -> Transcript:
        """`transcribe` in a language that is known of the call; asked once more when the child dies or hangs.

        The second time nothing else is asked of the child: if it dies again, this utterance is the cause and fails.
        Only when somebody outside kills the child then, too, is there a third time.
        """
        audio = checked(audio)

        def request() -> Transcript:
            if cancelled():
                raise CancelledError("The transcript is no longer wanted.")
            transcript: Transcript = self.alive().request(
                "transcribe",
                language,
                audio,
                prompt,
                deadline_s=self._request_s + len(audio) / RATE_HZ,
                cancelled=cancelled,
            )
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
        """End the child. Idempotent."""
        self._closed = True
        if self._link is not None:
            self._link.kill()

    def alive(self) -> Link:
        """The line to a child that has loaded its model; a new one where the last has died. Blocking.

        Raises:
            EngineUnavailable: the engine does not load, or this is closed.
            WorkerDied: the children die while they load.
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
                self._link = link = Link(self._make, self._niceness)
            if self._closed:  # maybe meanwhile, when `close` could not see the new child
                self.close()
                raise EngineUnavailable("The recogniser is shut down with the service.")
        assert link is not None
        if not link.warmed:
            link.request("warm", deadline_s=START_S)
            link.warmed = True
        return link


class ProcessPerCallTranscriber(ProcessTranscriber):
    """A `ProcessTranscriber` whose engine learns a call's language: kept here, so that no child keeps or loses it."""

    def for_call(self) -> Transcriber:
        """See `PerCallTranscriber.for_call`."""
        return CallLanguage(self)


class ProcessStreamingTranscriber(ProcessTranscriber):
    """A `ProcessTranscriber` whose engine decodes as the audio arrives."""

    def stream(self, *, prompt: str = "") -> "ProcessStream | None":
        """See `StreamingTranscriber.stream`."""
        with self._isolation.shared(never_cancelled):
            link = self.alive()
            number = link.request("stream", prompt, deadline_s=self._request_s)
        return None if number is None else ProcessStream(link, number, self._request_s, self._isolation)


class ProcessStream:
    """One utterance on a decoder in the child. See `TranscriptStream`; every verb raises EngineFailed once it died."""

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
    """The engine that `make` makes, in a process of its own.

    Args:
        make: makes it, there; picklable.
        example: one that was made here and not used, to know its name and whether it streams or learns of calls.
        request_s: how long an answer may take, besides the length of its audio.
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
