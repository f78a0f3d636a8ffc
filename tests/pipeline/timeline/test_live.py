"""What is kept of a live call, and what of it is drawn."""

from datetime import UTC, datetime

from models.records.past_calls import CallLog
from models.store import Store
from pipeline.conversation.events import Problem, ReplyEnded
from pipeline.replay.virtual_time import run_virtually
from pipeline.tasks.clock import LoopClock
from pipeline.timeline.live import MOST_ENTRIES, CallTimelines, entries_of
from tests.pipeline.scene import GREETING, opened, steadily

KEPT = [
    {"at": 1.0, "who": "service", "what": "user.started", "fields": {"turn": 1, "at_ms": 1000}, "until": None},
    {"at": 61.0, "who": "service", "what": "error", "fields": {"code": "idle", "fatal": False}, "until": None},
    {"at": 58.0, "who": "ear", "what": "ear.heard", "fields": {"turn": 1, "from_ms": 0, "to_ms": 4000}, "until": 62.0},
]


def test_a_part_of_a_timeline_has_what_reaches_into_it_in_order() -> None:
    began = datetime(2030, 1, 1, tzinfo=UTC)
    log = CallLog("id", "c", "chat", "user", "Dana", began, 90_000, 1, entries=tuple(KEPT))
    assert [entry.what for entry in entries_of(log)] == ["user.started", "ear.heard", "error"]
    assert [(entry.what, entry.at, entry.until) for entry in entries_of(log, 60, 120)] == [
        ("ear.heard", 0.0, 2.0),
        ("error", 1.0, None),
    ]


def test_a_call_is_followed_to_its_end_and_never_without_bound() -> None:
    async def story(store: Store) -> None:
        async with (
            opened(store) as scene,
            CallTimelines(scene.calls, store, LoopClock(), lambda: "kept") as timelines,
        ):
            timelines.follow(scene.call)
            scene.call.session.greet()
            await scene.until(ReplyEnded)
            [going_on] = timelines.open_calls()
            assert (going_on.id, going_on.reason, going_on.persona) == ("kept", "", "Robin")
            so_far = await timelines.find("kept")
            assert [line["text"] for line in so_far.lines] == [GREETING]
            heard = [entry for entry in entries_of(so_far) if entry.what == "ear.heard"]
            sent = [entry for entry in entries_of(so_far) if entry.what == "reply.audio"]
            assert [entry.fields["to_ms"] for entry in heard] == [entry.fields["to_ms"] for entry in sent]
            for _ in range(MOST_ENTRIES + 10):
                scene.call.session.report(Problem("odd", "Something odd."))
            scene.call.session.hang_up()
            await scene.call.session.finished()
            assert timelines.open_calls() == []
            over = await timelines.find("kept")
            assert (over.reason, len(over.entries)) == ("caller", MOST_ENTRIES + 1)
            assert over.entries[-1]["what"] == "chat_silence"

    steadily(story, run_virtually)
