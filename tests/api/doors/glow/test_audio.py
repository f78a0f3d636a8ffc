"""Recordings: uploaded, downloaded in parts, attached, spoken messages; and a call's timings, subtitles and sound."""

import asyncio
import base64
import csv
import io
import wave
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from tests.api.doors.glow.test_chats import detail, ok, start
from tests.service import RunningService, http, quiet, running
from tests.voice.sound import recording


def wav_of(samples: Any) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(16_000)
        written.writeframes(samples.astype("<i2").tobytes())
    return file.getvalue()


def upload(service: RunningService, data: bytes, name: str = "said.wav", user: str = "ada") -> httpx.Response:
    files = {"file": (name, data, "audio/wav")}
    return http.post(f"{service.url}/attempt/audio_upload", files=files, headers=service.headers(user))


def download(service: RunningService, audio: str, span: str | None = None, user: str = "ada") -> httpx.Response:
    headers = service.headers(user) | ({"Range": span} if span else {})
    return http.post(f"{service.url}/attempt/audio_download", json={"audio_id": audio}, headers=headers)


def test_a_recording_comes_back_whole_and_in_parts(service: RunningService) -> None:
    data = wav_of(np.arange(500, dtype=np.int16))
    kept = ok(upload(service, data, "../../etc/said me.wav"))
    assert kept["audio_id"] == kept["audios_id"] == kept["upload_id"]
    assert (kept["file_name"], kept["size"]) == ("said me.wav", len(data))
    whole = download(service, kept["audio_id"])
    assert (whole.status_code, whole.content, whole.headers["accept-ranges"]) == (200, data, "bytes")
    for span, part in (
        ("bytes=4-7", data[4:8]),
        ("bytes=1000-", data[1000:]),
        ("bytes=-3", data[-3:]),
        ("bytes=0-999999", data),
    ):
        answer = download(service, kept["audio_id"], span)
        assert (answer.status_code, answer.content) == (206, part)
        assert answer.headers["content-range"].endswith(f"/{len(data)}")
    for span in ("bytes=9-2", "lines=1-2", "bytes=a-b", "bytes=0-1,4-5"):
        assert download(service, kept["audio_id"], span).content == data
    for span in (f"bytes={len(data)}-", "bytes=-0"):
        assert download(service, kept["audio_id"], span).status_code == 416


def test_a_recording_is_its_owners(service: RunningService) -> None:
    audio = ok(upload(service, wav_of(quiet(100))))["audio_id"]
    assert download(service, audio, user="bob").status_code == 404
    chat = start(service, user="bob")["chat_id"]
    assert service.post("/attempt/chat_audio", {"chat_id": chat, "audios_id": audio}, "bob").status_code == 404
    body = {"chat_id": chat, "audios_id": audio}
    assert service.post("/attempt/chat_message", body, "bob").status_code == 404


def test_what_is_no_upload(service: RunningService) -> None:
    assert upload(service, bytes(17_000_000)).status_code == 413
    assert upload(service, b"").status_code == 400
    url, headers = f"{service.url}/attempt/audio_upload", service.headers()
    assert http.post(url, json={}, headers=headers).status_code == 400
    assert http.post(url, data={"other": "x"}, files={"other": b"x"}, headers=headers).status_code == 400
    broken = headers | {"Content-Type": "multipart/form-data"}
    assert http.post(url, content=b"--x", headers=broken).status_code == 400
    again = http.post(url, files={"upload_id": (None, "nowhere")}, headers=headers)
    assert again.status_code == 404


def test_a_recording_is_attached_to_a_message(service: RunningService) -> None:
    chat = start(service)["chat_id"]
    audio = ok(upload(service, wav_of(quiet(100))))["audio_id"]
    assert service.post("/attempt/chat_audio", {"chat_id": chat, "audios_id": audio}).status_code == 404
    ok(service.post("/attempt/chat_message", {"chat_id": chat, "text": "Hello.", "generate": False}))
    attached = ok(service.post("/attempt/chat_audio", {"chat_id": chat, "audios_id": audio}))
    assert attached["attempt_audio_id"] == audio
    assert service.history(chat)[0]["audios_id"] == audio


def test_a_recorded_message_is_transcribed(service: RunningService) -> None:
    chat = start(service)["chat_id"]
    audio = ok(upload(service, wav_of(recording("rms/turns/07"))))["audio_id"]
    ok(service.post("/attempt/chat_message", {"chat_id": chat, "audios_id": audio, "wait_for_complete": True}))
    said, answered = service.history(chat)
    assert said["contents"][0]["content"].lower() == "wait a minute"
    assert said["audios_id"] == audio
    assert answered["type"] == "response"
    silent = ok(upload(service, wav_of(quiet(1000))))["audio_id"]
    refused = service.post("/attempt/chat_message", {"chat_id": chat, "audios_id": silent})
    assert detail(refused)[0] == 400
    noise = ok(upload(service, b"this is no audio at all"))["audio_id"]
    assert service.post("/attempt/chat_message", {"chat_id": chat, "audios_id": noise}).status_code == 400


