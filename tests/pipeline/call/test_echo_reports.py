"""What a client reports of its echo: a loud one leaves it to words alone to interrupt the persona."""

import logging

import numpy as np
import pytest

from models.store import Store
from pipeline.call.commands import obey
from pipeline.call.echo import EchoReport, EchoWatch
from pipeline.conversation.events import ReplyAudio, ReplyCleared, ReplyEnded
from pipeline.replay.virtual_time import run_virtually
from tests.pipeline.scene import engines, opened, steadily
from tests.voice.sound import recording
from voice.audio.formats import Float32Mono16k
from voice.stt.base import Transcript
from voice.work.cancellation import Cancelled, never_cancelled


class Hearing:
    """A recogniser that hears these words in everything."""

    name = "hearing"

    def __init__(self, words: str) -> None:
        self.words = words

    def transcribe(
        self, audio: Float32Mono16k, *, prompt: str = "", cancelled: Cancelled = never_cancelled
    ) -> Transcript:
        """The words, whatever was said."""
        return Transcript(self.words)


@pytest.mark.parametrize(
    ("report", "words", "stops"),
    [
        (None, "", True),
        (EchoReport(200, -20), "", False),
        (EchoReport(200, -20), "there are two of them", True),
        (EchoReport(200, -50), "", True),
        (EchoReport(None, -60), "", True),
    ],
)
def test_what_lasts_over_a_reply_without_words_stops_it_unless_it_may_be_its_echo(
    report: EchoReport | None, words: str, stops: bool
) -> None:
    stopped = []

    async def story(store: Store) -> None:
        async with opened(store, engines(transcriber=Hearing(words))) as scene:
            if report is not None:
                await obey(scene.call, report)
            scene.call.session.greet()
            await scene.until(ReplyAudio)
            await scene.say(np.concatenate([recording("slt/records-office/07"), np.zeros(16_000, np.int16)]))
            await scene.until(ReplyEnded)
            stopped.extend(scene.of(ReplyCleared))

    steadily(story, run_virtually)
    assert bool(stopped) is stops


def test_an_echo_is_loud_until_it_is_clearly_quieter_and_the_log_says_when(caplog: pytest.LogCaptureFixture) -> None:
    watch, loud = EchoWatch("c-1"), []
    caplog.set_level(logging.INFO, logger="pipeline")
    for level_db in (-31, -29, -33, -37, -33):
        watch.note(EchoReport(150, level_db))
        loud.append(watch.loud)
    assert loud == [False, True, True, False, False]
    assert watch.report == EchoReport(150, -33)
    assert [record.message.partition("; ")[2] for record in caplog.records] == [
        "words and lasting speech interrupt the persona.",
        "only words interrupt the persona.",
        "words and lasting speech interrupt the persona.",
    ]
