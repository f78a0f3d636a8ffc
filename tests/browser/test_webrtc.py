"""Calls over WebRTC from a page: with Chromium's own connection, and with OpenAI's Agents SDK as it is."""

import time
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from tests.browser.conftest import HERE, Opener
from tests.browser.talk import Talk
from tests.installed import node_with
from tests.service import WAIT_S, RunningService

SCRIPT = (HERE / "webrtc.js").read_text("utf-8")
SDK = ("@openai/agents-realtime@0.20.0", "zod@4")
QUESTION, OVER_IT = "slt/turns/13", "rms/turns/13"


def open_page(_: Request) -> Response:
    """Respond with an empty page without our policy: what the SDK brings looks whether it may evaluate texts."""
    return HTMLResponse("<!doctype html><title>agents</title><link rel=icon href=data:,>")


def secret_of(glow: RunningService) -> str:
    answer = glow.post("/v1/realtime/client_secrets", {"session": {"type": "realtime", "instructions": "Be brief."}})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["value"])


def connected(talk: Opener, glow: RunningService) -> Talk:
    """A page with a call of the browser's own connection."""
    page = talk(script=SCRIPT)
    where = page.page.evaluate("options => rtc.open(options)", {"secret": secret_of(glow), "model": "gpt-realtime"})
    assert where.startswith("/v1/realtime/calls/rtc_")
    assert page.until("session.created")["session"]["instructions"] == "Be brief."
    return page


def over(glow: RunningService) -> None:
    """Wait until nothing is left of the calls."""
    deadline = time.monotonic() + WAIT_S
    while glow.ask(lambda inside: len(inside.calls) + len(glow.app.state.realtime_calls)):
        assert time.monotonic() < deadline, "a call stays open"


def send(page: Talk, kind: str, **fields: Any) -> None:
    page.page.evaluate("event => rtc.send(event)", {"type": kind, **fields})


def test_a_page_speaks_and_hears_over_its_own_connection(talk: Opener, glow: RunningService) -> None:
    page = connected(talk, glow)
    page.say(QUESTION)
    page.until("input_audio_buffer.speech_started")
    response = page.until("output_audio_buffer.started")["response_id"]
    done = page.until("response.done")["response"]
    assert (done["id"], done["status"]) == (response, "completed")
    page.until("output_audio_buffer.stopped", response_id=response)
    seconds, energy, _ = page.page.evaluate("() => rtc.heard()")
    assert seconds > 1
    assert energy > 0.001
    page.page.evaluate("() => rtc.connection.close()")
    over(glow)


def test_a_page_breaks_in_and_is_told_what_was_heard(talk: Opener, glow: RunningService) -> None:
    page = connected(talk, glow)
    page.say(QUESTION)
    response = page.until("output_audio_buffer.started")["response_id"]
    page.say(OVER_IT)
    page.until("output_audio_buffer.cleared", response_id=response)
    assert page.until("conversation.item.truncated")["audio_end_ms"] > 0
    send(page, "output_audio_buffer.clear")
    page.page.evaluate("() => rtc.connection.close()")
    over(glow)


def test_openais_agents_sdk_takes_webrtc_in_a_browser(talk: Opener, glow: RunningService) -> None:
    bundle = node_with(*SDK) / "node_modules/@openai/agents-realtime/dist/bundle/openai-realtime-agents.umd.js"
    glow.app.router.routes.append(Route("/open", open_page))
    page = talk(path="/open", script=SCRIPT + "\n" + bundle.read_text("utf-8"))
    made = page.page.evaluate("options => rtc.session(options)", {"secret": secret_of(glow)})
    assert made[1] == "connected"
    assert made[2].startswith("rtc_")
    page.page.evaluate("() => rtc.agents.sendMessage('Tell me about your son.')")
    page.until("output_audio_buffer.started")
    page.page.evaluate("() => rtc.agents.interrupt()")
    page.until("output_audio_buffer.cleared")
    page.say(QUESTION)
    page.until("output_audio_buffer.started")
    page.say(OVER_IT)
    page.until("output_audio_buffer.cleared")
    page.until("response.done")
    assert page.log("failed") == []
    lines = page.page.evaluate("() => rtc.lines()")
    assert [line[0] for line in lines[:4]] == ["user", "assistant"] * 2
    page.page.evaluate("() => rtc.agents.close()")
    over(glow)
