"""Tests: replay a benchmark's recorded runs turn by turn with the current persona, and grade each replay."""

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
from models.records.core import User
from models.records.outcomes import Grade, Test, TestRun


async def test_start(service: Service, user: User, body: TestStartBody) -> TestStartReply:
    """Start a test of a benchmark: one run for each recorded one."""
    test = await service.practice.benchmarks.start(user.id, body.benchmark_id, infinite_mode=body.infinite_mode)
    return TestStartReply(test_id=test.id)


async def test_get(service: Service, user: User, body: TestGetBody) -> TestGetReply:
    """Get a test with its runs and their grades."""
    report = await service.practice.benchmarks.report(user.id, body.test_id)
    test = report.test
    return TestGetReply(
        test_id=test.id,
        benchmark_id=test.benchmark_id,
        invocation_id=test.invocation_id,
        created_at=test.created_at.isoformat(),
        ended=test.ended_at is not None,
        runs=[_item(test, run, report.grades.get(run.chat_id or "")) for run in test.runs],
    )


def _item(test: Test, run: TestRun, grade: Grade | None) -> TestRunItem:
    return TestRunItem(
        run_id=run.id,
        invocation_id=test.invocation_id,
        position=run.position,
        status=run.status,
        chat_id=run.chat_id,
        score=grade.score if grade else None,
        passed=grade.passed if grade else None,
        feedback=grade.description if grade else None,
    )


async def test_next(service: Service, user: User, body: TestNextBody) -> TestNextReply:
    """Get the next run to replay; in infinite mode the benchmark begins again after its last."""
    found = await service.practice.benchmarks.next(user.id, body.test_id)
    run, total = found.run, len(found.test.runs)
    if run is None:
        return TestNextReply(invocation_id=found.test.invocation_id, current_run=total, total_runs=total)
    return TestNextReply(
        invocation_id=found.test.invocation_id,
        run_id=run.id,
        original_run_resource_id=run.original_id,
        current_run=run.position + 1,
        total_runs=total,
        created_at=run.created_at.isoformat(),
    )


async def test_run(service: Service, user: User, body: TestRunBody) -> TestRunReply:
    """Replay a run in a new chat: the current persona answers the learner's recorded messages."""
    run = await service.practice.benchmarks.run(
        user.id, body.test_id, body.invocation_id, body.run_id, wait=body.wait_for_complete
    )
    return TestRunReply(test_id=run.test_id, invocation_id=body.invocation_id, run_id=run.id, chat_id=run.chat_id)


async def test_end(service: Service, user: User, body: TestEndBody) -> TestEndReply:
    """End a run and grade its replay; the test ends with its last run."""
    ended = await service.practice.benchmarks.end(
        user.id, body.test_id, body.invocation_id, body.run_id, grade=body.grade
    )
    grade = ended.grade
    return TestEndReply(
        invocation_id=ended.test.invocation_id,
        grade_id=grade.id if grade else None,
        score=grade.score if grade else None,
        passed=grade.passed if grade else None,
        feedback=grade.description if grade else None,
    )


async def test_stop(service: Service, user: User, body: InvocationBody) -> InvocationReply:
    """Stop the replays of a test."""
    message = await service.practice.benchmarks.stop(user.id, body.invocation_id)
    return InvocationReply(invocation_id=body.invocation_id, message=message)


async def test_join(service: Service, user: User, body: InvocationBody) -> InvocationReply:
    """Join a test's room. Over HTTP it only checks that the user may."""
    await service.practice.benchmarks.join(user.id, body.invocation_id)
    return InvocationReply(invocation_id=body.invocation_id)


async def test_leave(service: Service, user: User, body: InvocationBody) -> InvocationReply:
    """Leave a test's room."""
    await service.store.own_test(user.id, invocation_id=body.invocation_id)
    return InvocationReply(invocation_id=body.invocation_id)
