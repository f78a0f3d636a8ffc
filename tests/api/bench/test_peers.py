"""`glow bench peers`: its arithmetic, its report and its plot on recorded results, and this service's own side."""

import json
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from rich.console import Console
from rich.table import Table
from typer.testing import CliRunner

from api.bench.peers import (
    ENDPOINT_MS,
    INSTANTS_S,
    INTERRUPTION,
    LONG_REPLY,
    REPLY,
    RUNNERS,
    SCENE,
    Answers,
    Interruptions,
    compare,
    report,
    run_peer,
)
from api.bench.peers_glow import pack_text, practice_name, run_glow
from api.bench.peers_install import REQUIREMENTS, environment_python, install
from api.bench.peers_plot import peers_plot
from api.bench.runners.scenarios import SECONDS_A_CHARACTER, Script, first_sound, last_sound, sounded_s, words_heard
from api.bench.turn import Spread
from api.cli.main import app
from api.client.call import ClientError
from api.client.recordings import learner_recording
from models.packs.loader import load_pack

RECORDED: list[dict[str, Any]] = [
    {
        "system": "glow",
        "plan": "conversation",
        "engines": "zero",
        "voice_to_voice_ms": [514.0, 520.0, 540.0],
        "early": 0,
        "trials": [
            {
                "after_s": 0.8,
                "last_audio_ms": 180.0,
                "heard_words": 5,
                "kept_words": 5,
                "kept": "Well, let me tell you",
            },
            {"after_s": 2.0, "last_audio_ms": 200.0, "heard_words": 9, "kept_words": 8, "kept": "Well, let me"},
        ],
    },
    {
        "system": "pipecat",
        "plan": "conversation",
        "engines": "zero",
        "voice_to_voice_ms": [568.0, 570.0, 590.0],
        "early": 1,
        "trials": [{"after_s": 0.8, "last_audio_ms": 410.0, "heard_words": 7, "kept_words": 0, "kept": ""}],
        "version": "1.14.0",
    },
    {"system": "livekit", "plan": "conversation", "engines": "zero", "error": "livekit ended early: <no module>"},
    *(
        {
            "system": system,
            "plan": "crowd",
            "engines": "zero",
            "sessions": 10,
            "talking": talking,
            "core_per_session": core,
            "mib_per_session": mib,
            "process_mib": 160.0,
            "answers": 9 if talking else 0,
            "expected": 10 if talking else 0,
            "voice_to_voice_ms": [530.0] * 9 if talking else [],
        }
        for system, core, mib in (("glow", 0.008, 0.4), ("pipecat", 0.054, 11.5))
        for talking in (True, False)
    ),
]


def test_what_a_loudspeaker_played_is_read_off_its_stretches() -> None:
    stretches = [(1.0, 3.0), (3.5, 4.0), (9.0, 12.0)]
    assert first_sound(stretches, 1.0) == 1.0
    assert first_sound(stretches, 4.0) == 9.0
    assert first_sound(stretches, 10.0) is None
    assert last_sound(stretches, 9.0) == 4.0
    assert last_sound(stretches, 10.0) == 10.0
    assert last_sound(stretches, 0.5) is None
    assert sounded_s(stretches, 2.0, 9.5) == pytest.approx(1.0 + 0.5 + 0.5)


@pytest.mark.parametrize(
    ("characters", "words"),
    [(0, 0), (0.9, 0), (1, 1), (4.9, 1), (5, 2), (7.4, 2), (8, 3), (100, 4)],
)
def test_a_word_is_heard_when_half_of_it_sounded_and_blanks_between_sentences_do_not_sound(
    characters: float, words: int
) -> None:
    #            so_ (half at 1)  far. (half at 5)  No blank: on_ (half at 8)  it.
    assert words_heard("so far. on it.", characters * SECONDS_A_CHARACTER + 1e-9) == words


def test_the_runs_are_compared_system_by_system() -> None:
    found = compare(RECORDED, note="quiet", load_after=0.4)
    assert found.answers == [
        Answers("glow", "zero", 3, 0, Spread(20.0, 40.0)),
        Answers("pipecat", "zero", 3, 1, Spread(70.0, 90.0)),
    ]
    assert found.interruptions == [
        Interruptions("glow", 2, Spread(180.0, 200.0), Spread(0, 1), 1.0, -0.5),
        Interruptions("pipecat", 1, Spread(410.0, 410.0), Spread(7, 7), 0.0, -7.0),
    ]
    assert [(one.talking, one.system) for one in found.crowds] == [
        (False, "glow"),
        (False, "pipecat"),
        (True, "glow"),
        (True, "pipecat"),
    ]
    assert found.crowds[0].above_endpoint_ms is None
    assert found.crowds[2].above_endpoint_ms == Spread(30.0, 30.0)
    assert found.versions == {"pipecat": "1.14.0"}


def test_the_report_has_every_number_and_says_what_failed_and_how_busy_the_machine_was() -> None:
    console = Console(record=True, width=160)
    parts = list(report(compare(RECORDED, note="The machine was busy.", load_after=3.25)))
    assert sum(isinstance(part, Table) for part in parts) == 3
    for part in parts:
        console.print(part)
    text = console.export_text()
    for said in ("pipecat 1.14.0", "0.0540", "11.5", "9/10", "-7.0", "100%", "<no module>", "The machine was busy."):
        assert said in text
    assert "Load after it: 3.2." in text


