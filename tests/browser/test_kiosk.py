"""A kiosk that nobody looks after: it loads anew at night, starts over when it is broken, and is never silent."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.test_pages import Screen, kiosk
from tests.service import RunningService

WATCHED = """
globalThis.seen = { locks: 0, contexts: [], captures: [], refusal: "" };
const request = navigator.wakeLock.request.bind(navigator.wakeLock);
navigator.wakeLock.request = (kind) => { seen.locks += 1; return request(kind); };
globalThis.AudioContext = class extends AudioContext {
  constructor(...rest) { super(...rest); seen.contexts.push(this); }
};
globalThis.AudioWorkletNode = class extends AudioWorkletNode {
  constructor(context, name, options) {
    super(context, name, options);
    if (name === "glow-capture") seen.captures.push(this);
  }
};
const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (wishes) => {
  if (seen.refusal) throw new DOMException("", seen.refusal);
  return (seen.stream = await ask(wishes));
};
"""
DEAF = "() => seen.captures.forEach((node) => { node.port.onmessage = null; })"


class Hall(Screen):
    """A kiosk in English.

    Attributes:
        address: as `glow kiosk add` prints it.
    """

    def __init__(self, context: BrowserContext, address: str) -> None:
        super().__init__(context)
        self.address = address
        self.page.add_init_script(WATCHED)


@pytest.fixture
def hall(context: BrowserContext, glow: RunningService) -> Iterator[Hall]:
    with kiosk(glow, "lang=en") as address:
        screen = Hall(context, address)
        yield screen
    assert screen.complaints == []


def entered(screen: Hall) -> None:
    """A visitor presses Start, and Start."""
    screen.page.goto(screen.address)
    screen.button("Start").click()
    screen.button("Start").click()
    screen.state("listening", "speaking")


def test_at_night_it_loads_anew_when_nobody_is_there(hall: Hall) -> None:
    page = hall.page
    page.clock.install(time="2030-01-01T01:30:00")
    page.goto(hall.address)
    expect(page.get_by_role("heading")).to_have_text("Talk to Ruth Penhallow")
    page.evaluate("() => { globalThis.old = true; }")
    page.clock.fast_forward("02:29:00")
    page.clock.run_for(3_000)
    assert page.evaluate("() => globalThis.old") is True, "it is 03:59"
    page.clock.fast_forward("01:00")
    page.clock.run_for(2_000)
    page.wait_for_function("() => !globalThis.old")
    expect(page.get_by_role("heading")).to_have_text("Talk to Ruth Penhallow")


def test_a_page_that_gets_no_sound_any_more_starts_over_and_not_again_and_again(hall: Hall) -> None:
    page = hall.page
    entered(hall)
    hall.state("listening")
    page.evaluate(DEAF)
    expect(page.get_by_role("heading")).to_have_text("Talk to Ruth Penhallow")
    entered(hall)
    hall.state("listening")
    page.evaluate(DEAF)
    expect(page.get_by_role("alert")).to_have_text("This screen has a problem. It starts over by itself in a moment.")
    assert hall.violations() == []
    hall.button("Try again").click()
    expect(page.get_by_role("heading")).to_have_text("Talk to Ruth Penhallow")


def test_the_screen_is_kept_on_after_it_was_hidden_too(hall: Hall) -> None:
    page = hall.page
    page.goto(hall.address)
    expect(page.get_by_role("heading")).to_have_text("Talk to Ruth Penhallow")
    assert page.evaluate("() => seen.locks") == 1
    page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")
    assert page.evaluate("() => seen.locks") == 2


def test_each_trouble_is_a_sentence_and_one_button(hall: Hall) -> None:
    page = hall.page
    entered(hall)
    alert = page.get_by_role("alert").filter(visible=True)
    page.evaluate("""() => {
      seen.refusal = "NotFoundError";
      const [track] = seen.stream.getAudioTracks();
      track.stop();
      track.dispatchEvent(new Event("ended"));
    }""")
    expect(alert).to_contain_text("The microphone was unplugged. Plug it in again, or type.")
    assert hall.violations() == []
    page.evaluate("() => { seen.refusal = ''; }")
    alert.get_by_role("button").click()
    expect(alert).to_have_count(0)
    page.evaluate("() => seen.contexts.at(-1).suspend()")
    expect(alert).to_contain_text("The sound is asleep.")
    alert.get_by_role("button").click()
    expect(alert).to_have_count(0)
    hall.state("listening", "speaking")


def test_a_visitor_who_comes_while_the_service_is_away_is_told_and_it_is_tried_again(
    hall: Hall, context: BrowserContext
) -> None:
    page = hall.page
    page.goto(hall.address)
    hall.button("Start").click()
    context.set_offline(True)
    hall.button("Start").click()
    expect(page.locator("#state")).to_have_text(re.compile("Connecting|Reconnecting"))
    expect(page.get_by_role("alert").filter(visible=True)).to_contain_text("The service does not answer.")
    context.set_offline(False)
    page.get_by_role("button", name="Start", exact=False).first.click()
    hall.state("listening", "speaking")
