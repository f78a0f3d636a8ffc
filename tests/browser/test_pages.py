"""The pages as a visitor has them: what is on each screen, what the axe finds, and what is left when they go."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, Playwright, expect

from api.doors.pages import OneUseCodes
from tests.browser.chromium import FAKE_MICROPHONE
from tests.browser.conftest import chromium
from tests.browser.talk import HARMLESS
from tests.service import TOKENS, WAIT_S, RunningService, http

AXE = (files("axe_playwright_python") / "axe.min.js").read_text("utf-8")
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SITE = Path(__file__).parents[2] / "examples" / "embed" / "site.py"

expect.set_options(timeout=WAIT_S * 1000)


class Screen:
    """A page of the service in a browser.

    Attributes:
        complaints: errors and warnings of its console, among them each violation of its policy.
        expected: what of them has to be so.
    """

    def __init__(self, context: BrowserContext) -> None:
        self.page: Page = context.new_page()
        self.page.set_default_timeout(WAIT_S * 1000)
        self.complaints: list[str] = []
        self.expected: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda said: self._said(said.type, f"{said.text} {said.location['url']}"))

    def _said(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and not any(known in text for known in (*HARMLESS, *self.expected)):
            self.complaints.append(text)

    def button(self, name: str) -> Any:
        return self.page.get_by_role("button", name=name, exact=True)

    def state(self, *states: str) -> None:
        """Wait until the call is in one of these states."""
        self.page.wait_for_selector(", ".join(f"glow-call[data-state={state}]" for state in states), state="attached")

    def violations(self) -> list[str]:
        """What the axe finds: rule and place."""
        self.page.evaluate(AXE)
        found = self.page.evaluate("tags => axe.run(document, {runOnly: tags})", WCAG)
        return [f"{one['id']}: {node['target']}" for one in found["violations"] for node in one["nodes"]]


@pytest.fixture
def screen(context: BrowserContext) -> Iterator[Screen]:
    shown = Screen(context)
    yield shown
    assert shown.complaints == [], "what the page's console had to say"


@pytest.fixture
def link(glow: RunningService) -> str:
    """The link that the service prints."""
    codes: OneUseCodes = glow.app.state.page_codes
    return f"{glow.url}/#code={codes.issue(TOKENS['ada'])}"


def made(service: RunningService, user: str, **token: Any) -> str:
    async def created() -> str:
        return (await service.inside.store.create_token(user, **token))[0]

    return asyncio.run_coroutine_threadsafe(created(), service.loop).result(WAIT_S)


def test_one_opens_the_link_presses_start_and_talks(screen: Screen, link: str) -> None:
    page = screen.page
    page.goto(link)
    page.get_by_role("combobox", name="Practice").select_option("The worried parent")
    expect(page.get_by_role("radio", name="Dana Whitfield")).to_be_checked()
    assert "#" not in page.url, "the code is in no history"
    assert screen.violations() == []
    screen.button("Start").click()
    log = page.get_by_role("group", name="Conversation")
    expect(log.locator("[data-who=you]")).not_to_have_count(0)  # what the microphone heard, maybe over the greeting
    expect(log.locator("[data-who=persona]")).not_to_have_count(0)
    assert screen.violations() == []
    page.get_by_label("Your message").fill("I hear how worried you are. How can I help?")
    screen.button("Send").click()
    expect(log).to_contain_text("I hear how worried you are.")
    screen.button("Mute").click()
    expect(page.get_by_role("button", name="Unmute")).to_have_attribute("aria-pressed", "true")
    page.get_by_text("Devices").click()
    page.get_by_text("Latency of each turn").click()
    expect(page.locator("#turns li").first).to_contain_text("answered after")
    screen.button("End").click()
    expect(page.locator("#result")).to_contain_text("/ 100:")
    assert screen.violations() == []
    with page.expect_download() as download:
        screen.button("Captions").click()
    assert Path(download.value.path()).read_text("utf-8").startswith("WEBVTT")
    page.reload()
    expect(
        page.get_by_role("combobox", name="Practice")
    ).to_be_visible()  # the tab keeps the token, the address does not


def test_a_link_that_was_used_says_so_and_a_token_opens_the_page(
    screen: Screen, glow: RunningService, link: str
) -> None:
    glow.app.state.page_codes.redeem(link.partition("#code=")[2])
    page = screen.page
    screen.expected.append("401 (Unauthorized)")
    page.goto(link)
    expect(page.get_by_role("alert")).to_contain_text("This link was used already")
    assert screen.violations() == []
    page.get_by_label("Token").fill("no such token of this service")
    screen.button("Open").click()
    expect(page.get_by_role("alert")).to_contain_text("unknown or revoked")
    page.get_by_label("Token").fill(TOKENS["ada"])
    screen.button("Open").click()
    expect(page.get_by_role("combobox", name="Practice")).to_be_visible()


def test_push_to_talk_by_key_and_what_is_said_is_text(screen: Screen, link: str) -> None:
    page = screen.page
    page.goto(link)
    page.get_by_text("Devices").click()
    page.get_by_label("Push to talk").check()
    screen.button("Start").click()
    screen.button("Stop").click()  # her greeting
    screen.state("listening")
    page.get_by_label("Your message").fill("<img src=x onerror=alert(1)> <script>alert(2)</script>")
    screen.button("Send").click()
    log = page.get_by_role("group", name="Conversation")
    expect(log).to_contain_text("<img src=x onerror=alert(1)>")
    talk = page.locator("#talk")
    expect(talk).to_have_text("Hold to talk")
    talk.dispatch_event("pointerdown", {"pointerId": 1})
    page.locator("body").click(position={"x": 2, "y": 2})
    page.keyboard.down("Space")
    expect(talk).to_have_attribute("aria-pressed", "true")
    page.keyboard.up("Space")
    expect(talk).to_have_attribute("aria-pressed", "false")
    screen.button("End").click()


@contextmanager
def kiosk(service: RunningService, query: str = "") -> Iterator[str]:
    practice = service.practice("The nervous patient")
    key = made(service, "kiosk-hall", scope="kiosk", practice_ids=[practice])
    yield f"{service.url}/kiosk?{query}#key={key}"


def test_nothing_of_a_visitor_is_left_at_a_kiosk(screen: Screen, glow: RunningService) -> None:
    page = screen.page
    page.set_viewport_size({"width": 1080, "height": 1920})
    with kiosk(glow, "lang=en") as address:
        page.goto(address)
    expect(page.get_by_role("heading")).to_have_text("Talk to Ruth Penhallow")
    assert screen.violations() == []
    screen.button("Start").click()
    expect(page.get_by_role("heading")).to_have_text("Before you start")
    expect(page.locator("main")).to_contain_text("kept until the operator removes it")
    expect(page.locator("main")).to_contain_text("The sound of your voice is not recorded")
    assert screen.violations() == []
    screen.button("Start").click()
    screen.state("listening", "speaking")
    secret = "My name is Quintessa Marblethorpe"
    page.get_by_label("Your message").fill(secret)
    screen.button("Send").click()
    expect(page.get_by_role("group", name="Conversation")).to_contain_text(secret)
    assert screen.violations() == []
    sockets: list[str] = []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    screen.button("I am done").click()
    expect(page.get_by_role("heading")).to_have_text("Thank you for talking with Ruth Penhallow.")
    assert screen.violations() == []
    screen.button("Start again").click()
    expect(page.get_by_role("heading")).to_have_text("Talk to Ruth Penhallow")
    assert "Quintessa" not in page.content()
    kept = page.evaluate(
        "() => JSON.stringify([Object.keys(localStorage), Object.keys(sessionStorage), document.cookie])"
    )
    assert kept == '[["glow.kiosk.key"],[],""]'
    assert "#" not in page.url
    screen.button("Start").click()
    screen.button("Start").click()
    screen.state("listening", "speaking")
    assert "Quintessa" not in page.get_by_role("group", name="Conversation").inner_text()


def test_a_kiosk_asks_who_is_there_and_starts_over_when_nobody_is(
    context: BrowserContext, glow: RunningService
) -> None:
    screen = Screen(context)
    page = screen.page
    page.clock.install()
    with kiosk(glow, "lang=es&idle=30") as address:
        page.goto(address)
    expect(page.get_by_role("heading")).to_have_text("Hable con Ruth Penhallow")
    assert page.locator("html").get_attribute("lang") == "es"
    screen.button("Empezar").click()
    expect(page.get_by_role("heading")).to_have_text("Antes de empezar")
    page.clock.run_for(32_000)
    expect(page.get_by_role("alertdialog")).to_contain_text("¿Sigue ahí?")
    assert screen.violations() == []
    screen.button("Necesito más tiempo").click()
    expect(page.get_by_role("alertdialog")).to_have_count(0)
    page.clock.run_for(32_000)
    expect(page.get_by_role("alertdialog")).to_be_visible()
    page.clock.run_for(21_000)
    expect(page.get_by_role("heading")).to_have_text("Hable con Ruth Penhallow")
    assert screen.complaints == []


def test_a_kiosk_without_a_key_says_what_to_do(screen: Screen, glow: RunningService) -> None:
    screen.page.goto(f"{glow.url}/kiosk?lang=en")
    expect(screen.page.get_by_role("alert")).to_contain_text("glow kiosk add")
    assert screen.violations() == []


def test_plain_http_on_a_network_says_why_there_is_no_microphone(playwright: Playwright, glow: RunningService) -> None:
    far = "--host-resolver-rules=MAP glow.test 127.0.0.1"
    with chromium(playwright, FAKE_MICROPHONE, far) as browser, browser.new_context() as context:
        page = Screen(context).page
        page.goto(glow.url.replace("127.0.0.1", "glow.test"))
        expect(page.get_by_role("alert")).to_contain_text("glow serve --tls-self-signed")
        page.get_by_label("Token").fill(TOKENS["ada"])
        page.get_by_role("button", name="Open").click()
        page.get_by_role("button", name="Start", exact=True).click()
        expect(page.get_by_text("This page needs https")).to_be_visible()
        page.get_by_role("button", name="Type instead").click()
        page.get_by_label("Your message").fill("Good morning, how can I help?")
        page.get_by_role("button", name="Send").click()
        expect(page.get_by_role("group", name="Conversation")).to_contain_text("Good morning")


def test_a_foreign_site_embeds_the_element(screen: Screen, glow: RunningService) -> None:
    practice = glow.practice("The worried parent")
    key = made(glow, "kiosk-site", scope="kiosk", practice_ids=[practice])
    environment = {**os.environ, "GLOW_KEY": key, "GLOW_URL": glow.url, "PORT": "0"}
    with subprocess.Popen([sys.executable, str(SITE)], env=environment, stdout=subprocess.PIPE, text=True) as site:
        try:
            assert site.stdout is not None
            address = site.stdout.readline().split()[-1]
            page = screen.page
            page.goto(address)
            expect(page.get_by_text("Dana Whitfield answers.")).to_be_visible()
            screen.button("Start").click()
            expect(page.locator("[data-who=persona]")).not_to_have_count(0)
            assert screen.violations() == []
            screen.button("End").click()
            expect(page.get_by_text("Thank you for talking with us.")).to_be_visible()
            assert http.post(f"{address}/glow-token", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
        finally:
            site.terminate()
