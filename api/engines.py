"""The engines of the service: one set, chosen by the settings and shared by all calls."""

import asyncio
import logging
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from api.settings import Settings
from models.records.core import Persona
from pipeline.call.pace import hearing_pace, speaking_pace
from pipeline.call.session import Engines
from pipeline.coach.coach import Coach
from pipeline.coach.rules import RuleCoach
from pipeline.grounded.own_documents import OwnDocuments
from pipeline.llm.choose import choose_responder
from pipeline.llm.deadlines import Deadlines
from pipeline.llm.scripted import ScriptedResponder
from pipeline.llm.usage import TokenMeter
from pipeline.search.meaning import Meanings
from pipeline.tasks.clock import Clock
from voice.errors import EngineUnavailable, VoiceError
from voice.ray_serve.fallback import FallbackSynthesizer, FallbackTranscriber, with_fallback
from voice.ray_serve.gateway import RayPerCallTranscriber, RaySynthesizer, RayTranscriber
from voice.speech.catalog import end_of_turn_file
from voice.speech.end_of_turn_model import EndOfTurnDetector, EndOfTurnModel
from voice.speech.vad import load_detector
from voice.stt.base import BatchingTranscriber, StreamingTranscriber, Transcriber
from voice.stt.choose import choose_transcriber
from voice.stt.fixed import FixedTranscriber
from voice.stt.openai import OpenAITranscriber
from voice.stt.process.process import REQUEST_S, ProcessTranscriber
from voice.stt.process.several import SeveralProcesses, in_processes
from voice.stt.several_servers import SeveralTranscriptionServers
from voice.stt.speech_to_text import SpeechToText
from voice.tts.base import Synthesizer, VoiceStyle
from voice.tts.catalog import OpenAISpeech, choose_synthesizer
from voice.tts.synthesis import TextToSpeech
from voice.work.fair_queue import Dropped, Priority
from voice.work.workers import ThreadWorkers

if TYPE_CHECKING:
    from pipeline.llm.chat_model import ChatModel
    from pipeline.llm.openai import OpenAIResponder

FALLBACK_THREADS = 1
LISTENING_THREADS, PARTIALS_AT_ONCE = 8, 2
"""Threads that wait for the child process of a batching recogniser; they use no CPU themselves."""

CORES_FOR_TWO = 4
"""Cores from which a second process of the recogniser helps: on fewer the two would only slow each other down."""

EMBEDDED = "pocketsphinx"
"""The embedded recogniser, always available."""

OPENAI_URL = "https://api.openai.com/v1"


log = logging.getLogger(__name__)

AUTHOR_S = 120.0
"""Timeout of one answer of the model that writes content: it is long, and nobody waits for it in a call."""

COACH_S = 60.0
"""Timeout of the coach: a grading may take longer than a spoken reply, since no caller waits for it."""


@runtime_checkable
class Loads(Protocol):
    """An engine that loads its model lazily."""

    def warm(self) -> None:
        """Load the model and run it once."""


@runtime_checkable
class Closes(Protocol):
    """An engine that owns a process or connections."""

    def close(self) -> None:
        """Release them."""


class EngineObserver(Protocol):
    """Notes how the engines do. Called in their threads, too."""

    def waited(self, priority: Priority, seconds: float) -> None:
        """Note how long a job waited for a thread."""
        ...

    def gave_up(self, priority: Priority, reason: Dropped) -> None:
        """Note a job that was refused, or given up before it was done."""
        ...

    def batched(self, utterances: int) -> None:
        """Note the size of a batch of the recogniser."""
        ...

    def restarted(self) -> None:
        """Note that a child process of the recogniser takes the place of one that died."""
        ...


