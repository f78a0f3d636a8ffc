"""pipecat's serializers of Telnyx and Vonage as foreign clients, in an environment of their own."""

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from api.bench.peers_install import install
from api.client.call import ClientError
from api.doors.telephone.calling import Incoming
from tests.neural import Spoken, people
from tests.service import running
from voice.audio.formats import float32_of
from voice.stt.whisper.engine import FasterWhisper
from voice.stt.word_error import normalised_words, word_errors

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_500)]

PHONE = Path(__file__).parents[3] / "servers" / "pipecat_phone.py"
GREETING = "Good morning. This is the front desk, how may I help you?"
PROMPT: Spoken = next(one for one in people("prompts") if len(one.text.split()) >= 6)
TRIES = 3
"""Calls of which one has to be heard: they are in real time, and a loaded machine stalls them."""


@pytest.fixture(scope="module")
def pipecat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with pipecat."""
    try:
        return install("pipecat", tmp_path_factory.mktemp("pipecat"))
    except ClientError as error:
        pytest.skip(f"pipecat cannot be installed: {error}")


@pytest.mark.parametrize("line", ["telnyx", "vonage"])
def test_pipecats_serializer_is_understood_and_understands(
    line: str, pipecat: Path, neural_models: Path, whisper_base: FasterWhisper, tmp_path: Path
) -> None:
    (tmp_path / "numbers.yaml").write_text(
        f'numbers:\n  - {{number: "*", practice: The worried parent, greeting: "{GREETING}"}}\n'
    )
    speech = (PROMPT.audio * 32767).astype(np.int16)
    silence = [np.zeros(16_000 * seconds, np.int16) for seconds in (11, 8)]
    soundfile.write(tmp_path / "said.wav", np.concatenate([silence[0], speech, silence[1]]), 16_000, subtype="PCM_16")
    chosen: dict[str, Any] = {"stt": "auto", "tts": "auto", "models_dir": neural_models, "whisper_compute_type": "int8"}
    with running(tmp_path / "data", phone_numbers=tmp_path / "numbers.yaml", **chosen) as service:
        asyncio.run_coroutine_threadsafe(service.inside.ready.wait(), service.loop).result(100)
        outcomes = []
        for number in range(TRIES):
            incoming = Incoming(line, f"call-{number}", "+15559990000", "+15551230000")
            ticket = service.ask(lambda _, one=incoming: service.app.state.telephone.tickets.issue(one))
            job = {
                "line": line,
                "url": service.url.replace("http", "ws") + f"/phone/{line}/stream",
                "ticket": ticket,
                "call_id": incoming.call_id,
                "audio": str(tmp_path / "said.wav"),
                "out": str(tmp_path / f"heard-{number}.wav"),
            }
            ran = subprocess.run(
                [pipecat, PHONE], input=json.dumps(job), capture_output=True, text=True, timeout=200, check=False
            )
            assert ran.returncode == 0, ran.stderr[-3_000:]
            heard, _ = soundfile.read(job["out"], dtype="int16")
            text = whisper_base.transcribe(float32_of(heard[: 16_000 * 28]), cancelled=lambda: False).text
            outcomes.append((_said(service), text))
            words = normalised_words(GREETING)
            share = sum(word in set(normalised_words(text)) for word in words) / len(words)
            if word_errors(PROMPT.text, outcomes[-1][0]).rate <= 0.35 and share >= 0.65:
                return
        raise AssertionError(outcomes)


def _said(service: Any) -> str:
    async def find() -> str:
        store = service.inside.store
        (call, *_) = await store.phone_calls()
        return " ".join(one.text for one in await store.messages(call.chat_id) if one.role == "user")

    return str(asyncio.run_coroutine_threadsafe(find(), service.loop).result(60))
