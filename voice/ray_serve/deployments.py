"""What runs on Ray: replicas of a recogniser for transcripts and for sketches, and of a synthesizer.

A replica runs an engine of this package in threads, which batch among themselves as they do in a process of a gateway
(`Batcher`): an utterance that breaks the engine fails alone. Errors travel as values, so that no traceback of a replica
reaches a gateway.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event
from typing import Any

from voice.audio.formats import Float32Mono16k
from voice.errors import CannotTranslate, EngineFailed, VoiceError
from voice.stt.base import MultilingualTranscriber, Transcriber, Transcript, Translator, cannot_translate
from voice.tts.base import SpeechChunk, Synthesizer, VoiceStyle
from voice.work.cancellation import Cancelled

APP = "glow"
STT, SKETCH, TTS = "stt", "stt_sketch", "tts"

ONGOING = 16
"""Requests in progress at a replica: two batches."""

QUEUED, SKETCHES_QUEUED = 256, 2
"""Requests that wait for a replica at one gateway; admission is the gateway's, this only bounds it."""


@dataclass(frozen=True, slots=True)
class RayPlan:
    """How many replicas of which engines.

    Attributes:
        transcriber, synthesizer: picklable factories; None for none of them.
        recognisers, sketchers, synthesizers: numbers of replicas.
        cpus, gpus: processors of each replica; fractions of GPUs are shared.
    """

    transcriber: Callable[[], Transcriber] | None = None
    synthesizer: Callable[[], Synthesizer] | None = None
    recognisers: int = 1
    sketchers: int = 1
    synthesizers: int = 1
    cpus: float = 1.0
    gpus: float = 0.0
    options: dict[str, Any] = field(default_factory=dict)


class RecogniserReplica:
    """A replica of a recogniser.

    Args:
        make: factory of the engine, which is loaded before the replica counts as ready.
    """

    def __init__(self, make: Callable[[], Transcriber]) -> None:
        self._engine = make()
        warm = getattr(self._engine, "warm", None)
        if warm is not None:
            warm()
        self._threads = ThreadPoolExecutor(ONGOING, "recogniser")

    async def transcribe(
        self,
        language: str | None,
        audio: Float32Mono16k,
        prompt: str,
        expected: str | None,
        sketch: bool,
    ) -> Transcript | VoiceError:
        """Transcribe an utterance; return the error that it ends in."""

        def work(cancelled: Cancelled) -> Transcript:
            if isinstance(self._engine, MultilingualTranscriber):
                return self._engine.transcribe_in(language, audio, prompt, cancelled, expected, sketch=sketch)
            return self._engine.transcribe(audio, prompt=prompt, cancelled=cancelled)

        return await self._done(work)

    async def translate(self, audio: Float32Mono16k, prompt: str) -> Transcript | VoiceError:
        """Translate an utterance into English; return the error that it ends in."""

        def work(cancelled: Cancelled) -> Transcript:
            if not isinstance(self._engine, Translator):
                raise CannotTranslate(cannot_translate(self._engine.name))
            return self._engine.translate(audio, prompt=prompt, cancelled=cancelled)

        return await self._done(work)

    async def _done(self, work: Callable[[Cancelled], Transcript]) -> Transcript | VoiceError:
        gone = Event()

        def guarded() -> Transcript | VoiceError:
            try:
                return work(gone.is_set)
            except VoiceError as error:
                return error
            except Exception as broken:  # noqa: BLE001 -- whatever an engine raises fails this utterance alone
                return EngineFailed(f"The recogniser broke on this utterance ({type(broken).__name__}); say it again.")

        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, guarded)
        finally:
            gone.set()  # also when the request was cancelled


class SynthesizerReplica:
    """A replica of a synthesizer.

    Args:
        make: factory of the engine.
    """

    def __init__(self, make: Callable[[], Synthesizer]) -> None:
        self._engine = make()
        self._threads = ThreadPoolExecutor(ONGOING, "synthesizer")
        self.chunks = 0

    async def synthesize(self, text: str, style: VoiceStyle) -> AsyncIterator[SpeechChunk | VoiceError]:
        """Synthesize a clause, chunk by chunk; the error that it ends in comes last."""
        loop, gone = asyncio.get_running_loop(), Event()
        chunks = self._engine.synthesize(text, style, cancelled=gone.is_set)
        try:
            while (item := await loop.run_in_executor(self._threads, self._next, chunks)) is not None:
                yield item
                if isinstance(item, VoiceError):
                    return
        finally:
            gone.set()
            close = getattr(chunks, "close", None)
            if close is not None:
                await asyncio.shield(loop.run_in_executor(self._threads, close))

    async def made(self) -> int:
        """Return how many chunks were made so far."""
        return self.chunks

    def _next(self, chunks: Iterator[SpeechChunk]) -> SpeechChunk | VoiceError | None:
        try:
            chunk = next(chunks, None)
        except VoiceError as error:
            return error
        except Exception as broken:  # noqa: BLE001 -- whatever an engine raises fails this clause alone
            return EngineFailed(f"The synthesizer broke on this text ({type(broken).__name__}).")
        self.chunks += chunk is not None
        return chunk


class Directory:
    """The application's entrance, which only holds its parts together."""

    def __init__(self, *parts: Any) -> None:
        self._parts = parts


def deploy(plan: RayPlan, *, address: str | None = None, app: str = APP) -> None:
    """Deploy the engines on a Ray cluster, and wait until they are ready. They stay when this process ends. Blocking.

    Args:
        plan: what to deploy.
        address: of the cluster, such as "auto"; None starts one of this process's own.
        app: name of the application.

    Raises:
        EngineUnavailable: Ray is not installed, or the cluster cannot be reached.
    """
    from voice.ray_serve.connection import connect

    connect(address)
    from ray import serve

    serve.start(proxy_location="Disabled")  # utterances come through handles; nothing listens for HTTP
    serve.run(_application(plan), name=app, route_prefix=None)


def _application(plan: RayPlan) -> Any:
    from ray import serve

    actor = {"num_cpus": plan.cpus, "num_gpus": plan.gpus}
    common: dict[str, Any] = {
        "ray_actor_options": actor,
        "max_ongoing_requests": ONGOING,
        "health_check_period_s": 2,
        "health_check_timeout_s": 10,
        "graceful_shutdown_timeout_s": 30,
    } | plan.options
    parts = []
    if plan.transcriber is not None:
        for name, replicas, queued in (
            (STT, plan.recognisers, QUEUED),
            (SKETCH, plan.sketchers, SKETCHES_QUEUED),
        ):
            made = serve.deployment(RecogniserReplica, name=name)
            made = made.options(num_replicas=replicas, max_queued_requests=queued, **common)
            parts.append(made.bind(plan.transcriber))
    if plan.synthesizer is not None:
        made = serve.deployment(SynthesizerReplica, name=TTS)
        made = made.options(num_replicas=plan.synthesizers, max_queued_requests=QUEUED, **common)
        parts.append(made.bind(plan.synthesizer))
    entrance = serve.deployment(Directory, name="directory").options(ray_actor_options={"num_cpus": 0})
    return entrance.bind(*parts)
