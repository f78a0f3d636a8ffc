"""A person speaks to `glow serve` through the microphone of a browser."""

from collections.abc import Iterator

import pytest

from api.client.http import RemoteService
from tests.browser.conftest import Opener
from tests.servers.process import ServiceProcess, service_process
from voice.stt.fixed import WORDS

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
