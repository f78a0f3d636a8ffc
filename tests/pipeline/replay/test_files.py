"""Call files: what is wrong with one is told with its line, and a golden part is written without harm to the rest."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.replay import InvalidCall, Stage, read_call, replay
from pipeline.replay.call_file import AfterEvent, AfterItem, AtTime, IntoLine, IntoReply, Sounds
from pipeline.replay.golden import difference, update_golden
from pipeline.replay.moments import moment
from tests.voice.sound import recording
from voice.audio.formats import wav_bytes

HEAD = "call: A story\nlearner:\n"


def problems_of(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "call.yaml"
    file.write_text(text)
    with pytest.raises(InvalidCall) as refused:
        read_call(file)
    return [problem.removeprefix(f"{file}:") for problem in refused.value.problems]


@pytest.mark.parametrize(
    ("story", "text", "problem"),
    [
        ("an unknown key", "call: x\nlearner: []\nexpcet: {}\n", "3: unknown key 'expcet'; did you mean 'expect'?"),
        ("an unknown key of an item", HEAD + "  - say: slt/turns/01\n    gian_db: 3\n", "4: unknown key 'gian_db'"),
        ("no learner", "call: x\n", "1: 'learner' is missing"),
        ("no title", "learner: []\n", "1: 'call' is missing"),
        (
            "a missing recording",
            HEAD + "  - say: hello.wav\n",
            "3: the recording 'hello.wav' cannot be read (No such file",
        ),
        (
            "a way out of the recordings",
            HEAD + "  - say: ../manifest\n",
            "3: the recording '../manifest' cannot be read",
        ),
        ("nothing to do", HEAD + "  - when: at 0 ms\n", "3: an item needs exactly one of say, text"),
        ("two things to do", HEAD + "  - say: slt/turns/01\n    type: yes\n", "3: an item needs exactly one of"),
        ("an unknown moment", HEAD + "  - type: hi\n    when: soon\n", "4: 'when' is 'soon'; write 'after 300 ms'"),
        ("an unknown event", HEAD + "  - type: hi\n    when: after lunch\n", "4: unknown event 'lunch'"),
        (
            "times out of order",
            HEAD + "  - {type: a, when: at 900 ms}\n  - {type: b, when: at 100 ms}\n",
            "4: 'at 100 ms' comes before 'at 900 ms' above",
        ),
        (
            "a reply to nothing",
            HEAD + "  - {type: a, when: 10 ms into the reply}\n",
            "3: nothing before this item brings",
        ),
        ("a reply's end to nothing", HEAD + "  - {type: a, when: after reply.ended}\n", "3: nothing before this item"),
        ("unmuted before muted", HEAD + "  - do: unmute\n", "3: 'unmute' without 'mute' before it"),
        ("muted twice", HEAD + "  - do: mute\n  - do: mute\n", "4: 'mute' twice"),
        ("a commit without manual turns", HEAD + "  - do: commit\n", "3: 'commit' means nothing here"),
        (
            "something after the end",
            HEAD + "  - do: hang-up\n  - type: hi\n",
            "4: nothing can happen after the learner",
        ),
        ("typed into a dead line", HEAD + "  - do: drop\n  - type: hi\n", "4: the line is down"),
        (
            "into no line",
            HEAD + "  - {type: a, when: 10 ms into the line}\n",
            "3: 'into the line' needs an item before",
        ),
        (
            "a side of what has none",
            HEAD + "  - {say: slt/turns/01, channel: left}\n",
            "3: the recording 'slt/turns/01' cannot be read: It has 1 channel and no left one",
        ),
        ("a side that nothing has", HEAD + "  - {say: slt/turns/01, channel: top}\n", "3: 'channel' is 'top'; choose"),
        ("nothing to say", HEAD + "  - text: '...'\n", "3: "),
        ("an unknown voice", HEAD + "  - {text: hello, voice: xx-klingon}\n", "3: "),
        ("an unknown noise", HEAD + "  - noise: sneeze\n", "3: 'noise' is 'sneeze'; choose white or pink"),
        ("keys that no telephone has", HEAD + "  - press: '12x'\n", "3: 'press' must be phone keys"),
        ("an unknown practice", "call: x\npractice: moon\nlearner: []\n", "2: unknown practice 'moon'"),
        (
            "an unknown lesson",
            "call: x\nlesson: knitting\nlearner: []\n",
            "2: unknown lesson 'knitting'; there are 'binary-",
        ),
        ("a missing lesson", "call: x\nlesson: my.yaml\nlearner: []\n", "2: the lesson has problems: "),
        (
            "a lesson and a persona",
            "call: x\nlesson: worried-caller\npractice: records-office\nlearner: []\n",
            "3: 'lesson' and 'practice' are both given; keep one",
        ),
        (
            "a lesson and fixed replies",
            "call: x\nlesson: worried-caller\nlearner: []\nreplies:\n  - say: Hello.\n",
            "4: 'lesson' and 'replies' are both given",
        ),
        (
            "the end of no lesson",
            "call: x\nlearner: []\nexpect:\n  lesson: {completed: true}\n",
            "4: 'expect' has 'lesson', but the call is none",
        ),
        (
            "an unknown end of a lesson",
            "call: x\nlesson: worried-caller\nlearner: []\nexpect:\n  lesson:\n    score: 5\n",
            "6: unknown key 'score'",
        ),
        (
            "an endpoint out of range",
            "call: x\nlearner: []\nsettings:\n  endpoint_ms: 5\n",
            "4: 'endpoint_ms' is 5, out of",
        ),
        (
            "a silence that lasts for nothing",
            "call: x\nlearner: []\nsettings:\n  silence:\n    prompts:\n      - say: Hello?\n",
            "6: 'after_s' is missing; say how long the silence lasts",
        ),
        (
            "two plans for silence",
            "call: x\nlearner: []\nsettings:\n  prompt_after_s: 5\n  silence: {prompts: []}\n",
            "5: 'prompt_after_s' and 'silence' are both given; keep one",
        ),
        (
            "a time limit without a time",
            "call: x\nlearner: []\nsettings:\n  time_limit: {warning_s: 5}\n",
            "4: 'longest_s' is missing; say how long the call may last",
        ),
        (
            "a greeting that nobody says",
            "call: x\nlearner: []\nsettings:\n  greeting: Hello.\n",
            "4: 'greeting' is not said without 'greet: true'",
        ),
        (
            "a reply that neither speaks nor calls",
            "call: x\nlearner: []\nreplies:\n  - token_ms: 5\n",
            "4: 'say' is missing",
        ),
        (
            "what comes after no call",
            "call: x\nlearner: []\nreplies:\n  - say: Hello.\n    then: {say: Bye.}\n",
            "5: 'then' comes after 'calls', and there are none",
        ),
        (
            "arguments twice",
            HEAD + "  - type: a\nreplies:\n  - calls: [{tool: x, with: {a: b}, arguments: '{}'}]\n",
            "5: 'with' and 'arguments' are both given; keep one",
        ),
        (
            "tools that nobody calls",
            "call: x\nlearner: []\ntools:\n  - {name: x, answer: y}\n",
            "3: 'tools' are called in 'replies', and there are none",
        ),
        ("an unknown setting", "call: x\nlearner: []\nsettings:\n  speed: 5\n", "4: unknown key 'speed'"),
        (
            "an unknown expected event",
            "call: x\nlearner: []\nexpect:\n  events:\n    - event: reply.over\n",
            "5: unknown event 'reply.over'",
        ),
        (
            "an unknown field of an event",
            "call: x\nlearner: []\nexpect:\n  never:\n    - {event: turn.cut, turn: 1}\n",
            "5: 'turn.cut' has no field 'turn'; it has revision, at_ms",
        ),
        (
            "a number that is none",
            "call: x\nlearner: []\nexpect:\n  events:\n    - {event: reply.ended, turn: 1..x}\n",
            "5: 'turn' is '1..x'; write a number, or a range such as 100..200",
        ),
        (
            "a number of anything",
            "call: x\nlearner: []\nexpect:\n  never:\n    - {event: reply.cleared, heard_ms: '*'}\n",
            "5: 'heard_ms' is '*'; write a number",
        ),
        (
            "a range that holds nothing",
            "call: x\nlearner: []\nexpect:\n  never:\n    - event: turn.cut\n      at_ms: 900..100\n",
            "6: 'at_ms' is '900..100'; put the smaller end of the range first",
        ),
        (
            "neither true nor false",
            "call: x\nlearner: []\nexpect:\n  never:\n    - {event: error, fatal: yes}\n",
            "5: 'fatal' is 'yes'; write true or false",
        ),
        (
            "a lesson half completed",
            "call: x\nlesson: worried-caller\nlearner: []\nexpect:\n  lesson: {completed: half}\n",
            "5: 'completed' is 'half'; write true or false",
        ),
        ("an unknown stage", "call: x\nlearner: []\nexpect:\n  latency: {asr_ms: 1}\n", "4: unknown stage 'asr_ms'"),
        ("not YAML", "call: [\n", "2: YAML syntax"),
        ("a list", "- a\n", "1: a call must be keys with values, not a list"),
        ("nothing", "", "1: the file is empty; write at least 'call:' and 'learner:'"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, story: str, text: str, problem: str) -> None:
    assert any(found.startswith(problem) for found in problems_of(tmp_path, text)), problems_of(tmp_path, text)


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    lines = {
        found.partition(":")[0]
        for found in problems_of(tmp_path, "call: x\nlearner:\n  - do: dance\n  - say: no.wav\n")
    }
    assert lines == {"3", "4"}


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidCall, match=r"none\.yaml:1: cannot be read \(No such file"):
        read_call(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("after 300 ms", AfterItem(300)),
        ("at 3000 ms", AtTime(3000)),
        ("after user.ended", AfterEvent("user.ended")),
        ("40 ms after reply.ended", AfterEvent("reply.ended", 40)),
        ("1500 ms into the reply", IntoReply(1500)),
        ("2.5 ms into  the line", IntoLine(2.5)),
        ("300 ms", None),
        ("after -3 ms", None),
    ],
)
def test_moments(text: str, when: object) -> None:
    assert moment(text) == when


def test_speech_can_be_cut_made_quieter_and_put_into_noise(tmp_path: Path) -> None:
    file = tmp_path / "call.yaml"
    file.write_text(
        HEAD
        + "  - {say: slt/turns/01}\n  - {say: slt/turns/01, gain_db: -20}\n"
        + "  - {say: slt/turns/01, snr_db: 0}\n  - {say: slt/turns/01, from_ms: 100, to_ms: 200}\n"
        + "  - {text: Hello., voice: en-gb}\n"
    )
    call = read_call(file)
    sounds = [item.act for item in call.learner if isinstance(item.act, Sounds)]
    plain, quiet, noisy, short, made = sounds
    assert abs(float(abs(plain.audio).mean()) / float(abs(quiet.audio).mean()) - 10) < 0.5
    assert float((noisy.audio - plain.audio.astype(int)).std()) > 300
    assert len(short.audio) == 1600
    assert len(made.audio) > 4000
    again = read_call(file).learner[2].act
    assert isinstance(again, Sounds)
    assert (again.audio == noisy.audio).all()


def test_the_learner_is_taken_out_of_a_recorded_call(tmp_path: Path) -> None:
    learner, persona = recording("slt/turns/01"), recording("rms/turns/12")
    both = np.zeros((len(persona), 2), np.int16)
    both[: len(learner), 0], both[:, 1] = learner, persona
    (tmp_path / "call-7.wav").write_bytes(wav_bytes(both, 16_000))
    file = tmp_path / "call.yaml"
    file.write_text(HEAD + "  - {say: call-7.wav, channel: left}\n  - {say: call-7.wav, channel: right}\n")
    left, right = (item.act for item in read_call(file).learner)
    assert isinstance(left, Sounds)
    assert isinstance(right, Sounds)
    assert (left.audio == both[:, 0]).all()
    assert (right.audio == both[:, 1]).all()


GOLDEN_FILE = """# A comment at the top.
call: A story   # and beside
learner: []
{golden}
# A comment before the expectations.
expect:
  counts: {{error: 0}}
