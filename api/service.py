"""The running service: settings, engines, store and the owners of all state, composed once per process."""

import asyncio
import logging
import os
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import models.packs as packs
from api.addresses import own_url
from api.auth import Access
from api.embeddings import open_embeddings
from api.engines import SharedEngines, open_author_model, open_coach, open_engines
from api.external import ExternalServices, open_external
from api.gateways.neighbours import RemoteNeighbours
from api.gateways.shared import open_shared
from api.settings import SECRET_PREFIX, SECRETS_DIR, Settings
from models.files import Files
from models.records.core import Grant
from models.records.resources import with_parameters
from models.store import Store
from pipeline.bus.bus import Bus
from pipeline.call.recording import Recordings
from pipeline.call.registry import CallLimits, Calls
from pipeline.call.session import Engines, SessionSettings
from pipeline.call.settings import NOBODY_THERE, PARTIAL_EVERY_MS, CallRecording, Prompt, SilencePlan, TimeLimit
from pipeline.chats.call_events import CallPublisher
from pipeline.chats.chats import Chats
from pipeline.chats.dictations import Dictations
from pipeline.chats.fields import FieldNotes
from pipeline.chats.hub import Hub
from pipeline.coach.coach import Coach
from pipeline.llm.scripted import ScriptedResponder
from pipeline.llm.usage import TokenMeter
from pipeline.practice.authoring import Author
from pipeline.practice.installed_packs import InstalledPacks
from pipeline.practice.practice import Decisions
from pipeline.practice.removal import Retention
from pipeline.tasks.background import Background
from pipeline.tasks.clock import LoopClock
from pipeline.tasks.fellows import Fellows
from pipeline.tasks.jobs import Jobs
from pipeline.tasks.presence import Presence
from pipeline.timeline.live import CallTimelines
from pipeline.tools.addresses import Addresses
from pipeline.tools.workshop import EquippedResponder, Workshop
from pipeline.turn.machine import Rules
from voice.errors import VoiceError
from voice.speech.endpointing import EndpointRules

log = logging.getLogger(__name__)

WARM_AGAIN_S = 10.0
"""Seconds between attempts to load the engines."""


def new_id() -> str:
    """Return a random id."""
    return str(uuid.uuid4())


@dataclass(slots=True)
class Service:
    """The dependencies of every door."""

    settings: Settings
    store: Store
    shared_engines: SharedEngines
    calls: Calls
    access: Access
    chats: Chats
    external: ExternalServices
    hub: Hub
    coach: Coach
    files: Files
    background: Background
    practice: Decisions
    timelines: CallTimelines
    presence: Presence
    neighbours: RemoteNeighbours | None = None
    tokens: TokenMeter = field(default_factory=TokenMeter)
    dictations: Dictations = field(default_factory=Dictations)
    requests: Counter[str] = field(default_factory=Counter)
    """The engine work that runs by request, by user."""
    bus: Bus | None = None
    """Brings events from process to process; None where there is one."""
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    asker: str = ""
    """The hub channel of the requester of an operation, for events that only it gets; empty over HTTP."""
    grant: Grant | None = None
    """What the requester of an operation may; None outside of operations."""

    def asked_from(self, channel: str) -> "Service":
        """Return a copy of the service whose requester subscribes to this channel."""
        return replace(self, asker=channel)

    def asked_by(self, grant: Grant) -> "Service":
        """Return a copy of the service whose requester has this grant."""
        return replace(self, grant=grant)

    @property
    def engines(self) -> Engines:
        """The engines shared by all calls."""
        return self.shared_engines.engines

    def session_settings(self, *, output_rate_hz: int, manual: bool = False) -> SessionSettings:
        """Build the settings of a new call from the operator's; a caller may change more of them with `replace`."""
        settings = self.settings
        rules = Rules(
            endpoint_ms=settings.endpoint_ms,
            complete_ms=settings.complete_ms,
            unfinished_ms=settings.unfinished_ms,
            interrupt_ms=settings.interrupt_ms,
            interrupt_without_words_ms=settings.interrupt_without_words_ms,
            manual=manual,
        )
        endpoints = replace(EndpointRules(), pause_ms=settings.eager_ms)
        return SessionSettings(
            rules=rules,
            endpoints=endpoints,
            output_rate_hz=output_rate_hz,
            partial_every_ms=0 if settings.partials == "never" else PARTIAL_EVERY_MS,
            paced_partials=settings.partials != "always",
            partials_over_replies=settings.partials == "barge-in",
            transcript_s=settings.stt_timeout_s,
            frames_gap_s=settings.frames_gap_s,
            cancels_echo=settings.cancel_echo,
            silence=_silence_plan(settings),
            time_limit=TimeLimit(settings.longest_call_s, settings.call_warning_s) if settings.longest_call_s else None,
            recording=CallRecording(settings.record_announcement) if settings.record_calls else None,
            hangs_up=settings.persona_hangs_up,
        )


