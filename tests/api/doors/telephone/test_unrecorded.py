"""A caller who does not want to be recorded says so, or presses 9: then nothing more is, here or at the carrier."""

import wave
from pathlib import Path
from typing import Any

import pytest

from api.doors.telephone.unrecorded import asks_to_stop_recording
from models.files import Files
from models.store import Store
from pipeline.call.prompts import RECORDING_STOPPED
from pipeline.call.recording import Recordings, recording_of
from pipeline.replay.virtual_time import run_virtually
from pipeline.tasks.clock import LoopClock
from tests.api.doors.telephone.scene import MemoryDialect, calling, desk_in, entry, freed
from tests.api.doors.telephone.twilio.scene import spoken
from tests.pipeline.scene import Repeater, engines, steadily

ANNOUNCED = "This call is recorded."


class RecordingDialect(MemoryDialect):
    """One whose carrier records, too."""

    asked: tuple[str, ...] = ()

    async def record(self) -> None:
        self.asked += ("record",)

    async def stop_recording(self) -> None:
        self.asked += ("stop",)


@pytest.mark.parametrize("how", ["voice", "key", ""])
def test_a_recording_ends_when_the_caller_asks_for_it(tmp_path: Path, how: str) -> None:
    async def story(store: Store) -> None:
        chosen = engines(transcriber=Repeater("please stop recording" if how == "voice" else "how are you"))
        number = entry(greeting="Hello.", silence_s=[], record=True, announce=ANNOUNCED)
        async with desk_in(store, number, chosen=chosen) as desk:
            dialect = RecordingDialect(desk)
            async with Recordings(desk.service.calls, Files(tmp_path), LoopClock()), calling(desk, dialect) as phone:
                await phone.until(lambda: bool(dialect.asked))
                assert dialect.asked == ("record",), "not before the announcement was heard"
                reception = dialect.reception
                assert reception is not None
                assert reception.call is not None
                session = reception.call.session
                await phone.speak(4)
                if how == "key":
                    phone.wire.say("key:9")
                await phone.speak(12, spoken("slt/turns/07") if how == "voice" else b"")
                said = [one.text for one in await store.messages(session.conversation.chat_id)]
                assert said[:2] == [ANNOUNCED, "Hello."]
                assert (RECORDING_STOPPED in said) == bool(how)
                assert session.opening.recorded == (not how)
                assert dialect.asked == (("record", "stop") if how else ("record",))
                phone.wire.say("bye")
                await freed(desk)
            with wave.open(str(tmp_path / recording_of(session.conversation.chat_id))) as recording:
                seconds = recording.getnframes() / recording.getframerate()
            assert (seconds < 12) == bool(how), "16 s were spoken after the announcement"
            assert seconds > 3

    steadily(story, run_virtually)


@pytest.mark.parametrize(
    "fields",
    [{"greeting": "Hello."}, {"greeting": "Press 9 for the desk.", "record": True, "announce": ANNOUNCED}],
)
def test_the_key_9_is_an_entry_where_nothing_is_recorded_and_where_it_is_offered(fields: dict[str, Any]) -> None:
    async def story(store: Store) -> None:
        async with desk_in(store, entry(silence_s=[], **fields)) as desk, calling(desk) as phone:
            await phone.until(lambda: bool(phone.audio))
            await phone.speak(6)
            phone.wire.say("key:9")
            await phone.speak(6)
            reception = phone.dialect.reception
            assert reception is not None
            assert reception.call is not None
            said = [one.text for one in await store.messages(reception.call.session.conversation.chat_id)]
            assert "9" in said
            assert RECORDING_STOPPED not in said

    steadily(story, run_virtually)


@pytest.mark.parametrize(
    "text",
    [
        "Stop recording.",
        "Please stop the recording!",
        "I do not want to be recorded.",
        "Don\u2019t record this, please.",
        "Can you turn off the recording?",
        "Switch the recording off.",
    ],
)
def test_a_wish_not_to_be_recorded_is_one(text: str) -> None:
    assert asks_to_stop_recording(text)


@pytest.mark.parametrize(
    "text",
    [
        "Stop.",
        "Is this call recorded?",
        "I have the recording here.",
        "When I press stop, recording a film on my machine goes on for a minute, and then the screen is dark.",
        "",
    ],
)
def test_other_words_are_no_such_wish(text: str) -> None:
    assert not asks_to_stop_recording(text)


def test_the_carrier_is_told_once_however_often_the_caller_asks() -> None:
    async def story(store: Store) -> None:
        async with desk_in(store, entry(greeting="Hello.", silence_s=[], record=True, announce=ANNOUNCED)) as desk:
            dialect = RecordingDialect(desk)
            async with calling(desk, dialect) as phone:
                await phone.until(lambda: bool(dialect.asked))
                for _ in range(2):
                    phone.wire.say("key:9")
                    await phone.speak(5)
                assert dialect.asked == ("record", "stop")

    steadily(story, run_virtually)
