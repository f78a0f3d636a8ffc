"""The parts of a replay: microphone, loudspeaker, fixed replies, the steady store, the picture."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from models.records.core import Persona
from pipeline.conversation.events import ReplyAudio
from pipeline.conversation.reply import HistoryEntry, ReplyContext
from pipeline.replay import Stage, read_call, replay, sounds
from pipeline.replay.call_file import ReplyLine
from pipeline.replay.engines import FixedLines
from pipeline.replay.loudspeaker import Loudspeaker
from pipeline.replay.microphone import Microphone
from pipeline.replay.steady_store import SteadyStore
from pipeline.replay.virtual_time import run_virtually
from pipeline.tasks.clock import LoopClock
from pipeline.timeline.picture import picture_of

CALLS = Path(__file__).parents[2] / "calls"
SILENCE = np.zeros(320, np.int16)


def audio(at_ms: int, duration_ms: int = 100, turn: int = 1) -> ReplyAudio:
    return ReplyAudio(turn, 1, at_ms, duration_ms, "", np.zeros(0, np.int16))


def test_the_loudspeaker_plays_in_order_and_tells_what_was_heard() -> None:
    speaker = Loudspeaker(24_000)
    for at_ms in (0, 100, 200):
        speaker.take(audio(at_ms), 1.0)
    assert list(speaker.news(1.05)) == [(1, 0, 50)]
    assert list(speaker.news(1.25)) == [(1, 50, 100), (1, 100, 200), (1, 200, 250)]
    assert speaker.position(1.25) == (1, pytest.approx(250))
    assert speaker.is_playing(1.29)
    assert not speaker.is_playing(1.31)


def test_what_was_dropped_is_played_when_it_is_sent_again() -> None:
    speaker = Loudspeaker(24_000)
    speaker.take(audio(0, 300), 0.0)
    speaker.clear(0.1)
    assert not speaker.is_playing(0.1)
    speaker.take(audio(100, 200), 0.5)
    assert speaker.position(0.6) == (1, pytest.approx(200))


def test_what_was_received_already_is_left_out() -> None:
    speaker = Loudspeaker(24_000)
    speaker.take(audio(0, 300), 0.0)
    speaker.take(audio(100, 300), 0.2)
    assert list(speaker.news(5.0)) == [(1, 0, 300), (1, 300, 400)]


def test_the_microphone_mixes_sounds_with_the_room() -> None:
    microphone = Microphone(background=np.full(100, 7, np.int16))
    microphone.play(np.full(400, 1000, np.int16))
    assert (microphone.frame(SILENCE) == 1007).all()
    microphone.play(np.full(320, 32_000, np.int16))
    frame = microphone.frame(SILENCE)
    assert (frame[:80] == 32_767).all()
    assert (frame[80:] == 32_007).all()
    assert not microphone.busy
    assert (microphone.frame(SILENCE) == 7).all()


@pytest.mark.parametrize("kind", sounds.KINDS)
def test_a_noise_has_its_level_and_is_the_same_each_time(kind: str) -> None:
    first, again, other = (sounds.noise(kind, 500, -30, seed) for seed in (1, 1, 2))
    assert len(first) == 8000
    assert (first == again).all()
    assert (first != other).any()
    level_db = 20 * np.log10(np.sqrt(np.mean((first / 32768.0) ** 2)))
    assert level_db == pytest.approx(-30, abs=0.5)


def test_a_fixed_reply_is_late_and_slow_and_a_thrown_away_one_uses_nothing_up() -> None:
    lines = [ReplyLine("One two.", first_token_ms=500, token_ms=250), ReplyLine("Three.")]
    persona = Persona(id="p", name="P")

    async def times(history: tuple[HistoryEntry, ...]) -> list[tuple[float, str]]:
        responder = FixedLines(lines, LoopClock())
        context = ReplyContext(persona, None, (), history)
        begun = asyncio.get_running_loop().time()
        return [(asyncio.get_running_loop().time() - begun, delta) async for delta in responder.reply(context)]

    async def main() -> None:
        asked = (HistoryEntry("user", "Hello?"),)
        for _ in range(2):
            assert await times(asked) == [(pytest.approx(0.5), "One "), (pytest.approx(0.75), "two.")]
        answered = (*asked, HistoryEntry("assistant", "One two."), HistoryEntry("user", "And?"))
        assert await times(answered) == [(0.0, "Three.")]

    run_virtually(main())


def test_the_steady_store_takes_no_virtual_time_and_leaves_no_thread() -> None:
    async def main(store: SteadyStore) -> float:
        user = await store.store.create_user("ada")
        assert (await store.store.user_by_name("ada")) == user
        return asyncio.get_running_loop().time()

    before = set(threading.enumerate())
    with SteadyStore() as store:
        begun = set(threading.enumerate()) - before
        assert run_virtually(main(store)) == 0.0
    assert "replay store" in {thread.name for thread in begun}
    for thread in begun:
        thread.join(100)
        assert not thread.is_alive()


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with Stage() as stage:
        yield stage


@pytest.mark.slow
def test_the_picture_shows_every_lane(stage: Stage) -> None:
    replayed = replay(read_call(CALLS / "resume-drops-revision.yaml"), stage)
    drawing = picture_of(replayed.timeline, "A pause & its end", "measured")
    root = ElementTree.fromstring(drawing)
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    for lane in ("learner", "turn", "revisions", "transcription", "preparation", "audio out", "heard"):
        assert lane in texts
    assert {"r1", "r2", "(cancelled)", "revision, dropped"} <= set(texts)
    width = float(root.attrib["width"])
    for bar in root.iter("{http://www.w3.org/2000/svg}rect"):
        assert 0 <= float(bar.attrib.get("x", "0")) <= width
