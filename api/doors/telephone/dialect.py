"""The base of every line's dialect: a carrier's messages are read and written below it, what they mean is decided here.

A line's own dialect says how a call starts (`start`), what a message is (`read`), and how audio goes out (`media`);
where the carrier has them, also how its buffer is emptied (`flush`), what it reports as played (`mark` and `marked`),
and how a call is transferred and hung up.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import ClassVar

from api.doors.line import (
    Close,
    Gaps,
    HangUp,
    Hear,
    Heard,
    LineEvent,
    LineOpened,
    LineRefused,
    Message,
    Opening,
    Pace,
    Packet,
    Played,
    Wire,
)
from api.doors.telephone.announcer import Announcer
from api.doors.telephone.calling import CallRefused, Incoming, LineSound
from api.doors.telephone.desk import Desk
from api.doors.telephone.rate import FrameRate
from api.doors.telephone.reception import Reception
from api.doors.telephone.sentences import RecordedSentence
from pipeline.conversation.events import Problem, ReplyCleared, TransferAsked
from voice.audio.formats import AudioFormat

START_S = 5.0
"""Seconds from the connection within which the call has to start."""

EARLY_MS = 2_000
"""How much audio is kept that comes before the start."""

_PARTING = {
    Close.BUSY: RecordedSentence.BUSY,
    Close.BROKEN: RecordedSentence.FAILED,
    Close.RESTARTING: RecordedSentence.RESTARTING,
}

_SILENT_ENDS = frozenset({"slow_client", "refused", "too_late", "too_fast", "taken_over"})
"""Problems of who does not listen, or is no telephone."""

MARKS_WAITING = 1_000
"""Most marks that may be outstanding; the playout keeps to its lead, so more than a few are a defect."""


class PhoneDialect(ABC):
    """The dialect of one call on one line. `heard`, `render` and `audio` are the Line's; the rest is for subclasses.

    Class attributes, which a subclass may set for each call as well:
        line: the kind of line, as records name it.
        opens_with: what begins a call, for the error about its absence.
        input, output: the formats of the caller and of the persona.
        pace: how audio is sent; `continuous` where the far end plays each packet on arrival.
        gaps: when missing audio is replaced by silence.
        mark_every_ms: audio between two marks; the last packet's end may lack one by at most that.
        resumes: the carrier comes back for a call whose connection dropped, so that it waits for it.

    Args:
        desk: receives the call.
        opened: notified when the call is open.

    Attributes:
        desk: receives the call.
        reception: the call, once it is received.
        away: the call is somewhere else, as for a transfer: the wire's end is not the call's.
        hung_up: the caller has, in words of the line's.
        problem: the code of what ended the line; empty for nothing.
    """

    line: ClassVar[str]
    opens_with: str = "the start of a call"
    input: AudioFormat = AudioFormat("mulaw", 8_000)
    output: AudioFormat = AudioFormat("mulaw", 8_000)
    pace: Pace = Pace(lead_ms=200)
    gaps: Gaps | None = Gaps()
    mark_every_ms: int = 100
    resumes: bool = False

    def __init__(self, desk: Desk, opened: Callable[[], None] = lambda: None) -> None:
        self.desk = desk
        self._opened = opened
        self.reception: Reception | None = None
        self.away = False
        self.hung_up = False
        self.problem = ""
        self._rate = FrameRate()
        self._early: list[Hear] = []
        self._epoch = 0
        self._marked = 0, -1
        self._outstanding: dict[str, tuple[int, int]] = {}

    # ------------------------------------------------------- of a line's own

    @abstractmethod
    async def start(self, wire: Wire) -> Incoming:
        """Read what begins a call; audio that comes before goes to `keep_early`. It takes at most `START_S`.

        Raises:
            LineRefused: it is none.
            CallRefused: the call is not taken.
            ConnectionError: the far end has gone.
        """

    @abstractmethod
    def read(self, message: Message) -> Heard | None:
        """Read one message of a call that has started.

        Raises:
            ProtocolError: the message is invalid; the call goes on.
            LineRefused: the connection cannot go on.
        """

    @abstractmethod
    def media(self, data: bytes) -> Iterable[Message]:
        """Render a packet of audio, in the output format."""

    def flush(self) -> Iterable[Message]:
        """Render the command that empties the far end's buffer; nothing where it has none."""
        return ()

    def mark(self, name: str) -> Iterable[Message]:  # noqa: ARG002
        """Render a mark, which the far end returns when everything before it was played; nothing where it has none."""
        return ()

    async def transfer(self, target: str) -> bool | None:  # noqa: ARG002
        """Transfer the call to a number; the wire stays open meanwhile, or closes if the carrier takes the call over.

        Returns:
            Whether somebody answered; None if that comes by another way, as to `Reception.transferred`.
        """
        return False

    async def record(self) -> None:  # noqa: B027  # most carriers do not
        """Have the carrier record the call, too: it is announced, and was heard."""

    async def stop_recording(self) -> None:  # noqa: B027  # as above
        """Have the carrier record no more."""

    async def hang_up(self) -> None:  # noqa: B027  # most lines need nothing
        """Hang the call up; called before the wire is closed, which for many lines is the same."""

    async def come_back(self) -> None:  # noqa: B027  # most carriers do not
        """Have the carrier hold the call and come back, as the service restarts; called where the line `resumes`."""

    # -------------------------------------------------------------- for them

    def keep_early(self, heard: Hear) -> None:
        """Keep audio that comes before the start, its latest two seconds."""
        self._count()
        self._early.append(heard)
        bytes_per_ms = self.input.rate_hz * (2 if self.input.encoding == "pcm16" else 1) / 1000
        while sum(len(one.data) for one in self._early) > EARLY_MS * bytes_per_ms:
            self._early.pop(0)

    def marked(self, name: str) -> Played | None:
        """Read a returned mark: what was played by then; None if the buffer was emptied since it was sent."""
        found = self._outstanding.pop(name, None)
        return None if found is None else Played(*found)

    # -------------------------------------------------------------- the line's

    async def opening(self, wire: Wire) -> Opening:
        """Wait for the start, and have the desk receive the call."""
        try:
            async with asyncio.timeout(START_S):
                incoming = await self.start(wire)
        except TimeoutError:
            raise LineRefused(
                "too_late", f"Send {self.opens_with} within {START_S:g} s of connecting; the call was not taken."
            ) from None
        except CallRefused as refusal:
            raise LineRefused("refused", str(refusal)) from None
        try:
            self.reception = await self.desk.receive(incoming)
        except CallRefused as refusal:
            raise LineRefused("refused", str(refusal)) from None
        self.reception.resumes = self.resumes
        sound = LineSound(self.input, self.output, self.pace, self.gaps)
        async with Announcer(wire, self, self.desk.clock) as announcer:
            opening = await self.reception.opening(announcer, sound, tuple(self._early))
        if announcer.hung_up:
            self.problem = "hung_up"
            raise ConnectionError("The caller has hung up.")
        return opening

    def heard(self, message: Message) -> Heard | None:
        """Read a message; audio that comes too fast ends the connection, and so does a hang-up: nobody is there."""
        heard = self.read(message)
        if isinstance(heard, HangUp) and self.reception is not None and self.reception.call is not None:
            self.hung_up = True
            raise ConnectionError("The caller has hung up.")
        if isinstance(heard, Hear):
            self._count()
        return heard

    def render(self, event: LineEvent) -> Iterable[Message]:
        """Empty the far end's buffer when a reply is cleared, and carry out what events ask for."""
        match event:
            case LineOpened():
                self._opened()
                self._reception.opened(event, self.record, self.stop_recording)
            case ReplyCleared():
                self._epoch += 1
                self._outstanding.clear()
                self._marked = 0, -1
                return self.flush()
            case TransferAsked(target=target):
                self._reception.transfer(target, self._transfer)
            case Problem(code=code, fatal=True):
                self.problem = self.problem or code
            case _:
                pass
        return ()

    def audio(self, packet: Packet) -> Iterable[Message]:
        """Render a packet, and after enough of them a mark."""
        yield from self.media(packet.data)
        if packet.turn is None or self.pace.continuous:
            return
        turn, marked_ms = self._marked
        end_ms = packet.at_ms + packet.duration_ms
        if turn == packet.turn and 0 <= end_ms - marked_ms < self.mark_every_ms:
            return
        self._marked = packet.turn, end_ms
        name = f"{packet.turn}:{end_ms}:{self._epoch}"
        if len(self._outstanding) >= MARKS_WAITING:
            self._outstanding.pop(next(iter(self._outstanding)))
        self._outstanding[name] = packet.turn, end_ms
        yield from self.mark(name)

    def parting(self, reason: Close) -> RecordedSentence | None:
        """Return what is said before the wire is closed; None for nothing."""
        if self.problem in _SILENT_ENDS:
            return None
        return _PARTING.get(reason)

    async def _transfer(self, target: str) -> bool | None:
        self.away = True  # the carrier may close the wire before its answer arrives
        answered = None
        try:
            answered = await self.transfer(target)
        finally:
            self.away = answered is None
        return answered

    @property
    def _reception(self) -> Reception:
        assert self.reception is not None  # the line opens before it renders
        return self.reception

    def _count(self) -> None:
        if self._rate.exceeded(self.desk.clock.now()):
            raise LineRefused("too_fast", "Send audio at the pace at which it is spoken, in packets of 20 ms or more.")
