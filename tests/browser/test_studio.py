"""The operator's page: a call is found, read, listened to from a word, and looked at; content is copied and tried."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Playwright, expect

from tests.browser.conftest import chromium
from tests.browser.test_pages import Screen, made
from tests.service import WAIT_S, RunningService, unhearing

MARKUP = "<img src=x onerror=alert(1)>"
PACK = f"""\
pack: desk
name: Desk {MARKUP}
personas:
  kim:
    name: Kim {MARKUP}
    greeting: Hello, this is Kim.
    instructions: You are Kim.
    fallbacks: [I see.]
scenarios:
  counter:
    name: At the counter
    personas: [kim]
    problem_statement: Sell {MARKUP} something.
    objectives: [Be kind.]
simulations:
  day:
    name: A day
    scenarios: [counter]
practices:
  desk:
    name: Front desk {MARKUP}
    simulation: day
"""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningService, Path]]:
    """A service that records, with a pack of names that look like HTML."""
    folder = tmp_path_factory.mktemp("desk")
    (folder / "pack.yaml").write_text(PACK, "utf-8")
    with unhearing(
        tmp_path_factory.mktemp("studio"), record_calls=True, record_announcement="", packs=str(folder)
    ) as started:
        yield started, folder


@pytest.fixture(scope="module")
def playwright(desk: tuple[RunningService, Path]) -> Iterator[Playwright]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        yield started


@pytest.fixture
def screen(playwright: Playwright) -> Iterator[Screen]:
    with chromium(playwright) as browser, browser.new_context() as context:
        shown = Screen(context)
        yield shown
        assert shown.complaints == [], "what the page's console had to say"


def called(service: RunningService, practice: str) -> None:
    """A call of ada's, spoken and recorded."""
    chat = service.chat(practice=practice)

    async def story() -> None:
        async with service.call(chat, hurries=True, greet=True) as client:
            await client.until("reply.ended")
            await client.say("slt/turns/13")
            await client.until("reply.ended")
            await client.hang_up()
        await service.until(lambda inside: inside.files.path(f"words-{chat}").exists())

    asyncio.run_coroutine_threadsafe(story(), service.loop).result(WAIT_S)


def opened(screen: Screen, service: RunningService, scope: str = "operator") -> Page:
    """The studio, let in by a token."""
    page = screen.page
    page.goto(f"{service.url}/studio")
    page.get_by_label("Token of an operator").fill(made(service, "olga", scope=scope))
    screen.button("Open the studio").click()
    return page


def test_a_call_is_listened_to_from_a_word(screen: Screen, desk: tuple[RunningService, Path]) -> None:
    service, _ = desk
    called(service, f"Front desk {MARKUP}")
    page = opened(screen, service)
    table = page.get_by_role("region", name="Over")
    expect(table).to_contain_text(f"Front desk {MARKUP}")
    expect(table).to_contain_text(re.compile(r"\d+ ms \(median of 1\)"))
    assert screen.violations() == []
    table.get_by_role("link").first.click()
    expect(page.get_by_role("heading", name=f"ada, Kim {MARKUP}")).to_be_visible()
    expect(page.locator("li", has_text="Hello, this is Kim.")).to_be_visible()
    picture = page.get_by_role("img", name=re.compile("Timeline of the call from 0 s"))
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 500
    assert screen.violations() == []
    word = page.get_by_role("button", name="is", exact=True).first
    word.click()
    expect(word).to_have_attribute("aria-current", "true")
    page.wait_for_function(
        "() => { const audio = document.querySelector('audio'); return !audio.paused && audio.currentTime > 0.3; }"
    )
    word.press("ArrowRight")
    expect(page.get_by_role("button", name="Kim.", exact=True).first).to_be_focused()
    page.get_by_text("The timeline as text").click()
    expect(page.locator("pre")).to_contain_text("chat_silence")
    screen.expected.append("404 (Not Found)")
    page.goto(f"{service.url}/studio#/calls/nobodys")
    expect(page.get_by_role("alert")).to_contain_text("There is no such call")
    assert screen.violations() == []
    page.get_by_role("link", name="Calls").click()
    expect(page.get_by_role("region", name="Over")).to_be_visible()
    page.reload()
    expect(page.get_by_role("region", name="Over")).to_be_visible()


