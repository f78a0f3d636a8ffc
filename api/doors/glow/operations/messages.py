"""chat_message, chat_response and chat_audio."""

import asyncio

from api.doors.glow.operations.common import required
from api.doors.glow.operations.shapes_chats import (
    ChatAudioBody,
    ChatAudioReply,
    ChatMessageBody,
    ChatMessageReply,
    ChatResponseBody,
    ChatResponseReply,
)
from api.service import Service
from models.errors import Invalid, NotFound
from models.records.core import Message, User
from pipeline.call.spoken_answer import NOT_STORED, Answer
from pipeline.chats.chats import Sent
from pipeline.chats.events import ChatRoom
from pipeline.errors import ResponderFailed
from pipeline.hearing.dictation import transcribe_recording


async def chat_message(service: Service, user: User, body: ChatMessageBody) -> ChatMessageReply:
    """Store the learner's message; the persona answers unless `generate` is false."""
    sent = await send(service, user, body)
    reply = ChatMessageReply(
        message_id=sent.message_id, content_ids=[sent.message_id], run_id=sent.run_id, group_id=sent.group_id
    )
    if body.wait_for_complete and (answer := await answer_of(sent)) is not None:
        reply.assistant_message_id, reply.assistant_content = answer.id, answer.text
    return reply


async def send(service: Service, user: User, body: ChatMessageBody) -> Sent:
    """Store a message, typed or recorded, and begin to answer it.

    Raises:
        Invalid: it has no words; and what `open_chat` and `spoken_text` refuse.
    """
    chat_id = required(body.chat_id, "chat_id is required")
    text = body.text or ""
    if not text.strip() and body.audios_id is None:
        raise Invalid("text or contents is required")
    await service.practice.own.open(user.id, chat_id)
    if body.audios_id is not None:
        text = await spoken_text(service, user, body.audios_id, text)
    return await service.chats.message(
        user.id,
        chat_id,
        text,
        persona_id=body.persona_id,
        parent_id=body.parent_message_id,
        auto_link_parent=body.auto_link_parent,
        generate=body.generate,
        audio_ref=body.audios_id,
        asker=service.asker,
    )


async def spoken_text(service: Service, user: User, audios_id: str, text: str) -> str:
    """The text of a message with a recording: what was typed, else what is said in it.

    Raises:
        NotFound: no such recording of this user's.
        Invalid: no words are heard in it.
    """
    audio = await service.store.audio(user.id, audios_id)
    if text.strip():
        return text
    data = await asyncio.to_thread(service.files.read, audio.id)
    heard = await transcribe_recording(service.engines.stt, data, call=audio.id)
    if not heard.strip():
        raise Invalid("No words were heard in the recording: record it again, or type the message.")
    return heard


async def answer_of(sent: Sent) -> Message | Answer | None:
    """The persona's answer once it is written or spoken; None where none was asked for or it was stopped at once.

    Raises:
        ResponderFailed: there is none.
    """
    if sent.reply is None:
        return None
    # Waiting must not cancel the reply with the request, nor the request with a stopped reply.
    await asyncio.wait({sent.reply})
    if sent.reply.cancelled():
        return None
    error = sent.reply.exception()
    if error is not None and not isinstance(error, ResponderFailed):
        raise ResponderFailed(NOT_STORED) from error
    return sent.reply.result()


async def chat_response(service: Service, user: User, body: ChatResponseBody) -> ChatResponseReply:
    """Answer a question of the chat: right when exactly the correct options are chosen."""
    try:
        chat = await service.store.chat(user.id, body.chat_id)
    except NotFound:
        raise Invalid("Attempt chat not found") from None
    context = await service.store.context(chat.id)
    scenario = context.scenario
    asked = chat.configuration.get("question_ids", scenario.resources.get("question", ()) if scenario else ())
    wanted = set(body.option_ids)
    options = await service.store.options_of([body.question_id]) if body.question_id in asked else []
    questions = await service.store.resources([body.question_id]) if options else []
    single = not questions or not questions[0].data.get("allow_multiple")
    if not wanted or not wanted <= {option.id for option in options} or (single and len(wanted) > 1):
        raise Invalid("Invalid question or option selection")
    correct = {option.id for option in options if option.data.get("is_correct")}
    is_correct = wanted == correct
    response = await service.store.add_response(chat.id, body.question_id, sorted(wanted), is_correct)
    message = "Correct." if is_correct else "Not quite: look at the question again."
    reply = ChatResponseReply(message=message, is_correct=is_correct, response_id=response.id)
    room = ChatRoom(service.rooms, chat.id, user.id)
    room.tell("attempt_response_result", reply.model_dump(exclude={"idempotency_key"}))
    return reply


async def chat_audio(service: Service, user: User, body: ChatAudioBody) -> ChatAudioReply:
    """Attach a recording to a message: the one that is named, else the chat's last."""
    await service.practice.own.find(user.id, body.chat_id)
    audio = await service.store.audio(user.id, required(body.audios_id, "audios_id is required"))
    messages = await service.store.messages(body.chat_id)
    chosen = [item for item in messages if body.message_id is None or item.id == body.message_id]
    if not chosen:
        raise NotFound("Message not found in this chat: use the id of one of its messages.")
    message = await service.store.update_message(chosen[-1].id, audio_ref=audio.id)
    return ChatAudioReply(attempt_audio_id=audio.id, message_id=message.id)
