"""`glow client`: a pair that works, printed once."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.cli.main import app


@pytest.fixture
def glow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GLOW_DATA_DIR", str(tmp_path))
    return CliRunner()


def test_create_list_and_revoke(glow: CliRunner) -> None:
    made = glow.invoke(app, ["client", "create", "ada", "--label", "a program"])
    found = re.match(r"client_id=(client_\w+)\nclient_secret=(glow_[\w-]+)\n", made.output)
    assert made.exit_code == 0
    assert found
    listed = glow.invoke(app, ["client", "list"]).output
    assert found[1][:20] in listed, "a narrow terminal wraps the rest"
    assert found[2] not in listed
    assert "opens nothing any more" in glow.invoke(app, ["client", "revoke", found[1]]).output


def test_a_token_may_act_for_others(glow: CliRunner) -> None:
    made = glow.invoke(app, ["token", "create", "admin"])
    token_id = re.search(r"Token ([\w-]+) of", made.output)
    assert token_id
    assert glow.invoke(app, ["client", "act-as", token_id[1]]).exit_code == 0
    assert glow.invoke(app, ["client", "act-as", "none"]).exit_code == 1
