"""A person speaks to `glow serve` through the microphone of a browser."""

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from api.client.http import RemoteService
from tests.browser.conftest import Opener
from tests.browser.test_pages import Screen
from tests.servers.process import ServiceProcess, service_process
from voice.stt.fixed import WORDS

QUESTION = "slt/turns/13"
UNTAPPED = "harness.untapped = true;"  # the tap is no file of the service


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """`glow serve`; its recogniser hears the same words in everything, as what it hears is not what is tested."""
    with service_process(tmp_path_factory.mktemp("serve")) as started:
        yield started


def chat_of(serve: ServiceProcess) -> str:
    """A fresh chat."""
    with RemoteService(serve.url, serve.token) as service:
        return service.start_named()[1]


def test_a_person_is_heard_and_answered(serve: ServiceProcess, talk: Opener) -> None:
    page = talk(serve.url, path="/health", script=UNTAPPED, hand=False)
    plain = {"echoCancellation": False, "noiseSuppression": False, "autoGainControl": False}
    page.open(chat_of(serve), token=serve.token, input=plain)
    started = page.until("service", type="user.started")
    assert 500 < started["at_ms"] < 2_500, "the person begins after a second"
    assert page.until("message")["text"] == WORDS
    reply = page.until("reply", phase="ended")
    assert page.until("caption", done=True)["text"] == reply["text"]
    latency = page.log("latency")
    assert latency[0]["voice_to_voice_ms"] > 0
    assert max(level["peak"] for level in page.log("level")) > -30
    page.do("call.end()")
    assert page.until("state", state="ended")["reason"] == "caller"


def test_a_page_goes_on_over_a_restart_of_the_service(serve: ServiceProcess, talk: Opener) -> None:
    chat = chat_of(serve)
    page = talk(serve.url, path="/health", script=UNTAPPED)
    first = page.open(chat, token=serve.token)
    page.say(QUESTION)
    page.until("caption", turn=1)
    serve.send(signal.SIGTERM)
    answered = page.until("reply", phase="ended", turn=1)
    assert not answered["interrupted"], "what is being said is heard out"
    page.until("service", type="restarting")
    page.until("state", state="reconnecting")
    assert serve.ended() == 0
    page.do("call.say(argument)", "Are you still there?")
    serve.start()
    again = page.until("service", type="chat_voice")
    assert again["conversation_id"] == first["conversation_id"]
    assert page.until("message", typed=True)["text"] == "Are you still there?"
    page.until("caption", done=True)
    page.say(QUESTION)
    assert page.until("message", typed=False)["text"] == WORDS
    page.do("call.end()")
    assert page.until("state", state="ended")["reason"] == "caller"
    troubles = [state for state in page.log("state") if state["state"] == "trouble"]
    assert troubles == [], "the user need not notice"


def test_the_page_of_a_fresh_service_goes_on_over_its_restart(context: BrowserContext, tmp_path: Path) -> None:
    """Its token is not that of the run, which ends with the process."""
    with service_process(tmp_path, tokens="") as fresh:
        screen = Screen(context)
        page = screen.page
        page.goto(re.findall(r"once by this link: (\S+)", fresh.log())[-1])
        screen.button("Type instead").click()
        screen.state("listening", "speaking")
        fresh.send(signal.SIGTERM)
        screen.state("reconnecting")
        assert fresh.ended() == 0
        fresh.start()
        screen.state("listening", "speaking")
        page.get_by_label("Your message").fill("Are you still there?")
        screen.button("Send").click()
        expect(page.get_by_role("group", name="Conversation")).to_contain_text("Are you still there?")
        page.reload()
        expect(page.get_by_role("combobox", name="Practice")).to_be_visible()
        assert "Token for this run" in fresh.log().rpartition("Glow Voice at")[2], "as at the first start"
        assert screen.complaints == []
