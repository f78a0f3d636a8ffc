"""chat_message, chat_response and chat_audio."""

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
from models.records.core import User
from pipeline.practice.messages import NewMessage, answer_of
from pipeline.practice.questions import verdict


async def chat_message(service: Service, user: User, body: ChatMessageBody) -> ChatMessageReply:
    """Store the learner's message; the persona answers unless `generate` is false."""
    message = NewMessage(
        required(body.chat_id, "chat_id is required"),
        body.text or "",
        persona_id=body.persona_id,
        parent_id=body.parent_message_id,
        auto_link_parent=body.auto_link_parent,
        audio_id=body.audios_id,
        generate=body.generate,
        draft_id=body.draft_id,
    )
    sent = await service.practice.messages.send(user.id, message, asker=service.asker)
    reply = ChatMessageReply(
        message_id=sent.message_id, content_ids=[sent.message_id], run_id=sent.run_id, group_id=sent.group_id
    )
    if body.wait_for_complete and (answer := await answer_of(sent)) is not None:
        reply.assistant_message_id, reply.assistant_content = answer.id, answer.text
    return reply


async def chat_response(service: Service, user: User, body: ChatResponseBody) -> ChatResponseReply:
    """Answer a question of the chat: right when exactly the correct options are chosen."""
    given = await service.practice.questions.respond(user.id, body.chat_id, body.question_id, body.option_ids)
    return ChatResponseReply(message=verdict(given), is_correct=given.is_correct, response_id=given.id)


async def chat_audio(service: Service, user: User, body: ChatAudioBody) -> ChatAudioReply:
    """Attach a recording to a message: the given one, else the chat's last."""
    audio_id = body.audios_id or ""
    message = await service.practice.messages.attach(user.id, body.chat_id, audio_id, body.message_id)
    return ChatAudioReply(attempt_audio_id=audio_id, message_id=message.id)
