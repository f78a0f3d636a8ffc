"""Carries out an operation: idempotency keys, staging, and the events of its progress.

HTTP and sockets call `carry_out`, so that a key means the same over both.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from api.auth import GRANT
from api.doors.glow.forwarding import ForwardedBody, elsewhere
from api.doors.glow.operation import Operation
from api.doors.glow.operations.shapes import Body, Reply, Staged, WriteBody, WriteReply
from api.service import Service
from models.errors import Invalid
from models.records.core import Grant, User
from models.records.outcomes import StagedCall
from pipeline.practice.staging import Subject, nothing_pending
from pipeline.tasks.acting import acting_by


async def carry_out(
    service: Service, grant: Grant, operation: Operation, body: Body, *, forwarded: bool = False
) -> Reply:
    """Carry out an operation, once for each idempotency key, later if it is staged, and publish its progress.

    An operation on a call that another process carries is carried out there.

    Args:
        forwarded: another process has forwarded it.

    Raises:
        Conflict: its idempotency key belongs to another payload, or is in progress.
        NotFound: `accept` without a staged operation; and the operation's own errors.
        Forbidden: the caller's token does not include it.
    """
    done = await elsewhere(service, grant, operation, body, forwarded=forwarded)
    if done is not None:
        return done
    about = {name: getattr(body, name, None) for name in ("chat_id", "conversation_id")}
    await service.access.check(grant, operation.key, **about)
    with acting_by(grant):
        return await _carry_out(service.asked_by(grant), grant.user, operation, body)


async def _carry_out(service: Service, user: User, operation: Operation, body: Body) -> Reply:
    if not isinstance(body, WriteBody):
        return await _run(service, user, operation, body)
    staging, subject = service.practice.staging, _subject(body)
    if body.accept is not None:
        taken = await staging.take(user.id, operation.artifact, operation.name, subject)
        if not body.accept:
            return _staged(taken, operation, body, pending=False)
        body = _accepted(taken, operation, body.idempotency_key)
    elif body.soft:
        payload = body.model_dump(mode="json", exclude={"soft", "accept", "idempotency_key"}, exclude_unset=True)
        staged = await staging.stage(user.id, operation.artifact, operation.name, subject, payload)
        return _staged(staged, operation, body, pending=True)
    key = body.idempotency_key
    if not key:
        return await _run(service, user, operation, body)
    return await _once(service, user, operation, body, key)


async def _once(service: Service, user: User, operation: Operation, body: Body, key: str) -> Reply:
    async def replied() -> str:
        reply = await _run(service, user, operation, body)
        if isinstance(reply, WriteReply):
            reply.idempotency_key = key
        return reply.model_dump_json(by_alias=True)

    said = body.model_dump_json(exclude={"idempotency_key"})
    kept = await service.practice.keys.once(user.id, key, operation.key, said, replied)
    return operation.reply.model_validate_json(kept)


async def _run(service: Service, user: User, operation: Operation, body: Body) -> Reply:
    said = body.model_dump(mode="json", exclude_unset=True)
    with service.practice.progress.track(user.id, operation.artifact, operation.name, said) as completed:
        reply: Reply = await operation.function(service, user, body)
        completed(rendered(reply))
    return reply


def rendered(reply: Reply) -> dict[str, Any]:
    """Render a reply as JSON values, by the fields' names on the wire."""
    return reply.model_dump(mode="json", by_alias=True)


def _accepted(taken: StagedCall, operation: Operation, key: str | None) -> WriteBody:
    try:
        body = operation.body.model_validate({**taken.payload, "idempotency_key": key})
    except ValidationError:  # staged by an older version, which had other fields
        raise nothing_pending(operation.name) from None
    assert isinstance(body, WriteBody), "only what changes something is staged"
    return body


def _subject(body: Body) -> Subject:
    chat_id, attempt_id = getattr(body, "chat_id", None), getattr(body, "attempt_id", None)
    return Subject(chat_id or "", attempt_id or "")


def _staged(call: StagedCall, operation: Operation, body: WriteBody, *, pending: bool) -> Staged:
    return Staged(
        pending=pending,
        operation=operation.name,
        call_id=call.id,
        chat_id=call.chat_id or None,
        idempotency_key=body.idempotency_key,
    )


def carry_out_for_others(service: Service, operations: Mapping[str, Operation]) -> None:
    """Carry out the operations that other processes forward.

    Args:
        operations: by their keys.
    """
    if service.neighbours is None:
        return

    async def carried_out(asked: Mapping[str, Any]) -> Any:
        body = ForwardedBody.model_validate(asked)
        operation = operations.get(body.key)
        if operation is None:
            raise Invalid("Another version of the service forwards this; try again in a moment.")
        grant, said = GRANT.validate_python(body.grant), operation.body.model_validate(body.body)
        asking = service.asked_from(body.asker) if body.asker else service
        return rendered(await carry_out(asking, grant, operation, said, forwarded=True))

    service.neighbours.on("operation", carried_out)
