"""What events do besides their operation: join the asking socket to rooms, and send events to it alone."""

from pydantic import BaseModel

from api.doors.glow.operations.shapes import Body, ChatId, WriteBody
from api.doors.glow.operations.shapes_attempts import AttemptGradeBody, StartBody, StopBody, UsePreviousBody
from api.doors.glow.operations.shapes_tests import InvocationBody
from api.doors.glow.socketio.events import Asker, Payload
from models.errors import Invalid
from pipeline.chats.hub import chat_channel, test_channel


class ChannelBody(Body):
    """A chat, whose room is meant."""

    chat_id: ChatId


async def ask(asker: Asker, body: BaseModel, *, operation: str) -> Payload:
    """Carry out an operation; the asker of a change gets its events, joined or not."""
    if isinstance(body, WriteBody | StopBody):
        await _enter(asker, body)
    return await asker.ask(operation, body)


async def _enter(asker: Asker, body: BaseModel) -> None:
    if asker.connection is None:
        return
    chat_id = getattr(body, "chat_id", None)
    if chat_id:
        await asker.service.store.chat(asker.user.id, chat_id)
        asker.enter(chat_channel(chat_id))
    elif isinstance(body, AttemptGradeBody):
        # The operation decides which of its chats is graded.
        attempt = await asker.service.store.attempt(asker.user.id, body.attempt_id)
        for chat in attempt.chats:
            asker.enter(chat_channel(chat.id))
    elif isinstance(body, UsePreviousBody):
        attempt = await asker.service.store.attempt(asker.user.id, body.attempt_id)
        for chat in attempt.chats:
            if chat.id in body.previous_chat_map:
                asker.enter(chat_channel(chat.id))


# ----------------------------------------------------------------- attempts


async def start(asker: Asker, body: StartBody) -> Payload:
    """Begin an attempt; without a practice it is refused in a sentence of the v5 dialect's own."""
    if not body.home_id and not body.practice_id and body.accept is None:
        raise Invalid("Either home_id or practice_id must be provided")
    return await asker.ask("attempt.start", body)


async def next_chat(asker: Asker, body: BaseModel) -> Payload:
    """Go on to the next chat."""
    result = await ask(asker, body, operation="attempt.next")
    chat_id = result.get("chat_id")
    if chat_id and asker.connection is not None and not asker.connection.hears(chat_channel(chat_id)):
        # A chat that was made just now: nobody could have joined its room yet.
        asker.enter(chat_channel(chat_id))
        asker.send("attempt_chat_started", {"attempt_id": result["attempt_id"], "chat_id": chat_id})
    return result


async def stop(asker: Asker, body: StopBody) -> Payload:
    """Stop the spoken or written replies."""
    result = await ask(asker, body, operation="attempt.stop")
    if result.get("message"):
        # Nothing ran; a client that waits for an end must get one all the same.
        stopped = {"chat_id": body.chat_id, "success": True, "message": result["message"]}
        asker.send("attempt_stopped", stopped)
    return result


async def join(asker: Asker, body: ChannelBody) -> Payload:
    """Join a chat's room."""
    channel = chat_channel(body.chat_id)
    if asker.connection is None or not asker.connection.hears(channel):
        await asker.service.store.chat(asker.user.id, body.chat_id)
        asker.enter(channel)
        await asker.service.hub.settled()
    asker.send("attempt_joined", {"chat_id": body.chat_id, "success": True})
    return {"chat_id": body.chat_id, "success": True}


async def leave(asker: Asker, body: ChannelBody) -> Payload:
    """Leave a chat's room."""
    if asker.connection is not None:
        asker.connection.leave(chat_channel(body.chat_id))
    return {"chat_id": body.chat_id, "success": True}


# -------------------------------------------------------------------- tests


async def ask_of_test(asker: Asker, body: BaseModel, *, operation: str) -> Payload:
    """Carry out an operation on a test; the asker gets the test's events, joined or not."""
    store, user_id = asker.service.store, asker.user.id
    test_id, invocation_id = getattr(body, "test_id", None), getattr(body, "invocation_id", None)
    if test_id or invocation_id:
        test = await store.own_test(user_id, test_id=test_id, invocation_id=invocation_id)
        asker.enter(test_channel(test.invocation_id))
    result = await asker.ask(operation, body)
    if "test_id" in result and operation == "test.start":  # it may have been staged
        test = await store.own_test(user_id, test_id=str(result["test_id"]))
        asker.enter(test_channel(test.invocation_id))
        asker.send("test_started", {"test_id": test.id, "invocation_id": test.invocation_id})
    return result


async def join_test(asker: Asker, body: InvocationBody) -> Payload:
    """Join a test's room."""
    await asker.service.store.own_test(asker.user.id, invocation_id=body.invocation_id)
    asker.enter(test_channel(body.invocation_id))
    await asker.service.hub.settled()
    asker.send("test_joined", {"invocation_id": body.invocation_id, "success": True})
    return {"invocation_id": body.invocation_id, "success": True}


async def leave_test(asker: Asker, body: InvocationBody) -> Payload:
    """Leave a test's room."""
    if asker.connection is not None:
        asker.connection.leave(test_channel(body.invocation_id))
    return {"invocation_id": body.invocation_id, "success": True}
