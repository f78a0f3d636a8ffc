"""The programs of Gloo's tutorial, taken from its page as it is, against this service: only the address is changed.

The page is not part of this repository. Where it lies beside it, its programs are laid out again, line by line (it has
lost its line ends), and run; `requests` is what they need.
"""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.doors.gloo.test_gloo import client_of
from tests.service import RunningService

PAGE = Path(__file__).parents[5] / "shared" / "documents" / "gloo-chat-tutorial.txt"
LAYOUT = Path(__file__).parents[3] / "fixtures" / "gloo-tutorial-layout.json"

pytestmark = pytest.mark.skipif(
    not PAGE.is_file() or importlib.util.find_spec("requests") is None,
    reason="the tutorial's page or the package requests is not here",
)


def laid_out(page: str, begins: str, lines: list[list[int]]) -> str:
    """A program of the page, given the indentation of each of its lines and how many letters it has."""
    letters = iter(enumerate(page[page.index(begins) :]))

    def line(indent: int, count: int) -> Iterator[str]:
        yield " " * indent
        started = False
        while count:
            _, letter = next(letters)
            if letter.isspace() and not started:
                continue
            started = True
            count -= not letter.isspace()
            yield letter

    return "\n".join("".join(line(indent, count)) for indent, count in lines) + "\n"


def run(service: RunningService, program: str) -> str:
    client_id, secret = client_of(service, "gil")
    done = subprocess.run(
        [sys.executable, "-c", program.replace("https://platform.ai.gloo.com", service.url)],
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
        env={**os.environ, "GLOO_CLIENT_ID": client_id, "GLOO_CLIENT_SECRET": secret, "NO_PROXY": "127.0.0.1"},
    )
    return done.stdout


@pytest.fixture(scope="module")
def programs() -> tuple[str, str]:
    """The complete example, and the three steps before it with the example's own way to a token."""
    page, layout = PAGE.read_text(encoding="utf-8"), json.loads(LAYOUT.read_text())
    whole = laid_out(page, "#!/usr/bin/env python3", layout["program"])
    begins = ('MESSAGE_API_URL = "', "def continue_conversation", "def get_chat_history")
    steps = [laid_out(page, begin, lines) for begin, lines in zip(begins, layout["fragments"], strict=True)]
    return whole, whole[: whole.index("def send_message")] + "".join(steps)


def test_the_complete_example(service: RunningService, programs: tuple[str, str]) -> None:
    printed = run(service, programs[0])
    assert "=== Continuing the Conversation ===" in printed
    assert "API Error" not in printed
    # The example reads an attribute of a dict after its second answer; no service can help that.
    assert printed.rstrip().endswith("Error: 'dict' object has no attribute 'message'")


def test_the_steps_of_the_tutorial(service: RunningService, programs: tuple[str, str]) -> None:
    printed = run(service, programs[1])
    assert "Chat created successfully!" in printed
    assert "3. " in printed, "three suggestions"
    assert "COMPLETE CONVERSATION HISTORY" in printed
    assert [line.split(":")[0] for line in printed.splitlines() if line[:2] in ("1.", "2.", "3.", "4.")][-4:] == [
        "1. USER",
        "2. KALLM",
        "3. USER",
        "4. KALLM",
    ]
