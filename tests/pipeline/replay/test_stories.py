"""Every story in tests/calls, replayed: each row of turn-taking as a whole call."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.replay import Stage, read_call, replay

CALLS = sorted((Path(__file__).parents[2] / "calls").glob("*.yaml"))
LONG = {
    "backchannel",
    "backchannel-voices",
    "broken-model",
    "complete-ends-sooner",
    "eager-end",
    "echo",
    "end-by-script",
    "end-by-tool",
    "false-interruption",
    "greeting-protected",
    "interrupted-late",
    "joins-the-turn",
    "late-model",
    "lesson",
    "long-silence",
    "long-turn",
    "loudspeaker",
    "loudspeaker-barge-in",
    "manual-turns",
    "mute",
    "noisy-room",
    "replies-on-request",
    "resume-drops-revision",
    "roleplay-records-office",
    "roleplay-repair-desk",
    "same-words-keep-work",
    "silence-plan",
    "stop",
    "time-limit",
    "tool-that-looks-up",
    "typed-only",
    "unfinished-waits",
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
