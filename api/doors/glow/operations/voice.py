"""chat_voice, chat_speak, chat_silence and chat_mute: the voice session of a chat, by request."""

import base64
import binascii
from contextlib import suppress

from pydantic import BaseModel, ConfigDict, Field

from api.doors.glow.operations.shapes import EXAMPLE_CHAT, Body, ChatId, OptionalChatId, Reply
from api.doors.glow.operations.shapes_chats import Accepted, MuteBody
from api.service import Service
from models.errors import Invalid, NotFound, TooLarge
from models.records.core import User
from pipeline.call.attendance import open_unattended
from pipeline.call.call import Call
from pipeline.call.commands import HangUp, Mute, obey
from pipeline.chats.events import ChatChannel
from pipeline.errors import NotOwner
from voice.audio.formats import AudioFormat, Encoding
from voice.errors import VoiceError

FRAME_LIMIT = 1_000_000
"""Bytes of audio in one `chat_speak`."""

STAGED_LIMIT = 16_000_000
"""Bytes of audio that may wait to be heard in one session."""

HTTP_WIRE = AudioFormat("pcm16", 24_000, 1)
"""What `chat_speak` carries unless `chat_voice` says otherwise: the Glow clients' capture format."""


class VoiceInput(BaseModel):
    """The format of the learner's audio."""

    encoding: Encoding = "pcm16"
    rate: int = Field(default=16_000, ge=1, le=1_000_000)
    channels: int = Field(default=1, ge=1, le=64)


class ChatVoiceBody(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"chat_id": EXAMPLE_CHAT}]})

    chat_id: ChatId
    input: VoiceInput | None = None


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


class Silenced(Reply):
    chat_id: str
    stopped: bool


async def chat_voice(service: Service, user: User, body: ChatVoiceBody) -> ChatVoiceReply:
    """Open a voice session; one that is open on this chat already is the answer."""
    try:
        call = service.calls.find(user.id, chat_id=body.chat_id)
        if call is None:
            await service.practice.own.open(user.id, body.chat_id)
            chosen = body.input
            wire = AudioFormat(chosen.encoding, chosen.rate, chosen.channels) if chosen else HTTP_WIRE
            settings = service.session_settings(output_rate_hz=24_000)
            call = await open_unattended(service.calls, user.id, body.chat_id, wire, settings)
    except (NotFound, NotOwner):  # whether somebody else's chat exists is not told
        raise Invalid(f"Attempt chat {body.chat_id} not found") from None
    session = call.session
    channel = ChatChannel(service.hub, body.chat_id, user.id)
    channel.publish("attempt_audio_ready", {"success": True})
    ready = {"success": True, "message": "", "conversation_id": session.conversation_id}
    channel.publish_to_owner("attempt.chat.voice_ready", ready, operation="chat_voice", group_id=session.group_id)
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
    await hear(service, user, audio, chat_id=body.chat_id, conversation_id=body.conversation_id)
    return Accepted(accepted=True)


async def hear(
    service: Service, user: User, audio: bytes, *, chat_id: str | None = None, conversation_id: str | None = None
) -> None:
    """Take audio into an open session.

    Raises:
        TooLarge: more than one frame may hold.
        Busy: so much waits to be heard that no more is taken for now.
        NotFound: no session is open.
        NotOwner: it is somebody else's.
    """
    if len(audio) > FRAME_LIMIT:
        raise TooLarge(f"Send at most {FRAME_LIMIT} bytes of audio in one request.")
    call = service.calls.find(user.id, chat_id=chat_id, conversation_id=conversation_id)
    if call is None:
        raise NotFound("No active audio session")
    await call.hear(audio, waiting_limit=STAGED_LIMIT)


async def chat_silence(service: Service, user: User, body: ChatSilenceBody) -> Silenced:
    """Finish the open utterance and end the voice session."""
    call: Call | None = service.calls.find(user.id, chat_id=body.chat_id)
    if call is None:
        return Silenced(chat_id=body.chat_id, stopped=False)
    with suppress(VoiceError):  # a recording cut short ends here all the same; what could be decoded was heard
        await obey(call, HangUp())
    await call.session.finished()
    return Silenced(chat_id=body.chat_id, stopped=True)


async def chat_mute(service: Service, user: User, body: MuteBody) -> Accepted:
    """Say that no audio will come, or that it will again; muting ends an open utterance."""
    call = service.calls.find(user.id, chat_id=body.chat_id)
    if call is None:
        raise NotFound("No active audio session")
    await obey(call, Mute(body.muted))
    return Accepted(accepted=True)
