"""Speech from an OpenAI-compatible server, over a real socket, when all is well and when it is not."""

import traceback
from collections.abc import Iterator

import openai
import pytest

from tests.hearing import heard, rms, say
from tests.servers.tts import SpeechServer, speech_server
from voice.errors import Cancelled, EngineBusy, EngineFailed, EngineUnavailable, VoiceError
from voice.tts.base import VoiceStyle
from voice.tts.openai import RATE_HZ, OpenAISynthesizer

KEY = "sk-very-secret-key"
TEXT = "The train to the city leaves at nine."


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[SpeechServer]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with speech_server() as running:
        yield running


@pytest.fixture
def engine(server: SpeechServer) -> Iterator[OpenAISynthesizer]:
    client = openai.OpenAI(base_url=server.url, api_key=KEY, timeout=openai.Timeout(100.0), max_retries=0)
    with client:
        yield OpenAISynthesizer(model="speech-1", voice="plain", client=client)


def test_the_servers_speech_arrives_in_chunks_at_24_khz(server: SpeechServer, engine: OpenAISynthesizer) -> None:
    speech = say(engine, TEXT, VoiceStyle(names={"openai": "warm"}, rate=1.25))
    assert speech.rate_hz == RATE_HZ == 24_000
    assert 1.2 < speech.seconds < 3.0
    assert 1500 < rms(speech.audio) < 6000
    assert len(speech.chunks) > 5
    assert speech.words == ()
    [request] = server.requests
    assert request["path"] == "/v1/audio/speech"
    assert request["authorization"] == f"Bearer {KEY}"
    assert (request["input"], request["model"], request["voice"]) == (TEXT, "speech-1", "warm")
    assert (request["response_format"], request["speed"]) == ("pcm", 1.25)


def test_a_persona_without_a_voice_gets_the_default(server: SpeechServer, engine: OpenAISynthesizer) -> None:
    say(engine, "Hi.")
    assert server.requests[0]["voice"] == "plain"


def test_samples_cut_by_the_network_are_joined(engine: OpenAISynthesizer) -> None:
    # Off by one byte it would be noise of full scale.
    assert rms(say(engine, TEXT).audio) < 6000


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        (401, EngineUnavailable),
        (403, EngineUnavailable),
        (404, EngineUnavailable),
        (400, EngineUnavailable),
        (429, EngineBusy),
        (500, EngineFailed),
        (503, EngineFailed),
        ("cut", EngineFailed),
        ("wav", EngineFailed),
    ],
)
def test_failures_are_typed_and_keep_the_key_to_themselves(
    server: SpeechServer, engine: OpenAISynthesizer, behaviour: str | int, expected: type[VoiceError]
) -> None:
    server.behaviour = behaviour
    with pytest.raises(expected) as failure:
        say(engine, TEXT)
    assert str(failure.value).endswith(".")
    assert KEY not in "".join(traceback.format_exception(failure.value))
    assert len(server.requests) == 1


def test_a_server_that_hangs_is_given_up(server: SpeechServer) -> None:
    server.behaviour = "hang"
    client = openai.OpenAI(base_url=server.url, api_key=KEY, timeout=openai.Timeout(100.0, read=0.05), max_retries=0)
    with client, pytest.raises(EngineFailed, match="in time"):
        say(OpenAISynthesizer(model="m", voice="v", client=client), TEXT)
    assert server.hanging.wait(100)
    server.hold.set()


def test_a_server_that_is_not_there_is_unavailable(server: SpeechServer) -> None:
    # A port where nobody listens: the one of a server that has ended.
    with speech_server() as gone:
        url = gone.url
    client = openai.OpenAI(base_url=url, api_key=KEY, max_retries=0)
    with client, pytest.raises(EngineUnavailable, match="address"):
        say(OpenAISynthesizer(model="m", voice="v", client=client), TEXT)


def test_cancelling_closes_the_request(engine: OpenAISynthesizer) -> None:
    asked: list[int] = []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > 3

    with pytest.raises(Cancelled):
        heard(engine.synthesize(TEXT * 5, VoiceStyle(), cancelled=cancelled))
    assert say(engine, "Next.").seconds > 0.2


def test_it_makes_its_own_client(server: SpeechServer) -> None:
    engine = OpenAISynthesizer(model="m", voice="v", base_url=server.url, api_key=KEY)
    assert say(engine, "Hi.").seconds > 0.2
    engine.close()
