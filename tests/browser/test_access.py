"""The pages for people who zoom, move less, need contrast or colours of their own, or have no mouse."""

import asyncio
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from tests.browser.conftest import Opener
from tests.browser.test_pages import Screen, kiosk, made
from tests.service import WAIT_S, RunningService

WIDTH = 320  # CSS pixels: a window of 1280 at 400 %


def pages(service: RunningService) -> dict[str, str]:
    """An address of each page, with something on it."""
    code = service.app.state.page_codes.issue(made(service, "zoe"))
    with kiosk(service, "lang=en") as hall:
        return {"talk": f"{service.url}/#code={code}", "kiosk": hall, "studio": f"{service.url}/studio"}


@pytest.mark.parametrize("name", ["talk", "kiosk", "studio"])
def test_at_400_percent_nothing_scrolls_sideways_and_nothing_moves_or_fades(
    browser: Browser, glow: RunningService, name: str
) -> None:
    with browser.new_context(
        permissions=["microphone"],
        viewport={"width": WIDTH, "height": 256},
        reduced_motion="reduce",
        forced_colors="active",
        contrast="more",
    ) as context:
        screen = Screen(context)
        page = screen.page
        page.goto(pages(glow)[name])
        if name == "studio":
            page.get_by_label("Token of an operator").fill(made(glow, "olga", scope="operator"))
            screen.button("Open the studio").click()
            page.get_by_role("link", name="Practices").click()
            page.get_by_role("link", name="The worried parent").click()
            expect(page.get_by_label("Problem statement").first).to_be_visible()
        else:
            expect(screen.button("Start")).to_be_visible()
        assert screen.violations() == []
        assert page.evaluate("() => document.documentElement.scrollWidth") <= WIDTH
        assert page.evaluate("() => document.getAnimations().length") == 0
        if name == "talk":
            screen.button("Start").click()
            screen.state("listening", "speaking")
            assert page.evaluate("() => document.documentElement.scrollWidth") <= WIDTH
            assert screen.violations() == []
        assert screen.complaints == []


def test_a_call_by_keyboard_alone(context: BrowserContext, glow: RunningService) -> None:
    screen = Screen(context)
    page = screen.page
    page.goto(pages(glow)["talk"])
    expect(screen.button("Start")).to_be_visible()

    def tab_to(name: str) -> None:
        for _ in range(40):
            page.keyboard.press("Tab")
            found = page.evaluate(
                "() => { let one = document.activeElement; while (one.shadowRoot?.activeElement) one = "
                "one.shadowRoot.activeElement; return one.textContent.trim() || one.getAttribute('id'); }"
            )
            if found == name:
                return
        raise AssertionError(f"{name} is not reached")

    tab_to("Start")
    page.keyboard.press("Enter")
    screen.state("speaking")
    page.keyboard.press("Escape")
    screen.state("listening")
    page.keyboard.press("m")
    expect(screen.button("Unmute")).to_be_visible()
    tab_to("text")
    page.keyboard.type("Good morning, Dana.")
    page.keyboard.press("Enter")
    expect(page.get_by_role("group", name="Conversation")).to_contain_text("Good morning, Dana.")
    tab_to("End")
    page.keyboard.press("Space")
    expect(page.locator("#result")).to_contain_text("/ 100:")
    assert screen.complaints == []


def test_a_token_that_expires_in_mid_call_is_told(talk: Opener, glow: RunningService) -> None:
    page, chat = talk(), glow.chat()

    async def short() -> str:
        return (await glow.inside.store.create_token("ada", lifetime=timedelta(seconds=6)))[0]

    token = asyncio.run_coroutine_threadsafe(short(), glow.loop).result(WAIT_S)
    page.open(chat, token=token)
    trouble = page.until("state", state="trouble")
    assert trouble["key"] == "revoked"
    assert "token" in trouble["sentence"]
    assert page.do("call.inputLabel") == ""
