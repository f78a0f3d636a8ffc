"""Failures of the events: the same table of errors as over HTTP, told to whoever asked."""

import asyncio
from typing import Any

import pytest

from api.doors.glow.operation import EventRow
from api.doors.glow.operations.shapes import Body
from api.doors.glow.socketio.events import Asker, ClientEvent, Payload, perform
from api.service import Service
from models.errors import InvalidPack, ModelError, StoreUnavailable, TooLarge
from models.records.core import Grant
from pipeline.chats.hub import profile_channel
from pipeline.errors import CallOver, PipelineError, SessionConflict, TooMany
from pipeline.tasks.writer import StorageBehind
from tests.service import RunningService
from tests.socket_client import socket_of
from voice.errors import EngineBusy, EngineFailed, EngineUnavailable, InvalidAudio, UnsupportedFormat, VoiceError

SENTENCE = "Send less at once."
FAILED = "The service failed on this request; try again."

CALLERS = [
    TooLarge,
    SessionConflict,
    CallOver,
    TooMany,
    StorageBehind,
    InvalidAudio,
    UnsupportedFormat,
    EngineUnavailable,
    EngineFailed,
    EngineBusy,
]
"""What a caller is told of, whatever door it came by."""


async def failed(inside: Service, error: ModelError | PipelineError | VoiceError) -> tuple[Payload, list[Payload]]:
    """How an event is answered that fails with this error, and what is told in events."""

    async def run(_asker: Asker, _body: Any) -> Payload:
        raise error

    user = await inside.store.user_named("ada")
    with inside.hub.subscribe([profile_channel(user.id)]) as heard:
        answer = await perform(
            Asker(inside, Grant(user), {}),
            ClientEvent(Body, run, EventRow(kind="send", answers="attempt_joined"), "attempt.join"),
            {},
        )
        heard.close()
        return answer, [{"event": told.name, **told.payload} async for told in heard]


@pytest.mark.parametrize("error", [kind(SENTENCE) for kind in CALLERS], ids=lambda error: type(error).__name__)
def test_who_asks_is_told_why_not(service: RunningService, error: ModelError | PipelineError | VoiceError) -> None:
    answer, told = asyncio.run_coroutine_threadsafe(failed(service.inside, error), service.loop).result(100)
    assert answer == {"error": SENTENCE, "success": False}
    assert told == [
        {"event": "attempt_joined", "chat_id": None, "success": False, "message": SENTENCE},
        {"event": "attempt_error", "chat_id": None, "type": "send", "message": SENTENCE},
    ]


@pytest.mark.parametrize("error", [StoreUnavailable("/secret/place"), InvalidPack(["/secret/pack.yaml:3: no"])])
def test_the_services_own_failures_are_not_explained(service: RunningService, error: ModelError) -> None:
    answer, told = asyncio.run_coroutine_threadsafe(failed(service.inside, error), service.loop).result(100)
    assert answer == {"error": FAILED, "success": False}
    assert [event["message"] for event in told] == [FAILED, FAILED]


def test_an_event_by_request_fails_with_the_status_that_http_has_for_it(service: RunningService) -> None:
    async def story() -> None:
        chat = service.chat()
        async with socket_of(service) as first, socket_of(service) as second:
            await first.ask("attempt_audio_start", chat_id=chat)
            refused = await second.ask("attempt_audio_start", chat_id=chat)
            answer = await asyncio.to_thread(service.post, "/socket/v5/client/attempt/audio_start", {"chat_id": chat})
            assert (answer.status_code, answer.json()) == (409, {"detail": refused["error"]})

    asyncio.run(story())