@dataclass(slots=True)
class SharedEngines:
    """The shared engines and the worker threads that they run in.

    Attributes:
        paces: seconds that the neural engines of this machine took for a second of speech when warmed, by stage.
        unvoiced: what installed personas ask of their voices and do not get, sentences.
        next_synthesizer: loads the best voice that is not damaged, for where the one that `auto` chose is.
        spare: factory of the fallback recogniser, if the one that `auto` chose cannot be loaded; None for none.
    """

    engines: Engines
    transcriber: Transcriber
    synthesizer: Synthesizer
    responder: "OpenAIResponder | ScriptedResponder"
    workers: ThreadWorkers
    fallback_workers: ThreadWorkers
    listening_workers: ThreadWorkers | None
    next_synthesizer: Callable[[], Synthesizer]
    spare: Callable[[], Transcriber] | None = None
    paces: dict[str, float] = field(default_factory=dict)
    unvoiced: list[str] = field(default_factory=list)

    @property
    def names(self) -> dict[str, str]:
        """The name of the engine of each stage."""
        engines = self.engines
        return {"stt": engines.stt.name, "llm": engines.responder.name, "tts": engines.tts.name}

    def observe(self, observer: EngineObserver) -> None:
        """Report how the engines do."""
        for workers in (self.workers, self.fallback_workers, self.listening_workers):
            if workers is not None:
                workers.observe_waits(observer.waited, monotonic)
                workers.observe_drops(observer.gave_up)
        if isinstance(self.transcriber, BatchingTranscriber):
            self.transcriber.observe_batches(observer.batched)
        if isinstance(self.transcriber, ProcessTranscriber | SeveralProcesses | FallbackTranscriber):
            self.transcriber.observe_restarts(observer.restarted)

    def check_voices(self, personas: Iterable[Persona]) -> None:
        """Log once, for each persona, what it asks of its voice and does not get."""
        for persona in personas:
            voice = persona.voice
            style = VoiceStyle(names=voice.names, rate=voice.rate, pitch=voice.pitch, language=voice.language)
            if lacking := self.engines.tts.lacking(style):
                self.unvoiced.append(f"{persona.name}: {lacking}")
                log.info("%s: %s", persona.name, lacking)

    async def warm(self, clock: Clock) -> None:
        """Load the lazily loaded models, so that the first call is not slow, and measure them by this clock.

        Raises:
            VoiceError: an engine cannot be loaded; the message says what to do.
        """
        try:
            await self._warm_transcriber()
        except VoiceError as error:
            if self.spare is None:
                raise
            await self._take_spare(self.spare, error)
            await self._warm_transcriber()
        await asyncio.to_thread(load_detector)
        await self._warm_synthesizer()
        async for _ in self.engines.tts.speak("Hello.", VoiceStyle(), 24_000, "warm"):
            pass
        if self.engines.stt.name.startswith("whisper"):
            self.paces["stt"] = await hearing_pace(self.engines.stt, clock)
        if self.engines.tts.name.startswith("piper"):
            self.paces["tts"] = await speaking_pace(self.engines.tts, clock)
        for stage, pace in self.paces.items():
            log.info("%s takes %.2f s for a second of speech.", self.names[stage], pace)

    async def _warm_transcriber(self) -> None:
        if isinstance(self.transcriber, Loads):
            await asyncio.to_thread(self.transcriber.warm)

    async def _warm_synthesizer(self) -> None:
        """Load the voice that `auto` chose; where it is damaged take the next one, or eSpeak NG."""
        if isinstance(self.synthesizer, Loads):
            try:
                await asyncio.to_thread(self.synthesizer.warm)
            except EngineUnavailable:
                self.synthesizer = await asyncio.to_thread(self.next_synthesizer)
                self.engines.tts.use(self.synthesizer)

    async def _take_spare(self, make: Callable[[], Transcriber], error: VoiceError) -> None:
        broken, self.spare = self.transcriber, None
        self.transcriber = await asyncio.to_thread(make)
        self.engines.stt.use(self.transcriber, self.workers)
        log.warning("%s Until then %s hears.", error, self.transcriber.name)
        if isinstance(broken, Closes):
            await asyncio.to_thread(broken.close)

    async def close(self) -> None:
        """Stop the threads and close the connections."""
        await self.responder.close()
        for engine in (self.transcriber, self.synthesizer):
            if isinstance(engine, Closes):
                await asyncio.to_thread(engine.close)
        await self.workers.close()
        await self.fallback_workers.close()
        if self.listening_workers is not None:
            await self.listening_workers.close()


async def open_engines(
    settings: Settings, meanings: Meanings | None = None, tokens: TokenMeter | None = None
) -> SharedEngines:
    """Choose and create the engines; `warm` loads their models.

    Raises:
        EngineUnavailable: an engine is not installed; the message names the command that installs it.
    """
    transcriber = await asyncio.to_thread(_transcriber, settings)
    synthesizer = await asyncio.to_thread(_synthesizer, settings)
    responder = _responder(settings, meanings, tokens)
    workers = ThreadWorkers(settings.worker_threads, settings.max_queue)
    fallback_workers = ThreadWorkers(FALLBACK_THREADS, settings.max_queue)
    fallback = None
    if not synthesizer.name.startswith("espeak"):
        embedded = await asyncio.to_thread(choose_synthesizer, "espeak", models_dir=settings.models_dir)
        fallback = TextToSpeech(embedded, fallback_workers)
    model = None
    if settings.end_of_turn_model is not None:
        file = await asyncio.to_thread(end_of_turn_file, settings.end_of_turn_model, settings.models_dir)
        model = await asyncio.to_thread(EndOfTurnModel, file)
    listening = None
    is_child = isinstance(transcriber, ProcessTranscriber | SeveralProcesses | FallbackTranscriber)
    if is_child and not isinstance(transcriber, StreamingTranscriber):
        listening = ThreadWorkers(LISTENING_THREADS, settings.max_queue, PARTIALS_AT_ONCE)
    stt, tts = SpeechToText(transcriber, listening or workers), TextToSpeech(synthesizer, workers)
    engines = Engines(stt, responder, tts, fallback, EndOfTurnDetector(model, workers))
    spare = None
    if settings.stt == "auto" and not transcriber.name.startswith(EMBEDDED):
        spare = partial(_transcriber, settings.model_copy(update={"stt": EMBEDDED}))
    sound = partial(_synthesizer, settings, lazy=False)
    return SharedEngines(
        engines, transcriber, synthesizer, responder, workers, fallback_workers, listening, sound, spare
    )


