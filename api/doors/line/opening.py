"""The opening of a line: its caller, chat, formats and pace."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from models.records.core import Grant, User
from pipeline.call.audio_clock import Gaps
from pipeline.call.call import Call
from pipeline.call.commands import Command
from pipeline.call.session import SessionSettings
from voice.audio.formats import AudioFormat

DEFAULT_INPUT = AudioFormat("pcm16", 16_000, 1)
DEFAULT_OUTPUT = AudioFormat("pcm16", 24_000, 1)

SHORTEST_LEAD_MS, LONGEST_LEAD_MS = 20, 10_000

_PROVIDER = re.compile(r"[a-z][a-z0-9_-]{0,31}")
NAME_LIMIT = 200
"""Longest name of an outsider, in characters."""

# ---------------------------------------------------------------- the caller


@dataclass(frozen=True, slots=True)
class Bearer:
    """The user of a token: of the settings, of `glow token create`, or an access token."""

    token: str
    address: str = ""
    """The client's network address, for the log of refused tokens."""


@dataclass(frozen=True, slots=True)
class Known:
    """A user whom the door has authenticated itself.

    Attributes:
        grant: by what; None if nothing can be revoked.
    """

    user: User
    grant: Grant | None = None


@dataclass(frozen=True, slots=True)
class Outsider:
    """A caller with an external name, such as a telephone number; becomes a user on the first call.

    The user's name is `provider:name`, so that no outsider can pass for another user of the service.

    Attributes:
        provider: the namespace, such as "tel"; lower-case letters, digits, - and _.
        name: unique in it, at most `NAME_LIMIT` characters.
    """

    provider: str
    name: str

    def __post_init__(self) -> None:
        """Check the provider, which is a constant of the door.

        Raises:
            ValueError: it is none.
        """
        if not _PROVIDER.fullmatch(self.provider):
            raise ValueError(f"{self.provider!r} is no provider; use lower-case letters, digits, - and _.")


Caller = Bearer | Known | Outsider

# ------------------------------------------------------------------ the chat


@dataclass(frozen=True, slots=True)
class StandingChat:
    """An existing chat. An unattended call on it is taken over; without a call, one is opened.

    Attributes:
        resume: the resume token of its call, which takes the call from any other line.
        draft_id: a draft that the chat takes on first.
    """

    chat_id: str
    resume: str | None = None
    draft_id: str | None = None


@dataclass(frozen=True, slots=True)
class FreshAttempt:
    """A new attempt at a practice, or at an entry of the user's home.

    Attributes:
        position: the place of the chat that the call is on, from 0.
    """

    practice_id: str | None = None
    home_id: str | None = None
    position: int = 0


@dataclass(frozen=True, slots=True)
class DictationOnly:
    """No chat: what is said is written down for the caller, answered by nobody, and kept nowhere."""


@dataclass(frozen=True, slots=True)
class OpenCall:
    """An unattended call that another door has opened."""

    call: Call


Chat = StandingChat | FreshAttempt | DictationOnly | OpenCall

# ------------------------------------------------------------------ the pace


@dataclass(frozen=True, slots=True)
class Pace:
    """How the persona's audio is sent.

    Attributes:
        lead_ms: the lead; None adapts it to the jitter, from 300 ms down to 100.
        packet_ms: the longest packet, 20 to 100 ms.
        continuous: send a packet of 20 ms every 20 ms, silence between replies, as a telephone line needs it. Sent
            audio then counts as played; the dialect need not report it.
        catch_up_ms: on a continuous line to a jitter buffer, how late packets may be that are still sent, in a burst.
    """

    lead_ms: int | None = None
    packet_ms: int = 100
    continuous: bool = False
    catch_up_ms: int = 0

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: the lead or the packet is too short or too long.
        """
        if self.lead_ms is not None and not SHORTEST_LEAD_MS <= self.lead_ms <= LONGEST_LEAD_MS:
            raise ValueError(f"A lead has {SHORTEST_LEAD_MS} to {LONGEST_LEAD_MS} ms, not {self.lead_ms}.")
        if not 20 <= self.packet_ms <= 100:
            raise ValueError(f"A packet has 20 to 100 ms, not {self.packet_ms}.")


def as_made(settings: SessionSettings) -> SessionSettings:
    """Keep the operator's settings."""
    return settings


@dataclass(frozen=True, slots=True)
class Opening:
    """The opening, which a dialect reads from the first messages of a connection.

    Attributes:
        caller: identifies the user.
        chat: the chat or call.
        input: the caller's format; None for that of the resumed call, or `DEFAULT_INPUT`.
        output: the persona's format; None for that of the resumed call, or `DEFAULT_OUTPUT`.
        manual: the caller ends each utterance by `Commit`.
        greet: the persona speaks first; ignored when a call is resumed.
        persona_id: the persona that answers; None for the chat's first.
        settings: derives this call's settings from the operator's.
        pace: how the persona's audio is sent.
        gaps: when missing audio is replaced by silence; None for never.
        by_hub: the caller gets audio and missed events from the chat's hub; the line sends neither.
        before: commands that came before the call was open, carried out first.
        stays: the call waits to be resumed if the connection drops; otherwise it ends with the line.
    """

    caller: Caller
    chat: Chat
    input: AudioFormat | None = None
    output: AudioFormat | None = None
    manual: bool = False
    greet: bool = False
    persona_id: str | None = None
    settings: Callable[[SessionSettings], SessionSettings] = as_made
    pace: Pace = Pace()
    gaps: Gaps | None = None
    by_hub: bool = False
    before: tuple[Command, ...] = ()
    stays: bool = True

    @property
    def resume(self) -> str | None:
        """The resume token, if there is one."""
        return self.chat.resume if isinstance(self.chat, StandingChat) else None

    @property
    def draft_id(self) -> str | None:
        """The draft that the chat takes on first, if there is one."""
        return self.chat.draft_id if isinstance(self.chat, StandingChat) else None
