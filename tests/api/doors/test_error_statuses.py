"""Every typed error of the floors below, with the code and the HTTP status that a client sees at each door."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI

from api.auth import Expired, Forbidden, Unauthorized
from api.doors.line import ProtocolError
from api.doors.openai.door import BadParameter
from api.doors.openai.realtime.errors import RealtimeError
from api.doors.openai.targets import UnknownModel
from api.doors.openai.webrtc.calls import UnknownCall, WebRtcUnavailable
from api.doors.openai.webrtc.ports import PortsTaken
from api.doors.refusals import BUSY_RETRY_S, failure_of
from api.doors.telephone.sip_dialing import NotAnswered
from api.doors.telephone.webhooks import CarrierUnreachable
from api.gateways.neighbours import ForwardedRefusal
from api.telemetry import TelemetryUnavailable
from models import errors as models_errors
from models.errors import ModelError
from models.transfer import errors as transfer_errors
from pipeline import errors as pipeline_errors
from pipeline.bus.transport import TransportLost
from pipeline.errors import PipelineError
from pipeline.llm.completions import RequestRefused
from pipeline.llm.tool_loop import EmptyReply
from pipeline.replay.call_file import InvalidCall
from pipeline.tasks.writer import StorageBehind
from pipeline.tutoring.tutor import NoNode, NothingToTeach
from tests.raising import DOORS, asked, raising_app
from voice import errors as voice_errors
from voice.errors import VoiceError
from voice.ray_serve.connection import ReplicaDied
from voice.stt.process.link import WorkerDied, WorkerKilled

SENTENCE = "Send less at once."

ROWS: list[tuple[type[Exception], str, int]] = [
    # error, code, status at every door
    (models_errors.NotFound, "not_found", 404),
    (models_errors.Conflict, "conflict", 409),
    (models_errors.Invalid, "invalid", 400),
    (ProtocolError, "invalid", 400),
    (RealtimeError, "invalid", 400),
    (BadParameter, "invalid_value", 400),
    (UnknownModel, "model_not_found", 404),
    (UnknownCall, "call_not_found", 404),
    (WebRtcUnavailable, "webrtc_unavailable", 501),
    (PortsTaken, "ports_taken", 503),
    (models_errors.TooLarge, "too_large", 413),
    (models_errors.StoreUnavailable, "store_unavailable", 500),
    (models_errors.StorageFailed, "storage_failed", 503),
    (models_errors.InvalidPack, "invalid_pack", 500),
    (TransportLost, "bus_lost", 503),
    (transfer_errors.TransferFailed, "transfer_failed", 500),
    (transfer_errors.NotEmpty, "not_empty", 500),
    (transfer_errors.ServiceRuns, "service_runs", 500),
    (transfer_errors.Damaged, "damaged", 500),
    (models_errors.LeaseLost, "moved", 503),
    (ForwardedRefusal, "forwarded", 503),
    (Unauthorized, "unauthorized", 401),
    (Expired, "unauthorized", 401),
    (models_errors.TokenExpired, "unauthorized", 401),
    (Forbidden, "forbidden", 403),
    (pipeline_errors.ResponderFailed, "llm_failed", 502),
    (pipeline_errors.EmbeddingFailed, "embedding_failed", 502),
    (RequestRefused, "llm_failed", 502),
    (EmptyReply, "llm_failed", 502),
    (pipeline_errors.Busy, "busy", 429),
    (pipeline_errors.TooMany, "too_many", 429),
    (pipeline_errors.SessionConflict, "session_conflict", 409),
    (pipeline_errors.NotOwner, "not_owner", 403),
    (pipeline_errors.CallOver, "call_over", 409),
    (StorageBehind, "storage_behind", 503),
    (InvalidCall, "invalid_call", 500),
    (NoNode, "no_node", 500),
    (NothingToTeach, "nothing_to_teach", 500),
    (voice_errors.InvalidAudio, "invalid_audio", 400),
    (voice_errors.EmptyRecording, "invalid_audio", 400),
    (voice_errors.UnsupportedFormat, "unsupported_format", 400),
    (voice_errors.CannotTranslate, "unsupported_model", 400),
    (voice_errors.EngineUnavailable, "engine_unavailable", 503),
    (voice_errors.EngineFailed, "engine_failed", 502),
    (WorkerDied, "engine_failed", 502),
    (WorkerKilled, "engine_failed", 502),
    (ReplicaDied, "voice_error", 500),
    (voice_errors.EngineBusy, "engine_busy", 429),
    (voice_errors.Cancelled, "cancelled", 500),
    (TelemetryUnavailable, "telemetry_unavailable", 503),
    (CarrierUnreachable, "carrier_failed", 502),
    (NotAnswered, "not_answered", 502),
]

CHANGED: list[tuple[type[Exception], int, int, int]] = [
    # error, status before there was one table: at Glow's door, at those of Gloo, Tutor and Glean; and at all since
    (models_errors.TooLarge, 413, 500, 413),
    (pipeline_errors.SessionConflict, 409, 500, 409),
    (pipeline_errors.CallOver, 409, 500, 409),
    (StorageBehind, 503, 500, 503),
    (voice_errors.InvalidAudio, 400, 500, 400),
    (voice_errors.UnsupportedFormat, 400, 500, 400),
    (voice_errors.EngineUnavailable, 503, 500, 503),
    (voice_errors.EngineFailed, 502, 500, 502),
    (WorkerDied, 502, 500, 502),
    (WorkerKilled, 502, 500, 502),
    (voice_errors.EngineBusy, 429, 500, 429),
]
"""Every kind on whose status the doors did not agree."""


def made(kind: type[Exception]) -> Exception:
    """An error of this kind."""
    if kind in (models_errors.InvalidPack, InvalidCall):
        return kind([SENTENCE])
    if issubclass(kind, ProtocolError):
        return kind(kind.code, SENTENCE)
    return kind(SENTENCE)


def kinds_below(base: type[Exception]) -> Iterator[type[Exception]]:
    """Every kind of error that was ever made of this one, outside the tests."""
    for kind in base.__subclasses__():
        if not kind.__module__.startswith("tests"):
            yield kind
        yield from kinds_below(kind)


@pytest.fixture(scope="module")
def app() -> FastAPI:
    """Raises at each door what it is asked to."""
    return raising_app()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].__name__)
def test_an_error_has_one_code_and_one_status(app: FastAPI, row: tuple[type[Exception], str, int]) -> None:
    kind, code, status = row
    assert kind.code == code  # type: ignore[attr-defined]
    assert failure_of(made(kind)).status == status
    for door in DOORS:
        told = {502: 500, 503: 500}.get(status, status) if door == "glean" else status
        assert asked(app, door, made(kind)).status_code == told, "Glean says no more of a failure than that it is one"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].__name__)
def test_the_services_own_failures_are_not_explained(app: FastAPI, row: tuple[type[Exception], str, int]) -> None:
    kind, _, status = row
    failed = "The service failed on this request; try again."
    assert asked(app, "glow", made(kind)).json() == {"detail": failed if status == 500 else SENTENCE}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].__name__)
def test_who_shall_ask_again_is_told_when(app: FastAPI, row: tuple[type[Exception], str, int]) -> None:
    kind, _, status = row
    for door in DOORS:
        answer = asked(app, door, made(kind))
        busy = status == 429 or (status == 503 and door != "glean")
        assert answer.headers.get("Retry-After") == (str(BUSY_RETRY_S) if busy else None), door


def test_who_asks_too_often_is_told_when_it_may_again(app: FastAPI) -> None:
    answer = asked(app, "tutor", pipeline_errors.TooMany("Too Many Requests", 17))
    assert (answer.status_code, answer.json()) == (429, {"error": "Too Many Requests"})
    assert answer.headers["Retry-After"] == "17"


@pytest.mark.parametrize("row", CHANGED, ids=lambda row: row[0].__name__)
def test_the_doors_agree_where_they_did_not(row: tuple[type[Exception], int, int, int]) -> None:
    kind, at_glow, elsewhere, now = row
    assert at_glow != elsewhere
    assert [status for found, _, status in ROWS if found is kind] == [now]


def test_no_kind_of_error_is_missing_from_the_table() -> None:
    found = {kind for base in (ModelError, PipelineError, VoiceError) for kind in kinds_below(base)}
    assert found == {kind for kind, *_ in ROWS}


def test_who_is_not_let_in_is_told_how_to_ask() -> None:
    failure = failure_of(Unauthorized("Send a token."))
    assert (failure.status, failure.message) == (401, "Send a token.")
    assert failure.headers == {"WWW-Authenticate": "Bearer"}


def test_letters_that_are_none_are_not_said_back(app: FastAPI) -> None:
    assert asked(app, "glow", models_errors.Invalid("not \ud800 this")).json() == {"detail": "not \ufffd this"}
