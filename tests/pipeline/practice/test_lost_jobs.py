"""What a killed process was doing is published to its user as failed: at once, or when they come back; once."""

from dataclasses import replace

from models.records.jobs import Job
from pipeline.chats.hub import profile_channel
from pipeline.chats.hub import test_channel as channel_of_test
from pipeline.practice.lost_jobs import INTERRUPTED
from tests.pipeline.practice.conftest import Run
from tests.pipeline.practice.place import Place

RUN = {"group_id": "group", "run_id": "run"}

WORK = (
    Job("reply", "reply", "", "chat", "chat chat", {"group_id": "group", "message_id": "message"}),
    Job("hints", "hint", "", "chat"),
    Job("draft", "draft", "", about={**RUN, "artifact_type": "persona"}),
    Job("test", "test", "", "chat", about={"invocation_id": "invocation", "run_id": "run"}),
    Job("turn", "turn", "", "session", "lesson session"),
)


async def killed(place: Place) -> None:
    """A process that has begun all kinds of work was killed."""
    place.store.process_id = "gone"
    for job in WORK:
        assert await place.store.begin_job(replace(job, user_id=place.ada.id)) is None
    place.store.process_id = None


def test_a_user_who_is_there_learns_at_once_what_has_failed(run: Run, place: Place) -> None:
    async def story() -> None:
        await killed(place)
        with place.hub.subscribe([profile_channel(place.ada.id)]), place.hub.subscribe([channel_of_test("invocation")]):
            assert await place.practice.lost.look() == 5
        events = {event.name: event for event in await place.told()}
        assert set(events) == {
            "attempt_error", "attempt_complete", "attempt.generate.failed", "attempt.chat_message.failed",
            "persona_generation_error", "test_error",
        }  # fmt: skip
        assert events["attempt.generate.failed"].run_id == "reply"
        assert events["attempt_complete"].payload["success"] is False
        assert events["persona_generation_error"].payload == RUN | {
            "artifact_type": "persona", "success": False, "message": INTERRUPTED,
        }  # fmt: skip
        assert events["test_error"].payload["run_id"] == "run"
        assert await place.practice.lost.look() == 0
        await place.practice.lost.tell(place.ada.id)
        assert await place.told() == []

    run(story())


def test_a_user_who_comes_back_learns_it_then(run: Run, place: Place) -> None:
    async def story() -> None:
        place.feed.close()
        await killed(place)
        assert await place.practice.lost.look() == 5
        await place.told()
        await place.practice.lost.tell(place.bob.id)
        assert await place.told() == []
        await place.practice.lost.tell(place.ada.id)
        assert len(await place.told()) == 7, "two errors, of the reply and of the hints"
        await place.practice.lost.tell(place.ada.id)
        assert await place.told() == []

    run(story())
