"""Tests: a benchmark's recorded runs are replayed turn by turn with the current persona, and each replay is graded."""

import asyncio
from collections.abc import Sequence

from api.doors.glow.operations.coaching import chat_grade
from api.doors.glow.operations.shapes_coaching import ChatGradeBody
from api.doors.glow.operations.shapes_tests import (
    InvocationBody,
    InvocationReply,
    TestEndBody,
    TestEndReply,
    TestGetBody,
    TestGetReply,
    TestNextBody,
    TestNextReply,
    TestRunBody,
    TestRunItem,
    TestRunReply,
    TestStartBody,
    TestStartReply,
)
from api.service import Service
from models.errors import Conflict, ModelError, NotFound
from models.records.core import User
from models.records.outcomes import RunStatus, Test, TestRun
from models.records.resources import Resource
from models.store.benchmarks import RUN_NOT_FOUND
from pipeline.chats.hub import test_room as room_of_test
from pipeline.errors import PipelineError

_REFUSALS = (ModelError, PipelineError)
_LEFT: Sequence[RunStatus] = ("pending", "failed", "stopped")


def _tell(service: Service, user: User, test: Test, name: str, payload: dict[str, object]) -> None:
    service.rooms.publish(
        room_of_test(test.invocation_id),
        name,
        {"invocation_id": test.invocation_id, **payload},
        user_id=user.id,
        artifact="test",
        entity_id=test.id,
        run_id=str(payload["run_id"]) if payload.get("run_id") else None,
    )


async def test_start(service: Service, user: User, body: TestStartBody) -> TestStartReply:
    """Begin to run a benchmark: one run for each recorded one."""
    benchmark = await _benchmark(service, user, body.benchmark_id)
    test = await service.store.start_test(user.id, benchmark.id, _recorded_ids(benchmark), body.infinite_mode)
    _tell(service, user, test, "test_started", {"test_id": test.id})
    return TestStartReply(test_id=test.id)


async def test_get(service: Service, user: User, body: TestGetBody) -> TestGetReply:
    """A test with its runs and their grades."""
    test = await service.store.own_test(user.id, test_id=body.test_id)
    grades = await service.store.grades_of([run.chat_id for run in test.runs if run.chat_id])
    runs = []
    for run in test.runs:
        grade = grades.get(run.chat_id or "")
        runs.append(
            TestRunItem(
                run_id=run.id,
                invocation_id=test.invocation_id,
                position=run.position,
                status=run.status,
                chat_id=run.chat_id,
                score=grade.score if grade else None,
                passed=grade.passed if grade else None,
                feedback=grade.description if grade else None,
            )
        )
    return TestGetReply(
        test_id=test.id,
        benchmark_id=test.benchmark_id,
        invocation_id=test.invocation_id,
        created_at=test.created_at.isoformat(),
        ended=test.ended_at is not None,
        runs=runs,
    )


async def test_next(service: Service, user: User, body: TestNextBody) -> TestNextReply:
    """The next run that waits to be replayed; in infinite mode the benchmark begins again after its last."""
    test = await service.store.own_test(user.id, test_id=body.test_id)
    waiting = [run for run in test.runs if run.status == "pending" and test.ended_at is None]
    if not waiting and test.infinite_mode and test.ended_at is None:
        benchmark = await service.store.resource("benchmark", test.benchmark_id)
        test = await service.store.add_test_runs(user.id, test.id, _recorded_ids(benchmark))
        waiting = [run for run in test.runs if run.status == "pending"]
    total = len(test.runs)
    if not waiting:
        _tell(service, user, test, "test_all_complete", {"total_runs": total, "success": True})
        return TestNextReply(invocation_id=test.invocation_id, current_run=total, total_runs=total)
    run = waiting[0]
    reply = TestNextReply(
        invocation_id=test.invocation_id,
        run_id=run.id,
        original_run_resource_id=run.original_id,
        current_run=run.position + 1,
        total_runs=total,
        created_at=run.created_at.isoformat(),
    )
    _tell(service, user, test, "test_run_start", reply.model_dump(exclude={"idempotency_key", "success"}))
    return reply


async def test_run(service: Service, user: User, body: TestRunBody) -> TestRunReply:
    """Replay a run in a chat of its own: the learner's recorded lines, answered by the persona as it is now."""
    test = await service.store.own_test(user.id, test_id=body.test_id)
    run = _run(test, body.invocation_id, body.run_id)
    benchmark = await service.store.resource("benchmark", test.benchmark_id)
    recorded = next((item for item in benchmark.data["runs"] if item["id"] == run.original_id), None)
    if recorded is None:
        raise NotFound("The recorded run is no longer in its benchmark: start another test.")
    simulation_id, scenario_id = str(benchmark.data["simulation_id"]), str(benchmark.data["scenario_id"])
    claimed = await service.store.update_test_run(run.id, "running", only_from=_LEFT)
    if claimed is None:
        raise Conflict("This run is being replayed, or was already: ask for the next one.")
    began = {
        "run_id": run.id,
        "original_run_resource_id": run.original_id,
        "current_run": run.position + 1,
        "total_runs": len(test.runs),
        "created_at": run.created_at.isoformat(),
    }
    _tell(service, user, test, "test_run_start", began)
    name = f"{benchmark.name}: {recorded['name']}"
    attempt = await service.store.start_private_attempt(user.id, simulation_id, scenario_id, name)
    chat_id = attempt.chats[0].id
    await service.store.update_test_run(run.id, "running", chat_id=chat_id)
    replay = service.background.start(
        f"test run {run.id}", _replay(service, user, test, run, chat_id, [str(line) for line in recorded["lines"]])
    )
    if body.wait_for_complete:
        await asyncio.wait({replay})
    return TestRunReply(test_id=test.id, invocation_id=test.invocation_id, run_id=run.id, chat_id=chat_id)