@pytest.mark.slow
def test_seventeen_megabytes_at_once_are_not_staged(service: RunningService) -> None:
    chat = start(service)["chat_id"]
    ok(service.post("/attempt/chat_voice", {"chat_id": chat}))
    frame = base64.b64encode(bytes(1_000_000)).decode()

    async def story() -> list[int]:
        async with httpx.AsyncClient(base_url=service.url, headers=service.headers(), timeout=100) as client:
            body = {"chat_id": chat, "audio": frame}
            answers = await asyncio.gather(*(client.post("/attempt/chat_speak", json=body) for _ in range(17)))
            return [answer.status_code for answer in answers]

    statuses = asyncio.run(story())
    assert set(statuses) <= {200, 429}
    ok(service.post("/attempt/chat_speak", {"chat_id": chat, "audio": frame}))  # none of it is counted any more
    too_long = base64.b64encode(bytes(1_000_001)).decode()
    assert service.post("/attempt/chat_speak", {"chat_id": chat, "audio": too_long}).status_code == 413
    assert ok(service.post("/attempt/chat_silence", {"chat_id": chat}))["stopped"]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A service that records its calls."""
    with running(tmp_path_factory.mktemp("recorded"), record_calls=True) as started:
        yield started


@pytest.mark.slow
def test_a_call_has_timings_subtitles_and_a_stereo_recording(recorded: RunningService) -> None:
    chat = start(recorded)["chat_id"]

    async def story() -> None:
        async with recorded.call(chat) as client:
            await client.speak_in_real_time(quiet(300), recording("rms/turns/07"), quiet(1200))
            await client.until("user.message")
            await client.until("reply.ended")
            await client.hang_up()

    asyncio.run(story())
    said, answered = recorded.history(chat)
    assert 0 < said["started_ms"] < said["ended_ms"] <= answered["started_ms"] < answered["ended_ms"]

    assert said["latency"] is None
    assert answered["latency"]["voice_to_voice_ms"] >= answered["latency"]["endpoint_ms"] > 0

    def export(form: str) -> str:
        return str(ok(recorded.post("/attempt/chat_export", {"chat_entry_id": chat, "format": form}))["content"])

    assert export("srt").startswith("1\n00:00:00,")
    assert " --> 00:00:0" in export("vtt")
    with wave.open(io.BytesIO(base64.b64decode(export("wav")))) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, 16_000)
        sound = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2).astype(float)
    spoken, reply = ([message[name] * 16 for name in ("started_ms", "ended_ms")] for message in (said, answered))

    def loudness(side: int, span: list[int]) -> float:
        return float(np.sqrt(np.mean(sound[span[0] : span[1], side] ** 2)))

    assert loudness(0, spoken) > 10 * (loudness(1, spoken) + 1), "the learner is left"
    assert loudness(1, reply) > 10 * (loudness(0, reply) + 1), "the persona is right"
    assert not list(Path(recorded.inside.settings.data_dir, "audio").glob("*.learner"))


def test_without_a_recording_there_is_none(service: RunningService) -> None:
    chat = start(service)["chat_id"]
    answer = service.post("/attempt/chat_export", {"chat_entry_id": chat, "format": "wav"})
    assert answer.status_code == 404
    assert "GLOW_RECORD_CALLS" in answer.json()["detail"]


def test_a_cell_never_runs(service: RunningService) -> None:
    chat = start(service)["chat_id"]
    risky = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "  =1", "\n=1", "\u3000=1", "＝1", 'plain, with "quotes"']
    for text in risky:
        ok(service.post("/attempt/chat_message", {"chat_id": chat, "text": text, "generate": False}))
    exported = ok(service.post("/attempt/chat_export", {"chat_entry_id": chat}))
    rows = list(csv.DictReader(io.StringIO(exported["content"])))
    assert exported["row_count"] == len(rows) == len(risky)
    assert [row["content"] for row in rows] == [*(f"'{text}" for text in risky[:-1]), risky[-1]]


def test_subtitles_of_what_was_typed(service: RunningService) -> None:
    chat = start(service)["chat_id"]
    text = "<b>Is it</b> --> here & now?"
    ok(service.post("/attempt/chat_message", {"chat_id": chat, "text": text, "generate": False}))
    for form, wanted in (
        ("srt", "1\n00:00:00,000 --> 00:00:02,000\nada: ‹b›Is it‹/b› → here & now?\n"),
        ("vtt", "WEBVTT\n\n00:00:00.000 --> 00:00:02.000\n<v ada>&lt;b&gt;Is it&lt;/b&gt; --&gt; here &amp; now?\n"),
    ):
        exported = ok(service.post("/attempt/chat_export", {"chat_entry_id": chat, "format": form}))
        assert exported["content"] == wanted
