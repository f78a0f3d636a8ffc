"""A microphone that hears the loudspeaker: how much is measured, and the persona is not interrupted by herself."""

from collections.abc import Iterator

import pytest
from starlette.routing import Route

from pipeline.call.call import Call
from tests.browser.conftest import Opener, blank, tap
from tests.servers.stt import TranscriptionServer, transcription_server
from tests.service import RunningService, running

QUESTION = "slt/turns/13"
ROOM = "harness.room = { delay_s: 0.2, gain: 0.1 };"
"""200 ms later, 20 dB fainter; two contexts of a browser add some buffers of their own."""


NOTHING, WORDS = '{"text": ""}', '{"text": "there are two of them"}'


@pytest.fixture(scope="module")
def recogniser() -> Iterator[TranscriptionServer]:
    """A recogniser that makes no words of an echo, until a test lets it hear some."""
    with transcription_server() as server:
        server.behaviour = NOTHING
        yield server


@pytest.fixture(scope="module")
def glow(tmp_path_factory: pytest.TempPathFactory, recogniser: TranscriptionServer) -> Iterator[RunningService]:
    """A service that takes no echo away, so that what its client reports of it is all that it has."""
    with running(
        tmp_path_factory.mktemp("echo"),
        stt="openai",
        stt_base_url=recogniser.url,
        openai_api_key="k",
        cancel_echo=False,
    ) as started:
        started.app.router.routes += [Route("/blank", blank), Route("/tap.js", tap)]
        yield started


def test_the_chime_of_the_opening_finds_the_echo_and_she_is_not_interrupted_by_it(
    talk: Opener, glow: RunningService, recogniser: TranscriptionServer
) -> None:
    page, chat = talk(script=ROOM), glow.chat()
    page.open(chat, greet=True, echoCheck=True)
    (echo,) = page.log("echo")
    assert 190 <= echo["delay_ms"] <= 400
    assert echo["residual_db"] == pytest.approx(-20, abs=2)
    assert echo["loud"] is True
    greeted = page.until("reply", phase="ended")
    assert not greeted["interrupted"]
    assert page.until("caption", done=True)["text"] == greeted["text"]
    told = [message for message in page.sent if message["type"] == "echo"]
    assert told[0] == {"type": "echo", "delay_ms": echo["delay_ms"], "residual_db": echo["residual_db"]}
    (call,) = glow.ask(lambda service: [one for one in service.calls.open_calls() if chat_of(one) == chat])
    assert call.session.echo.loud
    (seen,) = glow.ask(lambda service: [one for one in service.timelines.open_calls() if one.chat_id == chat])
    assert seen.echo["residual_db"] == pytest.approx(-20, abs=4), "the studio shows it"
    assert page.log("message") == [], "nothing of hers is the learner's"
    assert not [event for event in page.log("service") if event["type"] == "reply.cleared"], "not even for a moment"
    page.do("call.say(argument)", "Please tell me all about it.")
    answer = page.until("reply", phase="started")
    page.until("caption", turn=answer["turn"], done=False)
    recogniser.behaviour = WORDS
    page.say(QUESTION)
    interrupted = page.until("reply", phase="ended")["interrupted"]
    recogniser.behaviour = NOTHING
    assert interrupted, "words still interrupt her"
    page.do("call.end()")


def chat_of(call: Call) -> str:
    """The chat that a call is on."""
    return call.session.conversation.chat_id


def test_an_echo_is_measured_in_her_speech_and_an_empty_room_has_none(talk: Opener) -> None:
    page = talk(script=ROOM)
    page.open(greet=True)
    echo = page.until("echo")
    assert 190 <= echo["delay_ms"] <= 400
    assert echo["residual_db"] == pytest.approx(-20, abs=4)
    page.page.evaluate("() => { harness.wall.gain.value = 0.001 }")
    page.do("call.say(argument)", "Who are you, and what do you want from me today?")
    assert page.until("echo", loud=False)["residual_db"] < -36
    page.do("call.end()")


def test_a_microphone_without_an_echo_says_so(talk: Opener) -> None:
    page = talk()
    page.open(echoCheck=True)
    (echo,) = page.log("echo")
    assert (echo["delay_ms"], echo["loud"]) == (None, False)
    assert echo["residual_db"] <= -40
