"""The operations by name, as the events call them: a payload in, the reply's fields out."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from api.doors.glow.operations.performing import carry_out as perform
from api.doors.glow.operations.performing import rendered
from api.doors.glow.operations.registry import OPERATIONS
from api.doors.glow.socketio.events import Asker, Payload


def body_of(name: str) -> type[BaseModel]:
    """What an operation takes, such as "attempt.chat_grade"."""
    return OPERATIONS[name].body


async def carry_out(asker: Asker, name: str, body: BaseModel | Mapping[str, Any]) -> Payload:
    """Carry out an operation for whoever asks.

    Raises:
        REFUSALS of `api.doors.glow.operations.performing`.
    """
    operation = OPERATIONS[name]
    read = body if isinstance(body, BaseModel) else operation.body.model_validate(dict(body))
    reply = await perform(asker.service.asked_from(asker.room), asker.user, operation, read)
    return rendered(reply)
