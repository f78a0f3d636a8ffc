"""Calls on a learner's chats: who may open one, and audio that comes by request."""

from contextlib import suppress

from models.errors import Conflict, Invalid, NotFound, TooLarge
from pipeline.call.attendance import admit, open_unattended
from pipeline.call.call import Call
from pipeline.call.commands import HangUp, Mute, obey
from pipeline.call.registry import Calls
from pipeline.call.settings import SessionSettings
from pipeline.chats.events import ChatChannel
from pipeline.chats.hub import Hub
from pipeline.errors import NotOwner, SessionConflict
from pipeline.practice.attempts import Attempts
from pipeline.practice.own_chats import OwnChats
from voice.audio.formats import AudioFormat
from voice.errors import VoiceError

FRAME_LIMIT = 1_000_000
"""Bytes of audio in one frame or request."""

STAGED_LIMIT = 16_000_000
"""Bytes of audio by request that may wait to be heard in one call."""

NO_SESSION = "No active audio session"


class SpokenChats:
    """Opens, feeds and ends the calls of a user's chats.

    Args:
        calls: the open ones.
        own, attempts: which chats there are, and new ones.
        hub: where the chats' events are published.
    """

    def __init__(self, calls: Calls, own: OwnChats, attempts: Attempts, hub: Hub) -> None:
        self._calls = calls
        self._own = own
        self._attempts = attempts
        self._hub = hub

    async def begin_attempt(self, user_id: str, *, home_id: str | None = None, practice_id: str | None = None) -> str:
        """Begin an attempt that is spoken from its start on.

        Returns:
            The id of its first chat.

        Raises:
            Busy: no further call can be opened now; no attempt is begun then.
            Invalid, NotFound: as `Attempts.start`.
        """
        self._calls.check_vacancy(user_id)  # or a caller that has to retry leaves an empty attempt each time
        attempt = await self._attempts.start(user_id, home_id=home_id, practice_id=practice_id)
        return attempt.chats[0].id

    async def admit(
        self,
        user_id: str,
        chat_id: str,
        wire: AudioFormat,
        settings: SessionSettings,
        *,
        resume: str | None = None,
        persona_id: str | None = None,
    ) -> tuple[Call, bool]:
        """Find or open the call that a line attends; the time of a chat runs from its first call on.

        Returns:
            The call, and whether it was open before.

        Raises:
            SessionConflict: the chat has ended, or its time is up, which ends it; or its call is attended.
            NotFound, NotOwner, Busy, UnsupportedFormat: as `pipeline.call.attendance.admit`.
        """
        if resume is None and self._calls.find(user_id, chat_id=chat_id) is None:
            with suppress(NotFound):  # a chat of another source; the registry knows those
                try:
                    await self._own.open(user_id, chat_id)
                except Conflict as error:
                    raise SessionConflict(str(error)) from None
        return await admit(self._calls, user_id, chat_id, wire, settings, resume=resume, persona_id=persona_id)

    async def open(self, user_id: str, chat_id: str, wire: AudioFormat, settings: SessionSettings) -> Call:
        """Open a call whose audio comes by request; one that is open on this chat already is the answer.

        Raises:
            Invalid: no such chat, or another user's.
            Conflict: it has ended, or its time is up (which ends it).
            SessionConflict, Busy, UnsupportedFormat: as `Calls.open`.
        """
        try:
            call = self._calls.find(user_id, chat_id=chat_id)
            if call is None:
                await self._own.open(user_id, chat_id)
                call = await open_unattended(self._calls, user_id, chat_id, wire, settings)
        except (NotFound, NotOwner):  # never reveals whether somebody else's chat exists
            raise Invalid(f"Attempt chat {chat_id} not found") from None
        session, channel = call.session, ChatChannel(self._hub, chat_id, user_id)
        channel.publish("attempt_audio_ready", {"success": True})
        ready = {"success": True, "message": "", "conversation_id": session.conversation_id}
        channel.publish_to_owner("attempt.chat.voice_ready", ready, operation="chat_voice", group_id=session.group_id)
        return call

    async def hear(
        self, user_id: str, audio: bytes, *, chat_id: str | None = None, conversation_id: str | None = None
    ) -> None:
        """Take audio into an open call, in its input format.

        Raises:
            TooLarge: more than FRAME_LIMIT bytes.
            Busy: STAGED_LIMIT bytes wait to be heard; no more is taken for now.
            NotFound: no call is open.
            NotOwner: it is another user's.
        """
        if len(audio) > FRAME_LIMIT:
            raise TooLarge(f"Send at most {FRAME_LIMIT} bytes of audio in one request.")
        call = self._calls.find(user_id, chat_id=chat_id, conversation_id=conversation_id)
        if call is None:
            raise NotFound(NO_SESSION)
        await call.hear(audio, waiting_limit=STAGED_LIMIT)

    async def end(self, user_id: str, chat_id: str) -> bool:
        """Finish the open utterance and end the call.

        Returns:
            Whether one was open.

        Raises:
            NotOwner: it is another user's.
        """
        call = self._calls.find(user_id, chat_id=chat_id)
        if call is None:
            return False
        with suppress(VoiceError):  # a recording cut short ends here all the same; what could be decoded was heard
            await obey(call, HangUp())
        await call.session.finished()
        return True

    async def mute(self, user_id: str, chat_id: str, muted: bool) -> None:
        """Say that no audio will come, or that it will again; muting ends an open utterance.

        Raises:
            NotFound: no call is open.
            NotOwner: it is another user's.
        """
        call = self._calls.find(user_id, chat_id=chat_id)
        if call is None:
            raise NotFound(NO_SESSION)
        await obey(call, Mute(muted))
