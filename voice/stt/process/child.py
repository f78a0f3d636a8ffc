"""The child process of `voice.stt.process.process`: serves requests in threads and survives every failing one."""

import os
import pickle
import signal
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Connection
from threading import Event, Lock
from typing import Any

from voice.errors import CannotTranslate, EngineFailed, VoiceError
from voice.stt.base import (
    BatchingTranscriber,
    MultilingualTranscriber,
    StreamingTranscriber,
    Transcriber,
    TranscriptStream,
    Translator,
    cannot_translate,
)

BATCHES_LIMIT = 64
"""Most sizes of batches that wait to be reported."""

THREADS = 10
"""Maximum number of concurrent requests: a batch of whole utterances and a few streams."""


@dataclass(frozen=True, slots=True)
class WorkerRequest:
    """A request of the parent; number 0 expects no response."""

    number: int
    verb: str
    args: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class WorkerResponse:
    """A response of the child: a value or a typed error."""

    number: int
    value: Any = None
    error: VoiceError | None = None
    batches: tuple[int, ...] = ()
    """The sizes of the batches that were run since the last response."""


def serve(connection: Connection, make: Callable[[], Transcriber], niceness: int) -> None:
    """Serve requests until the parent closes the connection."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to stop
    if niceness and hasattr(os, "nice"):
        os.nice(niceness)
    _Server(connection, make).run()


class _Server:
    def __init__(self, connection: Connection, make: Callable[[], Transcriber]) -> None:
        self._connection = connection
        self._make = make
        self._engine: Transcriber | None = None
        self._making = Lock()
        self._sending = Lock()
        self._streams: dict[int, TranscriptStream] = {}
        self._speeches: dict[int, _Speech] = {}
        self._next_stream = 0
        self._cancelled: dict[int, Event] = {}
        self._batches: deque[int] = deque(maxlen=BATCHES_LIMIT)

    def run(self) -> None:
        with ThreadPoolExecutor(THREADS, "recogniser") as threads:
            while True:
                try:
                    request: WorkerRequest = pickle.loads(self._connection.recv_bytes())
                except (EOFError, OSError):
                    os._exit(0)  # the parent is gone; do not wait for running threads
                if request.verb == "cancel":
                    if event := self._cancelled.get(request.args[0]):
                        event.set()
                    continue
                self._cancelled[request.number] = Event()
                threads.submit(self._respond, request)

    def _respond(self, request: WorkerRequest) -> None:
        value, error = None, None
        try:
            value = getattr(self, f"_{request.verb}")(request.number, *request.args)
        except VoiceError as typed:
            error = typed
        except Exception as broken:  # noqa: BLE001 -- whatever an engine raises fails this utterance alone
            error = EngineFailed(f"The recogniser broke on this utterance ({type(broken).__name__}); say it again.")
        finally:
            self._cancelled.pop(request.number, None)
        if request.number:
            batches = tuple(self._batches.popleft() for _ in range(len(self._batches)))
            data = pickle.dumps(WorkerResponse(request.number, value, error, batches), protocol=pickle.HIGHEST_PROTOCOL)
            with self._sending:
                self._connection.send_bytes(data)

    def _loaded(self) -> Transcriber:
        with self._making:
            if self._engine is None:
                self._engine = self._make()
                if isinstance(self._engine, BatchingTranscriber):
                    self._engine.observe_batches(self._batches.append)
            return self._engine

    def _warm(self, _: int) -> None:
        warm = getattr(self._loaded(), "warm", None)
        if warm is not None:
            warm()

    def _transcribe(
        self, number: int, language: str | None, audio: Any, prompt: str, expected: str | None, sketch: bool
    ) -> Any:
        engine, cancelled = self._loaded(), self._cancelled[number].is_set
        if isinstance(engine, MultilingualTranscriber):
            return engine.transcribe_in(language, audio, prompt, cancelled, expected, sketch=sketch)
        return engine.transcribe(audio, prompt=prompt, cancelled=cancelled)

    def _translate(self, number: int, audio: Any, prompt: str) -> Any:
        engine = self._loaded()
        if not isinstance(engine, Translator):
            raise CannotTranslate(cannot_translate(engine.name))
        return engine.translate(audio, prompt=prompt, cancelled=self._cancelled[number].is_set)

    def _stream(self, _: int, prompt: str) -> int | None:
        engine = self._loaded()
        stream = engine.stream(prompt=prompt) if isinstance(engine, StreamingTranscriber) else None
        if stream is None:
            return None
        with self._making:
            self._next_stream += 1
            self._streams[self._next_stream] = stream
            return self._next_stream

    def _accept(self, _: int, stream: int, audio: Any) -> None:
        self._streams[stream].accept(audio)

    def _partial(self, _: int, stream: int) -> str:
        return self._streams[stream].partial()

    def _finish(self, _: int, stream: int) -> Any:
        return self._streams[stream].finish()

    def _close(self, _: int, stream: int) -> None:
        closing = self._streams.pop(stream, None)
        if closing is not None:
            closing.close()

    def _say(self, _: int, text: str, style: Any) -> int:
        speech = _Speech(self._loaded(), text, style)
        with self._making:
            self._next_stream += 1
            self._speeches[self._next_stream] = speech
            return self._next_stream

    def _next_chunk(self, number: int, speech: int) -> Any:
        return self._speeches[speech].next(self._cancelled[number])

    def _hush(self, _: int, speech: int) -> None:
        ending = self._speeches.pop(speech, None)
        if ending is not None:
            ending.close()


class _Speech:
    """A clause that is synthesized as its chunks are fetched."""

    def __init__(self, engine: Any, text: str, style: Any) -> None:
        self._given_up = Event()
        self._chunks = engine.synthesize(text, style, cancelled=lambda: self._given_up.is_set())
        self._fetching = Lock()

    def next(self, given_up: Event) -> Any:
        with self._fetching:
            self._given_up = given_up
            return next(self._chunks, None)

    def close(self) -> None:
        self._given_up.set()
        with self._fetching:
            self._chunks.close()
