"""A client event, its asker, and the answer to its failure.

Source: docs/socketio.md, "Asking". Errors are sent to the asking socket alone, as clients do not check
which chat they are about.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from api.auth import check_right
from api.doors.glow.carrying_out import carry_out, rendered
from api.doors.glow.operation import EventRow, Operation
from api.doors.glow.socketio.connections import Connection
from api.doors.refusals import failure_of
from api.service import Service
from models.errors import Invalid
from models.records.core import Grant, User
from pipeline.chats.hub import profile_channel
from pipeline.practice.progress import REFUSALS
from pipeline.tasks.acting import acting_by

Payload = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asker:
    """The sender of an event: a user, over one of their sockets or over HTTP."""

    service: Service
    grant: Grant
    operations: Mapping[str, Operation]
    connection: Connection | None = None

    @property
    def user(self) -> User:
        """The user as whom it asks."""
        return self.grant.user

    @property
    def channel(self) -> str:
        """The asking socket's own channel; over HTTP, that of every socket of the user's."""
        return profile_channel(self.user.id) if self.connection is None else self.connection.channel

    def send(self, name: str, payload: Mapping[str, Any]) -> None:
        """Send to the asking socket, after everything sent before; over HTTP, to every socket of the user's."""
        self.service.hub.publish(self.channel, name, payload, user_id=self.user.id)

    async def ask(self, name: str, body: BaseModel | Mapping[str, Any]) -> Payload:
        """Carry out an operation, such as "attempt.chat_grade"; return the fields of its reply.

        Raises:
            The operation's own errors.
        """
        operation = self.operations[name]
        read = body if isinstance(body, operation.body) else operation.body.model_validate(dict(body))
        return rendered(await carry_out(self.service.asked_from(self.channel), self.grant, operation, read))

    def enter(self, channel: str) -> None:
        """Join the asking socket to this room.

        Raises:
            TooMany: it has joined as many as it may.
        """
        if self.connection is not None:
            self.connection.join(channel)

    def in_order(self, order: str) -> AbstractAsyncContextManager[Any]:
        """Wait for the earlier events of the same socket and lane."""
        return self.connection.locks[order] if self.connection is not None and order else nullcontext()


Run = Callable[[Asker, Any], Awaitable[Payload]]


@dataclass(frozen=True, slots=True)
class ClientEvent:
    """One client event.

    Attributes:
        body: its payload.
        run: carries it out; returns the acknowledgement.
        row: its row of the table.
        right: the right that it needs, its operation's key.
    """

    body: type[BaseModel]
    run: Run
    row: EventRow
    right: str

    async def carry_out(self, asker: Asker, body: Any) -> Payload:
        """Check the asker's right, then run.

        Raises:
            Forbidden: the token's scope does not include the event, or not on this chat.
            The event's own errors.
        """
        about = {name: getattr(body, name, None) for name in ("chat_id", "conversation_id")}
        await asker.service.access.check(asker.grant, self.right, **about)
        with acting_by(asker.grant):
            return await self.run(asker, body)


async def perform(asker: Asker, event: ClientEvent, payload: Any) -> Payload:
    """Perform an event for a socket; a refusal is its acknowledgement, and sent to the asking socket."""
    try:
        check_right(asker.grant, event.right)
        body = read(event, payload)
        waits = event.row.order and not getattr(body, "wait_for_complete", False)
        async with asker.in_order(event.row.order if waits else ""):
            return await event.carry_out(asker, body)
    except REFUSALS as error:
        sentence = failure_of(error).message
        for name, failures in _failures(event.row, payload if isinstance(payload, dict) else {}, sentence):
            asker.send(name, failures)
        return {"error": sentence, "success": False}


def read(event: ClientEvent, payload: Any) -> BaseModel:
    """Parse the payload as the event's body.

    Raises:
        Invalid: it is no object, or has an invalid field.
    """
    if payload is not None and not isinstance(payload, dict):
        raise Invalid('The payload is not an object; send one, such as {"chat_id": "..."}.')
    try:
        return event.body.model_validate(payload or {})
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "payload"
        raise Invalid(f"`{place}`: {first['msg']}.") from None


def _failures(event: EventRow, said: Payload, sentence: str) -> list[tuple[str, Payload]]:
    chat_id = said.get("chat_id")
    failures: list[tuple[str, Payload]] = []
    if event.answers:
        failures.append((event.answers, {"chat_id": chat_id, "success": False, "message": sentence}))
    if event.kind == "generation":
        artifacts = said.get("artifact_types")
        first = artifacts[0] if isinstance(artifacts, list) and artifacts and isinstance(artifacts[0], dict) else {}
        name = first.get("name") if isinstance(first.get("name"), str) else "artifact"
        about = {key: said.get(key) for key in ("group_id", "run_id")}
        return [(f"{str(name)[:100]}_generation_error", {**about, "success": False, "message": sentence})]
    if event.kind == "test":
        invocation_id = said.get("invocation_id") or said.get("test_invocation_id")
        about = {"invocation_id": invocation_id, "run_id": said.get("run_id")}
        return [*failures, ("test_error", {**about, "message": sentence, "error_type": "test"})]
    kind = {"type": event.kind} if event.kind else {}
    return [*failures, ("attempt_error", {"chat_id": chat_id, **kind, "message": sentence})]
