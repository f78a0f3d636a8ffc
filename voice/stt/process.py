"""A recogniser in a process of its own, at lower priority: the event loop keeps its processor, and a crash its calls.

The parent's threads ask, the child's threads work, several at once (so that Whisper still decodes utterances together).
A child that dies is replaced; one that hangs past a question's deadline is killed, and then replaced. A whole utterance
is asked for once more then; a stream breaks, and whoever holds its audio has the utterance transcribed whole.
"""

import multiprocessing
import pickle
from collections.abc import Callable
from multiprocessing.connection import Connection
from threading import Condition, Lock, Thread
from typing import Any

import numpy as np

from voice.errors import Cancelled as CancelledError
from voice.errors import EngineFailed, EngineUnavailable
from voice.stt.base import (
    RATE_HZ,
    Cancelled,
    Float32Mono16k,
    Int16Mono16k,
    StreamingTranscriber,
    Transcriber,
    Transcript,
    TranscriptStream,
    never,
)
from voice.stt.process_child import Answer, Question, serve
from voice.stt.samples import checked

NICENESS = 5
START_S = 60.0
QUESTION_S = 10.0
"""An answer takes at most this long, and as long again as the audio lasts."""

POLL_S = 0.05
WAITING_LIMIT = 256
"""Questions that wait for answers; one more is refused. The workers' own queue is shorter, so this is never reached."""


class WorkerDied(EngineFailed):
    """The child process is gone, or was killed because it hung."""


class _Child:
    """One child process and the questions that it has not answered."""

    def __init__(self, make: Callable[[], Transcriber], niceness: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, make, niceness), name="recogniser", daemon=True)
        self.process.start()
        theirs.close()
        self._sending = Lock()
        self._changed = Condition()
        self._answers: dict[int, Answer | None] = {}
        self._next = 0
        self.dead = False
        Thread(target=self._read, args=(self.connection,), name="recogniser answers", daemon=True).start()

    def ask(self, verb: str, *args: Any, deadline_s: float, cancelled: Cancelled = never) -> Any:
        """Put a question and wait for its answer.

        Raises:
            WorkerDied: there will be none.
            EngineFailed: too many questions wait, or the engine broke.
            Cancelled: `cancelled()` became true; the child is told.
        """
        with self._changed:
            if self.dead:
                raise WorkerDied("The recogniser's process has ended.")
            if len(self._answers) >= WAITING_LIMIT:
                raise EngineFailed("Too many questions wait for the recogniser; try again in a moment.")
            self._next += 1
            number = self._next
            self._answers[number] = None
        try:
            self._send(Question(number, verb, args))
            return self._wait(number, deadline_s, cancelled)
        finally:
            with self._changed:
                self._answers.pop(number, None)

    def tell(self, verb: str, *args: Any) -> None:
        """Say something that has no answer; to a dead child it makes no difference."""
        if not self.dead:
            try:
                self._send(Question(0, verb, args))
            except WorkerDied:
                return

    def kill(self) -> None:
        """End the process at once."""
        self.process.kill()
        self.process.join()

    def _wait(self, number: int, deadline_s: float, cancelled: Cancelled) -> Any:
        told = False
        polls = round(deadline_s / POLL_S)
        with self._changed:
            while (answer := self._answers[number]) is None:
                if self.dead:
                    raise WorkerDied("The recogniser's process ended in the middle of an utterance.")
                if cancelled() and not told:
                    told = True
                    self.tell("cancel", number)
                polls -= 0 if self._changed.wait(POLL_S) else 1
                if polls <= 0:
                    break
        if answer is None:
            self.kill()
            raise WorkerDied(f"The recogniser did not answer within {deadline_s:.0f} s and was restarted.")
        if answer.error is not None:
            raise answer.error
        return answer.value

    def _send(self, question: Question) -> None:
        data = pickle.dumps(question, protocol=pickle.HIGHEST_PROTOCOL)
        try:
            with self._sending:
                if self.connection.closed:
                    raise WorkerDied("The recogniser's process has ended.")
                self.connection.send_bytes(data)
        except (OSError, ValueError) as error:
            self._died()  # known here before the reading thread sees it, or a second try would meet the same child
            raise WorkerDied("The recogniser's process has ended.") from error

    def _died(self) -> None:
        with self._changed:
            self.dead = True
            self._changed.notify_all()

    def _read(self, connection: Connection) -> None:
        try:
            while True:
                answer: Answer = pickle.loads(connection.recv_bytes())
                with self._changed:
                    if answer.number in self._answers:
                        self._answers[answer.number] = answer
                        self._changed.notify_all()
        except (EOFError, OSError):
            self._died()
            with self._sending:
                connection.close()


