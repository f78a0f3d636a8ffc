"""`POST /v1/audio/translations` with Whisper, as OpenAI's own client asks for it."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from openai import OpenAI

from tests.neural import PEOPLE
from tests.service import TOKENS, WAIT_S, RunningService, http, running
from voice.audio.containers import decode_file
from voice.stt.openai import OpenAITranscriber

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning"),  # what openai says of its own method
]

SPANISH = min((PEOPLE / "languages" / "es").glob("*.flac"))
ENGLISH = "The conference is"


@pytest.fixture(scope="module")
def whispering(neural_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    folder = tmp_path_factory.mktemp("whispering")
    with running(folder, stt="whisper:base", models_dir=neural_models, stt_process=True) as service:
        yield service


def test_a_recording_of_another_language_is_written_in_english(whispering: RunningService) -> None:
    client = OpenAI(
        api_key=TOKENS["ada"],
        base_url=f"{whispering.url}/v1",
        http_client=httpx.Client(timeout=WAIT_S, trust_env=False),
    )
    with client:
        create = client.audio.translations.create
        assert create(model="whisper-1", file=SPANISH).text.startswith(ENGLISH)
        assert create(model="whisper-1", file=SPANISH, response_format="text").startswith(ENGLISH)
        whole = create(model="whisper-1", file=SPANISH, response_format="verbose_json")
        assert (whole.text[: len(ENGLISH)], whole.language) == (ENGLISH, "en")
        assert whole.segments is not None
        assert whole.segments[0].text.startswith(ENGLISH)
        assert "-->" in create(model="whisper-1", file=SPANISH, response_format="vtt")


def test_a_service_translates_by_another_one(whispering: RunningService) -> None:
    engine = OpenAITranscriber(base_url=f"{whispering.url}/v1", api_key=TOKENS["ada"], timeout_s=WAIT_S)
    assert engine.translate(decode_file(SPANISH.read_bytes(), max_seconds=30)).text.startswith(ENGLISH)
    engine.close()


def test_a_translation_is_not_streamed_and_its_task_is_named(whispering: RunningService) -> None:
    files = {"file": (SPANISH.name, SPANISH.read_bytes())}
    address, headers = f"{whispering.url}/v1/audio/translations", whispering.headers()
    answer = http.post(address, headers=headers, files=files, data={"response_format": "verbose_json"})
    assert answer.json()["task"] == "translate"
    assert http.post(address, files=files).status_code == 401
