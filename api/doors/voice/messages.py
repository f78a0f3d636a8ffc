"""The messages of the native voice websocket: the client's, validated, and the service's.

The page docs/voice-websocket.md is generated from these classes; `python -m api.doors.voice.page` updates it.
"""

import base64
import binascii
from dataclasses import replace
from typing import Annotated, Any, Literal, assert_never

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from api.doors.line import ProtocolError
from pipeline.call.settings import NOBODY_THERE, Prompt, SessionSettings, SilencePlan, TimeLimit
from pipeline.conversation.events import (
    CallEnded,
    NothingSaid,
    Problem,
    ReplyAudio,
    ReplyBegan,
    ReplyCleared,
    ReplyEnded,
    ReplyStalled,
    ReplyText,
    Restarting,
    SessionEvent,
    ToolsCalled,
    TransferAsked,
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
    """The format of the learner's audio."""

    encoding: Encoding = Field(default="pcm16", description="How the audio is encoded.")
    rate: int = Field(default=16_000, description="Samples a second and channel.")
    channels: int = Field(default=1, description="1, or 2 interleaved, which are averaged.")

    def wire(self) -> AudioFormat:
        return AudioFormat(self.encoding, self.rate, self.channels)


class Output(_Message):
    """The format of the persona's audio; always mono."""

    encoding: Encoding = Field(default="pcm16", description="How the audio is encoded; `container` only goes in.")
    rate: int = Field(default=24_000, description="Samples a second.")

    def wire(self) -> AudioFormat:
        return AudioFormat(self.encoding, self.rate, 1)


class Silence(_Message):
    """What happens while nobody speaks: the persona asks after each of these seconds, then says goodbye."""

    prompts_s: list[Annotated[float, Field(ge=1, le=600, allow_inf_nan=False)]] = Field(
        default=[], max_length=5, description="Seconds of silence after which the persona asks, one time after another."
    )
    goodbye_s: Annotated[float, Field(ge=1, le=600, allow_inf_nan=False)] | None = Field(
        default=None, description="Seconds of silence after the last of them, after which it says goodbye and hangs up."
    )

    def plan(self, usual: SilencePlan) -> SilencePlan:
        """Make the silence plan; the service's own goodbye stays if the client gives none."""
        goodbye = Prompt(self.goodbye_s, NOBODY_THERE) if self.goodbye_s is not None else usual.goodbye
        return SilencePlan(tuple(Prompt(seconds) for seconds in self.prompts_s), goodbye)


class ChatVoice(_Message):
    """Opens the call, or resumes it. The first message of a connection, and the only one of its type."""

    type: Literal["chat_voice"]
    chat_id: str = Field(min_length=1, max_length=200, description="The chat to speak in.")
    token: str | None = Field(default=None, description="The Bearer token, where the handshake carried none.")
    input: Input | None = Field(default=None, description="The format of the audio that you send.")
    output: Output | None = Field(default=None, description="The format of the audio that you want.")
    turns: Literal["auto", "manual"] = Field(
        default="auto", description="Who ends a turn: the service at a silence (`auto`), or you by `commit` (`manual`)."
    )
    greet: bool = Field(default=False, description="The persona speaks first.")
    resume: str | None = Field(default=None, description="The `resume` of the call to go on with.")
    draft_id: str | None = Field(
        default=None, min_length=1, max_length=200, description="A draft that the chat takes on first."
    )
    create_response: bool = Field(
        default=True, description="Whether each turn is answered; `false`: only when you send `reply`."
    )
    text_only: bool = Field(default=False, description="Replies come in writing alone, without audio.")
    silence: Silence | None = Field(default=None, description="What happens while nobody says a word.")
    longest_s: Annotated[float, Field(ge=5, le=86_400, allow_inf_nan=False)] | None = Field(
        default=None, description="Seconds that the call may last; the persona warns before, and says goodbye."
    )
    transfers: list[Annotated[str, Field(min_length=1, max_length=100)]] = Field(
        default=[], max_length=16, description="Whom you can hand the call to when the persona asks for it."
    )

    def chosen(self, settings: SessionSettings) -> SessionSettings:
        """Return the call's settings with the client's choices, none of which costs the operator more."""
        limit = settings.time_limit
        if self.longest_s is not None and (limit is None or self.longest_s < limit.longest_s):
            limit = replace(limit or TimeLimit(self.longest_s), longest_s=self.longest_s)
        unasked = self.silence or (None if self.create_response else Silence())
        return replace(
            settings,
            rules=replace(settings.rules, on_request=not self.create_response),
            text_only=self.text_only,
            silence=settings.silence if unasked is None else unasked.plan(settings.silence),
            time_limit=limit,
            transfers=tuple(self.transfers),
        )


class ChatSpeak(_Message):
    """Audio from a client that can only send JSON: the same as a binary message."""

    type: Literal["chat_speak"]
    audio: str = Field(description="Audio in the input format as base64, standard alphabet, any length.")


class Commit(_Message):
    """Ends the utterance, and with it the turn. Meant for manual turns."""

    type: Literal["commit"]


class ChatMessage(_Message):
    """A typed message in place of speech: it takes the turn, and the persona answers it aloud."""

    type: Literal["chat_message"]
    text: str = Field(
        min_length=1, max_length=20_000, pattern=r"\S", description="What the learner wrote; more than blanks."
    )
    message_id: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9_-]{1,100}$",
        description="An id that no other message has, such as a UUID. With it a message whose `user.message` did not "
        "come can be sent again after resuming: it is taken once.",
    )


