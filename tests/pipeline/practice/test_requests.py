"""Keys, staged calls and told progress: what every operation has, whichever door it came by."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from models.errors import Conflict, Invalid, NotFound, StoreUnavailable
from models.store.keyed_calls import GIVEN_UP_AFTER, IN_PROGRESS, REUSED
from pipeline.practice.keys import Keys
from pipeline.practice.progress import FAILED
from pipeline.practice.staging import Subject
from tests.pipeline.practice.conftest import Run
from tests.pipeline.practice.place import Place


def replying(*replies: str) -> tuple[list[str], Callable[[], Awaitable[str]]]:
    """What carries a request out, and the replies that are left."""
    left = list(replies)

    async def carry_out() -> str:
        return left.pop(0)

    return left, carry_out


def test_a_key_carries_a_request_out_once(run: Run, place: Place) -> None:
    async def story() -> None:
        keys, (left, carry_out) = place.practice.keys, replying("first", "second", "third", "fourth")
        for _ in range(3):
            assert await keys.once(place.ada.id, "key", "attempt.end", "{}", carry_out) == "first"
        for operation, said in (("attempt.end", '{"a":1}'), ("attempt.start", "{}")):
            with pytest.raises(Conflict, match=REUSED):
                await keys.once(place.ada.id, "key", operation, said, carry_out)
        assert await keys.once(place.bob.id, "key", "attempt.end", "{}", carry_out) == "second", (
            "keys are each user's own"
        )
        assert await keys.once(place.ada.id, "other", "attempt.end", "{}", carry_out) == "third"
        assert left == ["fourth"]

    run(story())


def test_a_request_that_fails_or_is_given_up_leaves_its_key_free(run: Run, place: Place) -> None:
    async def story() -> None:
        keys, begun = place.practice.keys, asyncio.Event()

        async def refuse() -> str:
            raise Invalid("No.")

        async def hang() -> str:
            begun.set()
            return await asyncio.get_running_loop().create_future()

        with pytest.raises(Invalid):
            await keys.once(place.ada.id, "key", "attempt.end", "{}", refuse)
        hanging = asyncio.create_task(keys.once(place.ada.id, "key", "attempt.end", "{}", hang))
        await begun.wait()
        with pytest.raises(Conflict, match=IN_PROGRESS):
            await keys.once(place.ada.id, "key", "attempt.end", "{}", refuse)
        hanging.cancel()
        await asyncio.wait({hanging})
        assert await keys.once(place.ada.id, "key", "attempt.end", "{}", replying("done")[1]) == "done"

    run(story())


class AlarmClock:
    """A clock whose sleepers sleep until the test wakes them."""

    def __init__(self) -> None:
        self.alarm, self.asleep = asyncio.Event(), asyncio.Event()

    def now(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        assert seconds <= GIVEN_UP_AFTER.total_seconds() / 2
        self.asleep.set()
        await self.alarm.wait()
        self.alarm.clear()


def test_a_key_whose_operation_takes_long_stays_its_own(run: Run, place: Place) -> None:
    async def story() -> None:
        clock, ada = AlarmClock(), place.ada.id
        keys, done = Keys(place.store, clock), asyncio.Event()

        async def long() -> str:
            await done.wait()
            return "done"

        working = asyncio.create_task(keys.once(ada, "key", "attempt.end", "{}", long))
        await clock.asleep.wait()
        for _ in range(3):
            place.passed_s.append(50.0)
            clock.asleep.clear()
            clock.alarm.set()
            await clock.asleep.wait()
            with pytest.raises(Conflict, match=IN_PROGRESS):
                await keys.once(ada, "key", "attempt.end", "{}", long)
        done.set()
        assert await working == "done"
        # A process that was killed renews nothing.
        await place.store.begin_keyed_call(ada, "killed", "f")
        place.passed_s.append(61.0)
        assert await place.store.begin_keyed_call(ada, "killed", "f") is None

    run(story())


def test_a_staged_call_is_handed_out_once(run: Run, place: Place) -> None:
    async def story() -> None:
        attempt, staging, ada = await place.start(), place.practice.staging, place.ada.id
        for subject in (Subject(attempt.chats[0].id), Subject(attempt_id=attempt.id), Subject()):
            await staging.stage(ada, "attempt", "end", subject, {"number": 1})
            staged = await staging.stage(ada, "attempt", "end", subject, {"number": 2})
            with pytest.raises(NotFound, match="No pending grade"):
                await staging.take(ada, "attempt", "grade", subject)
            with pytest.raises(NotFound, match="No pending end"):
                await staging.take(place.bob.id, "attempt", "end", subject)
            taken = await staging.take(ada, "attempt", "end", subject)
            assert (taken, taken.payload) == (staged, {"number": 2}), "the later one replaces the earlier"
            with pytest.raises(NotFound, match="No pending end"):
                await staging.take(ada, "attempt", "end", subject)
        for subject in (Subject(attempt.chats[0].id), Subject(attempt_id=attempt.id), Subject("nowhere")):
            with pytest.raises(NotFound):
                await staging.stage(place.bob.id, "attempt", "end", subject, {})

    run(story())


def test_progress_is_told_to_the_users_connections(run: Run, place: Place) -> None:
    async def story() -> None:
        said = {"chat_id": "c", "score": 5}
        with place.practice.progress.track(place.ada.id, "attempt", "chat_grade", said) as completed:
            completed({"grade_id": "g"})
        with pytest.raises(Invalid), place.practice.progress.track(place.ada.id, "attempt", "chat_grade", said):
            raise Invalid("No.")
        with pytest.raises(ZeroDivisionError), place.practice.progress.track(place.ada.id, "test", "run", {}):
            raise ZeroDivisionError
        events = await place.told()
        assert [event.name for event in events] == [
            "attempt.chat_grade.started",
            "attempt.chat_grade.completed",
            "attempt.chat_grade.started",
            "attempt.chat_grade.failed",
            "test.run.started",
        ]
        started, completed_, _, failed, _ = events
        assert started.payload == said | {
            "operation_key": "attempt.chat_grade",
            "role": "user",
            "tool": "chat_grade",
            "call_id": started.call_id,
        }
        assert completed_.payload == {"chat_id": "c", "grade_id": "g", "call_id": started.call_id}
        assert (failed.payload["message"], failed.payload["error_type"]) == ("No.", "invalid")
        assert failed.call_id != started.call_id

    run(story())


def test_a_failure_of_the_services_own_is_logged_and_its_cause_is_not_published(
    run: Run, place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        with pytest.raises(StoreUnavailable), place.practice.progress.track(place.ada.id, "attempt", "start", {}):
            raise StoreUnavailable("no such table: secrets")
        *_, failed = await place.told()
        assert failed.payload["message"] == FAILED
        assert "no such table: secrets" in caplog.text

    run(story())
