"""Chats are removed: on request with all that goes on in them, and after a time."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from models.errors import NotFound, StoreUnavailable
from models.files import Files
from pipeline.call.attendance import Attendance
from pipeline.call.recording import recording_of
from pipeline.call.session import SessionSettings
from pipeline.call.settings import CallRecording
from pipeline.practice.removal import SWEEP_EVERY_S, Retention
from pipeline.replay.virtual_time import run_virtually
from pipeline.tasks.clock import LoopClock
from tests.pipeline.practice.conftest import Run
from tests.pipeline.practice.place import NOON, Place
from voice.audio.formats import AudioFormat


def files_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.startswith("glow.db")}


def test_a_chat_that_is_spoken_in_goes_with_its_call_and_its_recordings(run: Run, place: Place, tmp_path: Path) -> None:
    async def story() -> None:
        ada, chat = place.ada.id, (await place.start()).chats[0]
        Files(tmp_path).write("upload", b"sound")
        audio = await place.store.add_audio(ada, "said.wav", "audio/wav", 5, id="upload")
        await place.chats.message(ada, chat.id, "Why?", generate=False, audio_ref=audio.id)
        recorded = SessionSettings(recording=CallRecording(announcement=""))
        call, _ = await place.practice.spoken.admit(ada, chat.id, AudioFormat(), recorded)
        Attendance(place.calls, call).enter(lambda _: None)
        await place.told()
        await place.practice.removal.remove_chat(ada, chat.id)
        assert call.session.over
        assert files_in(tmp_path) == set(), "the recording was joined when the call ended"
        assert (await place.names())[-1] == "attempt_chat_deleted"
        with pytest.raises(NotFound):
            await place.practice.own.find(ada, chat.id)
        with pytest.raises(NotFound):
            await place.practice.removal.remove_chat(ada, chat.id)

    run(story())


def test_nobody_removes_the_chat_of_another(run: Run, place: Place) -> None:
    async def story() -> None:
        chat = (await place.start()).chats[0]
        with pytest.raises(NotFound):
            await place.practice.removal.remove_chat(place.bob.id, chat.id)
        assert (await place.practice.own.find(place.ada.id, chat.id)).completed_at is None

    run(story())


def test_old_chats_go_with_their_recordings_but_those_that_are_spoken_in(
    run: Run, place: Place, tmp_path: Path
) -> None:
    async def story() -> None:
        ada, files = place.ada.id, Files(tmp_path)
        old, called = [(await place.start()).chats[0].id for _ in range(2)]
        await place.say(old, "Why?")
        await place.practice.spoken.admit(ada, called, AudioFormat(), SessionSettings())
        for name in (recording_of(old), recording_of(called)):
            files.write(name, b"sound")
        place.forward(86_400)
        new = (await place.start()).chats[0].id
        assert await place.practice.removal.remove_before(place.store.now() - timedelta(hours=1)) == 2
        assert files_in(tmp_path) == {recording_of(called)}
        for chat_id in (called, new):
            await place.practice.own.find(ada, chat_id)
        with pytest.raises(NotFound):
            await place.practice.own.find(ada, old)

    run(story())


def test_retention_looks_at_once_and_every_hour_whatever_failed(caplog: pytest.LogCaptureFixture) -> None:
    asked: list[tuple[float, datetime]] = []

    async def story() -> None:
        clock = LoopClock()
        began = clock.now()

        async def remove_before(before: datetime) -> int:
            asked.append((clock.now() - began, before))
            if len(asked) == 1:
                raise StoreUnavailable("The disk is full.")
            return 3

        async with Retention(remove_before, 30, lambda: NOON, clock):
            await clock.sleep(SWEEP_EVERY_S * 1.5)
        await clock.sleep(SWEEP_EVERY_S * 5)

    with caplog.at_level("INFO", logger="pipeline.practice.removal"):
        run_virtually(story())
    assert asked == [(0.0, NOON - timedelta(days=30)), (SWEEP_EVERY_S, NOON - timedelta(days=30))]
    assert [record.getMessage() for record in caplog.records if record.name.endswith("removal")] == [
        "Old chats could not be removed, and are tried again: The disk is full.",
        "Removed 3 chats without a message for 30 days.",
    ]
