"""Real people on the line, through the socket in every encoding of telephones and browsers, heard by real weights."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.api.doors.voice.test_formats import at_rate, cut, packets
from tests.neural import Spoken, people
from tests.service import RunningService, quiet, running
from tests.voice.audio.test_odd_recordings import WAYS
from tests.voice.sound import encoded
from voice.audio.formats import int16_of
from voice.stt.word_error import WordErrors, word_errors

pytestmark = pytest.mark.slow

PROMPTS = people("prompts")


@pytest.fixture(scope="module")
def neural_service(tmp_path_factory: pytest.TempPathFactory, neural_models: Path) -> Iterator[RunningService]:
    """A service that hears with real weights."""
    chosen = {"stt": "auto", "models_dir": neural_models, "whisper_compute_type": "int8"}
    with running(tmp_path_factory.mktemp("people"), **chosen) as started:
        assert started.ask(lambda service: service.engines.stt.name) == "whisper:base"
        asyncio.run_coroutine_threadsafe(started.inside.ready.wait(), started.loop).result(100)
        yield started


def on_the_line(spoken: Spoken, encoding: str) -> tuple[dict[str, Any], list[bytes]]:
    """What a client says of its audio, and its messages."""
    speech = (spoken.audio * 32767).astype(np.int16)
    audio = np.concatenate([quiet(300), speech, quiet(1_600)])
    match encoding:
        case "mulaw":
            return {"encoding": "mulaw", "rate": 8_000}, list(cut(encoded(audio, "mulaw", "pcm_mulaw", 8_000), 160))
        case "opus":
            return {"encoding": "opus", "rate": 16_000, "channels": 1}, packets(audio)
    return {"encoding": "pcm16", "rate": 24_000}, list(cut(at_rate(audio, 24_000).astype("<i2").tobytes(), 960))


@pytest.mark.parametrize("encoding", ["pcm16", "mulaw", "opus"])
def test_a_dozen_prompts_are_heard(neural_service: RunningService, encoding: str) -> None:
    async def heard(spoken: Spoken) -> str:
        wire, messages = on_the_line(spoken, encoding)
        async with neural_service.call(neural_service.chat(), input=wire, hurries=True) as client:
            for message in messages:
                await client.raw(message)
            text = str((await client.until("user.message"))["text"])
            await client.hang_up()
            assert not client.of("error")
            return text

    errors, texts = WordErrors(), []
    for spoken in PROMPTS:
        texts.append(asyncio.run(heard(spoken)))
        errors += word_errors(spoken.text, texts[-1])
    assert errors.rate <= 0.08, texts


@pytest.mark.parametrize("name", WAYS)
def test_people_with_odd_cards_are_heard(neural_service: RunningService, name: str) -> None:
    prompts = PROMPTS[:3]

    async def heard(spoken: Spoken) -> str:
        audio = int16_of(WAYS[name](np.concatenate([np.zeros(4_800), spoken.audio, np.zeros(25_600)])))
        async with neural_service.call(neural_service.chat(), hurries=True) as client:
            await client.hear(audio)
            text = str((await client.until("user.message"))["text"])
            await client.hang_up()
            return text

    errors, texts = WordErrors(), []
    for spoken in prompts:
        texts.append(asyncio.run(heard(spoken)))
        errors += word_errors(spoken.text, texts[-1])
    assert errors.rate <= 0.1, texts
