"""The engines and the settings of a voice session."""

import secrets
from dataclasses import dataclass, field

from pipeline.call.keypad import KeyRules
from pipeline.conversation.reply import Responder
from pipeline.conversation.tools import Tool
from pipeline.hearing.pace import HearingPace
from pipeline.turn.machine import Rules, samples
from voice.speech.end_of_turn_model import EndOfTurnDetector
from voice.speech.endpointing import EndpointRules
from voice.stt.speech_to_text import SpeechToText
from voice.tts.base import VoiceStyle
from voice.tts.synthesis import TextToSpeech


@dataclass(frozen=True, slots=True)
class Engines:
    """The engines of a session.

    `fallback` is the synthesizer to use when `tts` fails; `ending` looks for the end of
    a turn in its sound; without it the words decide alone.
    """

    stt: SpeechToText
    responder: Responder
    tts: TextToSpeech
    fallback: TextToSpeech | None = None
    ending: EndOfTurnDetector | None = None


def new_resume_token() -> str:
    """Return a secret by which a call is resumed."""
    return secrets.token_urlsafe(24)


@dataclass(frozen=True, slots=True)
class CallNames:
    """What names a call.

    Attributes:
        conversation_id, group_id: its ids.
        resume_token: the secret by which its owner resumes it.
        turn: its latest turn.
    """

    conversation_id: str
    group_id: str
    resume_token: str
    turn: int = 0


PARTIAL_EVERY_MS = 300
"""Shortest interval between partials."""

NOBODY_THERE = "I cannot hear anybody, so I will hang up now. Goodbye."
"""A goodbye at the end of a silence."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt after a silence of `after_s`; without a text the persona finds its own words."""

    after_s: float
    text: str = ""


@dataclass(frozen=True, slots=True)
class SilencePlan:
    """What happens while nobody speaks; the plan begins anew when the caller does.

    Each silence is measured from when the latest words were heard.

    Attributes:
        prompts: one after the other.
        goodbye: said after them, ends the call unless the caller speaks over it; None keeps the call open.
    """

    prompts: tuple[Prompt, ...] = ()
    goodbye: Prompt | None = None


@dataclass(frozen=True, slots=True)
class TimeLimit:
    """The longest duration of a call.

    The goodbye waits until the floor is free, and nothing interrupts it: no sentence is cut off.

    Attributes:
        longest_s: the longest duration, from the call's beginning.
        warning_s: the warning is said this long before; 0 for none.
        warning, goodbye: their texts.
    """

    longest_s: float
    warning_s: float = 60.0
    warning: str = "Our time is nearly up."
    goodbye: str = "Our time is up, so I have to end the call here. Goodbye."


@dataclass(frozen=True, slots=True)
class CallRecording:
    """A recording of the call from its beginning, or from when the announcement, which precedes all, was heard."""

    announcement: str = ""


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """The settings of one call.

    Attributes:
        rules: the turn machine's patience, and whether it answers only on request.
        endpoints: the thresholds of endpointing.
        output_rate_hz: the sample rate of the persona's audio.
        partial_every_ms: shortest interval between partials; 0 for none.
        paced_partials: they come the seldomer the more they cost, see `HearingPace`.
        partials_over_replies: they come only while the persona speaks, since nobody reads them.
        frames_gap_s: an open utterance ends when no frame arrives for this long.
        transcript_s: timeout of a transcript, which then counts as failed.
        silence: what happens while nobody speaks.
        time_limit: the longest duration; None for no limit.
        greeting: the text of the greeting, if one is requested; empty for the persona's own.
        greeting_protected_ms: no barge-in within this time from its beginning.
        recording: whether the call is recorded.
        text_only: replies are sent as text alone, without audio.
        hangs_up: the persona may end the call.
        transfers: the targets to which the line can transfer the call; empty if it cannot.
        transfer_failed: what is said when a transfer is impossible, or nobody answered.
        tools: further tools of the persona.
        tool_choice: "auto", "none", "required" or the name of the tool to use.
        instructions: the client's, which are added to the persona's.
        max_tokens: of one reply; None for the language model's own bound.
        expected_words: words that the client expects to be said, beside the chat's own.
        voice: the voice instead of the persona's; None keeps that.
        voice_rate: multiplies the rate of the voice.
        cancels_echo: take the persona's voice out of the learner's audio.
        keys: what keys mean on a telephone; None where they are typed, and nothing else.
        duck_clears: a ducked reply has the client discard its audio at once, and resumes from what was heard; except
            where the persona's echo is heard, which ducks now and then.
        language: BCP 47 tag of the language that the caller is likely to speak; empty for the persona's.
        filler_s: an answer that takes longer than this begins with the persona's words for that; 0 for never.
        idle_s: a call without input for this long is ended; None for the service's own limit.
    """

    rules: Rules = field(default_factory=Rules)
    endpoints: EndpointRules = field(default_factory=EndpointRules)
    output_rate_hz: int = 24_000
    partial_every_ms: int = PARTIAL_EVERY_MS
    paced_partials: bool = True
    partials_over_replies: bool = False
    frames_gap_s: float = 1.0
    transcript_s: float = 15.0
    silence: SilencePlan = field(default_factory=SilencePlan)
    time_limit: TimeLimit | None = None
    greeting: str = ""
    greeting_protected_ms: int = 500
    recording: CallRecording | None = None
    text_only: bool = False
    hangs_up: bool = True
    transfers: tuple[str, ...] = ()
    transfer_failed: str = "I am sorry, I could not put you through. Is there anything else I can do for you?"
    tools: tuple[Tool, ...] = ()
    tool_choice: str = "auto"
    instructions: str = ""
    max_tokens: int | None = None
    expected_words: str = ""
    voice: VoiceStyle | None = None
    voice_rate: float = 1.0
    cancels_echo: bool = True
    keys: KeyRules | None = None
    duck_clears: bool = False
    language: str = ""
    filler_s: float = 0.0
    idle_s: float | None = None

    def pace(self) -> HearingPace:
        """Create the pace at which a call's utterances are recognised."""
        rules = self.rules
        return HearingPace(
            every=samples(self.partial_every_ms),
            eager=samples(self.endpoints.pause_ms),
            soonest=None if rules.manual else samples(min(rules.complete_ms, rules.endpoint_ms)),
            paced=self.paced_partials,
            over_replies=self.partials_over_replies,
        )
