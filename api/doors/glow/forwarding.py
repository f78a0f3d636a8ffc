"""Operations on a call that another process carries: they are forwarded to it, once."""

from typing import Any

from pydantic import BaseModel

from api.auth import GRANT
from api.doors.glow.operation import Operation
from api.doors.glow.operations.shapes import Body, Reply, Staged, WriteBody
from api.service import Service
from models.errors import Conflict
from models.records.core import Grant
from pipeline.errors import NotOwner

MOVED = "The call has moved to another process meanwhile; try again in a moment."


class ForwardedBody(BaseModel):
    """An operation for the process that carries its call."""

    key: str
    grant: dict[str, Any]
    asker: str = ""
    body: dict[str, Any]


async def elsewhere(
    service: Service, grant: Grant, operation: Operation, body: Body, *, forwarded: bool
) -> Reply | None:
    """Have the process that carries the call carry out an operation on it; None if that is this process, or none.

    Args:
        forwarded: another process has forwarded it already.

    Raises:
        Conflict: it was forwarded, and is for another process still: the call has moved meanwhile.
        Busy: that process cannot be reached.
        ForwardedRefusal: it refuses.
    """
    if not operation.on_call or service.neighbours is None:
        return None
    chat_id, conversation_id = _about(body)
    try:
        if service.calls.find(grant.user.id, chat_id=chat_id, conversation_id=conversation_id) is not None:
            return None
    except NotOwner:
        return None  # it is refused here
    carrier = await service.neighbours.carrier(chat_id=chat_id, conversation_id=conversation_id)
    if carrier is None:
        return None
    if forwarded:
        raise Conflict(MOVED)
    request = ForwardedBody(
        key=operation.key,
        grant=GRANT.dump_python(grant, mode="json"),
        asker=service.asker,
        body=body.model_dump(mode="json", exclude_unset=True),
    )
    reply = await service.neighbours.ask(carrier, "operation", request.model_dump())
    staged = isinstance(body, WriteBody) and isinstance(reply, dict) and "pending" in reply
    return (Staged if staged else operation.reply).model_validate(reply)


def _about(body: Body) -> tuple[str | None, str | None]:
    """Return the chat and the conversation that a body is about."""
    params = getattr(getattr(body, "config", None), "params", None)
    chat_id = getattr(body, "chat_id", None) or getattr(params, "chat_id", None)
    return chat_id, getattr(body, "conversation_id", None)
