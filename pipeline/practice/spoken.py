"""Calls on a learner's chats: who may open one, and audio input by request."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from models.errors import Conflict, Invalid, NotFound, TooLarge
from models.records.core import Grant
from pipeline.call.attendance import admit, open_unattended
from pipeline.call.call import Call
from pipeline.call.commands import HangUp, Mute, obey
from pipeline.call.registry import Calls
from pipeline.call.settings import SessionSettings
from pipeline.chats.events import ChatChannel
from pipeline.chats.hub import Hub
from pipeline.conversation.conversation import SaidLine
from pipeline.errors import NotOwner, SessionConflict
from pipeline.practice.answer_sound import AnswerSound
from pipeline.practice.attempts import Attempts
from pipeline.practice.configuring import Configurations
from pipeline.practice.own_chats import OwnChats
from voice.audio.formats import AudioFormat
from voice.errors import VoiceError

FRAME_LIMIT = 1_000_000
"""Most bytes of audio in one frame or request."""

STAGED_LIMIT = 16_000_000
"""Most bytes of audio by request that may wait to be heard in one call."""

ANSWER_S = 90.0
"""Longest that the end of a call waits for the persona's last answer."""

NO_SESSION = "No active audio session"


@dataclass(frozen=True, slots=True)
class EndedCall:
    """The end of a call.

    Attributes:
        stopped: whether one was open.
        said: what the learner said last in it, if anything.
        answer: what the persona answered, as far as it was heard.
        sound: how it sounded, where the learner spoke by request.
    """

    stopped: bool
    said: SaidLine | None = None
    answer: SaidLine | None = None
    sound: AnswerSound | None = None


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks for a call by request, so that one of an earlier process can go on.

    Attributes:
        user_id: the call's owner.
        grant: by what.
        settings: makes the settings of a new call.
    """

    user_id: str
    grant: Grant
    settings: Callable[[], SessionSettings]


class SpokenChats:
    """Opens, feeds and ends the calls of a user's chats.

    Args:
        calls: the registry of open calls.
        own, attempts: find chats; start attempts.
        configurations: has chats take on drafts.
        hub: takes the chats' events.
    """

    def __init__(
        self, calls: Calls, own: OwnChats, attempts: Attempts, configurations: Configurations, hub: Hub
    ) -> None:
        self._calls = calls
        self._own = own
        self._attempts = attempts
        self._configurations = configurations
        self._hub = hub
        self._adopting = asyncio.Lock()
        self._sounds: WeakKeyDictionary[Call, AnswerSound] = WeakKeyDictionary()

    async def begin_attempt(
        self, user_id: str, *, home_id: str | None = None, practice_id: str | None = None, position: int = 0
    ) -> str:
        """Start an attempt by voice.

        Returns:
            The id of its chat at this position.

        Raises:
            Busy: no further call can be opened; no attempt is started either.
            Invalid, NotFound: as `Attempts.start`; there is no chat at this position.
        """
        self._calls.check_vacancy(user_id)  # otherwise each retry would leave an empty attempt
        attempt = await self._attempts.start(user_id, home_id=home_id, practice_id=practice_id)
        if not 0 <= position < len(attempt.chats):
            raise NotFound(f"The practice has {len(attempt.chats)} chats; choose one of them.")
        return attempt.chats[position].id

    async def admit(
        self,
        user_id: str,
        chat_id: str,
        wire: AudioFormat | None,
        settings: SessionSettings,
        *,
        resume: str | None = None,
        persona_id: str | None = None,
        draft_id: str | None = None,
    ) -> tuple[Call, bool]:
        """Find or open the call that a line attends; a chat's time starts with its first call.

        Args:
            draft_id: a draft that the chat takes on first.

        Returns:
            The call, and whether it was open before.

        Raises:
            SessionConflict: the chat has ended, or its time is up, which ends it; or its call is attended.
            Invalid: the draft is another chat's.
            NotFound, NotOwner, Busy, UnsupportedFormat: as `pipeline.call.attendance.admit`.
        """
        if resume is None and self._calls.find(user_id, chat_id=chat_id) is None:
            with suppress(NotFound):  # a chat of another source; the registry knows those
                try:
                    await self._own.open(user_id, chat_id)
                except Conflict as error:
                    raise SessionConflict(str(error)) from None
        if draft_id is not None:
            await self._take_on(user_id, chat_id, draft_id)
        return await admit(self._calls, user_id, chat_id, wire, settings, resume=resume, persona_id=persona_id)

    async def _take_on(self, user_id: str, chat_id: str, draft_id: str) -> None:
        """Have a chat take on a draft.

        Raises:
            NotFound: unknown draft, or one for a chat of another source, which has none.
            Invalid: the draft is another chat's.
            SessionConflict: the chat has ended.
        """
        try:
            await self._configurations.apply(await self._own.open(user_id, chat_id), draft_id)
        except Conflict as error:
            raise SessionConflict(str(error)) from None

    async def find(
        self, asking: Asking, *, chat_id: str | None = None, conversation_id: str | None = None
    ) -> Call | None:
        """Find the open call on a chat, or of that conversation id; one of an earlier process goes on in this one.

        Requests name a call by what does not change over a restart, and bring their user's token: they need no other.

        Raises:
            NotOwner: it is another user's.
            Busy: it goes on as soon as fewer calls are open.
        """
        user_id = asking.user_id
        if (call := self._calls.find(user_id, chat_id=chat_id, conversation_id=conversation_id)) is not None:
            return call
        async with self._adopting:  # several requests may come at once
            if (call := self._calls.find(user_id, chat_id=chat_id, conversation_id=conversation_id)) is not None:
                return call
            kept = await self._calls.left(user_id, chat_id=chat_id, conversation_id=conversation_id)
            if kept is None:
                return None
            call = await self._calls.adopt(kept, None, None, asking.settings())
            call.grant = asking.grant
            return call

    async def open(
        self,
        asking: Asking,
        chat_id: str,
        wire: AudioFormat,
        persona_id: str | None = None,
        draft_id: str | None = None,
    ) -> Call:
        """Open a call with audio input by request, or return the one that is open on the chat already.

        Args:
            persona_id: the persona that answers; None for the chat's first.
            draft_id: a draft that the chat takes on first.

        Raises:
            Invalid: no such chat, or another user's; or the draft is another chat's.
            NotFound: unknown draft.
            Conflict: it has ended, or its time is up (which ends it).
            SessionConflict, Busy, UnsupportedFormat: as `Calls.open`.
        """
        user_id = asking.user_id
        try:
            call = await self.find(asking, chat_id=chat_id)
            if call is None:
                await self._own.open(user_id, chat_id)
        except (NotFound, NotOwner):  # never reveals whether somebody else's chat exists
            raise Invalid(f"Attempt chat {chat_id} not found") from None
        if draft_id is not None:
            await self._take_on(user_id, chat_id, draft_id)
        try:
            if call is None:
                call = await open_unattended(self._calls, user_id, chat_id, wire, asking.settings(), persona_id)
        except (NotFound, NotOwner):  # never reveals whether somebody else's chat exists
            raise Invalid(f"Attempt chat {chat_id} not found") from None
        session, channel = call.session, ChatChannel(self._hub, chat_id, user_id)
        channel.publish("attempt_audio_ready", {"success": True})
        ready = {"success": True, "message": "", "conversation_id": session.conversation_id}
        channel.publish_to_owner("attempt.chat.voice_ready", ready, operation="chat_voice", group_id=session.group_id)
        return call

    async def hear(
        self, asking: Asking, audio: bytes, *, chat_id: str | None = None, conversation_id: str | None = None
    ) -> None:
        """Feed audio to an open call, in its input format.

        Raises:
            TooLarge: more than FRAME_LIMIT bytes.
            Busy: STAGED_LIMIT bytes wait to be heard; retry later.
            NotFound: no call is open.
            NotOwner: it is another user's.
        """
        if len(audio) > FRAME_LIMIT:
            raise TooLarge(f"Send at most {FRAME_LIMIT} bytes of audio in one request.")
        call = await self.find(asking, chat_id=chat_id, conversation_id=conversation_id)
        if call is None:
            raise NotFound(NO_SESSION)
        if call not in self._sounds and not call.attended:
            self._sounds[call] = sound = AnswerSound(call.session.settings.output_rate_hz)
            call.session.subscribe(sound.hear)
        await call.hear(audio, waiting_limit=STAGED_LIMIT)

    async def end(self, asking: Asking, chat_id: str, *, answered: bool = False) -> EndedCall:
        """Finish the open utterance and end the call.

        Args:
            answered: have what was said answered before, which takes at most ANSWER_S.

        Raises:
            NotOwner: it is another user's.
        """
        call = await self.find(asking, chat_id=chat_id)
        if call is None:
            return EndedCall(stopped=False)
        if answered:
            with suppress(VoiceError):
                await call.hear_rest()
            call.session.mute(True)
            await self._calls.hear_out(call, ANSWER_S)
        with suppress(VoiceError):  # a truncated recording ends as well; what could be decoded was heard
            await obey(call, HangUp())
        await call.session.finished()
        said, answer = call.session.conversation.last_exchange
        return EndedCall(True, said, answer, self._sounds.get(call) if answer is not None else None)

    async def mute(self, asking: Asking, chat_id: str, muted: bool) -> None:
        """Mute or unmute the call's input; muting ends an open utterance.

        Raises:
            NotFound: no call is open.
            NotOwner: it is another user's.
        """
        call = await self.find(asking, chat_id=chat_id)
        if call is None:
            raise NotFound(NO_SESSION)
        await obey(call, Mute(muted))
