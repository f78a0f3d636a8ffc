"""A service in virtual time, a wire in memory, and a dialect that says what it is told."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from itertools import count
from typing import Any, TypeVar

from api.auth import Access
from api.doors.line import Close, Hear, Heard, Line, LineEvent, Message, Opening, Packet, Patience, ProtocolError, Wire
from api.engines import SharedEngines
from api.service import Service
from api.settings import Settings
from models.records.core import Persona, Practice, Scenario, Simulation
from models.store import Store
from pipeline.call.registry import CallLimits, Calls
from pipeline.call.session import Engines
from pipeline.chats.chats import Chats
from pipeline.chats.hub import Hub
from pipeline.coach.rules import RuleCoach
from pipeline.practice.practice import Decisions
from pipeline.tasks.background import Background
from pipeline.tasks.clock import LoopClock
from pipeline.tasks.presence import Presence
from pipeline.timeline.live import CallTimelines
from tests.pipeline.scene import engines
from voice.audio.formats import Int16Mono

Event = TypeVar("Event", bound=LineEvent)

GREETING = "Good morning, and welcome. What may I do for you on this fine day?"
PRACTICE = "practice"


def now() -> float:
    return asyncio.get_running_loop().time()


class MemoryWire:
    """Both ends of a wire, in memory.

    Attributes:
        sent: what came out of it, and when.
        closed: why it was closed, each time that it was.
        reads: cleared while the caller does not read.
        gone: sending fails, because the caller has gone.
        refuses: a message that it cannot carry.
    """

    def __init__(self) -> None:
        self.sent: list[tuple[float, Message]] = []
        self.closed: list[Close] = []
        self.reads = asyncio.Event()
        self.reads.set()
        self.gone = False
        self.refuses: Message | None = None
        self._coming: asyncio.Queue[Message | None] = asyncio.Queue()

    def say(self, *messages: Message | None) -> None:
        """The caller sends these; None for going away."""
        for message in messages:
            self._coming.put_nowait(message)

    async def receive(self) -> Message | None:
        return await self._coming.get()

    async def send(self, message: Message) -> None:
        if self.gone:
            raise ConnectionResetError("gone")
        if message == self.refuses:
            raise UnicodeEncodeError("utf-8", str(message), 0, 1, "surrogates not allowed")
        await self.reads.wait()
        self.sent.append((now(), message))

    async def close(self, reason: Close) -> None:
        self.closed.append(reason)


class PlainDialect:
    """Opens with what it is given at once; bytes are audio, and texts mean what `knows` says.

    Attributes:
        events: what was told.
        packets: the persona's audio, and when it was handed over.
        breaks_at: an event of this kind cannot be told: a defect.
    """

    opens_with = "a hello"

    def __init__(self, opening: Opening | None, knows: dict[str, Heard] | None = None) -> None:
        self.events: list[LineEvent] = []
        self.packets: list[tuple[float, Packet]] = []
        self.knows = knows or {}
        self.breaks_at: type[Any] | None = None
        self._opening = opening
        self._news = asyncio.Event()
        self._next = 0

    async def opening(self, wire: Wire) -> Opening:
        if self._opening is None:
            raise ConnectionError("nothing came") if await wire.receive() is None else AssertionError
        return self._opening

    def heard(self, message: Message) -> Heard | None:
        if isinstance(message, bytes):
            return Hear(message)
        if message not in self.knows:
            raise ProtocolError("unknown_word", f"There is no word {message}.")
        return self.knows[message]

    def render(self, event: LineEvent) -> Iterable[Message]:
        if self.breaks_at is not None and isinstance(event, self.breaks_at):
            raise LookupError("a defect of the dialect")
        self.events.append(event)
        self._news.set()
        return [type(event).__name__]

    def audio(self, packet: Packet) -> Iterable[Message]:
        self.packets.append((now(), packet))
        self._news.set()
        return [packet.data]

    async def until(self, kind: type[Event], **wanted: Any) -> Event:
        """The next event of this kind with these attributes."""
        while True:
            while self._next < len(self.events):
                event = self.events[self._next]
                self._next += 1
                if isinstance(event, kind) and all(getattr(event, name) == value for name, value in wanted.items()):
                    return event
            await self.news()

    async def news(self) -> None:
        """Wait until something more is told."""
        self._news.clear()
        await self._news.wait()

    def of(self, kind: type[Event]) -> list[Event]:
        """All events of this kind so far."""
        return [event for event in self.events if isinstance(event, kind)]

    def spoken(self) -> list[tuple[float, Packet]]:
        """The packets that belong to a reply."""
        return [(at, packet) for at, packet in self.packets if packet.turn is not None]


class Caller:
    """One connection to the service, being carried by a line."""

    def __init__(self, service: Service, dialect: PlainDialect, patience: Patience | None = None) -> None:
        self.wire = MemoryWire()
        self.dialect = dialect
        self.line = Line(self.wire, dialect, service, patience=patience)

    async def speak(self, audio: Int16Mono, at_ms: int | None = None) -> None:
        """Send 16 kHz samples in packets of 20 ms, at the pace of a microphone."""
        for start in range(0, len(audio), 320):
            self.wire.say(audio[start : start + 320].astype("<i2").tobytes())
            await asyncio.sleep(0.02)


@asynccontextmanager
async def carried(service: Service, dialect: PlainDialect, patience: Patience | None = None) -> AsyncIterator[Caller]:
    """A caller whose line is served for the length of the block; then it goes, if its line is not over yet."""
    caller = Caller(service, dialect, patience)
    async with asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(caller.line.serve())
        try:
            yield caller
        finally:
            if not serving.done():
                caller.wire.say(None)


@asynccontextmanager
async def service_in(
    store: Store, chosen: Engines | None = None, limits: CallLimits | None = None
) -> AsyncIterator[Service]:
    """As much of a service as a line needs, with one practice: Robin, at the desk."""
    persona = Persona("host", "Robin", greeting=GREETING)
    await store.install(
        personas=[persona],
        scenarios=[Scenario("desk", "The desk", persona_ids=(persona.id,))],
        simulations=[Simulation("desks", "Desks", scenario_ids=("desk",))],
        practices=[Practice(PRACTICE, "Practice", "desks")],
    )
    numbers = count(1)
    shared = chosen or engines()
    shared_engines: Any = SharedEngines(shared, None, None, None, None, None, None, None)  # type: ignore[arg-type]  # only its names are asked
    settings: Any = Settings(_env_file=None)  # type: ignore[call-arg]

    def new_id() -> str:
        return f"id-{next(numbers)}"

    hub = Hub(store.now, new_id)
    async with (
        Calls(shared, store, LoopClock(), limits or CallLimits(), new_id) as calls,
        Chats(shared.responder, store, calls, new_id, hub) as chats,
        Background() as background,
        Access(store, calls, LoopClock()) as access,
    ):
        parts: Any = {"chats": chats, "hub": hub, "coach": RuleCoach(), "files": None, "background": background}
        unused: Any = None
        practice = Decisions(
            store=store,
            calls=calls,
            recordings=unused,
            stt=shared.stt,
            packs=unused,
            new_id=new_id,
            **parts,
        )
        yield Service(
            settings=settings, store=store, shared_engines=shared_engines, calls=calls, access=access,
            practice=practice, external=None, timelines=CallTimelines(calls, store, LoopClock(), new_id),
            presence=Presence(store, LoopClock()), **parts,
        )  # fmt: skip
