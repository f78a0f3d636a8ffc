"""The service as its users start it: a process of its own, spoken to in real time with recordings."""

import asyncio
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from api.cli import main as cli
from api.client.call import Call
from api.client.http import RemoteService
from api.client.own_service import OwnService, embedded, own_service
from api.client.recordings import ROOT, learner_recording
from api.client.voice import open_call
from api.settings import Settings
from tests.service import http

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def service() -> Iterator[OwnService]:
    settings = embedded(stt="pocketsphinx", tts="espeak", stt_timeout_s="100", frames_gap_s="4")
    with own_service(settings, Settings().models_dir) as running:
        yield running


def test_it_is_healthy_ready_and_closed_to_strangers(service: OwnService) -> None:
    assert http.get(f"{service.url}/health").json() == {"status": "ok"}
    assert http.get(f"{service.url}/ready").json()["engines"] == {
        "stt": "pocketsphinx",
        "llm": "scripted",
        "tts": "espeak",
    }
    answer = http.post(f"{service.url}/practice/search", json={})
    assert (answer.status_code, answer.json()["detail"]) == (401, "Missing Authorization: Bearer <token> header")


def test_glow_talk_speaks_prints_and_keeps_the_answer(
    service: OwnService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recording, reply = ROOT / "rms" / "clinic" / "02.flac", tmp_path / "reply.wav"
    monkeypatch.setenv("GLOW_TOKEN", service.token)
    monkeypatch.setattr(sys, "argv", ["glow", "talk", str(recording), "--url", service.url, "--out", str(reply)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    printed = capsys.readouterr()
    assert ended.value.code == 0, printed.err
    assert "You     how are you feeling this morning" in printed.out
    assert re.search(r"answered \d+ ms after the last word", printed.out)
    assert service.token not in printed.out
    samples, rate_hz = soundfile.read(reply, dtype="int16")
    assert rate_hz == 24000
    assert len(samples) > rate_hz, "more than a second was said"
    assert np.abs(samples.astype(int)).max() > 3000, "and it can be heard"


def test_a_dropped_line_comes_back_and_the_reply_goes_on_where_it_was(service: OwnService) -> None:
    with RemoteService(service.url, service.token) as remote:
        _, chat_id = remote.start_named("The worried parent")

    async def story() -> None:
        async with open_call(service.url, Call(chat_id, noise=8), token=service.token) as client:
            await client.say(learner_recording("records-office", 5).samples)
            first = await client.next("reply.audio", timeout_s=100)
            await client.listen_until(first.at + 1.0)
            client.drop()
            ended = await client.next("reply.ended", turn=first["turn"], timeout_s=100)
            await client.heard()
            assert client.reconnects == 1
            assert not ended["interrupted"]
            assert ended["heard"].strip() == ended["text"].strip()
            announced = [event for event in client.log if event.type == "reply.audio"]
            length_ms = max(event["at_ms"] + event["duration_ms"] for event in announced)
            assert client.player.position_ms(first["turn"], client.now()) == pytest.approx(length_ms, abs=5)
            heard_ms = sum(len(segment.samples) for segment in client.player.segments) / 24
            assert heard_ms == pytest.approx(length_ms, abs=50), "nothing is missing and nothing is heard twice"
            await client.hang_up(timeout_s=100)

    asyncio.run(story())
