"""What each event is: its payload, the operation that it calls, and what is told when it is done.

Source: the wire page, "Socket V5: 23 client events". Errors are told to the asking socket only, as its clients do not
look at whose chat they are about.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from api.doors.glow.socketio.connections import Connection
from api.doors.refusals import failure_of
from api.service import Service
from models.errors import Invalid
from models.records.core import User
from pipeline.chats.hub import profile_room
from pipeline.practice.progress import REFUSALS

Payload = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: a user, over one of their sockets or over HTTP."""

    service: Service
    user: User
    connection: Connection | None = None

    @property
    def room(self) -> str:
        """Where the asking socket alone hears; over HTTP, every socket of the user's."""
        return profile_room(self.user.id) if self.connection is None else self.connection.room

    def tell(self, name: str, payload: Mapping[str, Any]) -> None:
        """Tell the asking socket, after everything that it was told before; over HTTP, every socket of the user's."""
        self.service.rooms.publish(self.room, name, payload, user_id=self.user.id)

    def enter(self, room: str) -> None:
        """The asking socket hears this room from now on.

        Raises:
            TooMany: it hears as many as one may.
        """
        if self.connection is not None:
            self.connection.join(room)

    def in_order(self, lane: str) -> AbstractAsyncContextManager[Any]:
        """Waits for what the same socket asked for before."""
        return self.connection.lanes[lane] if self.connection is not None and lane else nullcontext()


@dataclass(frozen=True, slots=True)
class Event:
    """One client event.

    Attributes:
        body: its payload.
        run: what it does; returns what the client is acknowledged with.
        lane: events of one lane happen in the order they were sent.
        kind: the `type` of the `attempt_error` that tells of its failure; "test" for `test_error`,
            "generation" for `<artifact>_generation_error`.
        answers: the server event that answers it, and tells of its failure, too.
    """

    body: type[BaseModel]
    run: Callable[[Asker, Any], Awaitable[Payload]]
    lane: str = ""
    kind: str = ""
    answers: str = ""


async def perform(asker: Asker, event: Event, payload: Any) -> Payload:
    """Carry out an event for a socket; whatever is refused is acknowledged, and told to the socket that asked."""
    said = payload if isinstance(payload, dict) else {}
    try:
        return await carry_out(asker, event, payload)
    except REFUSALS as error:
        sentence = failure_of(error).message
        for name, told in _failures(event, said, sentence):
            asker.tell(name, told)
        return {"error": sentence, "success": False}


async def carry_out(asker: Asker, event: Event, payload: Any) -> Payload:
    """Carry out an event.

    Raises:
        Invalid: the payload is not what the event takes; and whatever its operation refuses.
    """
    body = read(event, payload)
    waits = event.lane and not getattr(body, "wait_for_complete", False)
    async with asker.in_order(event.lane if waits else ""):
        return await event.run(asker, body)


def read(event: Event, payload: Any) -> BaseModel:
    """The payload as the event's body.

    Raises:
        Invalid: it is no object, or a field of it is wrong.
    """
    if payload is not None and not isinstance(payload, dict):
        raise Invalid('The payload is not an object; send one, such as {"chat_id": "..."}.')
    try:
        return event.body.model_validate(payload or {})
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "payload"
        raise Invalid(f"`{place}`: {first['msg']}.") from None


def _failures(event: Event, said: Payload, sentence: str) -> list[tuple[str, Payload]]:
    chat_id = said.get("chat_id")
    told: list[tuple[str, Payload]] = []
    if event.answers:
        told.append((event.answers, {"chat_id": chat_id, "success": False, "message": sentence}))
    if event.kind == "generation":
        artifacts = said.get("artifact_types")
        first = artifacts[0] if isinstance(artifacts, list) and artifacts and isinstance(artifacts[0], dict) else {}
        name = first.get("name") if isinstance(first.get("name"), str) else "artifact"
        about = {key: said.get(key) for key in ("group_id", "run_id")}
        return [(f"{str(name)[:100]}_generation_error", {**about, "success": False, "message": sentence})]
    if event.kind == "test":
        invocation_id = said.get("invocation_id") or said.get("test_invocation_id")
        about = {"invocation_id": invocation_id, "run_id": said.get("run_id")}
        return [*told, ("test_error", {**about, "message": sentence, "error_type": "test"})]
    kind = {"type": event.kind} if event.kind else {}
    return [*told, ("attempt_error", {"chat_id": chat_id, **kind, "message": sentence})]
