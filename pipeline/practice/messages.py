"""A learner's messages: typed or recorded, stored, and answered by the persona."""

import asyncio
from dataclasses import dataclass

from models.errors import Invalid, NotFound
from models.files import Files
from models.records.core import Message
from models.store import Store
from pipeline.call.spoken_answer import NOT_STORED, Answer
from pipeline.chats.chats import Chats, Sent
from pipeline.errors import ResponderFailed
from pipeline.hearing.dictation import transcribe_recording
from pipeline.practice.coaching import MESSAGE_NOT_FOUND
from pipeline.practice.configuring import Configurations
from pipeline.practice.own_chats import OwnChats
from voice.stt.speech_to_text import SpeechToText


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A learner's message in a chat.

    Attributes:
        text: empty if a recording holds it.
        persona_id: the persona that is to answer; None for the chat's first.
        parent_id: the message that it answers.
        auto_link_parent: without a parent it answers the chat's last message.
        audio_id: a recording of it.
        generate: whether the persona answers.
        draft_id: a draft that the chat takes on first.
    """

    chat_id: str
    text: str = ""
    persona_id: str | None = None
    parent_id: str | None = None
    auto_link_parent: bool = True
    audio_id: str | None = None
    generate: bool = True
    draft_id: str | None = None


class Messages:
    """Stores messages and has them answered.

    Args:
        store: where messages and the records of recordings are kept.
        chats: answers.
        files: where recordings are.
        stt: transcribes them.
        own: finds the chats.
        configurations: applies drafts.
    """

    def __init__(
        self,
        store: Store,
        chats: Chats,
        files: Files,
        stt: SpeechToText,
        own: OwnChats,
        configurations: Configurations,
    ) -> None:
        self._store = store
        self._chats = chats
        self._files = files
        self._stt = stt
        self._own = own
        self._configurations = configurations

    async def send(self, user_id: str, message: NewMessage, *, asker: str = "") -> Sent:
        """Store a message and begin to answer it.

        Args:
            asker: the channel that gets a failure.

        Raises:
            Invalid: it has no words, or the draft is another chat's.
            NotFound: unknown chat, persona, draft or recording, or another user's.
            Conflict: the chat has ended, or its time is up.
            Busy: too many replies are being written.
            UnsupportedFormat, InvalidAudio, EngineBusy, EngineFailed: the recording cannot be transcribed.
        """
        text = message.text
        if not text.strip() and message.audio_id is None:
            raise Invalid("text or contents is required")
        chat = await self._own.open(user_id, message.chat_id)
        if message.draft_id is not None:
            await self._configurations.apply(chat, message.draft_id)
        if message.audio_id is not None:
            text = await self.spoken_text(user_id, message.audio_id, text)
        return await self._chats.message(
            user_id,
            message.chat_id,
            text,
            persona_id=message.persona_id,
            parent_id=message.parent_id,
            auto_link_parent=message.auto_link_parent,
            generate=message.generate,
            audio_ref=message.audio_id,
            asker=asker,
        )

    async def spoken_text(self, user_id: str, audio_id: str, typed: str = "") -> str:
        """Return the text of a message with a recording: the typed one, else the recording's transcript.

        Raises:
            NotFound: no such recording of this user's.
            Invalid: no words are heard in it.
            UnsupportedFormat, InvalidAudio, EngineBusy, EngineFailed: it cannot be transcribed.
        """
        audio = await self._store.audio(user_id, audio_id)
        if typed.strip():
            return typed
        data = await asyncio.to_thread(self._files.read, audio.id)
        heard = await transcribe_recording(self._stt, data, call=audio.id)
        if not heard.strip():
            raise Invalid("No words were heard in the recording: record it again, or type the message.")
        return heard

    async def attach(self, user_id: str, chat_id: str, audio_id: str, message_id: str | None = None) -> Message:
        """Attach a recording to a message: the given one, else the chat's last.

        Raises:
            NotFound: unknown chat, recording or message, or another user's.
            Invalid: no recording is named.
        """
        await self._own.find(user_id, chat_id)
        if not audio_id.strip():
            raise Invalid("audios_id is required")
        audio = await self._store.audio(user_id, audio_id)
        messages = await self._store.messages(chat_id)
        chosen = [item for item in messages if message_id is None or item.id == message_id]
        if not chosen:
            raise NotFound(MESSAGE_NOT_FOUND)
        return await self._store.update_message(chosen[-1].id, audio_ref=audio.id)


async def answer_of(sent: Sent) -> Message | Answer | None:
    """Return the persona's answer once it is written or spoken; None if there will be none.

    There is none if none was requested, or if it was stopped before its first word.

    Raises:
        ResponderFailed: there is none.
    """
    if sent.reply is None:
        return None
    # A cancelled request must not cancel the reply, nor a stopped reply the request.
    await asyncio.wait({sent.reply})
    if sent.reply.cancelled():
        return None
    error = sent.reply.exception()
    if error is not None and not isinstance(error, ResponderFailed):
        raise ResponderFailed(NOT_STORED) from error
    return sent.reply.result()
