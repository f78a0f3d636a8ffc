"""What a voice session is made with: its engines, and how the call behaves."""

from dataclasses import dataclass, field

from pipeline.conversation.reply import Responder
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


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """How a call behaves.

    Attributes:
        rules: the turn machine's patience.
        endpoints: when frames become speech and silence.
        output_rate_hz: the rate of the audio handed out.
        partial_every_ms: at most one partial transcript in this time; 0 for none.
        frames_gap_s: an open utterance ends when no frame came for this long.
        transcript_s: a transcript not there by then counts as failed.
        prompt_after_s: a silence after which the persona speaks up once; 0 for never.
    """

    rules: Rules = field(default_factory=Rules)
    endpoints: EndpointRules = field(default_factory=EndpointRules)
    output_rate_hz: int = 24_000
    partial_every_ms: int = 300
    frames_gap_s: float = 1.0
    transcript_s: float = 15.0
    prompt_after_s: float = 0.0
