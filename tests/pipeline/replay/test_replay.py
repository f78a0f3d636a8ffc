"""A replay is the same every time, faster than real time, and no engine's time is in it unless asked for."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.replay import Replayed, Stage, read_call, replay

CALLS = Path(__file__).parents[2] / "calls"


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with Stage() as stage:
        yield stage


def of_kind(replayed: Replayed, what: str) -> list[dict[str, str | int | bool]]:
    return [entry.fields for entry in replayed.timeline if entry.what == what]


@pytest.mark.slow
def test_the_same_call_gives_the_same_timeline_whatever_came_before(stage: Stage) -> None:
    call, other = read_call(CALLS / "barge-in.yaml"), read_call(CALLS / "unfinished-waits.yaml")
    first = replay(call, stage).lines
    replay(other, stage)
    assert replay(call, stage).lines == first
    with Stage() as fresh:
        assert replay(call, fresh).lines == first


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_twenty_replays_of_twenty_are_the_same(stage: Stage) -> None:
    call = read_call(CALLS / "barge-in.yaml")
    assert len({tuple(replay(call, stage).lines) for _ in range(20)}) == 1


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_minute_is_the_same_every_time(stage: Stage) -> None:
    call = read_call(CALLS / "roleplay-records-office.yaml")
    first = replay(call, stage)
    assert first.timeline[-1].at > 55
    assert all(replay(call, stage).lines == first.lines for _ in range(2))


@pytest.mark.slow
def test_measured_time_costs_what_the_engines_take(stage: Stage) -> None:
    call = read_call(CALLS / "eager-end.yaml")
    (ideal,) = of_kind(replay(call, stage), "turn.latency")
    (measured,) = of_kind(replay(call, stage, "measured"), "turn.latency")
    assert ideal["stt_ms"] == 0
    assert int(measured["stt_ms"]) > 0


def test_what_is_written_down_agrees_with_what_was_played(stage: Stage) -> None:
    replayed = replay(read_call(CALLS / "barge-in.yaml"), stage)
    (cleared,) = of_kind(replayed, "reply.cleared")
    heard_ms = max(int(heard["to_ms"]) for heard in of_kind(replayed, "ear.heard") if heard["turn"] == 0)
    assert abs(heard_ms - int(cleared["heard_ms"])) <= 20
    interrupted = next(message for message in replayed.history if message.interrupted)
    assert interrupted.text == cleared["heard"]
    assert interrupted.full_text is not None
    assert interrupted.full_text.startswith(interrupted.text)


def test_a_call_that_does_not_come_to_rest_is_told(stage: Stage, tmp_path: Path) -> None:
    file = tmp_path / "endless.yaml"
    file.write_text(
        "call: An answer that is too late\nlimit_ms: 3000\n"
        "replies: [{say: Hello., first_token_ms: 5000}]\nlearner: [{type: Hello.}]\n"
    )
    replayed = replay(read_call(file), stage)
    assert replayed.problems == (f"{file}:1: the call had not come to rest after 3000 ms ('limit_ms')",)


def test_a_moment_that_never_comes_is_told_with_its_line(stage: Stage, tmp_path: Path) -> None:
    file = tmp_path / "waits.yaml"
    file.write_text(
        "call: Waits for an interruption that nobody makes\n"
        "learner:\n  - type: Hello.\n  - type: Too late.\n    when: after reply.cleared\n"
    )
    replayed = replay(read_call(file), stage)
    assert replayed.problems == (
        f"{file}:4: the moment for this never came: no reply.cleared happened after the item before it",
    )


def test_expectations_say_what_came_instead(stage: Stage, tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(
        """call: Everything is expected otherwise
replies: [{say: Good morning.}]
learner:
  - type: Hello.
expect:
  events:
    - {event: reply.ended, heard: Good evening.}
  never:
    - {event: user.message, text: "Hel*"}
  counts:
    reply.started: 2
  latency:
    voice_to_voice_ms: 0
  history:
    - user: Hello.
"""
    )
    problems = replay(read_call(file), stage).problems
    assert [problem.removeprefix(f"{file}:").partition(": ")[0] for problem in problems] == ["7", "9", "11", "15"]
    assert "the nearest is: 000." in problems[0]
    assert 'heard="Good morning."' in problems[0]
    assert problems[1].endswith('user.message turn=1 text="Hello."')
    assert problems[2].endswith("reply.started came 1 times, not 2")
    assert problems[3].endswith("the history has one line more: assistant: 'Good morning.'")