@asynccontextmanager
async def running_service(settings: Settings) -> AsyncIterator[Service]:
    """Open the store, install the content packs, start the engines; close everything in reverse order.

    Raises:
        StoreUnavailable, InvalidPack, EngineUnavailable: the message says what to do.
    """
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(Store(settings.database_url, connections=settings.database_connections))
        presence = await stack.enter_async_context(Presence(store, LoopClock(), _address(settings), store.pulse))
        await store.forget_calls(timedelta(seconds=settings.resume_s))
        installed = InstalledPacks(store, (packs.DEMO_PACK, *settings.packs))
        await installed.install()
        meanings = await open_embeddings(settings)
        if meanings is not None:
            stack.push_async_callback(meanings.close)
        tokens = TokenMeter()
        shared_engines = await open_engines(settings, meanings, tokens)
        stack.push_async_callback(shared_engines.close)
        personas = await store.find_personas("")
        shared_engines.check_voices(personas)
        shared = await stack.enter_async_context(open_shared(settings, store.process_id or new_id(), LoopClock()))
        hub = Hub(store.now, new_id, shared.bus)
        if not isinstance(shared_engines.responder, ScriptedResponder):  # it uses no tools
            workshop = Workshop(
                Addresses(settings.tool_hosts), tool_secret, FieldNotes(store, hub).note, store.keep_tool_call
            )
            stack.push_async_callback(workshop.close)
            workshop.check(personas)
            equipped = EquippedResponder(shared_engines.responder, workshop)
            shared_engines.engines = replace(shared_engines.engines, responder=equipped)
        limits = CallLimits(settings.max_calls, settings.idle_s, settings.resume_s, settings.calls_per_user)
        calls = await stack.enter_async_context(Calls(shared_engines.engines, store, LoopClock(), limits, new_id))
        presence.when_lost(calls.let_go)
        neighbours: RemoteNeighbours | None = None
        if settings.gateway_secret is not None:
            neighbours = await stack.enter_async_context(RemoteNeighbours(store, settings))
            calls.neighbours = neighbours
            presence.all_without_store = neighbours.all_without_store
        access = await stack.enter_async_context(Access(store, calls, LoopClock()))
        jobs = await stack.enter_async_context(Jobs(store, LoopClock(), shared.bus))
        await stack.enter_async_context(CallPublisher(calls, store, hub, LoopClock()))
        chats = await stack.enter_async_context(
            Chats(shared_engines.engines.responder, store, calls, new_id, hub, access.holding, jobs)
        )
        coach = open_coach(settings, tokens)
        stack.push_async_callback(coach.close)
        files = Files(settings.data_dir / "audio")
        recordings = await stack.enter_async_context(Recordings(calls, files, LoopClock(), alone=presence.alone))
        timelines = await stack.enter_async_context(CallTimelines(calls, store, LoopClock(), new_id))
        background = await stack.enter_async_context(Background(access.holding, jobs))
        external = await stack.enter_async_context(
            open_external(
                settings,
                store,
                calls,
                LoopClock(),
                meanings,
                jobs=jobs,
                buckets=shared.buckets,
                processes=Fellows(store, LoopClock()).running,
                tokens=tokens,
            )
        )
        author_model = open_author_model(settings, tokens)
        if author_model is not None:
            stack.push_async_callback(author_model.close)
        author = Author(author_model) if author_model is not None else None
        practice = Decisions(
            store=store,
            files=files,
            chats=chats,
            calls=calls,
            recordings=recordings,
            coach=coach,
            hub=hub,
            background=background,
            stt=shared_engines.engines.stt,
            author=author,
            embedder=meanings,
            packs=installed,
            lessons=external.lessons,
            new_id=new_id,
        )
        await stack.enter_async_context(practice.lost)
        if settings.keep_days:
            remove = practice.removal.remove_before
            await stack.enter_async_context(Retention(remove, settings.keep_days, store.now, LoopClock()))
        service = Service(
            settings, store, shared_engines, calls, access, chats, external, hub, coach, files, background, practice,
            timelines, presence, neighbours, tokens, bus=shared.bus,
        )  # fmt: skip
        warming = asyncio.create_task(_warm(service), name="warm engines")
        calls.register(service.dictations)
        try:
            yield service
        finally:
            warming.cancel()
            await asyncio.gather(warming, return_exceptions=True)


def _address(settings: Settings) -> str:
    """Return the URL under which the other processes reach this one; empty if they do not, or it is not known yet."""
    if settings.gateway_secret is None:
        return ""
    known = own_url(settings.scheme, settings.host, settings.port) if settings.port else ""
    return settings.gateway_address or known


def tool_secret(name: str) -> str | None:
    """Return a secret of a tool: content names it, and the environment or a file of GLOW_SECRETS_DIR has it."""
    variable = SECRET_PREFIX + name
    if variable in os.environ or not (folder := os.environ.get(SECRETS_DIR)):
        return os.environ.get(variable)
    if os.sep in name:
        return None
    try:
        return (Path(folder) / variable).read_text("utf-8").strip()
    except (OSError, ValueError):
        return None


def _silence_plan(settings: Settings) -> SilencePlan:
    prompts = (Prompt(settings.prompt_after_s),) if settings.prompt_after_s else ()
    goodbye = Prompt(settings.goodbye_after_s, NOBODY_THERE) if settings.goodbye_after_s else None
    return SilencePlan(prompts, goodbye)


async def _warm(service: Service) -> None:
    """Load the engines, with retries: an engine's server may start after this service."""
    logged = ""
    while not service.ready.is_set():
        try:
            await service.shared_engines.warm(LoopClock())
            service.ready.set()
        except VoiceError as error:
            if str(error) != logged:
                log.error("An engine cannot be loaded: %s", error)
            logged = str(error)
            await asyncio.sleep(WARM_AGAIN_S)
    responder = service.shared_engines.responder
    if isinstance(responder, ScriptedResponder):
        await responder.warm([with_parameters(one, ()) for one in await service.store.find_personas("")])