"""


@pytest.mark.parametrize(
    "golden",
    ["golden: |\n  stale\n  stale too\n", "golden: [1, 2]", "golden: >-\n    stale\n\n    stale too\n\n", "golden:\n"],
)
def test_a_golden_part_is_rewritten_and_the_rest_is_left_alone(tmp_path: Path, golden: str) -> None:
    file = tmp_path / "call.yaml"
    file.write_text(GOLDEN_FILE.format(golden=golden))
    assert update_golden(file, ["000.000 a", "001.000 b"])
    text = file.read_text()
    assert text.startswith(
        "# A comment at the top.\ncall: A story   # and beside\nlearner: []\ngolden: |\n  000.000 a\n"
    )
    assert text.rstrip().endswith("# A comment before the expectations.\nexpect:\n  counts: {error: 0}")
    assert "stale" not in text
    assert read_call(file).golden == ("000.000 a", "001.000 b")
    assert not update_golden(file, ["000.000 a", "001.000 b"])


def test_a_first_golden_part_goes_to_the_end(tmp_path: Path) -> None:
    file = tmp_path / "call.yaml"
    file.write_text("call: x\nlearner: []  # no newline at the end")
    update_golden(file, ["000.000 a"])
    assert file.read_text() == "call: x\nlearner: []  # no newline at the end\n\ngolden: |\n  000.000 a\n"


def test_only_the_first_difference_is_shown() -> None:
    golden = [f"{number:07.3f} a" for number in range(40)]
    lines = [*golden[:5], "005.000 other", *golden[6:30], "late", *golden[31:]]
    shown = difference(golden, lines)
    assert "-005.000 a" in shown
    assert "+005.000 other" in shown
    assert "+late" not in shown
    assert shown[-1] == "... and 1 more differences"
    assert difference(golden, golden) == []


@pytest.mark.slow
def test_the_call_in_the_documentation_goes_as_it_says(tmp_path: Path) -> None:
    text = (Path(__file__).parents[3] / "docs" / "replay.md").read_text("utf-8")
    file = tmp_path / "documented.yaml"
    file.write_text(text.partition("```yaml\n")[2].partition("```")[0])
    with Stage() as stage:
        replayed = replay(read_call(file), stage)
    assert replayed.ok, replayed.explanation
