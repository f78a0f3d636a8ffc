"""What `glow serve` prints when it is up."""

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from api.cli.welcome import welcome
from api.settings import Settings
from tests.service import TOKENS, RunningService


@pytest.mark.parametrize(
    ("chosen", "token", "says"),
    [
        ({}, "of-this-run", "Token for this run: of-this-run"),
        ({}, None, "make one with `glow token create USER`"),
        ({"host": "0.0.0.0"}, None, "make one with `glow token create USER`"),
        ({"tokens": f"ada:{TOKENS['ada']}"}, None, ""),
    ],
    ids=["on this machine", "tokens were made before", "for others", "tokens are set"],
)
def test_it_names_the_engines_and_says_where_tokens_come_from(
    service: RunningService, tmp_path: Path, chosen: dict[str, str], token: str | None, says: str
) -> None:
    printed = io.StringIO()
    settings = Settings(_env_file=None, data_dir=tmp_path, **chosen)
    welcome(Console(file=printed, soft_wrap=True), service.app, settings, 8010, token)
    first, hears, answers, speaks, *rest = printed.getvalue().splitlines()
    assert first.endswith(":8010")
    assert "pocketsphinx" in hears
    assert "synthetic voices and close wideband microphones only, no telephone" in hears
    assert "glow models pull whisper:base" in hears
    assert "scripted" in answers
    assert "espeak" in speaks
    browser, *rest = rest
    assert ("glow invite PRACTICE" if "host" in chosen else "http://127.0.0.1:8010/#code=") in browser
    assert says in "\n".join(rest)
    assert bool(rest) == bool(says)
    assert any("no microphone to a page of plain http" in line for line in rest) is ("host" in chosen)


def test_a_link_that_was_used_is_followed_by_another(service: RunningService, tmp_path: Path) -> None:
    printed = io.StringIO()
    settings = Settings(_env_file=None, data_dir=tmp_path)
    welcome(Console(file=printed, soft_wrap=True), service.app, settings, 8010, "of-this-run")
    service.app.state.page_opened()
    first, second = re.findall(r"#code=(\S+)", printed.getvalue())
    for code in (first, second):
        assert service.app.state.page_codes.redeem(code) == (True, None), (
            "a token of its own is made for it, which a restart does not end"
        )
