"""Lines that drop, die, are refused or slow; the call goes on, and the page says a sentence where it does not."""

from playwright.sync_api import WebSocketRoute

from tests.browser.cable import cable
from tests.browser.conftest import Opener
from tests.service import TOKENS, RunningService

QUESTION = "slt/turns/13"


def test_a_line_that_is_cut_is_resumed_and_loses_nothing(talk: Opener, glow: RunningService) -> None:
    chat = glow.chat()
    with cable(glow.url) as line:
        page = talk(line.url)
        first = page.open(chat)
        page.say(QUESTION)
        page.until("caption", turn=1)
        line.pull()
        page.until("state", state="reconnecting")
        line.plug()
        again = page.until("service", type="chat_voice")
        assert again["conversation_id"] == first["conversation_id"]
        reply = page.until("reply", phase="ended")
        assert not reply["interrupted"]
        assert page.until("caption", turn=1, done=True)["text"] == reply["text"]
        line.pull()
        page.until("state", state="reconnecting")
        page.do("call.say(argument)", "Did you hear me?")
        line.plug()
        assert page.until("message", typed=True)["text"] == "Did you hear me?"
        page.until("caption", done=True)
        page.do("call.end()")
        page.until("state", state="ended")
    texts = [text for _, text in glow.lines(chat)]
    assert texts.count("Did you hear me?") == 1
    assert texts.count(reply["text"]) == 1


def test_a_dead_line_is_found_by_the_service_not_answering(talk: Opener, glow: RunningService) -> None:
    page = talk()
    page.page.clock.install()
    page.open(input=False)
    page.page.context.set_offline(True)
    page.page.clock.run_for(16_000)
    assert page.until("connection")["quality"] == "weak"
    page.page.clock.run_for(5_000)
    assert page.until("connection")["quality"] == "lost"
    assert page.until("state", state="reconnecting")["key"] == "connection_lost"
    page.page.context.set_offline(False)
    assert page.until("state")["state"] == "listening"
    page.until("service", type="chat_voice")


def test_a_busy_service_is_asked_again(talk: Opener, glow: RunningService) -> None:
    page = talk()
    calls: list[WebSocketRoute] = []

    def answer(socket: WebSocketRoute) -> None:
        calls.append(socket)
        if len(calls) == 1:
            socket.close(code=1013)
        else:
            socket.connect_to_server()

    page.page.route_web_socket("**/attempt/chat_voice", answer)
    page.page.clock.install()
    chat = glow.chat()
    page.page.evaluate("options => void harness.open(options)", {"chat": chat, "token": TOKENS["ada"]})
    busy = page.until("state", state="trouble")
    assert (busy["key"], busy["retryInMs"]) == ("busy", 10_000)
    assert busy["sentence"] == "All lines are busy. Trying again in a moment."
    page.page.clock.run_for(10_000)
    page.until("state", state="listening")


def test_a_token_is_fetched_anew_and_one_that_opens_nothing_is_told(talk: Opener, glow: RunningService) -> None:
    page = talk()
    assert "error" not in page.open(token=None, tokens=["no-token-of-anybody-0123456789", TOKENS["ada"]])
    page.do("call.end()")
    refused = page.open(token="no-token-of-anybody-0123456789")
    assert refused["error"] == "unauthorized"
    assert "token" in refused["message"]
    assert page.until("state", state="trouble")["key"] == "unauthorized"
    assert page.open("ffffffff-ffff-ffff-ffff-ffffffffffff")["error"] == "not_found"
    assert not [message for message in page.sent if "token" in message]


def test_a_token_that_is_revoked_in_mid_call_is_told(talk: Opener, glow: RunningService) -> None:
    page, other = talk(), talk()
    chat = glow.chat()
    ready = page.open(chat)
    other.open(chat, opening={"resume": ready["resume"]})
    trouble = page.until("state", state="trouble")
    assert trouble["key"] == "taken_over"
    assert trouble["sentence"]
    assert page.do("call.inputLabel") == "", "the microphone is let go"


def test_a_slow_line_loses_the_oldest_and_says_so_once(talk: Opener) -> None:
    page = talk()
    page.open(opus=False)
    page.page.evaluate(
        "harness.buffered = Object.getOwnPropertyDescriptor(WebSocket.prototype, 'bufferedAmount');"
        "Object.defineProperty(WebSocket.prototype, 'bufferedAmount', { configurable: true, get: () => 1e6 })"
    )
    assert page.until("error", key="slow_connection")["message"].startswith("The connection is slow")
    for _ in range(40):
        page.until("level")
    page.page.evaluate("Object.defineProperty(WebSocket.prototype, 'bufferedAmount', harness.buffered)")
    page.say(QUESTION)
    page.until("message")
    assert len([event for event in page.log("error") if event["key"] == "slow_connection"]) == 1


def test_the_page_runs_no_text_as_a_program(talk: Opener) -> None:
    page = talk()
    # Later: what the test evaluates itself is exempt from the policy.
    for attempt in ("new Function('')", "eval('1')"):
        tried = f"try {{ told({attempt}) }} catch (error) {{ told(error.name) }}"
        ran = f"new Promise((told) => setTimeout(() => {{ {tried} }}))"
        assert page.page.evaluate(ran) == "EvalError"
    assert page.page.evaluate("() => harness.violations.splice(0)") == ["script-src: eval"] * 2
    page.complaints.clear()
