"""chat_voice, chat_speak, chat_silence and chat_mute: the voice session of a chat, with audio by request."""

import base64
import binascii
from functools import partial

from pydantic import BaseModel, ConfigDict, Field

from api.doors.glow.operations.shapes import EXAMPLE_CHAT, Body, ChatId, OptionalChatId, Reply
from api.doors.glow.operations.shapes_chats import Accepted, MuteBody
from api.service import Service
from models.errors import Invalid
from models.records.core import Grant, User
from pipeline.practice.spoken import Asking
from voice.audio.formats import AudioFormat, Encoding, wav_bytes

HTTP_WIRE = AudioFormat("pcm16", 24_000, 1)
"""The default format of `chat_speak`: the Glow clients' capture format."""


class VoiceInput(BaseModel):
    """The format of the learner's audio."""

    encoding: Encoding = "pcm16"
    rate: int = Field(default=16_000, ge=1, le=1_000_000)
    channels: int = Field(default=1, ge=1, le=64)


class ChatVoiceBody(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"chat_id": EXAMPLE_CHAT}]})

    chat_id: ChatId
    input: VoiceInput | None = None
    draft_id: str | None = Field(default=None, max_length=200, description="A draft that the chat takes on first.")


class ChatVoiceReply(Reply):
    chat_id: str
    attempt_id: str
    conversation_id: str
    group_id: str
    run_id: str


class ChatSpeakBody(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"chat_id": EXAMPLE_CHAT, "audio": "AAAAAA=="}]})

    conversation_id: str | None = Field(default=None, max_length=200)
    chat_id: OptionalChatId = None
    audio: str | None = Field(default=None, description="Audio in the session's input format, as base64.")


class ChatSilenceBody(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"chat_id": EXAMPLE_CHAT}]})

    chat_id: ChatId
    wait_for_complete: bool = Field(default=False, description="Let the persona answer first, and reply with it.")
    with_audio: bool = Field(
        default=False, description="Reply with the sound of the answer, too, where the audio came by request."
    )


class Silenced(Reply):
    """The end of a voice session, with what was said last in it."""

    chat_id: str
    stopped: bool
    message_id: str | None = None
    transcript: str | None = None
    assistant_message_id: str | None = None
    assistant_content: str | None = None
    assistant_audio: str | None = Field(default=None, description="The sound of the answer, a WAV file as base64.")


def asking_of(service: Service, user: User) -> Asking:
    """Say who asks, and with which settings a call of theirs goes on or is opened."""
    settings = partial(service.session_settings, output_rate_hz=24_000)
    return Asking(user.id, service.grant or Grant(user), settings)


async def chat_voice(service: Service, user: User, body: ChatVoiceBody) -> ChatVoiceReply:
    """Open a voice session, or return the one that is open on the chat already."""
    chosen = body.input
    wire = AudioFormat(chosen.encoding, chosen.rate, chosen.channels) if chosen else HTTP_WIRE
    asking = asking_of(service, user)
    async with service.access.opening(asking.grant, body.chat_id) as persona_id:
        call = await service.practice.spoken.open(asking, body.chat_id, wire, persona_id, body.draft_id or None)
    if not call.attended:
        call.grant = asking.grant
    session = call.session
    return ChatVoiceReply(
        chat_id=body.chat_id,
        attempt_id=session.conversation.attempt_id,
        conversation_id=session.conversation_id,
        group_id=session.group_id,
        run_id=session.conversation_id,
    )


async def chat_speak(service: Service, user: User, body: ChatSpeakBody) -> Accepted:
    """Feed audio to an open voice session."""
    if not body.audio:
        raise Invalid("audio is required")
    try:
        audio = base64.b64decode(body.audio, validate=True)
    except (binascii.Error, ValueError):
        raise Invalid("Invalid base64 audio data") from None
    await service.practice.spoken.hear(
        asking_of(service, user), audio, chat_id=body.chat_id, conversation_id=body.conversation_id
    )
    return Accepted(accepted=True)


async def chat_silence(service: Service, user: User, body: ChatSilenceBody) -> Silenced:
    """Finish the open utterance and end the voice session."""
    ended = await service.practice.spoken.end(asking_of(service, user), body.chat_id, answered=body.wait_for_complete)
    reply = Silenced(chat_id=body.chat_id, stopped=ended.stopped)
    if ended.said is not None:
        reply.message_id, reply.transcript = ended.said.id, ended.said.text
    if ended.answer is not None:
        reply.assistant_message_id, reply.assistant_content = ended.answer.id, ended.answer.text
    if body.with_audio and ended.sound is not None and len(samples := ended.sound.samples):
        reply.assistant_audio = base64.b64encode(wav_bytes(samples, ended.sound.rate_hz)).decode()
    return reply


async def chat_mute(service: Service, user: User, body: MuteBody) -> Accepted:
    """Mute or unmute the learner; muting ends an open utterance."""
    await service.practice.spoken.mute(asking_of(service, user), body.chat_id, body.muted)
    return Accepted(accepted=True)
