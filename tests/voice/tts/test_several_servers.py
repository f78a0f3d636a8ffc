"""A synthesizer on two speech servers over real sockets: a clause that one fails at is said by the other."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.hearing import heard, say
from tests.servers.tts import SpeechServer, speech_server
from voice.errors import EngineFailed, EngineUnavailable
from voice.tts.base import VoiceStyle
from voice.tts.openai import OpenAISynthesizer
from voice.tts.several_servers import SeveralSpeechServers

TEXT = "The train leaves at nine."


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[SpeechServer]]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with ExitStack() as stack:
        yield [stack.enter_context(speech_server()) for _ in range(2)]


@pytest.fixture
def engine(servers: list[SpeechServer]) -> Iterator[SeveralSpeechServers]:
    made = SeveralSpeechServers(
        [OpenAISynthesizer(model="m", voice="v", base_url=server.url, read_s=100.0) for server in servers]
    )
    yield made
    made.close()


@pytest.mark.parametrize("behaviour", [500, 503, 429])
def test_a_clause_that_one_server_fails_at_is_said_by_the_other(
    servers: list[SpeechServer], engine: SeveralSpeechServers, behaviour: int
) -> None:
    servers[0].behaviour = behaviour
    assert say(engine, TEXT).seconds > 0.5
    assert say(engine, TEXT).seconds > 0.5
    assert len(servers[1].requests) == 2


def test_a_clause_that_breaks_off_is_not_begun_again(servers: list[SpeechServer], engine: SeveralSpeechServers) -> None:
    servers[0].behaviour = "cut"
    chunks = engine.synthesize(TEXT, VoiceStyle(), cancelled=lambda: False)
    assert len(next(chunks).audio)
    with pytest.raises(EngineFailed):
        list(chunks)
    assert not servers[1].requests


def test_a_key_that_is_refused_is_told_at_once(servers: list[SpeechServer], engine: SeveralSpeechServers) -> None:
    servers[0].behaviour = 401
    with pytest.raises(EngineUnavailable, match="key"):
        heard(engine.synthesize(TEXT, VoiceStyle(), cancelled=lambda: False))
    assert not servers[1].requests