def test_the_plot_is_a_picture_with_a_bar_for_each_number() -> None:
    result = asdict(compare(RECORDED, note="busy & <noisy>", load_after=1.0))
    drawn = ElementTree.fromstring(peers_plot(result))
    texts = ["".join(element.itertext()) for element in drawn.iter() if element.tag.endswith("text")]
    assert "busy & <noisy>" in texts
    assert "20 (40)" in texts
    assert "0.0540" in texts
    bars = [element for element in drawn.iter() if element.tag.endswith("rect")]
    assert len(bars) == 1 + 2 + 2 + 2 + 4 + 4
    assert all(float(bar.get("width", "0")) >= 0 for bar in bars)


def test_a_comparison_in_which_nothing_was_interrupted_is_drawn_all_the_same() -> None:
    result = asdict(compare(RECORDED[-4:], note="quiet", load_after=1.0))
    assert ElementTree.fromstring(peers_plot(result)).tag.endswith("svg")


def test_every_instant_lies_within_the_reply_that_is_interrupted() -> None:
    length_s = len(LONG_REPLY) * SECONDS_A_CHARACTER
    assert max(INSTANTS_S) + 3 < length_s


def test_the_packs_personas_say_what_they_are_given(tmp_path: Path) -> None:
    path = tmp_path / "peers.yaml"
    path.write_text(pack_text([REPLY, LONG_REPLY]), encoding="utf-8")
    pack = load_pack(path)
    assert {practice.name for practice in pack.practices} == {practice_name(REPLY), practice_name(LONG_REPLY)}
    assert [cue.say for persona in pack.personas for cue in persona.cues] == [(REPLY,), (LONG_REPLY,)]


def test_a_peer_that_is_not_there_is_told_by_its_last_line() -> None:
    job = {"system": "pipecat", "plan": "conversation", "turns": 1, "instants_s": []}
    with pytest.raises(ClientError, match="pipecat ended early: ModuleNotFoundError"):
        run_peer(job, Path(sys.executable))


def test_a_peer_is_installed_once(tmp_path: Path) -> None:
    folder = tmp_path / "bench" / "livekit"
    python = environment_python(folder)
    python.parent.mkdir(parents=True)
    python.touch()
    (folder / "installed.txt").write_text("\n".join(REQUIREMENTS["livekit"]), encoding="utf-8")
    assert install("livekit", tmp_path) == python


def test_engines_and_systems_that_do_not_exist_are_refused() -> None:
    for option, value in (("--engines", "fast"), ("--system", "wyoming")):
        ran = CliRunner().invoke(app, ["bench", "peers", option, value])
        assert ran.exit_code == 2
        assert value in ran.output


@pytest.fixture
def peer_audio(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module as the peers' scripts import it: by its folder, without this project."""
    monkeypatch.syspath_prepend(str(RUNNERS))
    return import_module("peer_audio")


def _played(stretches: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    return [(round(start, 3), round(end, 3)) for start, end in stretches]


def test_the_peers_loudspeaker_plays_on_pauses_and_forgets(peer_audio: ModuleType) -> None:
    now = [10.0]
    loudspeaker = peer_audio.Loudspeaker(lambda: now[0])
    loudspeaker.add(1.0)
    loudspeaker.add(2.0)
    now[0] = 11.5
    loudspeaker.pause()
    loudspeaker.add(0.5)
    assert loudspeaker.left_s == pytest.approx(2.0)
    now[0] = 20.0
    loudspeaker.resume()
    now[0] = 20.25
    loudspeaker.clear()
    assert loudspeaker.left_s == 0.0
    now[0] = 30.0
    loudspeaker.add(1.0)
    assert _played(loudspeaker.stretches) == [(10.0, 11.5), (20.0, 20.25), (30.0, 31.0)]


def test_the_peers_hum_is_as_long_as_this_services_own(peer_audio: ModuleType) -> None:
    pcm, words = peer_audio.hum("My printer")
    assert len(pcm) / 2 / peer_audio.OUT_RATE_HZ == pytest.approx(len("My printer") * SECONDS_A_CHARACTER)
    assert [word for word, _, _ in words] == ["My", "printer"]
    assert words[1][1] == pytest.approx(3 * SECONDS_A_CHARACTER)


def _own_job(**plan: Any) -> tuple[dict[str, Any], Script]:
    script = Script([learner_recording(SCENE, 1).samples], learner_recording(SCENE, INTERRUPTION).samples, REPLY)
    costs = {"stt_ms": 0, "llm_ms": 0, "tts_ms": 0, "endpoint_ms": ENDPOINT_MS, "long_reply": LONG_REPLY}
    return {"plan": "conversation", **costs, **plan}, script


@pytest.mark.slow
def test_this_service_answers_with_engines_of_a_known_cost() -> None:
    result = run_glow(*_own_job(engines="fixed", llm_ms=50, turns=1, instants_s=[]))
    assert json.loads(json.dumps(result)) == result
    assert len(result["voice_to_voice_ms"]) + result["early"] == 1


@pytest.mark.slow
@pytest.mark.parametrize("interrupt_ms", [None, 120])
def test_this_service_is_interrupted_and_keeps_the_beginning_of_the_reply(interrupt_ms: int | None) -> None:
    result = run_glow(*_own_job(engines="zero", turns=0, instants_s=[1.5], interrupt_ms=interrupt_ms))
    trial = result["trials"][0]
    assert 0 < trial["heard_words"] < len(LONG_REPLY.split())
    assert trial["kept"]
    assert LONG_REPLY.startswith(trial["kept"].rstrip())
