"""What a voice session is made with: its engines, and how the call behaves."""

from dataclasses import dataclass, field

from pipeline.conversation.reply import Responder
from pipeline.conversation.tools import Tool
from pipeline.turn.machine import Rules
from voice.speech.end_of_turn_model import EndOfTurnDetector
from voice.speech.endpointing import EndpointRules
from voice.stt.speech_to_text import SpeechToText
from voice.tts.synthesis import TextToSpeech


@dataclass(frozen=True, slots=True)
class Engines:
    """What a session hears, thinks and speaks with.

    `fallback` speaks when `tts` fails; `ending` hears whether a turn is over, where there is such a model.
    """

    stt: SpeechToText
    responder: Responder
    tts: TextToSpeech
    fallback: TextToSpeech | None = None
    ending: EndOfTurnDetector | None = None


NOBODY_THERE = "I cannot hear anybody, so I will hang up now. Goodbye."
"""A goodbye at the end of a silence."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """Something to say in a silence of `after_s`; without a text the persona finds words of its own."""

    after_s: float
    text: str = ""


@dataclass(frozen=True, slots=True)
class SilencePlan:
    """What happens while nobody says a word; it begins anew when the caller does.

    Each silence is counted from the heard end of what was said last.

    Attributes:
        prompts: one after the other.
        goodbye: then this, and the call ends unless the caller says something over it; None for staying on the line.
    """

    prompts: tuple[Prompt, ...] = ()
    goodbye: Prompt | None = None


@dataclass(frozen=True, slots=True)
class TimeLimit:
    """How long a call may last.

    The goodbye waits until the floor is free, and nothing interrupts it: a call is never cut in a sentence.

    Attributes:
        longest_s: from its beginning.
        warning_s: so long before that the warning is spoken; 0 for none.
        warning, goodbye: what is said.
    """

    longest_s: float
    warning_s: float = 60.0
    warning: str = "Our time is nearly up."
    goodbye: str = "Our time is up, so I have to end the call here. Goodbye."


@dataclass(frozen=True, slots=True)
class CallRecording:
    """The call is recorded from its beginning, or from the heard end of an announcement that comes before all else."""

    announcement: str = ""


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """How a call behaves.

    Attributes:
        rules: the turn machine's patience, and whether it answers only on request.
        endpoints: when frames become speech and silence.
        output_rate_hz: the rate of the audio handed out.
        partial_every_ms: at most one partial transcript in this time; 0 for none.
        frames_gap_s: an open utterance ends when no frame came for this long.
        transcript_s: a transcript not there by then counts as failed.
        silence: what happens while nobody says a word.
        time_limit: how long the call may last; None for as long as it likes.
        greeting: what the persona says first where it is asked to greet; empty for its own greeting.
        greeting_protected_ms: so much of it is not interrupted by speech.
        recording: whether the call is recorded.
        text_only: replies are told in writing alone; no audio is handed out.
        hangs_up: the persona may end the call.
        transfers: whom the call can be handed to by whoever carries it; none where the line cannot transfer.
        transfer_failed: what is said when a transfer is not possible, or nobody answered.
        tools: what else the persona can do.
    """

    rules: Rules = field(default_factory=Rules)
    endpoints: EndpointRules = field(default_factory=EndpointRules)
    output_rate_hz: int = 24_000
    partial_every_ms: int = 300
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
