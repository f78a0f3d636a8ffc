"""What a caller does in a call, as small frozen types; `obey` carries one out. Every door speaks to a call by these."""

from dataclasses import dataclass

from pipeline.call.call import Call


@dataclass(frozen=True, slots=True)
class Audio:
    """Some of the caller's sound, in the call's input format.

    Attributes:
        at_ms: where the caller's own clock places it; None where its protocol has no timestamps.
    """

    data: bytes
    at_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Commit:
    """Manual turns: the utterance ends here."""


@dataclass(frozen=True, slots=True)
class Say:
    """The caller typed this instead of speaking."""

    text: str


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop the persona; keep listening."""


@dataclass(frozen=True, slots=True)
class Mute:
    """No audio will come, or it will again; muting ends an open utterance."""

    muted: bool = True


@dataclass(frozen=True, slots=True)
class Played:
    """The caller's player has played this many milliseconds of the turn's reply."""

    turn: int
    ms: float


@dataclass(frozen=True, slots=True)
class Digit:
    """A phone key: 0 to 9, *, # or A to D."""

    digit: str


@dataclass(frozen=True, slots=True)
class HangUp:
    """Finish the open utterance, then end the call."""


Command = Audio | Commit | Say | Stop | Mute | Played | Digit | HangUp


async def obey(call: Call, command: Command) -> None:
    """Carry out what the caller does.

    Raises:
        InvalidAudio: the audio is not what it claims to be; what could be decoded was heard.
        CallOver: typed into a call that has ended.
        ModelError: typed text could not be stored.
    """
    session = call.session
    match command:
        case Audio(data):
            await call.hear(data)
        case Commit():
            await call.commit()
        case Say(text):
            await session.type_text(text)
        case Stop():
            session.stop()
        case Mute(muted):
            session.mute(muted)
        case Played(turn, ms):
            session.played(turn, int(ms))
        case Digit(digit):
            session.digit(digit)
        case HangUp():
            await call.hang_up()
