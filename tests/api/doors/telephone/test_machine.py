"""Who has answered a call that we made: a person who says hello, or a machine, which is left its message once."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict, replace

import numpy as np
import pytest

from api.doors.telephone.desk import Desk
from api.doors.telephone.machine import AnswererRule, GreetingEnd, tone_of
from models.records.telephone import PhoneCall
from models.store import Store
from pipeline.replay.virtual_time import run_virtually
from tests.api.doors.line.scene import GREETING
from tests.api.doors.telephone.scene import (
    CALLER,
    NUMBER,
    MemoryDialect,
    calling,
    desk_in,
    entry,
    freed,
    recorded_calls,
)
from tests.api.doors.telephone.twilio.scene import spoken
from tests.pipeline.scene import steadily
from voice.audio.formats import Int16Mono
from voice.audio.g711 import mulaw_encode

SAY, PAUSE = 1.0, 0.0
MESSAGE = "Please call us back."


def frames(seconds: float, speech: float) -> list[float]:
    return [speech] * round(seconds * 50)


def tone(hertz: float, seconds: float = 0.02, rate_hz: int = 16_000, level: int = 4_000) -> Int16Mono:
    return (level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate_hz)) / rate_hz)).astype(np.int16)


@pytest.mark.parametrize(
    ("heard", "who", "after_s"),
    [
        (frames(0.3, PAUSE) + frames(0.5, SAY) + frames(2, PAUSE), "human", 1.4),
        (frames(3, PAUSE), "human", 2.0),
        (frames(0.2, PAUSE) + frames(6, SAY), "machine", 4.2),
        (frames(2, SAY) + frames(0.4, PAUSE) + frames(3, SAY), "machine", 4.0),
        (frames(3.9, SAY) + frames(1, PAUSE), "human", 4.5),
    ],
)
def test_a_person_stops_and_waits_and_a_machine_speaks_on(heard: list[float], who: str, after_s: float) -> None:
    rule = AnswererRule()
    for number, speech in enumerate(heard, 1):
        if (found := rule.push(speech)) is not None:
            assert found == who
            assert number * 0.02 == pytest.approx(after_s, abs=0.05)
            return
    raise AssertionError("it is never decided")


def test_a_greeting_ends_in_a_silence_or_a_beep() -> None:
    quiet = np.zeros(320, np.int16)
    silence = GreetingEnd()
    ends = [silence.push(quiet, PAUSE) for _ in range(110)]
    assert ends.index(True) == pytest.approx(99, abs=1)
    beep = GreetingEnd()
    assert not any(beep.push(tone(1_000), SAY) for _ in range(30)), "not into the beep"
    assert beep.push(quiet, PAUSE)
    word = GreetingEnd()
    assert not any(word.push(tone(1_000 + 60 * number), SAY) for number in range(12))
    assert not word.push(quiet, PAUSE)


def test_what_is_a_tone() -> None:
    noise = np.random.default_rng(1).normal(0, 3_000, 320).astype(np.int16)
    assert tone_of(tone(1_000)) is not None
    assert [tone_of(sound) for sound in (tone(300), tone(2_500), noise, tone(1_000, level=20))] == [None] * 4
    assert tone_of((tone(770) // 2 + tone(1_336) // 2).astype(np.int16)) is None, "two tones are a key"


def played_out(story: Callable[[Store], Awaitable[None]]) -> None:
    steadily(story, run_virtually)


async def dialled(store: Store, desk: Desk, **fields: str) -> tuple[PhoneCall, MemoryDialect]:
    opens = {name: value for name, value in asdict(entry(**fields)).items() if name != "number"}
    details = {"entry": opens, "message": MESSAGE}
    made = store.begin_outgoing_call("memory", caller=NUMBER, called=CALLER, details=details, since=store.now(), most=9)
    record = await made
    dialect = MemoryDialect(desk)
    dialect.incoming = replace(dialect.incoming, outgoing=record.id)
    return record, dialect


def test_a_person_is_answered_as_soon_as_the_hello_is_over() -> None:
    async def story(store: Store) -> None:
        async with desk_in(store) as desk:
            _, dialect = await dialled(store, desk)
            async with calling(desk, dialect) as phone:
                audio = spoken("slt/turns/07")[: 8_000 * 2]
                await phone.speak(0.5)
                await phone.speak(len(audio) / 8_000, audio)
                await phone.until(lambda: len(phone.audio) > 3, within_s=3)
                phone.wire.say("bye")
                await phone.serving
                call = dialect.reception.call  # type: ignore[union-attr]
                said = await store.messages(call.session.conversation.chat_id)  # type: ignore[union-attr]
                assert said[0].role == "user", "the hello is the first turn"
            await freed(desk)
            (record,) = await recorded_calls(store)
            assert (record.direction, record.reason, record.called) == ("out", "caller", CALLER)

    played_out(story)


@pytest.mark.parametrize("fields", [{}, {"greeting": "Good morning, this is Robin."}])
def test_nobody_speaks_so_the_persona_does(fields: dict[str, str]) -> None:
    async def story(store: Store) -> None:
        async with desk_in(store) as desk:
            _, dialect = await dialled(store, desk, **fields)
            async with calling(desk, dialect) as phone:
                await phone.until(lambda: len(phone.audio) > 20, within_s=6)
                call = dialect.reception.call  # type: ignore[union-attr]
                said = await store.messages(call.session.conversation.chat_id)  # type: ignore[union-attr]
                assert said[0].full_text in (None, fields.get("greeting", GREETING)) or said[0].text == ""

    played_out(story)


def test_a_machine_is_left_the_message_once_after_its_beep() -> None:
    async def story(store: Store) -> None:
        async with desk_in(store) as desk:
            _, dialect = await dialled(store, desk)
            async with calling(desk, dialect) as phone:
                speech = spoken("slt/turns/13")
                greeting = (speech[200:8_200] * 6)[: 8_000 * 5]
                await phone.speak(5, greeting)
                assert phone.audio == []
                await phone.speak(0.5, mulaw_encode(tone(1_000, 0.5, 8_000)))
                await phone.until(phone.serving.done, within_s=20)
                seconds = sum(len(data) for _, data in phone.audio) / 8_000
                assert 0.8 < seconds < 4, "once"
            await freed(desk)
            assert [(call.reason, call.chat_id) for call in await recorded_calls(store)] == [("machine", None)]

    played_out(story)
