"""The table: every event of `names`, with its operation and what is told of it."""

from collections.abc import Callable
from functools import partial

from pydantic import BaseModel

from api.doors.glow.operations.registry import OPERATIONS
from api.doors.glow.operations.shapes import Body as PlainBody
from api.doors.glow.operations.shapes import ChatId, WriteBody
from api.doors.glow.operations.shapes_attempts import AttemptGradeBody, StartBody, StopBody, UsePreviousBody
from api.doors.glow.operations.shapes_chats import MuteBody
from api.doors.glow.operations.shapes_tests import InvocationBody
from api.doors.glow.socketio import voice
from api.doors.glow.socketio.events import Asker, Event, Payload
from api.doors.glow.socketio.generation import GenerateBody, generate
from api.doors.glow.socketio.operations import body_of, carry_out
from models.errors import Invalid
from pipeline.chats.hub import chat_room, test_room

Tell = Callable[[Asker, BaseModel, Payload], None]


class RoomBody(PlainBody):
    """Which chat's room."""

    chat_id: ChatId


# --------------------------------------------------------------- operations


def _nothing(asker: Asker, body: BaseModel, result: Payload) -> None:
    """The operation itself tells all there is to tell."""


async def _run(asker: Asker, body: BaseModel, *, operation: str, tell: Tell) -> Payload:
    if isinstance(body, WriteBody | StopBody):
        await _enter(asker, body)
    result = await carry_out(asker, operation, body)
    tell(asker, body, result)
    return result


async def _enter(asker: Asker, body: BaseModel) -> None:
    """Whoever asks for a change hears what comes of it, joined or not."""
    if asker.connection is None:
        return
    chat_id = getattr(body, "chat_id", None)
    if chat_id:
        await asker.service.store.chat(asker.user.id, chat_id)
        asker.enter(chat_room(chat_id))
    elif isinstance(body, AttemptGradeBody):
        # Which of its chats is graded is for the operation to say.
        attempt = await asker.service.store.attempt(asker.user.id, body.attempt_id)
        for chat in attempt.chats:
            asker.enter(chat_room(chat.id))
    elif isinstance(body, UsePreviousBody):
        attempt = await asker.service.store.attempt(asker.user.id, body.attempt_id)
        for chat in attempt.chats:
            if chat.id in body.previous_chat_map:
                asker.enter(chat_room(chat.id))


async def _start(asker: Asker, body: StartBody) -> Payload:
    if not body.home_id and not body.practice_id and body.accept is None:
        # The v5 dialect has a sentence of its own for it.
        raise Invalid("Either home_id or practice_id must be provided")
    return await carry_out(asker, "attempt.start", body)


def _of(operation: str, *, lane: str = "", kind: str = "", tell: Tell = _nothing, answers: str = "") -> Event:
    run = partial(_run, operation=operation, tell=tell)
    return Event(body_of(operation), run, lane=lane, kind=kind, answers=answers)


def _stopped(asker: Asker, body: BaseModel, result: Payload) -> None:
    if result.get("message"):
        # Nothing ran; a client that waits for the end of something must hear that, too.
        chat_id = getattr(body, "chat_id", None)
        asker.tell("attempt_stopped", {"chat_id": chat_id, "success": True, "message": result["message"]})


def _next(asker: Asker, _body: BaseModel, result: Payload) -> None:
    chat_id = result.get("chat_id")
    if chat_id and asker.connection is not None and not asker.connection.hears(chat_room(chat_id)):
        # A chat that was made just now: nobody could be in its room yet.
        asker.enter(chat_room(chat_id))
        asker.tell("attempt_chat_started", {"attempt_id": result["attempt_id"], "chat_id": chat_id})


# -------------------------------------------------------------------- rooms


async def _join(asker: Asker, body: RoomBody) -> Payload:
    room = chat_room(body.chat_id)
    if asker.connection is None or not asker.connection.hears(room):
        await asker.service.store.chat(asker.user.id, body.chat_id)
        asker.enter(room)
    asker.tell("attempt_joined", {"chat_id": body.chat_id, "success": True})
    return {"chat_id": body.chat_id, "success": True}


