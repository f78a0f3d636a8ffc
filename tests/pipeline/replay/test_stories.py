"""Every story in tests/calls, replayed: each row of turn-taking as a whole call."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.replay import Stage, read_call, replay

CALLS = sorted((Path(__file__).parents[2] / "calls").glob("*.yaml"))
LONG = {
    "lesson",
    "long-turn",
    "roleplay-records-office",
    "roleplay-repair-desk",
    "manual-turns",
    "broken-model",
    "backchannel-voices",
    "joins-the-turn",
    "long-silence",
    "noisy-room",
}


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with Stage() as stage:
        yield stage


def test_there_are_enough_stories() -> None:
    assert len(CALLS) >= 25


@pytest.mark.parametrize(
    "path", [pytest.param(path, id=path.stem, marks=[pytest.mark.slow] if path.stem in LONG else []) for path in CALLS]
)
def test_story(stage: Stage, path: Path) -> None:
    replayed = replay(read_call(path), stage)
    assert replayed.ok, "\n".join([*replayed.explanation, "", *replayed.lines])
