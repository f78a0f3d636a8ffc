"""Tests: replays a benchmark's recorded runs turn by turn with the current persona, and grades each replay."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models.errors import Conflict, NotFound
from models.records.jobs import Job
from models.records.outcomes import Grade, RunStatus, Test, TestRun
from models.records.resources import Resource
from models.store import Store
from models.store.benchmarks import RUN_NOT_FOUND
from pipeline.chats.chats import Chats
from pipeline.chats.hub import Hub, test_channel
from pipeline.errors import Busy
from pipeline.practice.grading import Grading
from pipeline.practice.progress import REFUSALS, sentence_of
from pipeline.tasks.background import Background

LEFT: Sequence[RunStatus] = ("pending", "failed", "stopped")
"""The statuses of runs that may be replayed."""

OVER: Sequence[RunStatus] = ("graded", "ended")
"""The statuses of runs that have been ended, with a grade and without."""


@dataclass(frozen=True, slots=True)
class TestReport:
    """A test and the grades of its runs, by the chat of the replay."""

    __test__ = False

    test: Test
    grades: Mapping[str, Grade]


@dataclass(frozen=True, slots=True)
class NextRun:
    """The next run of a test to replay; None if none is left."""

    test: Test
    run: TestRun | None


@dataclass(frozen=True, slots=True)
class EndedRun:
    """A run that has ended, and its grade if one was requested."""

    test: Test
    grade: Grade | None


class Benchmarks:
    """Runs benchmarks.

    Args:
        store: where tests are kept.
        chats: answers the recorded messages.
        hub: takes the events.
        background: runs the replays.
        grading: grades the replays.
    """

    def __init__(self, store: Store, chats: Chats, hub: Hub, background: Background, grading: Grading) -> None:
        self._store = store
        self._chats = chats
        self._hub = hub
        self._background = background
        self._grading = grading

    async def start(self, user_id: str, benchmark_id: str, *, infinite_mode: bool = False) -> Test:
        """Start a test of a benchmark: one run for each recorded one.

        Raises:
            NotFound: unknown, or another user's.
        """
        found = await self._store.find_resources(user_id, "benchmark", ids=[benchmark_id])
        if not found:
            raise NotFound("Benchmark not found.")
        test = await self._store.start_test(user_id, found[0].id, _recorded_ids(found[0]), infinite_mode)
        self._publish(test, "test_started", {"test_id": test.id})
        return test

    async def report(self, user_id: str, test_id: str) -> TestReport:
        """Return a test with the grades of its runs.

        Raises:
            NotFound: unknown, or another user's.
        """
        test = await self._store.own_test(user_id, test_id=test_id)
        return TestReport(test, await self._store.grades_of([run.chat_id for run in test.runs if run.chat_id]))

    async def next(self, user_id: str, test_id: str) -> NextRun:
        """Return the next run to replay; in infinite mode the benchmark begins again after its last.

        Raises:
            NotFound: unknown test, or another user's.
        """
        test = await self._store.own_test(user_id, test_id=test_id)
        waiting = [run for run in test.runs if run.status == "pending" and test.ended_at is None]
        if not waiting and test.infinite_mode and test.ended_at is None:
            benchmark = await self._store.resource("benchmark", test.benchmark_id)
            test = await self._store.add_test_runs(user_id, test.id, _recorded_ids(benchmark))
            waiting = [run for run in test.runs if run.status == "pending"]
        if not waiting:
            self._publish(test, "test_all_complete", {"total_runs": len(test.runs), "success": True})
            return NextRun(test, None)
        self._publish_start(test, waiting[0])
        return NextRun(test, waiting[0])

    async def run(
        self, user_id: str, test_id: str, invocation_id: str, run_id: str | None = None, *, wait: bool = False
    ) -> TestRun:
        """Replay a run in a new chat: the current persona answers the learner's recorded messages.

        Args:
            run_id: the run; None for the first not replayed yet.
            wait: return when it has been replayed.

        Raises:
            NotFound: unknown test or run, or another user's.
            Conflict: it is being replayed, or was already.
            Busy: too many background tasks are running.
        """
        test = await self._store.own_test(user_id, test_id=test_id)
        run = _run(test, invocation_id, run_id)
        benchmark = await self._store.resource("benchmark", test.benchmark_id)
        recorded = next((item for item in benchmark.data["runs"] if item["id"] == run.original_id), None)
        if recorded is None:
            raise NotFound("The recorded run is no longer in its benchmark: start another test.")
        if await self._store.update_test_run(run.id, "running", only_from=LEFT) is None:
            raise Conflict("This run is being replayed, or was already: ask for the next one.")
        self._publish_start(test, run)
        simulation_id, scenario_id = str(benchmark.data["simulation_id"]), str(benchmark.data["scenario_id"])
        name = f"{benchmark.name}: {recorded['name']}"
        attempt = await self._store.start_private_attempt(user_id, simulation_id, scenario_id, name)
        chat_id = attempt.chats[0].id
        claimed = await self._store.update_test_run(run.id, "running", chat_id=chat_id)
        lines = [str(line) for line in recorded["lines"]]
        try:
            about = {"invocation_id": test.invocation_id, "run_id": run.id}
            job = Job("", "test", user_id, chat_id, about=about)
            replay = self._background.start(_task(run), self._replay(test, run, chat_id, lines), job)
        except Busy:
            await self._store.update_test_run(run.id, "failed")  # so that it may be tried again
            raise
        if wait:
            await asyncio.wait({replay})
        return claimed or run

    async def _replay(self, test: Test, run: TestRun, chat_id: str, lines: Sequence[str]) -> None:
        """Send the messages one after the other, each once the one before is answered."""
        about = {"run_id": run.id, "current_run": run.position + 1, "total_runs": len(test.runs)}
        status: RunStatus = "failed"
        try:
            for number, line in enumerate(lines, 1):
                sent = await self._chats.message(test.user_id, chat_id, line)
                if sent.reply is not None and await sent.reply is None:
                    status = "stopped"
                    return
                message = f"Turn {number} of {len(lines)}"
                self._publish(test, "test_progress", about | {"type": "turn", "message": message})
            status = "replayed"
            await self._store.complete_chat(chat_id)
        except asyncio.CancelledError:
            status = "stopped"
            raise
        except REFUSALS as error:
            self._publish(test, "test_error", about | {"message": sentence_of(error), "error_type": error.code})
        finally:
            await asyncio.shield(self._store.update_test_run(run.id, status))
            if status == "replayed":
                left = sum(item.position > run.position for item in test.runs)
                done = {"original_run_resource_id": run.original_id, "tool_calls": 0, "remaining_runs": left}
                self._publish(test, "test_run_complete", about | done)

    async def end(
        self, user_id: str, test_id: str, invocation_id: str, run_id: str | None = None, *, grade: bool = True
    ) -> EndedRun:
        """End a run and grade its replay; the test ends with its last run.

        Args:
            run_id: the run; None for the last replayed one.

        Raises:
            NotFound: unknown test or run, or another user's.
            Conflict: it has not been replayed yet, or has ended already.
        """
        test = await self._store.own_test(user_id, test_id=test_id)
        run = _run(test, invocation_id, run_id, done=True)
        if run.status == "graded" or (run.status == "ended" and not grade):
            raise Conflict("This run has ended already: test_get shows how, and test_next goes on.")
        if run.chat_id is None:
            raise Conflict("This run was not replayed yet: run it first.")
        await self._background.finished(_task(run))
        given = (await self._grading.grade(user_id, run.chat_id)).grade if grade else None
        await self._store.update_test_run(run.id, "graded" if given else "ended")
        test = await self._store.own_test(user_id, test_id=test.id)
        if not test.infinite_mode and all(item.status in OVER for item in test.runs):
            await self._store.end_test(user_id, test.id)
        if given is not None:
            payload = {
                "grade_id": given.id,
                "score": given.score,
                "passed": given.passed,
                "feedback": given.description,
            }
            self._publish(test, "test_graded", payload)
        return EndedRun(test, given)

    async def stop(self, user_id: str, invocation_id: str) -> str | None:
        """Stop the replays of a test; return a sentence to show if none was running.

        Raises:
            NotFound: unknown test, or another user's.
        """
        test = await self._store.own_test(user_id, invocation_id=invocation_id)
        running = [run for run in test.runs if run.status == "running"]
        for run in running:
            await self._background.cancel(_task(run))
            if run.chat_id is not None:
                await self._chats.stop(user_id, chat_id=run.chat_id)
        message = None if running else "Nothing was being replayed."
        self._publish(test, "test_stopped", {"success": True, "message": message})
        return message

    async def join(self, user_id: str, invocation_id: str) -> None:
        """Publish to a test's channel that somebody has joined it.

        Raises:
            NotFound: unknown test, or another user's.
        """
        test = await self._store.own_test(user_id, invocation_id=invocation_id)
        self._publish(test, "test_joined", {"success": True})

    def _publish_start(self, test: Test, run: TestRun) -> None:
        payload = {
            "run_id": run.id,
            "original_run_resource_id": run.original_id,
            "current_run": run.position + 1,
            "total_runs": len(test.runs),
            "created_at": run.created_at.isoformat(),
        }
        self._publish(test, "test_run_start", payload)

    def _publish(self, test: Test, name: str, payload: Mapping[str, Any]) -> None:
        self._hub.publish(
            test_channel(test.invocation_id),
            name,
            {"invocation_id": test.invocation_id, **payload},
            user_id=test.user_id,
            artifact="test",
            entity_id=test.id,
            run_id=str(payload["run_id"]) if payload.get("run_id") else None,
        )


def _task(run: TestRun) -> str:
    return f"test run {run.id}"


def _recorded_ids(benchmark: Resource) -> list[str]:
    return [str(run["id"]) for run in benchmark.data.get("runs", [])]


def _run(test: Test, invocation_id: str, run_id: str | None, *, done: bool = False) -> TestRun:
    """Find the run of this id; without an id the first not replayed yet or, with `done`, the last replayed one."""
    if invocation_id != test.invocation_id:
        raise NotFound(RUN_NOT_FOUND)
    if run_id is not None:
        chosen = [run for run in test.runs if run.id == run_id]
    elif done:
        chosen = [run for run in reversed(test.runs) if run.chat_id is not None and run.status not in OVER]
    else:
        chosen = [run for run in test.runs if run.status in LEFT]
    if not chosen:
        raise NotFound(RUN_NOT_FOUND)
    return chosen[0]
