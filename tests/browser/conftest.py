"""Debian's Chromium without a screen, against the real service; where there is none, these tests are skipped."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile
from playwright.sync_api import Browser, BrowserContext, Playwright, sync_playwright
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route

from api.doors.pages import page_headers
from tests.browser.chromium import ABSENT, CHROMIUM, FAKE_MICROPHONE, FLAGS
from tests.browser.talk import Talk
from tests.neural import PEOPLE
from tests.service import WAIT_S, RunningService, unhearing

HERE = Path(__file__).parent
HARNESS = (HERE / "harness.js").read_text("utf-8")

QUESTION = "privacy-incorrect"
"""One of the people's recordings."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lives in this folder; skip it where there is no Chromium."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.slow)
            if CHROMIUM is None:
                item.add_marker(pytest.mark.skip(reason=ABSENT))


@pytest.fixture(scope="session")
def question(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the fake microphone hears from the moment it is opened: a person, and then nothing."""
    path = tmp_path_factory.mktemp("microphone") / "question.wav"
    samples, rate_hz = soundfile.read(PEOPLE / "prompts" / f"{QUESTION}.flac", dtype="int16")
    soundfile.write(path, np.concatenate([np.zeros(rate_hz, np.int16), samples]), rate_hz, subtype="PCM_16")
    return path


def blank(request: Request) -> Response:
    """Respond with an empty page that has the headers of ours."""
    headers = page_headers(request.headers["host"], secure=False)
    return HTMLResponse("<!doctype html><title>call</title><link rel=icon href=data:,>", headers=headers)


def tap(request: Request) -> Response:
    """Respond with the worklet that listens to what goes to the loudspeaker."""
    return FileResponse(HERE / "tap.js", media_type="text/javascript")


@pytest.fixture(scope="session")
def glow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """The service that most pages talk to; it hears the same words in everything that is said."""
    with unhearing(tmp_path_factory.mktemp("glow")) as started:
        # Served by the service itself: what a test answers in its place is of no network for Chromium, which then lets
        # it connect to none of this machine.
        started.app.router.routes += [Route("/blank", blank), Route("/tap.js", tap)]
        yield started


@pytest.fixture(scope="module")
def playwright(glow: RunningService) -> Iterator[Playwright]:
    """What drives the browsers; of a module, as no other loop runs in its thread meanwhile."""
    with sync_playwright() as started:
        yield started


@contextmanager
def chromium(playwright: Playwright, *flags: str) -> Iterator[Browser]:
    """A Chromium of its own."""
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *flags], timeout=WAIT_S * 1000)
    try:
        yield browser
    finally:
        browser.close()


@pytest.fixture(scope="module")
def browser(playwright: Playwright, question: Path) -> Iterator[Browser]:
    """The Chromium of nearly all tests; its fake microphone plays `question` once."""
    with chromium(playwright, FAKE_MICROPHONE, f"--use-file-for-fake-audio-capture={question}%noloop") as started:
        yield started


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser as a stranger has it, with the microphone allowed."""
    with browser.new_context(permissions=["microphone"]) as opened:
        yield opened


Opener = Callable[..., Talk]


@pytest.fixture
def talk(context: BrowserContext, glow: RunningService) -> Iterator[Opener]:
    """Make a page on which the test talks; `script` runs in it first, `hand` gives the microphone to the test."""
    made: list[Talk] = []

    def page(url: str = "", *, path: str = "/blank", script: str = "", hand: bool = True) -> Talk:
        made.append(Talk(context.new_page(), glow))
        made[-1].load((url or glow.url) + path, HARNESS + script + ("\nharness.takesMicrophone();" if hand else ""))
        return made[-1]

    yield page
    for talk in made:
        assert talk.complaints == [], "what the page's console had to say"
        assert talk.page.evaluate("() => harness.violations") == []
