"""`glow phone`: numbers, PINs, calls that are made and listed."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from api.cli.main import app
from models.errors import Conflict, Invalid, NotFound
from tests.servers.twilio import ACCOUNT, TOKEN, Twilio, twilio_running

NUMBER = "+15551230000"


@pytest.fixture
def glow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GLOW_DATA_DIR", str(tmp_path))
    return CliRunner()


def phone(glow: CliRunner, *arguments: str) -> Result:
    return glow.invoke(app, ["phone", *arguments])


def test_numbers_are_added_listed_changed_and_removed(glow: CliRunner, tmp_path: Path) -> None:
    assert "glow phone add" in phone(glow, "list").output
    made = phone(glow, "add", "+1 (555) 123-0000", "--practice", "Desk", "--hours", "Mon-Fri 09:00-17:30", "--json")
    assert made.exit_code == 0, made.output
    (entry,) = json.loads(made.output)["numbers"]
    assert (entry["number"], entry["silence_s"], entry["user"]) == (NUMBER, [8, 8, 10], "by-caller")
    assert isinstance(phone(glow, "add", NUMBER, "--practice", "Other").exception, Conflict)
    assert phone(glow, "add", NUMBER, "--practice", "Other", "--replace").exit_code == 0
    file = tmp_path / "numbers.yaml"
    file.write_text(phone(glow, "list", "--yaml").output)
    assert phone(glow, "remove", NUMBER).exit_code == 0
    assert isinstance(phone(glow, "remove", NUMBER).exception, NotFound)
    assert phone(glow, "add", "--file", str(file)).exit_code == 0
    (entry,) = json.loads(phone(glow, "list", "--json").output)["numbers"]
    assert entry["practice"] == "Other"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--practice", "Desk", "--home", "Desk"], "one of practice, home and chat"),
        ([], "one of practice, home and chat"),
        (["--chat", "chat-1"], "needs a user"),
        (["--practice", "Desk", "--record"], "set announce"),
        (["--practice", "Desk", "--hours", "always"], "Write hours such as"),
        (["--practice", "Desk", "--hours", "Mon-Fry 09:00-10:00"], "a day or a time that there is not"),
        (["--practice", "Desk", "--timezone", "Berlin"], "There is no time zone"),
        (["--practice", "Desk", "--silence", "8,x"], "as seconds with commas"),
        (["--practice", "Desk", "--silence", "0.1"], "1 to 600 seconds"),
        (["--practice", "Desk", "--human", "call me"], "write a number"),
    ],
)
def test_a_wrong_entry_is_said_to_be_so(glow: CliRunner, arguments: list[str], says: str) -> None:
    refused = phone(glow, "add", NUMBER, *arguments)
    assert isinstance(refused.exception, Invalid)
    assert says in str(refused.exception)


def test_a_pin_is_shown_once_and_belongs_to_one_user(glow: CliRunner) -> None:
    assert isinstance(phone(glow, "pin", "ada").exception, NotFound)
    for name in ("ada", "bob"):
        glow.invoke(app, ["token", "create", name])
    shown = phone(glow, "pin", "ada").output.strip()
    assert re.fullmatch(r"\d{8}", shown)
    assert isinstance(phone(glow, "pin", "bob", "--pin", shown).exception, Conflict)
    assert isinstance(phone(glow, "pin", "bob", "--pin", "123").exception, Invalid)
    assert phone(glow, "pin", "ada", "--remove").exit_code == 0
    assert phone(glow, "pin", "bob", "--pin", shown).exit_code == 0


@pytest.fixture
def twilio(monkeypatch: pytest.MonkeyPatch) -> Iterator[Twilio]:
    with twilio_running() as running:
        monkeypatch.setenv("GLOW_PHONE_URL", "https://phone.example.org")
        monkeypatch.setenv("GLOW_TWILIO_ACCOUNT_SID", ACCOUNT)
        monkeypatch.setenv("GLOW_TWILIO_AUTH_TOKEN", TOKEN)
        monkeypatch.setenv("GLOW_TWILIO_BASE_URL", running.url)
        yield running


def test_calls_are_made_to_allowed_prefixes_and_not_too_many(
    glow: CliRunner, twilio: Twilio, monkeypatch: pytest.MonkeyPatch
) -> None:
    dial = ("dial", "+15557654321", "--from", NUMBER, "--practice", "Desk", "--message", "Call us back.", "--json")
    assert "may not be dialled" in str(phone(glow, *dial).exception)
    monkeypatch.setenv("GLOW_PHONE_DIAL_PREFIXES", "+1555,+49")
    monkeypatch.setenv("GLOW_PHONE_DIALS_PER_MINUTE", "2")
    made = phone(glow, *dial, "--detect")
    assert made.exit_code == 0, made.output
    (form,) = twilio.asked("/Calls.json")
    call_id = json.loads(made.output)["id"]
    assert (form["To"], form["From"]) == (["+15557654321"], [NUMBER])
    assert form["Url"] == [f"https://phone.example.org/phone/twilio/outgoing?call={call_id}"]
    assert form["MachineDetection"] == ["DetectMessageEnd"]
    twilio.answers = 429
    refused = phone(glow, *dial)
    assert "The carrier refused with 429" in str(refused.exception)
    assert TOKEN not in str(refused.exception)
    assert "which is the limit" in str(phone(glow, *dial).exception)
    calls = json.loads(phone(glow, "calls", "--json").output)["calls"]
    assert {(one["direction"], one["to"], one["reason"]) for one in calls} == {
        ("out", "+15557654321", "refused"),
        ("out", "+15557654321", "open"),
    }
