"""Microphones that are refused, missing, unplugged or switched off: each is a sentence, and typing always works."""

from playwright.sync_api import Browser, Playwright

from tests.browser.chromium import FAKE_MICROPHONE
from tests.browser.conftest import HARNESS, Opener, chromium
from tests.browser.talk import Talk
from tests.service import RunningService


def typed_instead(page: Talk) -> None:
    """Open the call again without a microphone, and be answered."""
    assert "error" not in page.open(input=False)
    page.do("call.say(argument)", "I would rather type.")
    page.until("message", typed=True)
    page.until("caption", done=True)


def test_a_refused_microphone(browser: Browser, glow: RunningService) -> None:
    with browser.new_context() as context:
        page = Talk(context.new_page(), glow)
        page.load(f"{glow.url}/blank", HARNESS)
        refused = page.open()
        assert refused["error"] in ("microphone_blocked", "microphone_dismissed")
        assert refused["message"].startswith("The microphone ")
        assert page.until("state", state="trouble")["key"] == refused["error"]
        typed_instead(page)
        assert page.complaints == []


def test_no_microphone(playwright: Playwright, glow: RunningService) -> None:
    with chromium(playwright) as bare, bare.new_context(permissions=["microphone"]) as context:
        page = Talk(context.new_page(), glow)
        page.load(f"{glow.url}/blank", HARNESS)
        assert page.open() == {"error": "microphone_missing", "message": "There is no microphone. Plug one in."}
        typed_instead(page)


def test_errors_of_a_browser_are_sentences(talk: Opener) -> None:
    page = talk()
    for name, key in {
        "NotReadableError": "microphone_busy",
        "SecurityError": "insecure",
        "AbortError": "microphone_failed",
        "UnknownError": "microphone_failed",
    }.items():
        page.page.evaluate("name => (harness.refusal = name)", name)
        refused = page.open()
        assert refused["error"] == key, name
        assert refused["message"].endswith((".", "?"))


def test_plain_http_on_a_network_has_no_microphone_but_types(talk: Opener, glow: RunningService) -> None:
    page = talk(glow.url.replace("127.0.0.1", "plain.test"), hand=False)
    refused = page.open()
    assert refused["error"] == "insecure"
    assert "https" in refused["message"]
    assert "error" not in page.open(input=False)
    page.do("call.say(argument)", "Then in writing.")
    assert page.until("reply", phase="ended")["text"]


def test_an_unplugged_microphone_is_told_and_the_next_one_taken(talk: Opener) -> None:
    page = talk()
    page.open()
    page.page.evaluate(
        "harness.refusal = 'NotFoundError';harness.lips.stream.getAudioTracks()[0].dispatchEvent(new Event('ended'))"
    )
    assert page.until("state", state="trouble")["key"] == "microphone_unplugged"
    page.page.evaluate("harness.refusal = ''; navigator.mediaDevices.dispatchEvent(new Event('devicechange'))")
    page.until("devices")
    page.until("state", state="listening")
    page.say("slt/turns/13")
    page.until("message")


def test_a_muted_microphone_sends_nothing_and_one_that_gives_nothing_is_told(talk: Opener) -> None:
    page = talk()
    page.open(turns="manual")
    page.do("call.mute(true)")
    assert page.until("state", muted=True)
    assert page.page.evaluate("harness.lips.stream.getAudioTracks()[0].enabled") is False
    page.do("call.talk(true)")
    page.until("state", muted=False)
    page.say("slt/turns/13")
    page.until("service", type="user.started")
    page.do("call.talk(false)")
    assert page.until("message")["turn"] == 1
    page.until("state", muted=True)
    page.do("call.mute(false)")
    assert page.until("error", key="microphone_silent")["message"].startswith("I cannot hear you")
    assert page.until("level")["silent"] is True
    kinds = [message["type"] for message in page.sent if message["type"] in ("mute", "commit")]
    assert kinds == ["mute", "mute", "commit", "mute", "mute"]


def test_devices_are_listed_and_picked(talk: Opener) -> None:
    page = talk(hand=False)
    page.open()
    found = page.page.evaluate("() => import('/static/glow-voice.js').then(({ devices }) => devices())")
    assert found["input"]
    assert found["output"]
    page.do("call.pickInput(argument)", found["input"][-1]["deviceId"])
    assert page.do("call.inputLabel") == found["input"][-1]["label"]
    page.do("call.pickOutput(argument)", found["output"][-1]["deviceId"])
    assert FAKE_MICROPHONE


CONTEXTS = """
globalThis.AudioContext = class extends AudioContext {
  constructor(...rest) { super(...rest); (harness.contexts ??= []).push(this); }
};
"""


def test_sound_that_the_browser_suspends_is_told_and_woken(talk: Opener) -> None:
    page = talk(script=CONTEXTS)
    page.open()
    page.page.evaluate("() => harness.contexts.findLast((one) => one !== harness.mouth).suspend()")
    assert page.until("state", state="trouble")["sentence"] == "The sound is asleep. Press the button to wake it."
    page.do("call.wake()")
    page.until("state", state="listening")
    page.say("slt/turns/13")
    page.until("message")


HIDING = """
globalThis.hidden = (hidden) => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
  document.dispatchEvent(new Event("visibilitychange"));
};
const media = matchMedia;
globalThis.matchMedia = (query) => query.includes("coarse") ? { matches: harness.phone } : media(query);
"""


def test_a_page_that_is_hidden_on_a_phone_is_muted_after_a_minute_and_hears_when_it_is_back(talk: Opener) -> None:
    page = talk(script=HIDING)
    page.page.clock.install()
    page.open(opus=False)
    page.page.evaluate("() => { harness.phone = false; hidden(true); }")
    page.page.clock.run_for(65_000)
    assert page.do("call.muted") is False, "a desktop's window may lie behind another one"
    page.page.evaluate("() => { hidden(false); harness.phone = true; hidden(true); }")
    page.page.clock.run_for(55_000)
    assert page.do("call.muted") is False
    page.page.clock.run_for(10_000)
    page.until("state", muted=True)
    page.page.evaluate("() => hidden(false)")
    page.until("state", muted=False)


def test_a_hidden_page_goes_on_telling_what_was_played(talk: Opener) -> None:
    page = talk(script=HIDING)
    page.open(input=False)
    page.page.evaluate("() => hidden(true)")
    page.page.clock.install()  # its timers stand still, as a hidden page's nearly do
    page.do("call.say(argument)", "Who are you?")
    reply = page.until("reply", phase="ended")
    assert page.until("caption", done=True)["text"] == reply["text"]
    assert [message for message in page.sent if message["type"] == "played"][-1]["ms"] > 1_000