def test_a_call_that_goes_on_is_seen(screen: Screen, desk: tuple[RunningService, Path]) -> None:
    service, _ = desk
    page = opened(screen, service)
    expect(page.get_by_role("heading", name="Going on")).to_be_visible()
    with Held(service) as chat:
        going = page.get_by_role("region", name="Going on")
        expect(going).to_contain_text("ada")  # by itself
        going.get_by_role("link").first.click()
        expect(page.locator("dd", has_text="Going on")).to_be_visible()
        expect(page.get_by_text("GLOW_RECORD_CALLS")).to_be_visible()
        assert chat
    page.get_by_role("link", name="All calls").click()
    expect(page.get_by_role("region", name="Going on")).to_have_count(0)


class Held:
    """A call that goes on for as long as the block."""

    def __init__(self, service: RunningService) -> None:
        self._service = service

    def __enter__(self) -> str:
        service, chat = self._service, self._service.chat(practice="The worried parent")
        self._over, begun = asyncio.Event(), asyncio.Event()

        async def held() -> None:
            async with service.call(chat) as client:
                begun.set()
                await self._over.wait()
                await client.hang_up()

        self._running = asyncio.run_coroutine_threadsafe(held(), service.loop)
        asyncio.run_coroutine_threadsafe(begun.wait(), service.loop).result(WAIT_S)
        return chat

    def __exit__(self, *_: object) -> None:
        self._service.loop.call_soon_threadsafe(self._over.set)
        self._running.result(WAIT_S)


def test_a_practice_is_read_copied_and_tried(
    screen: Screen, desk: tuple[RunningService, Path], playwright: Playwright
) -> None:
    service, _ = desk
    page = opened(screen, service)
    page.get_by_role("link", name="Practices").click()
    page.get_by_label("Search").fill("front desk")
    page.get_by_role("link", name=f"Front desk {MARKUP}").click()
    page.get_by_role("link", name="Try it", exact=True).click()
    expect(page.get_by_role("radio", name=f"Kim {MARKUP}")).to_be_checked()
    expect(page.get_by_role("combobox", name="Practice").locator(":checked")).to_have_text(f"Front desk {MARKUP}")
    page.go_back()
    expect(page.get_by_label("Problem statement")).to_have_value(f"Sell {MARKUP} something.")
    assert screen.violations() == []
    page.get_by_label("Name").first.fill("Night shift")
    page.get_by_label("Problem statement").fill("Sell a lamp.")
    screen.button("Save as a copy").click()
    expect(page.get_by_role("heading", name="Night shift")).to_be_visible()
    expect(page.get_by_label("Problem statement")).to_have_value("Sell a lamp.")
    page.get_by_role("link", name=f"Kim {MARKUP}", exact=True).click()
    expect(page.get_by_label("Instructions")).to_have_value("You are Kim.")
    assert screen.violations() == []
    page.get_by_label("Name").fill("Kim the second")
    page.get_by_label("In a copy of this practice").select_option("Night shift")
    screen.button("Save as a copy").click()
    expect(page.get_by_role("heading", name="Night shift: Kim the second")).to_be_visible()
    page.get_by_role("link", name="Try it: Kim the second").click()
    expect(page.get_by_role("radio", name="Kim the second")).to_be_checked()
    expect(page.get_by_role("combobox", name="Practice")).to_have_value(re.compile("."))
    expect(page.locator("#about")).to_contain_text("Sell a lamp.")


def test_what_is_wrong_with_a_pack_is_told(screen: Screen, desk: tuple[RunningService, Path]) -> None:
    service, folder = desk
    page = opened(screen, service)
    page.get_by_role("link", name="Content packs").click()
    expect(page.get_by_role("heading", name=f"Desk {MARKUP}")).to_be_visible()
    expect(page.get_by_text("Whole: nothing is wrong with it.")).to_have_count(2)
    (folder / "pack.yaml").write_text(PACK.replace("personas: [kim]", "personas: [kym]"), "utf-8")
    page.reload()
    expect(page.locator("pre")).to_contain_text("pack.yaml")
    expect(page.locator("pre")).to_contain_text("kym")
    assert screen.violations() == []
    (folder / "pack.yaml").write_text(PACK, "utf-8")


def test_others_are_told_whose_it_is(screen: Screen, desk: tuple[RunningService, Path]) -> None:
    screen.expected.append("403 (Forbidden)")
    page = opened(screen, desk[0], scope="user")
    expect(page.get_by_role("alert")).to_contain_text("glow token create USER --scope operator")
    assert screen.violations() == []
    assert page.evaluate("() => sessionStorage.length") == 0
