"""A telephone line in memory and in virtual time: texts say what its carrier does, bytes are mu-law."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from api.doors.line import Digit, HangUp, Hear, Heard, Message, Pace, ProtocolError, Wire
from api.doors.telephone.calling import Incoming
from api.doors.telephone.desk import Desk
from api.doors.telephone.dialect import PhoneDialect
from api.doors.telephone.numbers import entry_of
from api.doors.telephone.phone_line import PhoneLine
from models.records.telephone import PhoneCall, PhoneNumber
from models.store import Store
from pipeline.call.session import Engines
from tests.api.doors.line.scene import PRACTICE, MemoryWire, service_in
from voice.audio.formats import AudioFormat
from voice.audio.g711 import mulaw_decode, mulaw_encode

NUMBER, CALLER, HUMAN = "+15551230000", "+15559990000", "+15557770000"
SILENCE = mulaw_encode(mulaw_decode(b"\xff" * 160))


def entry(**fields: Any) -> PhoneNumber:
    """An entry for `NUMBER` that opens the scene's practice."""
    opens = {} if {"chat", "home"} & set(fields) else {"practice": PRACTICE}
    return entry_of({"number": NUMBER, **opens, **fields})


class MemoryDialect(PhoneDialect):
    """Reads `start`, `key:1`, `mark:NAME`, `bye`; writes `clear`, `mark:NAME`, and audio.

    Attributes:
        answers: whether a transfer is answered; None for a carrier that tells later.
        transfers: to whom it was asked to transfer.
        hung_up: how often it was.
    """

    line = "memory"

    def __init__(self, desk: Desk, call_id: str = "call-1", caller: str = CALLER, called: str = NUMBER) -> None:
        super().__init__(desk)
        self.incoming = Incoming(self.line, call_id, caller, called)
        self.answers: bool | None = True
        self.transfers: list[str] = []
        self.hung_up = 0

    async def start(self, wire: Wire) -> Incoming:
        while (message := await wire.receive()) != "start":
            if message is None:
                raise ConnectionError("gone")
            if isinstance(message, bytes):
                self.keep_early(Hear(message))
        return self.incoming

    def read(self, message: Message) -> Heard | None:
        if isinstance(message, bytes):
            return Hear(message)
        kind, _, value = message.partition(":")
        match kind:
            case "key":
                return Digit(value)
            case "mark":
                return self.marked(value)
            case "bye":
                return HangUp()
        raise ProtocolError("unknown", f"There is no {kind}.")

    def media(self, data: bytes) -> Iterable[Message]:
        return [data]

    def flush(self) -> Iterable[Message]:
        return ["clear"]

    def mark(self, name: str) -> Iterable[Message]:
        return [f"mark:{name}"]

    async def transfer(self, target: str) -> bool | None:
        self.transfers.append(target)
        await asyncio.sleep(5)
        return self.answers

    async def hang_up(self) -> None:
        self.hung_up += 1


class ContinuousDialect(MemoryDialect):
    """The same on a line that plays each packet on arrival."""

    pace = Pace(lead_ms=60, continuous=True)
    input = output = AudioFormat("pcm16", 8_000)


class Phone:
    """A far end that plays what it gets, in order: it returns each mark once what came before it was played."""

    def __init__(self, dialect: MemoryDialect, wire: MemoryWire, serving: "asyncio.Task[None]") -> None:
        self.dialect, self.wire, self.serving = dialect, wire, serving

    @property
    def audio(self) -> list[tuple[float, bytes]]:
        """What came, and when."""
        return [(at, message) for at, message in self.wire.sent if isinstance(message, bytes)]

    @property
    def texts(self) -> list[str]:
        """The carrier's commands, in order."""
        return [message for _, message in self.wire.sent if isinstance(message, str)]

    async def speak(self, seconds: float, audio: bytes = b"") -> None:
        """Send packets of 20 ms in real time: the given audio, then silence."""
        for number in range(round(seconds / 0.02)):
            packet = audio[number * 160 : number * 160 + 160]
            self.wire.say(packet.ljust(160, b"\xff"))
            await asyncio.sleep(0.02)

    async def until(self, condition: Callable[[], bool], within_s: float = 60) -> None:
        """Wait, silently, until something is so."""
        for _ in range(round(within_s / 0.02)):
            if condition():
                return
            self.wire.say(SILENCE)
            await asyncio.sleep(0.02)
        raise AssertionError("it has not come to that")


@asynccontextmanager
async def desk_in(
    store: Store, *entries: PhoneNumber, chosen: Engines | None = None, **settings: Any
) -> AsyncIterator[Desk]:
    """A desk with these numbers."""
    async with service_in(store, chosen) as service:
        service.ready.set()
        service.settings = service.settings.model_copy(update=settings)
        for one in entries:
            await store.add_phone_number(one)
        async with Desk(service) as desk:
            yield desk


@asynccontextmanager
async def calling(desk: Desk, dialect: MemoryDialect | None = None, *, starts: bool = True) -> AsyncIterator[Phone]:
    """A call for the length of the block; then the caller goes, if the call is not over yet."""
    dialect, wire = dialect or MemoryDialect(desk), MemoryWire()
    async with asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(PhoneLine(wire, dialect, desk).serve())
        if starts:
            wire.say("start")
        try:
            yield Phone(dialect, wire, serving)
        finally:
            if not serving.done():
                wire.say(None)


async def freed(desk: Desk) -> None:
    """Wait until no call is open, and all are recorded."""
    for _ in range(1_000):
        if not desk._open and not len(desk.service.calls):
            return
        await asyncio.sleep(0.02)
    raise AssertionError("a call stays open")


async def recorded_calls(store: Store) -> list[PhoneCall]:
    """The records, oldest first, each with its id and times taken out."""
    return [replace(call, id="") for call in reversed(await store.phone_calls())]
