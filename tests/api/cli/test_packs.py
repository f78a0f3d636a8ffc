"""`glow pack`: a new pack is whole, is what can be talked to, and every problem of a broken one is told."""

import asyncio
import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.cli.main import app
from models.errors import Invalid
from models.packs import load_pack
from models.packs.lesson_loader import LESSONS
from models.packs.scaffold import new_pack
from pipeline.conversation.reply import HistoryEntry, ReplyContext
from pipeline.llm.scripted import ScriptedResponder


def glow(*arguments: str) -> tuple[int, str, str]:
    ran = CliRunner().invoke(app, ["pack", *arguments])
    return ran.exit_code, ran.stdout, ran.stderr


@pytest.mark.parametrize("name", ["Front desk", "O'Brien & Sons (2nd floor)", "No", "2030", "Ja, ja"])
def test_a_new_pack_is_whole(tmp_path: Path, name: str) -> None:
    code, out, _ = glow("new", name, "--in", str(tmp_path))
    assert code == 0
    [folder] = tmp_path.iterdir()
    assert str(folder) in out
    code, out, _ = glow("check", str(folder), "--json")
    found = json.loads(out)
    assert (code, found["problems"], found["name"], found["practices"]) == (0, [], name, [name])
    assert f"called {name!r}" in glow("check", str(folder))[1]


def test_a_new_personas_cues_are_found_in_what_one_says(tmp_path: Path) -> None:
    [persona] = load_pack(new_pack("Front desk", tmp_path)).personas

    async def answer(*said: str) -> str:
        history = [HistoryEntry("assistant", persona.greeting)]
        for words in said:
            history.append(HistoryEntry("user", words))
            context = ReplyContext(persona, None, (), tuple(history))
            parts = [part async for part in ScriptedResponder().reply(context) if isinstance(part, str)]
            history.append(HistoryEntry("assistant", "".join(parts)))
        return history[-1].text

    async def story() -> None:
        assert "lost my card" in await answer("Good morning, how can I help you?")
        assert "On Monday" in await answer("How may I help?", "When did you lose it?")
        assert "Goodbye" in await answer("Have a nice day!")

    asyncio.run(story())


def test_every_problem_is_told_with_its_line_lessons_too(tmp_path: Path) -> None:
    folder = new_pack("Front desk", tmp_path)
    pack = folder / "pack.yaml"
    pack.write_text(
        pack.read_text("utf-8").replace("[caller]", "[nobody]").replace("points: 30", "points: some"), "utf-8"
    )
    (folder / "lessons").mkdir()
    lesson = (LESSONS / "worried-caller.yaml").read_text("utf-8")
    (folder / "lessons" / "one.yaml").write_text(lesson.replace("closing:", "clossing:"), "utf-8")
    code, out, err = glow("check", str(folder))
    assert (code, out) == (1, "")
    told = [re.sub(r"^.*/(\w+\.yaml):\d+: ", r"\1: ", line) for line in err.splitlines()]
    assert "pack.yaml: unknown persona 'nobody'; the pack has caller" in told
    assert "one.yaml: unknown key 'clossing'; did you mean 'closing'?" in told
    assert json.loads(glow("check", str(folder), "--json")[1])["problems"] == err.splitlines()


def test_what_is_there_is_not_overwritten(tmp_path: Path) -> None:
    new_pack("Front desk", tmp_path)
    ran = CliRunner().invoke(app, ["pack", "new", "front DESK", "--in", str(tmp_path)])
    assert "is there already" in str(ran.exception)


@pytest.mark.parametrize("name", ["", "../other", "a: b", "# no", '"quoted"', "ä", "x" * 81])
def test_a_name_that_is_none(tmp_path: Path, name: str) -> None:
    with pytest.raises(Invalid, match="is no name for a pack"):
        new_pack(name, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, _, err = glow("new", "Front desk", "--in", str(tmp_path / "file"))
    assert code == 1
    assert "choose another with --in" in err
