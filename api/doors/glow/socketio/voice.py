"""Voice over a socket: open a session, speak into it, mute it, end it.

A socket can also attend an unattended session that another door has opened, but not one that another line attends.
"""

from pydantic import ConfigDict, Field

from api.doors.glow.operations.shapes import Body, ChatId
from api.doors.glow.operations.shapes_chats import MuteBody
from api.doors.glow.operations.voice import Silenced
from api.doors.glow.socketio.events import Asker, Payload
from pipeline.call.call import Call
from pipeline.call.commands import Mute, obey
from pipeline.chats.hub import chat_channel
from pipeline.errors import SessionConflict

NO_SESSION = "No active audio session"


class AudioBody(Body):
    """A chat, and the encoding in which the socket gets its audio."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"chat_id": "4f6a2a52-6d0e-4f43-9a55-0f2f4c1f9b11"}]})

    chat_id: ChatId
    encoding: str | None = Field(default=None, max_length=20, description='"base64" for audio as text.')


class AudioStartBody(AudioBody):
    """A chat to speak in."""

    draft_id: str | None = Field(default=None, max_length=200, description="A draft that the chat takes on first.")


async def start(asker: Asker, body: AudioStartBody) -> Payload:
    """Open a session, or attend the chat's unattended one."""
    connection, calls = asker.connection, asker.service.calls
    await asker.service.store.chat(asker.user.id, body.chat_id)
    asker.enter(chat_channel(body.chat_id))
    if _call(asker, body.chat_id) is None:
        await calls.unattended_elsewhere(asker.user.id, body.chat_id)  # it goes on here
    open_call = _call(asker, body.chat_id)
    if open_call is not None and open_call.attended and not (connection and connection.sits_in(open_call)):
        raise SessionConflict("Another connection speaks in this chat; end that session first.")
    reply = await asker.ask("attempt.chat_voice", {"chat_id": body.chat_id, "draft_id": body.draft_id})
    call = calls.find(asker.user.id, chat_id=body.chat_id)
    if connection is not None and call is None:
        raise SessionConflict("Another connection speaks in this chat; end that session first.")
    if connection is not None and call is not None:
        connection.as_base64 = connection.as_base64 if body.encoding is None else body.encoding == "base64"
        connection.sit_down(call)
    return reply


async def stop(asker: Asker, body: AudioBody) -> Payload:
    """Hear the audio received so far, then end the session; its end is sent to everybody in its room."""
    call = _call(asker, body.chat_id)
    if call is None and await _is_elsewhere(asker, body.chat_id):
        return await asker.ask("attempt.chat_silence", {"chat_id": body.chat_id})
    if call is None:
        asker.send("attempt_audio_ended", {"chat_id": body.chat_id, "success": False, "message": NO_SESSION})
        return Silenced(chat_id=body.chat_id, stopped=False).model_dump()
    if asker.connection is not None and asker.connection.sits_in(call):
        await asker.connection.heard(call)
        return Silenced(chat_id=body.chat_id, stopped=True).model_dump()
    return await asker.ask("attempt.chat_silence", {"chat_id": body.chat_id})


async def mute(asker: Asker, body: MuteBody) -> Payload:
    """Mute or unmute the microphone; muting ends an open utterance."""
    call = _call(asker, body.chat_id)
    if call is not None:
        await obey(call, Mute(body.muted))
    elif await _is_elsewhere(asker, body.chat_id):
        return await asker.ask("attempt.chat_mute", body)
    return {"accepted": call is not None}


async def _is_elsewhere(asker: Asker, chat_id: str) -> bool:
    """Return whether another process carries the call of a chat."""
    neighbours = asker.service.neighbours
    return neighbours is not None and await neighbours.carrier(chat_id=chat_id, conversation_id=None) is not None


def _call(asker: Asker, chat_id: str) -> Call | None:
    return asker.service.calls.find(asker.user.id, chat_id=chat_id)