def _key(settings: Settings) -> str:
    return settings.openai_api_key.get_secret_value() if settings.openai_api_key else ""


def _transcriber(settings: Settings) -> Transcriber:
    language = None if settings.stt_language == "auto" else settings.stt_language
    if settings.stt == "ray":
        kind = RayTranscriber if language else RayPerCallTranscriber
        primary = kind(settings.ray_address, settings.ray_app, settings.ray_request_s)
        local = partial(_transcriber, settings.model_copy(update={"stt": "auto"}))
        return with_fallback(primary, local, settings.ray_fallback_s)

    def openai() -> Transcriber:
        base_urls = settings.stt_base_url or settings.openai_base_url
        if not base_urls and not _key(settings):
            raise EngineUnavailable("stt=openai needs a server; set GLOW_STT_BASE_URL or OPENAI_API_KEY.")
        urls = (base_urls or OPENAI_URL).split(",")
        timeout_s = settings.stt_timeout_s if len(urls) == 1 else settings.stt_timeout_s / 2
        servers = [
            OpenAITranscriber(
                base_url=url, api_key=_key(settings), model=settings.stt_model, language=language, timeout_s=timeout_s
            )
            for url in urls
        ]
        return servers[0] if len(servers) == 1 else SeveralTranscriptionServers(servers)

    make = partial(
        choose_transcriber,
        settings.stt,
        models_dir=settings.models_dir,
        language=language,
        device=settings.stt_device,
        compute_type=settings.whisper_compute_type,
        window=settings.whisper_window,
    )
    transcriber = make(openai=openai)
    embedded = not isinstance(transcriber, OpenAITranscriber | SeveralTranscriptionServers | FixedTranscriber)
    if not (settings.stt_process and embedded):
        return transcriber
    # With a long transcript timeout a slow engine is not a hung one: do not kill it earlier.
    request_s = max(REQUEST_S, settings.stt_timeout_s * 2 / 3)
    count = settings.stt_processes or processes_for(_cores(), settings.stt_device)
    return in_processes(make, transcriber, count=count, request_s=request_s)


def processes_for(cores: int, device: str) -> int:
    """Return how many processes of a recogniser serve this many cores best: each decodes on two, unless on a GPU."""
    return 2 if cores >= CORES_FOR_TWO and device != "cuda" else 1


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _synthesizer(settings: Settings, *, lazy: bool = True) -> Synthesizer:
    if settings.tts == "ray":
        child = RayTranscriber(settings.ray_address, settings.ray_app, settings.ray_request_s)
        local = partial(_synthesizer, settings.model_copy(update={"tts": "auto"}), lazy=False)
        return FallbackSynthesizer(RaySynthesizer(child, owns=True), local, settings.ray_fallback_s)
    server = OpenAISpeech(
        base_url=settings.tts_base_url or settings.openai_base_url,
        api_key=_key(settings),
        model=settings.tts_model,
        voice=settings.tts_voice,
    )
    return choose_synthesizer(settings.tts, models_dir=settings.models_dir, openai=server, lazy=lazy)


def _responder(
    settings: Settings, meanings: Meanings | None, tokens: TokenMeter | None
) -> "OpenAIResponder | ScriptedResponder":
    try:
        return choose_responder(
            settings.llm,
            base_url=settings.openai_base_url or None,
            api_key=_key(settings) or None,
            model=settings.llm_model,
            deadlines=Deadlines(first_token_s=settings.llm_first_token_s, total_s=settings.llm_timeout_s),
            thinks=settings.llm_thinks,
            tools_long_s=settings.tool_filler_s,
            meanings=meanings,
            reader=OwnDocuments(meanings),
            tokens=tokens,
        )
    except ValueError as error:
        raise EngineUnavailable(str(error)) from None


def open_author_model(settings: Settings, tokens: TokenMeter | None = None) -> "ChatModel | None":
    """Create the language model that writes content on request; None without one."""
    key = _key(settings)
    if settings.llm == "scripted" or not (settings.openai_base_url or key):
        return None
    from pipeline.llm.chat_model import ChatModel  # takes a second to import, and most runs do not need it

    total_s = max(AUTHOR_S, settings.llm_timeout_s)
    return ChatModel(
        model=settings.llm_model,
        base_url=settings.openai_base_url or None,
        api_key=key or None,
        deadlines=Deadlines(first_token_s=total_s, total_s=total_s),
        tokens=tokens,
    )


def open_coach(settings: Settings, tokens: TokenMeter | None = None) -> Coach:
    """Create the coach: a language model if one generates the replies, else the rule-based one."""
    key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else ""
    configured = bool(settings.openai_base_url or key)
    if settings.llm == "scripted" or not configured:
        return RuleCoach()
    from pipeline.coach.llm import LanguageModelCoach  # takes half a second to import, and most runs do not need it

    return LanguageModelCoach(
        model=settings.llm_model,
        base_url=settings.openai_base_url or None,
        api_key=key or None,
        total_s=max(COACH_S, settings.llm_timeout_s),
        tokens=tokens,
    )
