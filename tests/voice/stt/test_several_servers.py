"""A recogniser on two transcription servers over real sockets: one of them fails in every way that it can."""

from collections.abc import Iterator
from contextlib import ExitStack

import numpy as np
import pytest

from tests.servers.stt import TranscriptionServer, transcription_server
from tests.voice.sound import recording
from voice.errors import EngineBusy, EngineFailed, InvalidAudio
from voice.stt.openai import OpenAITranscriber
from voice.stt.samples import as_float32
from voice.stt.several_servers import SeveralTranscriptionServers
from voice.work.failover import Circuit

LINE, WORDS = "rms/turns/13", "can you repeat that please"
SAID = f'{{"text": "{WORDS}"}}'


@pytest.fixture
def servers() -> Iterator[list[TranscriptionServer]]:
    with ExitStack() as stack:
        running = [stack.enter_context(transcription_server()) for _ in range(2)]
        for server in running:
            server.behaviour = SAID
        yield running


@pytest.fixture
def engine(servers: list[TranscriptionServer]) -> Iterator[SeveralTranscriptionServers]:
    made = SeveralTranscriptionServers(
        [OpenAITranscriber(base_url=server.url, model="large", timeout_s=100) for server in servers]
    )
    yield made
    made.close()
    made.close()


@pytest.mark.parametrize("behaviour", [500, 503, 429, "not JSON", "[]"])
def test_what_one_server_fails_at_another_does(
    servers: list[TranscriptionServer], engine: SeveralTranscriptionServers, behaviour: int | str
) -> None:
    servers[0].behaviour = behaviour
    assert [engine.transcribe(as_float32(recording(LINE))).text for _ in range(3)] == [WORDS] * 3
    assert len(servers[1].requests) == 3


def test_a_server_that_is_gone_is_not_missed() -> None:
    with transcription_server() as gone:
        away = gone.url
    with transcription_server() as there:
        there.behaviour = SAID
        engine = SeveralTranscriptionServers(
            [OpenAITranscriber(base_url=url, model="large", timeout_s=100) for url in (away, there.url)]
        )
        assert engine.transcribe(np.zeros(1600, np.float32)).text == WORDS
        assert engine.failover.servers[0].circuit is not Circuit.CLOSED
        engine.close()


def test_a_server_that_hangs_costs_its_timeout_once(servers: list[TranscriptionServer]) -> None:
    servers[0].behaviour = "hang"
    engine = SeveralTranscriptionServers(
        [
            OpenAITranscriber(base_url=servers[0].url, model="large", timeout_s=0.3),
            OpenAITranscriber(base_url=servers[1].url, model="large", timeout_s=100),
        ]
    )
    assert engine.transcribe(np.zeros(1600, np.float32)).text == WORDS
    assert engine.transcribe(np.zeros(1600, np.float32)).text == WORDS
    assert len(servers[1].requests) == 2
    engine.close()


@pytest.mark.parametrize(("behaviour", "error"), [(400, EngineFailed), (401, EngineFailed), (429, EngineBusy)])
def test_an_error_of_ours_is_told_and_a_busy_fleet_is_busy(
    servers: list[TranscriptionServer],
    engine: SeveralTranscriptionServers,
    behaviour: int,
    error: type[Exception],
) -> None:
    for server in servers:
        server.behaviour = behaviour
    with pytest.raises(error):
        engine.transcribe(np.zeros(1600, np.float32))
    asked = sum(len(server.requests) for server in servers)
    assert asked == (2 if behaviour == 429 else 1)


def test_bad_audio_goes_nowhere(servers: list[TranscriptionServer], engine: SeveralTranscriptionServers) -> None:
    with pytest.raises(InvalidAudio):
        engine.transcribe(np.full(1600, np.nan, np.float32))
    assert not any(server.requests for server in servers)
    assert all(server.circuit is Circuit.CLOSED for server in engine.failover.servers)


def test_any_answer_but_an_error_of_the_servers_is_a_sign_of_life(servers: list[TranscriptionServer]) -> None:
    alive = OpenAITranscriber(base_url=servers[0].url)
    assert alive.is_well(), "it has no list of models, and says so"
    lonely = OpenAITranscriber(base_url="http://127.0.0.1:1/v1")
    assert not lonely.is_well()
