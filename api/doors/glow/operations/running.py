"""Replies by request: attempt/message, attempt/generate and attempt/stop."""

from contextlib import suppress

from api.doors.glow.operations.coaching import chat_hints
from api.doors.glow.operations.common import required
from api.doors.glow.operations.messages import answer_of, send, spoken_text
from api.doors.glow.operations.performing import REFUSALS
from api.doors.glow.operations.shapes_attempts import (
    AttemptMessageBody,
    AttemptMessageReply,
    GenerateBody,
    GenerateReply,
    ProducedMedia,
    StopBody,
    StopReply,
)
from api.doors.glow.operations.shapes_chats import ChatMessageBody
from api.doors.glow.operations.shapes_coaching import ChatHintsBody, NewHint
from api.service import Service, new_id
from models.errors import Invalid
from models.records.core import User
from pipeline.chats.chats import Sent
from pipeline.chats.events import ChatRoom, RunName
from pipeline.errors import Busy, ResponderFailed

_HINTS = frozenset({"chat_hints", "hints"})


async def message(service: Service, user: User, body: AttemptMessageBody) -> AttemptMessageReply:
    """Send a message in an attempt's chat; the persona answers, unless the client brings the answer.

    Hints for what to say next follow the answer by themselves.
    """
    chat_id = required(body.chat_id, "chat_id is required")
    chat = await service.practice.own.find(user.id, chat_id, body.attempt_id)
    generate = body.generate and body.assistant_content is None
    sent = await send(
        service,
        user,
        ChatMessageBody(
            chat_id=chat.id,
            text=body.message,
            persona_id=body.persona_id,
            parent_message_id=body.parent_message_id,
            audios_id=body.audios_id,
            generate=generate,
        ),
    )
    reply = AttemptMessageReply(
        chat_id=chat.id,
        user_message_id=sent.message_id,
        run_id=sent.run_id,
        group_id=sent.group_id,
    )
    if body.assistant_content is not None:
        await _take_answer(service, user, body.assistant_content, reply)
    elif body.wait_for_complete and (answer := await answer_of(sent)) is not None:
        reply.assistant_message_id, reply.assistant_content = answer.id, answer.text
    hints: list[NewHint] | None = None
    if body.hints:
        about = reply.assistant_message_id or reply.user_message_id
        hints = [NewHint(hint=hint, message_id=about) for hint in body.hints]
    if hints or (body.wait_for_complete and reply.assistant_message_id is not None):
        reply.hints = (await chat_hints(service, user, ChatHintsBody(chat_id=chat.id, hints=hints))).hints
    elif generate and not body.wait_for_complete:
        with suppress(Busy):  # then there are no hints; the answer comes all the same
            service.background.start(f"hints {sent.message_id}", _hint(service, user, chat.id, sent))
    return reply


async def _hint(service: Service, user: User, chat_id: str, sent: Sent) -> None:
    """Once the message is answered: hints for what to say next."""
    try:
        answer = await answer_of(sent)
        if answer is not None and not answer.interrupted:
            await chat_hints(service, user, ChatHintsBody(chat_id=chat_id))
    except ResponderFailed:
        pass  # there is no answer, which is told already
    except REFUSALS as error:
        room = ChatRoom(service.rooms, chat_id, user.id, service.asker)
        room.tell_asker("attempt_error", {"type": "hint", "message": str(error)})


async def _take_answer(service: Service, user: User, text: str, reply: AttemptMessageReply) -> None:
    """Keep an answer that the client made itself."""
    context = await service.store.context(reply.chat_id)
    persona_id = context.personas[0].id if context.personas else None
    stored = await service.store.add_message(
        reply.chat_id, "assistant", text, origin="typed", parent_id=reply.user_message_id, persona_id=persona_id
    )
    run, at = RunName(new_id(), new_id()), stored.created_at.isoformat()
    room = ChatRoom(service.rooms, reply.chat_id, user.id)
    room.reply_began(run, stored.id, persona_id, at)
    room.reply_ended(run, stored.id, text, persona_id, at)
    reply.assistant_message_id, reply.assistant_content = stored.id, stored.text


async def generate(service: Service, user: User, body: GenerateBody) -> GenerateReply:
    """Have something generated: the persona's reply, hints, or the text of a recording.

    Where the chat's last message is being answered already, that run is the answer.
    """
    params, config = body.config.params, body.config
    group_id = config.group_id or new_id()
    if body.audios_id is not None:
        text = await spoken_text(service, user, body.audios_id, "")
        run = RunName(new_id(), group_id)
        if params.chat_id is not None:
            await service.practice.own.find(user.id, params.chat_id, params.attempt_id)
            told = {"event_type": "text_complete", "run_id": run.run_id, "group_id": group_id, "text": text}
            room = ChatRoom(service.rooms, params.chat_id, user.id)
            room.tell_profile("attempt.generate.text.complete", told, run_id=run.run_id, group_id=group_id)
        media = ProducedMedia(type="text", id=body.audios_id, text=text)
        return GenerateReply(group_id=group_id, run_id=run.run_id, produced_media=[media])
    if params.chat_id is None and body.conversation_id is not None:
        call = service.calls.find(user.id, conversation_id=body.conversation_id)
        if call is not None:  # an open call answers by itself
            session = call.session
            return GenerateReply(group_id=session.group_id, run_id=session.conversation_id)
    chat_id = params.chat_id or await _current_chat(service, user, params.attempt_id)
    chat = await service.practice.own.open(user.id, chat_id, params.attempt_id)
    if config.operations and _HINTS.issuperset(config.operations):
        hints = (await chat_hints(service, user, ChatHintsBody(chat_id=chat.id))).hints
        produced = [ProducedMedia(type="hint", id=hint.id, text=hint.hint) for hint in hints]
        return GenerateReply(group_id=group_id, run_id=new_id(), produced_media=produced)
    call = service.calls.find(user.id, chat_id=chat.id)
    if call is not None:
        return GenerateReply(group_id=call.session.group_id, run_id=call.session.conversation_id)
    begun = await service.chats.answer(user.id, chat.id, group_id=config.group_id, asker=service.asker)
    reply = GenerateReply(group_id=begun.name.group_id, run_id=begun.name.run_id)
    if body.wait_for_complete:
        answer = await answer_of(Sent("", begun.name.run_id, begun.name.group_id, begun.task))
        if answer is not None:
            reply.produced_media = [ProducedMedia(type="text", id=answer.id, text=answer.text)]
    return reply


async def _current_chat(service: Service, user: User, attempt_id: str | None) -> str:
    attempt = await service.store.attempt(user.id, required(attempt_id, "chat_id is required"))
    for chat in attempt.chats:
        if chat.completed_at is None:
            return chat.id
    raise Invalid("Every chat of this attempt is complete: start another one.")


async def stop(service: Service, user: User, body: StopBody) -> StopReply:
    """Stop what is being said or written, in a chat or in the group of a run; what there is of it is kept."""
    if body.chat_id is None and body.group_id is None:
        raise Invalid("Either chat_id or group_id is required.")
    stopped = await service.chats.stop(user.id, chat_id=body.chat_id, group_id=body.group_id)
    return StopReply(chat_id=body.chat_id, success=True, message=None if stopped else "Nothing was being generated.")
