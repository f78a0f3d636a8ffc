"""Carrying out an operation: idempotency keys, staged calls, and the events that tell its progress.

Every door calls `perform`, so that a key means the same over HTTP and over a socket.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from api.doors.glow.operations.shapes import Body, Reply, Staged, WriteBody, WriteReply
from api.service import Service, new_id
from models.errors import ModelError, NotFound
from models.records.core import User
from pipeline.chats.hub import profile_room
from pipeline.errors import PipelineError
from voice.errors import VoiceError

BodyT = TypeVar("BodyT", bound=Body)
ReplyT = TypeVar("ReplyT", bound=Reply)

REFUSALS = (ModelError, PipelineError, VoiceError)
"""What an operation raises on purpose: each message is a sentence for the client."""


@dataclass(frozen=True, slots=True)
class Operation(Generic[BodyT, ReplyT]):
    """One operation as the doors see it.

    Attributes:
        name: as it stands in the URL, "chat_grade".
        artifact: "attempt", or "test".
        function: what it does.
        body, reply: its types.
        bare: whether it may come without a body.
    """

    name: str
    function: Callable[[Service, User, BodyT], Awaitable[ReplyT]]
    body: type[BodyT]
    reply: type[ReplyT]
    artifact: str = "attempt"
    bare: bool = False

    @property
    def key(self) -> str:
        """What names it among all operations, "attempt.chat_grade"."""
        return f"{self.artifact}.{self.name}"

    @property
    def writes(self) -> bool:
        """Whether it takes an idempotency key."""
        return issubclass(self.body, WriteBody)

    @property
    def summary(self) -> str:
        """The first line of its documentation."""
        return (self.function.__doc__ or self.name).strip().splitlines()[0].rstrip(".")


async def perform(service: Service, user: User, operation: Operation[BodyT, ReplyT], body: BodyT) -> ReplyT | Staged:
    """Carry out an operation once.

    Raises:
        Conflict: its idempotency key stands for another payload, or is in progress.
        NotFound: `accept` came and no call is pending; and whatever the operation refuses.
    """
    if not isinstance(body, WriteBody):
        return await _run(service, user, operation, body)
    if body.accept is not None:
        taken = await service.store.take_staged_call(user.id, operation.key, _chat_of(body))
        if taken is None:
            raise NotFound(f"No pending {operation.name}")
        if not body.accept:
            return _staged(operation.name, taken.id, taken.chat_id, body, pending=False)
        try:
            body = operation.body.model_validate(dict(taken.payload) | {"idempotency_key": body.idempotency_key})
        except ValidationError:  # staged by an older version, which knew other fields
            raise NotFound(f"No pending {operation.name}") from None
    elif body.soft:
        chat_id = _chat_of(body)
        if chat_id:
            await service.store.chat(user.id, chat_id)
        payload = body.model_dump(mode="json", exclude={"soft", "accept", "idempotency_key"}, exclude_unset=True)
        staged = await service.store.stage_call(user.id, operation.key, chat_id, payload)
        return _staged(operation.name, staged.id, chat_id, body, pending=True)
    if not isinstance(body, WriteBody) or not body.idempotency_key:
        return await _run(service, user, operation, body)
    return await _once(service, user, operation, body, body.idempotency_key)


async def _once(service: Service, user: User, operation: Operation[BodyT, ReplyT], body: BodyT, key: str) -> ReplyT:
    said = body.model_dump_json(exclude={"idempotency_key"})
    fingerprint = hashlib.sha256(f"{operation.key}\n{said}".encode("utf-8", "replace")).hexdigest()
    earlier = await service.store.begin_keyed_call(user.id, key, fingerprint)
    if earlier is not None:
        return operation.reply.model_validate_json(earlier)
    reply: ReplyT | None = None
    try:
        reply = await _run(service, user, operation, body)
        if isinstance(reply, WriteReply):
            reply.idempotency_key = key
    finally:
        # Shielded: a client that goes away must not leave its key in progress.
        kept = None if reply is None else reply.model_dump_json()
        await asyncio.shield(service.store.end_keyed_call(user.id, key, kept))
    return reply


async def _run(service: Service, user: User, operation: Operation[BodyT, ReplyT], body: BodyT) -> ReplyT:
    call_id = new_id()

    def tell(stage: str, payload: dict[str, Any]) -> None:
        service.rooms.publish(
            profile_room(user.id),
            f"{operation.key}.{stage}",
            payload | {"call_id": call_id},
            user_id=user.id,
            artifact=operation.artifact,
            operation=operation.name,
            call_id=call_id,
            run_id=payload.get("run_id"),
            group_id=payload.get("group_id"),
            entity_id=payload.get("chat_id") or payload.get("attempt_id"),
        )

    told = body.model_dump(mode="json", exclude_unset=True)
    tell("started", told | {"operation_key": operation.key, "role": "user", "tool": operation.name})
    try:
        reply = await operation.function(service, user, body)
    except REFUSALS as error:
        failed = {"message": str(error), "error_type": error.code, "role": "user", "tool": operation.name}
        tell("failed", {"chat_id": told.get("chat_id")} | failed)
        raise
    tell("completed", {"chat_id": told.get("chat_id")} | reply.model_dump(mode="json"))
    return reply


def _chat_of(body: Body) -> str:
    chat_id = getattr(body, "chat_id", None) or getattr(body, "attempt_id", None)
    return chat_id if isinstance(chat_id, str) else ""


def _staged(name: str, call_id: str, chat_id: str, body: WriteBody, *, pending: bool) -> Staged:
    return Staged(
        pending=pending,
        operation=name,
        call_id=call_id,
        chat_id=chat_id or None,
        idempotency_key=body.idempotency_key,
    )
