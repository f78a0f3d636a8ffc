"""Dictated numbers and spelled names, from speech to message; on real weights, and the bench that counts them."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from api.bench.number_speech import LEVEL, Recorded, joined, recorded_person, speech_of, spelled_out
from api.bench.numbers import SETS, SOON_MS, STORIES, HeardStory, hear, row_of
from api.cli.main import app
from pipeline.pauses.number_stories import NumberStory, read_stories
from pipeline.replay import Stage
from voice.audio.formats import RATE_HZ, float32_of
from voice.stt.whisper.engine import FasterWhisper


def story(asked: str, *said: str | int) -> NumberStory:
    says = tuple(part for part in said if isinstance(part, str))
    return NumberStory("story", "", asked, says, tuple(part for part in said if isinstance(part, int)), ())


@pytest.mark.parametrize(
    ("words", "written"),
    [
        ("s m a", "S M A"),
        ("a four", "A four"),
        ("a lamp", "a lamp"),
        ("he got a c", "he got a C"),
        ("i need a tent", "I need a tent"),
        ("oh one", "oh one"),
    ],
)
def test_letters_are_written_so_that_a_synthesizer_spells_them(words: str, written: str) -> None:
    assert spelled_out(words) == written


def test_a_person_says_what_was_recorded_and_nothing_else() -> None:
    tone = np.sin(np.arange(RATE_HZ // 4) / 5).astype(np.float32)
    speaker = Recorded({"one": np.concatenate([np.zeros(4000, np.float32), tone]), "two": tone * 0.01})
    assert speech_of(story("", "one three"), speaker) is None
    one, two = speech_of(story("", "one", 500, "two"), speaker) or ()
    for part in (one, two):
        assert np.sqrt(np.mean(float32_of(part) ** 2)) == pytest.approx(LEVEL, rel=0.01)
        assert len(part) == pytest.approx(len(tone), abs=20)
    assert len(joined((one, two), (500,))) == len(one) + len(two) + RATE_HZ // 2


def test_every_set_has_dictations_and_finished_turns_that_can_be_spoken() -> None:
    for chosen in SETS:
        for kind in ("dictated", "finished"):
            stories = read_stories(STORIES / chosen / f"{kind}.yaml")
            assert len(stories) >= 20
            assert all(story.says for story in stories)


def test_a_story_without_a_pause_between_its_parts_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "one.yaml"
    file.write_text("- {story: broken, says: [one, two]}")
    with pytest.raises(ValueError, match="'broken' needs a pause between its parts"):
        read_stories(file)


def test_stories_are_counted_by_speaker() -> None:
    told = story("", "one")
    heard = [
        HeardStory(told, "ann", ("1",), (), ("1",), 500),
        HeardStory(told, "ann", ("1",), ("1",), ("1", "2"), None),
        HeardStory(told, "ben", ("1",), (), ("1",), 900),
    ]
    ann = row_of("tuning", "dictated", "ann", heard)
    assert (ann.stories, ann.cut_off, ann.doubled, ann.late) == (2, 1, 1, 1)
    ben = row_of("tuning", "dictated", "ben", heard)
    assert (ben.stories, ben.cut_off, ben.doubled, ben.late, ben.most_ms) == (1, 0, 0, 1, 900)


def test_an_unknown_set_is_refused() -> None:
    assert CliRunner().invoke(app, ["bench", "numbers", "--set", "seen"]).exit_code == 2


@pytest.fixture(scope="module")
def real(whisper_base: FasterWhisper) -> Iterator[Stage]:
    with Stage(whisper_base) as opened:
        yield opened


def told_by_a_person(real: Stage, told: NumberStory) -> HeardStory:
    (one,) = hear(told, {"a person": recorded_person()}, real)
    return one


@pytest.mark.slow
def test_a_phone_number_in_groups_is_one_message(real: Stage) -> None:
    told = story("What is your phone number?", "four one five", 700, "five five five", 700, "two six seven one")
    one = told_by_a_person(real, told)
    assert one.is_whole
    assert "".join(filter(str.isdigit, one.messages[0])) == "4155552671"
    assert one.is_soon


@pytest.mark.slow
def test_a_spelled_name_is_one_message(real: Stage) -> None:
    one = told_by_a_person(real, story("How do you spell Smith?", "s m", 500, "i", 500, "t", 500, "h"))
    assert one.is_whole
    assert one.messages[0].upper().endswith("H.") or one.messages[0].upper().endswith("H")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("What is your phone number?", "four one five five five five oh one three two"),
        ("What is your account number?", "four four seven one nine two oh eight"),
        ("What are the last four digits?", "four seven two nine"),
    ],
)
def test_a_finished_number_ends_in_time(real: Stage, asked: str, said: str) -> None:
    one = told_by_a_person(real, story(asked, said))
    assert one.is_whole
    assert one.delay_ms is not None
    assert one.delay_ms <= SOON_MS


@pytest.mark.slow
def test_the_bench_counts_what_each_speaker_said() -> None:
    arguments = ["--set", "unseen", "--most", "1", "--stt", "fixed:0", "--tts", "espeak", "--each"]
    ran = CliRunner().invoke(app, ["bench", "numbers", *arguments, "--json"])
    assert ran.exit_code == 0, ran.output
    result = json.loads(ran.stdout)
    dictated = [row for row in result["rows"] if row["kind"] == "dictated"]
    assert [row["speaker"] for row in dictated] == ["a person", "espeak"]
    assert all(row["stories"] == 1 for row in result["rows"])
    told = [one for one in result["wrong"] if one["story"]["pauses_ms"]]
    assert len(told) == sum(row["cut_off"] > 0 or row["doubled"] > 0 for row in dictated)
    printed = CliRunner().invoke(app, ["bench", "numbers", *arguments])
    assert printed.exit_code == 0
    assert "Heard by fixed:0" in printed.output
    assert "a person" in printed.output
