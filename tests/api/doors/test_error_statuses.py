"""Every typed error of the floors below, with the code and the HTTP status that a client sees at each door."""

import asyncio
from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI

from api.app import create_app
from api.auth import Unauthorized
from api.doors.refusals import failure_of
from api.settings import Settings
from models import errors as models_errors
from models.errors import ModelError
from pipeline import errors as pipeline_errors
from pipeline.errors import PipelineError
from pipeline.llm.completions import RequestRefused
from pipeline.replay.call_file import InvalidCall
from pipeline.tasks.writer import StorageBehind
from pipeline.tutoring.tutor import NoNode, NothingToTeach
from voice import errors as voice_errors
from voice.errors import VoiceError
from voice.stt.process.link import WorkerDied, WorkerKilled

SENTENCE = "Send less at once."

ROWS: list[tuple[type[Exception], str, int, int]] = [
    # error, code, status at Glow's door, status at the doors of Gloo, Tutor and Glean
    (models_errors.NotFound, "not_found", 404, 404),
    (models_errors.Conflict, "conflict", 409, 409),
    (models_errors.Invalid, "invalid", 400, 400),
    (models_errors.TooLarge, "too_large", 413, 500),
    (models_errors.StoreUnavailable, "store_unavailable", 500, 500),
    (models_errors.InvalidPack, "invalid_pack", 500, 500),
    (pipeline_errors.ResponderFailed, "llm_failed", 502, 502),
    (RequestRefused, "llm_failed", 502, 502),
    (pipeline_errors.Busy, "busy", 429, 429),
    (pipeline_errors.SessionConflict, "session_conflict", 409, 500),
    (pipeline_errors.NotOwner, "not_owner", 403, 403),
    (pipeline_errors.CallOver, "call_over", 409, 500),
    (StorageBehind, "storage_behind", 503, 500),
    (InvalidCall, "invalid_call", 500, 500),
    (NoNode, "no_node", 500, 500),
    (NothingToTeach, "nothing_to_teach", 500, 500),
    (voice_errors.InvalidAudio, "invalid_audio", 400, 500),
    (voice_errors.UnsupportedFormat, "unsupported_format", 400, 500),
    (voice_errors.EngineUnavailable, "engine_unavailable", 503, 500),
    (voice_errors.EngineFailed, "engine_failed", 502, 500),
    (WorkerDied, "engine_failed", 502, 500),
    (WorkerKilled, "engine_failed", 502, 500),
    (voice_errors.EngineBusy, "engine_busy", 429, 500),
    (voice_errors.Cancelled, "cancelled", 500, 500),
]


def made(kind: type[Exception]) -> Exception:
    """An error of this kind."""
    return kind([SENTENCE]) if kind in (models_errors.InvalidPack, InvalidCall) else kind(SENTENCE)


def kinds_below(base: type[Exception]) -> Iterator[type[Exception]]:
    """Every kind of error that was ever made of this one, outside the tests."""
    for kind in base.__subclasses__():
        if not kind.__module__.startswith("tests"):
            yield kind
        yield from kinds_below(kind)


@pytest.fixture(scope="module")
def app() -> FastAPI:
    """The application without its engines, and a route that raises whatever `wanted` holds."""
    app = create_app(Settings())

    @app.get("/raises")
    async def raises() -> None:
        raise app.state.wanted

    return app


def asked(app: FastAPI, error: Exception) -> httpx.Response:
    app.state.wanted = error

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://glow") as client:
            return await client.get("/raises")

    return asyncio.run(ask())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].__name__)
def test_an_error_has_one_code_and_a_status_at_each_door(
    app: FastAPI, row: tuple[type[Exception], str, int, int]
) -> None:
    kind, code, at_glow, elsewhere = row
    assert kind.code == code  # type: ignore[attr-defined]
    answer = asked(app, made(kind))
    assert answer.status_code == at_glow
    assert answer.json() == {"detail": SENTENCE if at_glow != 500 else "The service failed on this request; try again."}
    assert failure_of(made(kind)).status == elsewhere


def test_no_kind_of_error_is_missing_from_the_table() -> None:
    found = {kind for base in (ModelError, PipelineError, VoiceError) for kind in kinds_below(base)}
    assert found == {kind for kind, *_ in ROWS}


def test_who_is_not_let_in() -> None:
    failure = failure_of(Unauthorized("Send a token."))
    assert (failure.status, failure.message) == (401, "Send a token.")
    assert failure.headers == {"WWW-Authenticate": "Bearer"}