async def _leave(asker: Asker, body: RoomBody) -> Payload:
    if asker.connection is not None:
        asker.connection.leave(chat_room(body.chat_id))
    return {"chat_id": body.chat_id, "success": True}


# -------------------------------------------------------------------- tests


async def _run_test(asker: Asker, body: BaseModel, *, operation: str) -> Payload:
    """Whoever asks hears what becomes of the test, joined or not."""
    test_id, invocation_id = getattr(body, "test_id", None), getattr(body, "invocation_id", None)
    if test_id or invocation_id:
        test = await asker.service.store.own_test(asker.user.id, test_id=test_id, invocation_id=invocation_id)
        asker.enter(test_room(test.invocation_id))
    result = await carry_out(asker, operation, body)
    if "test_id" in result and operation == "test.start":  # it may have been staged
        test = await asker.service.store.own_test(asker.user.id, test_id=str(result["test_id"]))
        asker.enter(test_room(test.invocation_id))
        asker.tell("test_started", {"test_id": test.id, "invocation_id": test.invocation_id})
    return result


def _of_test(name: str) -> Event:
    operation = f"test.{name}"
    return Event(body_of(operation), partial(_run_test, operation=operation), lane="test", kind="test")


async def _test_join(asker: Asker, body: InvocationBody) -> Payload:
    await asker.service.store.own_test(asker.user.id, invocation_id=body.invocation_id)
    asker.enter(test_room(body.invocation_id))
    asker.tell("test_joined", {"invocation_id": body.invocation_id, "success": True})
    return {"invocation_id": body.invocation_id, "success": True}


async def _test_leave(asker: Asker, body: InvocationBody) -> Payload:
    if asker.connection is not None:
        asker.connection.leave(test_room(body.invocation_id))
    return {"invocation_id": body.invocation_id, "success": True}


EVENTS: dict[str, Event] = {
    **{name.replace(".", "_"): _of(name) for name in OPERATIONS},
    "generate": Event(GenerateBody, generate, kind="generation"),
    "attempt_start": Event(StartBody, _start, lane="chat"),
    "attempt_next": _of("attempt.next", lane="chat", tell=_next),
    "attempt_join": Event(RoomBody, _join, lane="chat"),
    "attempt_leave": Event(RoomBody, _leave, lane="chat"),
    "attempt_end": _of("attempt.end", kind="end"),
    "attempt_end_all": _of("attempt.end_all", kind="end"),
    "attempt_stop": _of("attempt.stop", lane="chat", kind="stop", tell=_stopped),
    "attempt_message": _of("attempt.message", lane="chat", kind="send"),
    "attempt_response_submit": _of("attempt.chat_response", kind="quiz", answers="attempt_response_result"),
    "attempt_audio_start": Event(
        voice.AudioBody, voice.start, lane="voice", kind="audio", answers="attempt_audio_ready"
    ),
    "attempt_audio_stop": Event(voice.AudioBody, voice.stop, lane="voice", kind="audio", answers="attempt_audio_ended"),
    "attempt_audio_mute": Event(MuteBody, voice.mute, lane="voice", kind="audio"),
    "attempt_chat_message": _of("attempt.chat_message", lane="chat", kind="send"),
    "attempt_chat_voice": Event(voice.AudioBody, voice.start, lane="voice", kind="audio"),
    "attempt_chat_silence": Event(voice.AudioBody, voice.stop, lane="voice", kind="audio"),
    "attempt_chat_mute": Event(MuteBody, voice.mute, lane="voice", kind="audio"),
    "attempt_generate": _of("attempt.generate", kind="send"),
    "test_start": _of_test("start"),
    "test_next": _of_test("next"),
    "test_run": _of_test("run"),
    "test_end": _of_test("end"),
    "test_stop": _of_test("stop"),
    "test_join": Event(InvocationBody, _test_join, lane="test", kind="test"),
    "test_leave": Event(InvocationBody, _test_leave, lane="test", kind="test"),
}
