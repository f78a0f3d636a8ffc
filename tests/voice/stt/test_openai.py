"""The OpenAI-compatible transcriber against a real server on a real socket."""

from collections.abc import Iterator

import numpy as np
import pytest

from tests.servers.stt import TranscriptionServer, transcription_server
from tests.voice.sound import recording
from voice.errors import Cancelled, EngineFailed, InvalidAudio
from voice.stt.openai import OpenAITranscriber
from voice.stt.samples import as_float32

KEY = "sk-very-secret"


@pytest.fixture(scope="module")
def running() -> Iterator[TranscriptionServer]:
    with transcription_server() as server:
        yield server


@pytest.fixture
def server(running: TranscriptionServer) -> TranscriptionServer:
    running.behaviour = "hear"
    running.requests.clear()
    return running


@pytest.fixture
def transcriber(server: TranscriptionServer) -> Iterator[OpenAITranscriber]:
    engine = OpenAITranscriber(base_url=server.url, api_key=KEY, model="whisper-large", timeout_s=100)
    yield engine
    engine.close()
    engine.close()


def test_a_recording_is_sent_whole_and_its_words_come_back(
    server: TranscriptionServer, transcriber: OpenAITranscriber
) -> None:
    audio = recording("rms/turns/13")
    assert transcriber.transcribe(as_float32(audio), prompt="Glow").text == "can you repeat that please"
    (request,) = server.requests
    assert request["path"] == "/v1/audio/transcriptions"
    assert request["authorization"] == f"Bearer {KEY}"
    assert request["model"] == "whisper-large"
    assert request["language"] == "en"
    assert request["prompt"] == "Glow"
    assert float(request["seconds"]) == pytest.approx(len(audio) / 16_000)


@pytest.mark.parametrize(
    ("behaviour", "says"),
    [
        (401, "status 401; check the API key"),
        (404, "status 404; check the model"),
        (500, "status 500"),
        ("not JSON", "check that it speaks OpenAI's API"),
        ('{"words": 3}', "without a text"),
        ('{"text": null}', "without a text"),
        ("[]", "check that it speaks OpenAI's API"),
        ('{"text": "' + "word " * 10_000 + '"}', "more than anyone says"),
    ],
)
def test_a_server_that_fails_is_told_of_in_a_sentence_without_the_key(
    server: TranscriptionServer, transcriber: OpenAITranscriber, behaviour: str | int, says: str
) -> None:
    server.behaviour = behaviour
    with pytest.raises(EngineFailed, match=says) as failure:
        transcriber.transcribe(np.zeros(1600, np.float32))
    assert KEY not in str(failure.value)
    assert len(server.requests) == 1


def test_noises_tags_and_halves_of_characters_are_no_words(
    server: TranscriptionServer, transcriber: OpenAITranscriber
) -> None:
    texts = []
    for text in ("[BLANK_AUDIO]", "<|en|>(phone ringing) Hello \\ud83d there."):
        server.behaviour = f'\ufeff{{"text": "{text}"}}'
        texts.append(transcriber.transcribe(np.zeros(1600, np.float32)).text)
    assert texts == ["", "Hello \ufffd there."]


def test_a_server_that_hangs_is_given_up(server: TranscriptionServer) -> None:
    server.behaviour = "hang"
    impatient = OpenAITranscriber(base_url=server.url, api_key=KEY, timeout_s=0.2)
    with pytest.raises(EngineFailed, match="did not answer within"):
        impatient.transcribe(np.zeros(1600, np.float32))
    impatient.close()
    assert server.hanging.wait(100), "it was asked, however late: the next test is not"


def test_no_server_at_all() -> None:
    lonely = OpenAITranscriber(base_url="http://127.0.0.1:1/v1")
    with pytest.raises(EngineFailed, match="cannot be reached"):
        lonely.transcribe(np.zeros(1600, np.float32))
    lonely.close()


def test_bad_audio_and_unwanted_work_are_never_sent(
    server: TranscriptionServer, transcriber: OpenAITranscriber
) -> None:
    with pytest.raises(InvalidAudio):
        transcriber.transcribe(np.full(1600, np.nan, np.float32))
    with pytest.raises(Cancelled):
        transcriber.transcribe(np.zeros(1600, np.float32), cancelled=lambda: True)
    assert not server.requests


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # what openai says of its own method
def test_a_recording_is_translated_by_the_servers_own_way(
    server: TranscriptionServer, transcriber: OpenAITranscriber
) -> None:
    server.behaviour = '{"text": "The order comes on Thursday."}'
    heard = transcriber.translate(as_float32(recording("rms/turns/13")), prompt="Glow")
    assert (heard.text, heard.language) == ("The order comes on Thursday.", "en")
    (request,) = server.requests
    assert (request["path"], request["prompt"], "language" in request) == ("/v1/audio/translations", "Glow", False)
    server.behaviour = 404
    with pytest.raises(EngineFailed, match="status 404"):
        transcriber.translate(as_float32(recording("rms/turns/13")))
