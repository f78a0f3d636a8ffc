"""The dialect of a line: how a door reads a caller's messages and renders a call's events."""

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from api.doors.line.opening import Opening
from api.doors.line.wire import Message, Wire
from models.errors import Invalid
from pipeline.call.commands import Command
from pipeline.conversation.events import SessionEvent
from voice.audio.formats import AudioFormat


class ProtocolError(Invalid):
    """An invalid message of the caller's protocol; the caller gets an error, and the call goes on.

    Attributes:
        code: stable identifier.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class LineOpened:
    """The call is open and this line attends it: the first event of every line.

    Attributes:
        resumed: the call was open before.
        resume: the token by which a later connection takes the call.
        engines: the names of the engines, by "stt", "llm" and "tts".
        missed: how many events of the time without a line follow.
    """

    chat_id: str
    attempt_id: str
    conversation_id: str
    group_id: str
    persona_id: str
    persona: str
    resumed: bool
    resume: str
    input: AudioFormat
    output: AudioFormat
    engines: Mapping[str, str]
    missed: int = 0


LineEvent = LineOpened | SessionEvent
"""The events that a dialect renders. `ReplyAudio` is none of them: audio comes as packets."""


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet of the persona's audio, encoded in the output format.

    Attributes:
        turn: which reply it belongs to; None for the silence between replies on a continuous line.
        seq: counts the packets of a reply from 1.
        at_ms: its position in the reply.
        text: the words that begin in it.
    """

    data: bytes
    turn: int | None
    seq: int
    at_ms: int
    duration_ms: int
    text: str = ""


@dataclass(frozen=True, slots=True)
class Respond:
    """Send these messages, after everything rendered before."""

    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Formats:
    """Switch the input or output format; None keeps one."""

    input: AudioFormat | None = None
    output: AudioFormat | None = None


@dataclass(frozen=True, slots=True)
class Produce:
    """Send messages as they come, beside the call; at most `PRODUCED_AT_ONCE` of these at a time.

    The line ends it with itself.
    """

    messages: AsyncGenerator[Message]


PRODUCED_AT_ONCE = 4

Heard = Command | Respond | Formats | Produce
"""The meaning of a message: a command to the call, or a response by the door itself."""


class Dialect(Protocol):
    """The protocol of one line. It decides nothing: it reads messages as commands and renders events.

    Attributes:
        opens_with: the opening message, as the error about a missing one names it.
    """

    opens_with: str

    async def opening(self, wire: Wire, /) -> Opening:
        """Read the opening from the wire; the line bounds how long that may take.

        Raises:
            Refused: nothing can be opened by this.
            ConnectionError: the caller has gone.
        """
        ...

    def heard(self, message: Message, /) -> Heard | Sequence[Heard] | None:
        """Read one message; return what it means, in order, or None if it has no meaning here.

        Raises:
            ProtocolError: the message is invalid; the call goes on.
            Refused: the connection cannot go on.
        """
        ...

    def render(self, event: LineEvent, /) -> Iterable[Message]:
        """Render an event as messages; none if the protocol has no such event."""
        ...

    def audio(self, packet: Packet, /) -> Iterable[Message]:
        """Render a packet of the persona's audio as messages."""
        ...
