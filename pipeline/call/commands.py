"""What a caller does in a call, as small frozen types; `obey` carries one out, for every door and for replays."""

from dataclasses import dataclass

from models.records.core import Role
from pipeline.call.call import Call
from pipeline.call.echo import EchoReport
from pipeline.call.settings import SessionSettings
from pipeline.conversation.conversation import ReplyWishes


@dataclass(frozen=True, slots=True)
class Hear:
    """Audio of the caller, in the call's input format.

    Attributes:
        at_ms: its timestamp on the caller's clock; None where the protocol has none.
    """

    data: bytes
    at_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Commit:
    """End the utterance (manual turns)."""


@dataclass(frozen=True, slots=True)
class Say:
    """The caller typed this instead of speaking.

    Attributes:
        message_id: the caller's own id of the message, which is taken once however often it comes; None for a new one.
    """

    text: str
    message_id: str | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop the persona; keep listening."""


@dataclass(frozen=True, slots=True)
class Mute:
    """Announce that no audio will arrive, or that it will again; muting ends an open utterance."""

    muted: bool = True


@dataclass(frozen=True, slots=True)
class Played:
    """The caller has played this many milliseconds of the turn's reply."""

    turn: int
    ms: float


@dataclass(frozen=True, slots=True)
class Digit:
    """A phone key: 0 to 9, *, # or A to D."""

    digit: str


@dataclass(frozen=True, slots=True)
class RequestReply:
    """Answer what was said so far; during a turn, at its end.

    Attributes:
        anyway: while an answer is on its way, give another one after it.
        wishes: what this reply has of its own.
    """

    anyway: bool = False
    wishes: ReplyWishes | None = None


@dataclass(frozen=True, slots=True)
class TakeSettings:
    """Go on with other settings of the call."""

    settings: SessionSettings


@dataclass(frozen=True, slots=True)
class AddMessage:
    """Add a typed message that only the next reply answers.

    Attributes:
        role: of whom it is; the persona may be said to have said something.
        after: the id of the message that it follows; "" puts it first, None last.
    """

    text: str
    message_id: str
    role: Role = "user"
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Forget:
    """Leave a message, or a call of a tool, out of what replies are written from."""

    message_id: str


@dataclass(frozen=True, slots=True)
class HeardUntil:
    """The caller heard no more than this many milliseconds of a reply, which may be over."""

    message_id: str
    ms: int


@dataclass(frozen=True, slots=True)
class ToolAnswered:
    """The result of a tool that the caller carries out."""

    call_id: str
    result: str


@dataclass(frozen=True, slots=True)
class DropAudio:
    """Drop the open utterance, and with manual turns all audio since the last one."""


@dataclass(frozen=True, slots=True)
class Transferred:
    """The transfer that the persona asked for is done, which ends this call; or nobody answered."""

    done: bool = True


@dataclass(frozen=True, slots=True)
class HangUp:
    """Finish the open utterance, then end the call."""


Command = (
    Hear
    | Commit
    | DropAudio
    | Say
    | AddMessage
    | Forget
    | HeardUntil
    | ToolAnswered
    | RequestReply
    | TakeSettings
    | Stop
    | Mute
    | Played
    | EchoReport
    | Digit
    | Transferred
    | HangUp
)


async def obey(call: Call, command: Command) -> None:
    """Carry out a command.

    Raises:
        InvalidAudio: the audio is damaged; what could be decoded was heard.
        CallOver: typed into a call that has ended.
        ModelError: typed text cannot be stored. While the database is away it is kept, which is no error.
    """
    session = call.session
    match command:
        case Hear(data):
            await call.hear(data)
        case Commit():
            await call.commit()
        case Say(text, message_id):
            await session.say(text, message_id)
        case Stop():
            session.stop()
        case Mute(muted):
            session.mute(muted)
        case Played(turn, ms):
            session.played(turn, int(ms))
        case EchoReport():
            session.echo.note(command)
        case Digit(digit):
            session.digit(digit)
        case RequestReply(anyway, wishes):
            session.request_reply(anyway=anyway, wishes=wishes)
        case TakeSettings(settings):
            session.take_settings(settings)
        case AddMessage(text, message_id, role, after):
            session.edits.note(text, message_id, role=role, after=after)
        case Forget(message_id):
            session.edits.forget(message_id)
        case HeardUntil(message_id, ms):
            session.edits.heard_until(message_id, ms)
        case ToolAnswered(call_id, result):
            session.edits.answer_call(call_id, result)
        case DropAudio():
            session.drop_audio()
        case Transferred(done):
            session.hang_up("transfer") if done else session.prompts.transfer_failed()
        case HangUp():
            await call.hang_up()
