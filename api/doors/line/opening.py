"""How a caller's connection begins: who the caller is, on which chat, in which formats, at which pace."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from models.records.core import User
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
"""Characters of an outsider's name."""

# ---------------------------------------------------------------- the caller


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whoever has this token: of the settings, of `glow token create`, an access token, or a short-lived one."""

    token: str


@dataclass(frozen=True, slots=True)
class Known:
    """A user whom the door has authenticated itself."""

    user: User


@dataclass(frozen=True, slots=True)
class Outsider:
    """Somebody known by a name of the outside, such as a telephone number; made a user when first met.

    The user is called `provider:name`, so that no outsider passes for a user of the service's own.

    Attributes:
        provider: where the name comes from, "tel" for instance; lower-case letters, digits, - and _.
        name: what the caller is called there, at most `NAME_LIMIT` characters.
    """

    provider: str
    name: str

    def __post_init__(self) -> None:
        """Check the provider, which is the door's own word.

        Raises:
            ValueError: it is none.
        """
        if not _PROVIDER.fullmatch(self.provider):
            raise ValueError(f"{self.provider!r} is no provider; use lower-case letters, digits, - and _.")


Caller = Bearer | Known | Outsider

# ------------------------------------------------------------------ the chat


@dataclass(frozen=True, slots=True)
class StandingChat:
    """A chat that exists. Its call is taken over where nobody attends it, and opened where there is none.

    Attributes:
        resume: the token of the call that the caller comes back to, which takes it from any other connection.
    """

    chat_id: str
    resume: str | None = None


@dataclass(frozen=True, slots=True)
class FreshAttempt:
    """A new attempt at a practice, or at an entry of the user's home; the call is on its first chat."""

    practice_id: str | None = None
    home_id: str | None = None


@dataclass(frozen=True, slots=True)
class OpenCall:
    """A call that another door has opened and that nobody attends."""

    call: Call


Chat = StandingChat | FreshAttempt | OpenCall

# ------------------------------------------------------------------ the pace


@dataclass(frozen=True, slots=True)
class Pace:
    """How the persona's audio goes out.

    Attributes:
        lead_ms: how far ahead of playback it is sent; None adapts that to the jitter, from 300 ms down to 100.
        packet_ms: the longest packet, 20 to 100 ms.
        continuous: one packet of 20 ms goes out every 20 ms, silence where there is nothing to say, as a telephone
            line needs it. What was sent then counts as played: the dialect need not report it.
    """

    lead_ms: int | None = None
    packet_ms: int = 100
    continuous: bool = False

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
    """Leave the call's settings as the operator has them."""
    return settings


@dataclass(frozen=True, slots=True)
class Opening:
    """What a dialect makes of a connection's first words.

    Attributes:
        caller: who it is.
        chat: what the call is on.
        input: what the caller sends; None for what it sent before when it resumes, and `DEFAULT_INPUT` otherwise.
        output: what the caller hears, likewise; `DEFAULT_OUTPUT`.
        manual: the caller ends its utterances itself, by `Commit`.
        greet: the persona speaks first; not when a call is resumed.
        persona_id: who answers; None for the chat's first persona.
        settings: changes the operator's settings for this call.
        pace: how the persona's audio goes out.
        gaps: silence stands in for audio that does not come; None where the caller leaves none out.
        hub_tells: a chat's hub brings the caller the persona's audio and what it missed: the line sends neither.
        before: what the caller said or did before the call was open, carried out first.
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
    hub_tells: bool = False
    before: tuple[Command, ...] = ()

    @property
    def resume(self) -> str | None:
        """The token of the call that the caller comes back to."""
        return self.chat.resume if isinstance(self.chat, StandingChat) else None