async def _replay(service: Service, user: User, test: Test, run: TestRun, chat_id: str, lines: Sequence[str]) -> None:
    """Say the lines one after the other, each once the last is answered."""
    total = len(test.runs)
    about: dict[str, object] = {"run_id": run.id, "current_run": run.position + 1, "total_runs": total}
    status: RunStatus = "failed"
    try:
        for number, line in enumerate(lines, 1):
            sent = await service.chats.message(user.id, chat_id, line)
            if sent.reply is not None and await sent.reply is None:
                status = "stopped"
                return
            message = f"Turn {number} of {len(lines)}"
            _tell(service, user, test, "test_progress", about | {"type": "turn", "message": message})
        status = "replayed"
        await service.store.complete_chat(chat_id)
    except asyncio.CancelledError:
        status = "stopped"
        raise
    except _REFUSALS as error:
        _tell(service, user, test, "test_error", about | {"message": str(error), "error_type": error.code})
    finally:
        await asyncio.shield(service.store.update_test_run(run.id, status))
        if status == "replayed":
            left = sum(item.position > run.position for item in test.runs)
            done = about | {"original_run_resource_id": run.original_id, "tool_calls": 0, "remaining_runs": left}
            _tell(service, user, test, "test_run_complete", done)


async def test_end(service: Service, user: User, body: TestEndBody) -> TestEndReply:
    """End a run and grade its replay; the test ends with its last run."""
    test = await service.store.own_test(user.id, test_id=body.test_id)
    run = _run(test, body.invocation_id, body.run_id, done=True)
    if run.chat_id is None:
        raise Conflict("This run was not replayed yet: run it first.")
    await service.background.finished(f"test run {run.id}")
    reply = TestEndReply(invocation_id=test.invocation_id)
    if body.grade:
        grade = await chat_grade(service, user, ChatGradeBody(chat_id=run.chat_id))
        reply.grade_id, reply.score, reply.passed = grade.grade_id, grade.score, grade.passed
        reply.feedback = grade.description
    await service.store.update_test_run(run.id, "graded")
    test = await service.store.own_test(user.id, test_id=test.id)
    if not test.infinite_mode and all(item.status == "graded" for item in test.runs):
        await service.store.end_test(user.id, test.id)
    _tell(service, user, test, "test_graded", reply.model_dump(exclude={"idempotency_key", "invocation_id"}))
    return reply


async def test_stop(service: Service, user: User, body: InvocationBody) -> InvocationReply:
    """Stop what is being replayed."""
    test = await service.store.own_test(user.id, invocation_id=body.invocation_id)
    running = [run for run in test.runs if run.status == "running"]
    for run in running:
        await service.background.cancel(f"test run {run.id}")
        if run.chat_id is not None:
            await service.chats.stop(user.id, chat_id=run.chat_id)
    message = None if running else "Nothing was being replayed."
    reply = InvocationReply(invocation_id=test.invocation_id, message=message)
    _tell(service, user, test, "test_stopped", reply.model_dump(exclude={"invocation_id"}))
    return reply


async def test_join(service: Service, user: User, body: InvocationBody) -> InvocationReply:
    """Join a test's room. Over HTTP there is no room to sit in: it says whether one may."""
    test = await service.store.own_test(user.id, invocation_id=body.invocation_id)
    _tell(service, user, test, "test_joined", {"success": True})
    return InvocationReply(invocation_id=test.invocation_id)


async def test_leave(service: Service, user: User, body: InvocationBody) -> InvocationReply:
    """Leave a test's room."""
    test = await service.store.own_test(user.id, invocation_id=body.invocation_id)
    return InvocationReply(invocation_id=test.invocation_id)


async def _benchmark(service: Service, user: User, benchmark_id: str) -> Resource:
    found = await service.store.find_resources(user.id, "benchmark", ids=[benchmark_id])
    if not found:
        raise NotFound("Benchmark not found.")
    return found[0]


def _recorded_ids(benchmark: Resource) -> list[str]:
    return [str(run["id"]) for run in benchmark.data.get("runs", [])]


def _run(test: Test, invocation_id: str, run_id: str | None, *, done: bool = False) -> TestRun:
    """The run that is named; without a name the first that waits, or with `done` the last that was replayed."""
    if invocation_id != test.invocation_id:
        raise NotFound(RUN_NOT_FOUND)
    if run_id is not None:
        chosen = [run for run in test.runs if run.id == run_id]
    elif done:
        chosen = [run for run in reversed(test.runs) if run.chat_id is not None and run.status != "graded"]
    else:
        chosen = [run for run in test.runs if run.status in _LEFT]
    if not chosen:
        raise NotFound(RUN_NOT_FOUND)
    return chosen[0]