class ProcessTranscriber:
    """A `StreamingTranscriber` whose engine lives in a child process.

    Args:
        make: makes the engine, in the child; must be picklable (a function, or a partial of one).
        name: the engine's name.
        streams: whether the engine decodes as the audio arrives.
        niceness: added to the child's; 0 leaves its priority alone.
        question_s: how long an answer may take, besides the length of its audio.

    Source of the discipline: a worker is replaced when killed, killed when hung, and loses no utterance.
    """

    def __init__(
        self,
        make: Callable[[], Transcriber],
        *,
        name: str,
        niceness: int = NICENESS,
        question_s: float = QUESTION_S,
    ) -> None:
        self.name = name
        self._make = make
        self._niceness = niceness
        self._question_s = question_s
        self._child: _Child | None = None
        self._starting = Lock()
        self._closed = False

    @property
    def pid(self) -> int | None:
        """The child's process id; None before the first use."""
        return self._child.process.pid if self._child is not None else None

    def warm(self) -> None:
        """Start the child and load its model. Blocking.

        Raises:
            EngineUnavailable: the engine does not load; the message says what to do.
        """
        self._ask("warm", deadline_s=START_S)

    def transcribe(self, audio: Float32Mono16k, *, prompt: str = "", cancelled: Cancelled = never) -> Transcript:
        """See `Transcriber.transcribe`; asked once more when the child dies or hangs."""
        audio = checked(audio)
        deadline_s = self._question_s + len(audio) / RATE_HZ
        try:
            return self._transcript(audio, prompt, deadline_s, cancelled)
        except WorkerDied:
            return self._transcript(audio, prompt, deadline_s, cancelled)

    def close(self) -> None:
        """End the child. Idempotent."""
        with self._starting:
            self._closed = True
            if self._child is not None:
                self._child.kill()

    def _transcript(self, audio: Float32Mono16k, prompt: str, deadline_s: float, cancelled: Cancelled) -> Transcript:
        if cancelled():
            raise CancelledError("The transcript is no longer wanted.")
        transcript: Transcript = self._ask("transcribe", audio, prompt, deadline_s=deadline_s, cancelled=cancelled)
        return transcript

    def _ask(self, verb: str, *args: Any, deadline_s: float, cancelled: Cancelled = never) -> Any:
        return self._alive().ask(verb, *args, deadline_s=deadline_s, cancelled=cancelled)

    def _alive(self) -> _Child:
        with self._starting:
            if self._closed:
                raise EngineUnavailable("The recogniser is shut down with the service.")
            if self._child is None or self._child.dead:
                self._child = _Child(self._make, self._niceness)
                self._child.ask("warm", deadline_s=START_S)
            return self._child


class ProcessStreamingTranscriber(ProcessTranscriber):
    """A `ProcessTranscriber` whose engine decodes as the audio arrives."""

    def stream(self, *, prompt: str = "") -> "ProcessStream | None":
        """See `StreamingTranscriber.stream`."""
        child = self._alive()
        number = child.ask("stream", prompt, deadline_s=self._question_s)
        return None if number is None else ProcessStream(child, number, self._question_s)


class ProcessStream:
    """One utterance on a decoder in the child. See `TranscriptStream`; every verb raises EngineFailed once it died."""

    def __init__(self, child: _Child, number: int, question_s: float) -> None:
        self._child = child
        self._number = number
        self._question_s = question_s
        self._closed = False

    def accept(self, audio: Int16Mono16k) -> None:
        """See `TranscriptStream.accept`."""
        self._ask("accept", np.ascontiguousarray(audio))

    def partial(self) -> str:
        """See `TranscriptStream.partial`."""
        words: str = self._ask("partial")
        return words

    def finish(self) -> Transcript:
        """See `TranscriptStream.finish`."""
        transcript: Transcript = self._ask("finish")
        return transcript

    def close(self) -> None:
        """See `TranscriptStream.close`."""
        if not self._closed:
            self._closed = True
            self._child.tell("close", self._number)

    def _ask(self, verb: str, *args: Any) -> Any:
        return self._child.ask(verb, self._number, *args, deadline_s=self._question_s)


def in_process(make: Callable[[], Transcriber], example: Transcriber) -> Transcriber:
    """The engine that `make` makes, in a process of its own.

    Args:
        make: makes it, there; picklable.
        example: one that was made here and not used, to know its name and whether it streams.
    """
    kind = ProcessStreamingTranscriber if isinstance(example, StreamingTranscriber) else ProcessTranscriber
    return kind(make, name=example.name)


__all__ = ["ProcessStreamingTranscriber", "ProcessTranscriber", "TranscriptStream", "WorkerDied", "in_process"]
