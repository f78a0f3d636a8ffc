"""Exchanges: attempt/message, attempt/generate and attempt/stop."""

from api.doors.glow.operations.common import required
from api.doors.glow.operations.message_data import hint_item
from api.doors.glow.operations.shapes_attempts import (
    AttemptMessageBody,
    AttemptMessageReply,
    GenerateBody,
    GenerateReply,
    ProducedMedia,
    StopBody,
    StopReply,
)
from api.service import Service
from models.records.core import User
from pipeline.practice.exchanges import Wanted
from pipeline.practice.messages import NewMessage


async def message(service: Service, user: User, body: AttemptMessageBody) -> AttemptMessageReply:
    """Send a message in an attempt's chat; the persona answers, unless the client provides the answer.

    Hints for what to say next follow the answer unrequested.
    """
    said = NewMessage(
        required(body.chat_id, "chat_id is required"),
        body.message or "",
        persona_id=body.persona_id,
        parent_id=body.parent_message_id,
        audio_id=body.audios_id,
        generate=body.generate,
    )
    done = await service.practice.exchanges.message(
        user.id,
        said,
        attempt_id=body.attempt_id,
        answer=body.assistant_content,
        hints=body.hints or (),
        wait=body.wait_for_complete,
        asker=service.asker,
    )
    return AttemptMessageReply(
        chat_id=said.chat_id,
        user_message_id=done.sent.message_id,
        assistant_message_id=done.answer.id if done.answer else None,
        assistant_content=done.answer.text if done.answer else None,
        hints=None if done.hints is None else [hint_item(note) for note in done.hints],
        run_id=done.sent.run_id,
        group_id=done.sent.group_id,
    )


async def generate(service: Service, user: User, body: GenerateBody) -> GenerateReply:
    """Generate the persona's reply, hints, or the text of a recording.

    If the chat's last message is being answered already, that run is returned.
    """
    config, params = body.config, body.config.params
    wanted = Wanted(
        config.operations, params.chat_id, params.attempt_id, body.conversation_id, config.group_id, body.audios_id
    )
    run = await service.practice.exchanges.generate(user.id, wanted, wait=body.wait_for_complete, asker=service.asker)
    return GenerateReply(
        group_id=run.name.group_id,
        run_id=run.name.run_id,
        produced_media=[ProducedMedia(type=part.kind, id=part.id, text=part.text) for part in run.produced],
    )


async def stop(service: Service, user: User, body: StopBody) -> StopReply:
    """Stop the spoken or written replies of a chat or of a run's group; what there is of them is stored."""
    stopped = await service.practice.exchanges.stop(user.id, chat_id=body.chat_id, group_id=body.group_id)
    return StopReply(chat_id=body.chat_id, success=True, message=None if stopped else "Nothing was being generated.")
