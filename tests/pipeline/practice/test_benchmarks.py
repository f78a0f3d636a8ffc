"""Tests: recorded runs replayed one by one, stopped, graded, and what is refused."""

import asyncio

import pytest

from models.errors import Conflict, NotFound
from pipeline.errors import Busy
from pipeline.tasks.background import RUNNING_LIMIT
from tests.pipeline.practice.conftest import Run
from tests.pipeline.practice.place import Place


def test_a_benchmark_from_its_first_run_to_its_last(run: Run, place: Place) -> None:
    async def story() -> None:
        benchmarks, ada = place.practice.benchmarks, place.ada.id
        test = await benchmarks.start(ada, "b1")
        grades = []
        for position in range(2):
            found = await benchmarks.next(ada, test.id)
            assert found.run is not None
            assert found.run.position == position
            replayed = await benchmarks.run(ada, test.id, test.invocation_id, found.run.id, wait=True)
            assert replayed.chat_id is not None
            said = [message.role for message in await place.store.messages(replayed.chat_id)]
            assert said == ["user", "assistant"] * (position + 1)
            grades.append((await benchmarks.end(ada, test.id, test.invocation_id)).grade)
        assert (await benchmarks.next(ada, test.id)).run is None
        report = await benchmarks.report(ada, test.id)
        assert report.test.ended_at is not None
        assert [report.grades[item.chat_id or ""] for item in report.test.runs] == grades
        names = [event.name for event in await place.told() if event.name.startswith("test_")]
        assert names[0] == "test_started"
        assert names[-1] == "test_all_complete"
        assert names.count("test_progress") == 3
        assert names.count("test_run_complete") == names.count("test_graded") == 2

    run(story())


def test_a_run_that_is_ended_without_a_grade_has_none_and_tells_of_none(run: Run, place: Place) -> None:
    async def story() -> None:
        benchmarks, ada = place.practice.benchmarks, place.ada.id
        test = await benchmarks.start(ada, "b1")
        for _ in range(2):
            replayed = await benchmarks.run(ada, test.id, test.invocation_id, wait=True)
            ended = await benchmarks.end(ada, test.id, test.invocation_id, replayed.id, grade=False)
            assert ended.grade is None
        report = await benchmarks.report(ada, test.id)
        assert [item.status for item in report.test.runs] == ["ended", "ended"]
        assert (report.test.ended_at is not None, report.grades) == (True, {})
        assert "test_graded" not in await place.names()
        with pytest.raises(Conflict, match="ended already"):
            await benchmarks.end(ada, test.id, test.invocation_id, replayed.id, grade=False)
        assert (await benchmarks.end(ada, test.id, test.invocation_id, replayed.id)).grade is not None
        with pytest.raises(Conflict, match="ended already"):
            await benchmarks.end(ada, test.id, test.invocation_id, replayed.id)

    run(story())


def test_in_infinite_mode_the_runs_begin_again(run: Run, place: Place) -> None:
    async def story() -> None:
        benchmarks, ada = place.practice.benchmarks, place.ada.id
        test = await benchmarks.start(ada, "b1", infinite_mode=True)
        originals = []
        for _ in range(3):
            found = await benchmarks.next(ada, test.id)
            assert found.run is not None
            originals.append(found.run.original_id)
            await benchmarks.run(ada, test.id, test.invocation_id, found.run.id, wait=True)
            await benchmarks.end(ada, test.id, test.invocation_id, found.run.id, grade=False)
        assert originals == ["r1", "r2", "r1"]
        assert (await benchmarks.report(ada, test.id)).test.ended_at is None
        assert place.coach.asked == 0

    run(story())


def test_what_is_refused(run: Run, place: Place) -> None:
    async def story() -> None:
        benchmarks, ada = place.practice.benchmarks, place.ada.id
        with pytest.raises(NotFound, match="Benchmark not found"):
            await benchmarks.start(ada, "nowhere")
        test = await benchmarks.start(ada, "b1")
        first = test.runs[0]
        with pytest.raises(Conflict, match="not replayed yet"):
            await benchmarks.end(ada, test.id, test.invocation_id, first.id)
        for invocation_id, run_id in (("elsewhere", first.id), (test.invocation_id, "nowhere")):
            with pytest.raises(NotFound):
                await benchmarks.run(ada, test.id, invocation_id, run_id)
        with pytest.raises(NotFound):
            await benchmarks.report(place.bob.id, test.id)
        await benchmarks.run(ada, test.id, test.invocation_id, first.id, wait=True)
        with pytest.raises(Conflict, match="or was already"):
            await benchmarks.run(ada, test.id, test.invocation_id, first.id)
        assert await benchmarks.stop(ada, test.invocation_id) == "Nothing was being replayed."

    run(story())


def test_a_run_that_found_no_room_may_be_tried_again(run: Run, place: Place) -> None:
    async def story() -> None:
        benchmarks, ada = place.practice.benchmarks, place.ada.id
        test = await benchmarks.start(ada, "b1")
        free = asyncio.Event()
        for number in range(RUNNING_LIMIT):
            place.background.start(f"other {number}", free.wait())  # type: ignore[arg-type]
        with pytest.raises(Busy):
            await benchmarks.run(ada, test.id, test.invocation_id)
        free.set()
        await place.background.finished("other 0")
        replayed = await benchmarks.run(ada, test.id, test.invocation_id, wait=True)
        assert replayed.id == test.runs[0].id

    run(story())
