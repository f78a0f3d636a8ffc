"""The native voice websocket's messages: what a client may say, checked, and what it is told.

Source: the wire page of `WS /attempt/chat_voice`.
"""

import base64
import binascii
from typing import Annotated, Any, Literal, assert_never

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from api.doors.line import ProtocolError
from pipeline.conversation.events import (
    CallEnded,
    Problem,
    ReplyAudio,
    ReplyBegan,
    ReplyCleared,
    ReplyEnded,
    ReplyText,
    SessionEvent,
    TurnLatency,
    UserEnded,
    UserMessage,
    UserPartial,
    UserStarted,
)
from voice.audio.formats import AudioFormat, Encoding


class _Message(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, fields: Any) -> Any:
        return (
            {name: value for name, value in fields.items() if value is not None} if isinstance(fields, dict) else fields
        )


class Input(_Message):
    encoding: Encoding = "pcm16"
    rate: int = 16_000
    channels: int = 1

    def wire(self) -> AudioFormat:
        return AudioFormat(self.encoding, self.rate, self.channels)


class Output(_Message):
    encoding: Encoding = "pcm16"
    rate: int = 24_000

    def wire(self) -> AudioFormat:
        return AudioFormat(self.encoding, self.rate, 1)


class ChatVoice(_Message):
    type: Literal["chat_voice"]
    chat_id: str = Field(min_length=1, max_length=200)
    token: str | None = None
    input: Input | None = None
    output: Output | None = None
    turns: Literal["auto", "manual"] = "auto"
    greet: bool = False
    resume: str | None = None


class ChatSpeak(_Message):
    type: Literal["chat_speak"]
    audio: str


class Commit(_Message):
    type: Literal["commit"]


class ChatMessage(_Message):
    type: Literal["chat_message"]
    text: str = Field(min_length=1, max_length=20_000, pattern=r"\S")


class Stop(_Message):
    type: Literal["stop"]


class Mute(_Message):
    type: Literal["mute"]
    muted: bool


class Played(_Message):
    type: Literal["played"]
    turn: int = Field(ge=0, le=2**31)
    ms: Annotated[float, Field(ge=0, le=86_400_000, allow_inf_nan=False)]


class Dtmf(_Message):
    type: Literal["dtmf"]
    digit: str = Field(pattern=r"^[0-9A-D*#]$")


class Ping(_Message):
    type: Literal["ping"]


class ChatSilence(_Message):
    type: Literal["chat_silence"]


ClientMessage = ChatVoice | ChatSpeak | Commit | ChatMessage | Stop | Mute | Played | Dtmf | Ping | ChatSilence

_TYPES = "chat_voice chat_speak commit chat_message stop mute played dtmf ping chat_silence".split()
_PARSER: TypeAdapter[ClientMessage] = TypeAdapter(Annotated[ClientMessage, Field(discriminator="type")])


def parse(text: str) -> ClientMessage:
    """Read one text message.

    Raises:
        ProtocolError: it is not JSON, not an object, of no known type, or has a field that is wrong.
    """
    try:
        return _PARSER.validate_json(text)
    except ValidationError as error:
        raise _explained(error) from None


def audio_of(message: ChatSpeak) -> bytes:
    """The audio of a `chat_speak`.

    Raises:
        ProtocolError: it is not base64.
    """
    try:
        return base64.b64decode(message.audio, validate=True)
    except (binascii.Error, ValueError):
        raise ProtocolError(
            "invalid_base64", "The audio is not base64; encode it with the standard alphabet."
        ) from None


def _explained(error: ValidationError) -> ProtocolError:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    kind, place = first["type"], ".".join(str(part) for part in first["loc"][1:])
    if kind == "json_invalid":
        return ProtocolError("invalid_json", "The message is not JSON; send a JSON object with a `type`.")
    if kind in ("model_attributes_type", "dict_type", "model_type") and not place:
        return ProtocolError("invalid_message", "The message is not a JSON object; send one with a `type`.")
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return ProtocolError("unknown_type", f"The message has no known `type`; use one of {', '.join(_TYPES)}.")
    code = "unsupported_format" if place.startswith(("input.", "output.")) else "invalid_message"
    said = first["msg"]
    if kind == "missing":
        return ProtocolError(code, f"The field `{place}` is missing; send it.")
    if place == "digit":
        said = "Digit should be one of 0 to 9, *, # or A to D"
    elif place == "output.encoding":
        said = "Ask for pcm16, mulaw, alaw or opus"
    elif place == "text" and kind == "string_pattern_mismatch":
        said = "Text should hold more than blanks"
    return ProtocolError(code, f"The field `{place}` cannot be used: {said[0].lower()}{said[1:]}.")


def render(event: SessionEvent) -> dict[str, Any]:
    """The JSON message that tells this event; of audio only its announcement."""
    match event:
        case UserStarted(turn, at_ms):
            return {"type": "user.started", "turn": turn, "at_ms": at_ms}
        case UserPartial(turn, text):
            return {"type": "user.partial", "turn": turn, "text": text}
        case UserEnded(turn, at_ms, silence_ms, reason):
            return {"type": "user.ended", "turn": turn, "at_ms": at_ms, "silence_ms": silence_ms, "reason": reason}
        case UserMessage(turn, message_id, text):
            return {"type": "user.message", "turn": turn, "message_id": message_id, "text": text}
        case ReplyBegan(turn, message_id, persona_id):
            return {"type": "reply.started", "turn": turn, "message_id": message_id, "persona_id": persona_id}
        case ReplyText(turn, delta):
            return {"type": "reply.text", "turn": turn, "delta": delta}
        case ReplyAudio(turn, seq, at_ms, duration_ms, text):
            return {
                "type": "reply.audio",
                "turn": turn,
                "seq": seq,
                "at_ms": at_ms,
                "duration_ms": duration_ms,
                "text": text,
            }
        case ReplyCleared(turn, heard_ms, heard):
            return {"type": "reply.cleared", "turn": turn, "heard_ms": heard_ms, "heard": heard}
        case ReplyEnded(turn, message_id, text, heard, interrupted):
            return {
                "type": "reply.ended",
                "turn": turn,
                "message_id": message_id,
                "text": text,
                "heard": heard,
                "interrupted": interrupted,
            }
        case TurnLatency(turn, endpoint_ms, stt_ms, llm_ms, tts_ms, voice_to_voice_ms):
            return {
                "type": "turn.latency",
                "turn": turn,
                "endpoint_ms": endpoint_ms,
                "stt_ms": stt_ms,
                "llm_ms": llm_ms,
                "tts_ms": tts_ms,
                "voice_to_voice_ms": voice_to_voice_ms,
            }
        case Problem(code, message, fatal):
            return {"type": "error", "code": code, "message": message, "fatal": fatal}
        case CallEnded(chat_id, stopped, duration_ms, turns):
            return {
                "type": "chat_silence",
                "chat_id": chat_id,
                "stopped": stopped,
                "duration_ms": duration_ms,
                "turns": turns,
            }
        case _ as never:
            assert_never(never)