class ReplyNow(_Message):
    """Requests an answer to what was said so far; during a turn, at its end. For calls without `create_response`."""

    type: Literal["reply"]


class Transferred(_Message):
    """Reports the outcome of the persona's `transfer`."""

    type: Literal["transferred"]
    done: bool = Field(description="`true` ends the call here; `false`: nobody answered, and the persona says so.")


class Stop(_Message):
    """Stops the persona; the call goes on."""

    type: Literal["stop"]


class Mute(_Message):
    """Announces that no audio will be sent, or that it will again. Muting ends an open utterance."""

    type: Literal["mute"]
    muted: bool = Field(description="Whether the microphone is off.")


class Played(_Message):
    """Reports the position of playback in a reply. See "Pacing" for why to send it about every 100 ms."""

    type: Literal["played"]
    turn: int = Field(ge=0, le=2**31, description="Whose reply: the `turn` of its `reply.audio`.")
    ms: Annotated[float, Field(ge=0, le=86_400_000, allow_inf_nan=False)] = Field(
        description="Milliseconds of the reply's audio that have been played."
    )


class EchoHeard(_Message):
    """Reports how loud the persona's voice is in the microphone, behind the client's own echo canceller.

    From -30 dB on, and until it is below -36 dB, noise over a reply no longer interrupts it, since it may be the reply
    itself; words that are not the persona's own do. Send it after a check at the opening, and when it has changed.
    """

    type: Literal["echo"]
    delay_ms: Annotated[int, Field(ge=0, le=2000)] | None = Field(
        default=None, description="From the loudspeaker's signal to the microphone's; left out if no echo was heard."
    )
    residual_db: Annotated[float, Field(ge=-120, le=40, allow_inf_nan=False)] = Field(
        description="The echo's level relative to what was played; without an echo, what it is below."
    )


class Dtmf(_Message):
    """A telephone key. Keys within two seconds of each other are one typed message; `#` ends it at once."""

    type: Literal["dtmf"]
    digit: str = Field(pattern=r"^[0-9A-D*#]$", description="The key.")


class Ping(_Message):
    """Requests a `pong`, and keeps the call from being idle."""

    type: Literal["ping"]


class ChatSilence(_Message):
    """Hangs up: the open utterance is finished, then the call ends and the connection closes."""

    type: Literal["chat_silence"]


ClientMessage = (
    ChatVoice
    | ChatSpeak
    | Commit
    | ChatMessage
    | ReplyNow
    | Stop
    | Mute
    | Played
    | EchoHeard
    | Dtmf
    | Transferred
    | Ping
    | ChatSilence
)

_TYPES = (
    "chat_voice chat_speak commit chat_message reply stop mute played echo dtmf transferred ping chat_silence".split()
)
_PARSER: TypeAdapter[ClientMessage] = TypeAdapter(Annotated[ClientMessage, Field(discriminator="type")])


def parse(text: str) -> ClientMessage:
    """Read one text message.

    Raises:
        ProtocolError: it is not JSON, not an object, of unknown type, or has an invalid field.
    """
    try:
        return _PARSER.validate_json(text)
    except ValidationError as error:
        raise _explained(error) from None


def audio_of(message: ChatSpeak) -> bytes:
    """Decode the audio of a `chat_speak`.

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
    """Render an event as a JSON message, of audio only its announcement; empty if the protocol has no such message."""
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
        case ReplyEnded(turn, message_id, text, heard, interrupted, truncated):
            return {
                "type": "reply.ended",
                "turn": turn,
                "message_id": message_id,
                "text": text,
                "heard": heard,
                "interrupted": interrupted,
                "truncated": truncated,
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
        case TransferAsked(turn, target):
            return {"type": "transfer", "turn": turn, "target": target}
        case ToolsCalled() | NothingSaid() | ReplyStalled():
            return {}
        case Restarting(resume, after_ms):
            return {"type": "restarting", "resume": resume, "after_ms": after_ms}
        case CallEnded(chat_id, stopped, duration_ms, turns, reason):
            return {
                "type": "chat_silence",
                "chat_id": chat_id,
                "stopped": stopped,
                "duration_ms": duration_ms,
                "turns": turns,
                "reason": reason,
            }
        case _ as never:
            assert_never(never)
