"""An engine that fails: the persona says so aloud, the client is told why, and the call goes on."""

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.speaking.replies import APOLOGY
from tests import hearing
from tests.servers.llm import LlmServer
from tests.servers.stt import transcription_server
from tests.servers.tts import Answer, SpeechServer, speech_server
from tests.service import SILENCE_MS, Client, RunningService, quiet, running, unhearing
from tests.voice.sound import recording

KEY = "sk-a-key-that-nobody-must-see"
LINE = np.concatenate([quiet(100), recording("rms/turns/07"), quiet(SILENCE_MS)])


async def explained(client: Client, last_words: str = "") -> tuple[dict[str, Any], str]:
    """The error and the reply that follow, up to these words: with audio, and without secrets."""
    error = await client.until("error")
    await client.until("reply.audio")
    assert not error["fatal"]
    assert error["message"].endswith(".")
    turn = client.of("reply.started")[-1]["turn"]
    while not (text := "".join(event["delta"] for event in client.of("reply.text", turn=turn))).endswith(last_words):
        await client.receive()
    await client.played_to(turn, 500)
    await client.send("stop")
    await client.until("reply.ended")
    assert hearing.rms(np.frombuffer(client.sound(turn), "<i2")) > 500, "it is said aloud"
    assert KEY not in str(client.events)
    assert "Traceback" not in str(client.events)
    return error, text


async def goes_on(client: Client) -> None:
    await client.send("ping")
    await client.until("pong")
    await client.hang_up()


@pytest.mark.parametrize(
    ("model", "says"), [("refuse-401", ""), ("hang", ""), ("empty", ""), ("cut-mid", "Well, let me see what")]
)
def test_a_language_model_that_fails(
    tmp_path: Path, llm_server: LlmServer, model: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    server = {"llm": "openai", "llm_model": model, "openai_base_url": llm_server.url, "openai_api_key": KEY}
    waits = {"llm_first_token_s": 0.3} if model == "hang" else {}
    with unhearing(tmp_path, **waits, **server) as service:
        chat = service.chat()

        async def story() -> None:
            async with service.call(chat, hurries=True) as client:
                await client.send("chat_message", text="How are you?")
                error, text = await explained(client, APOLOGY)
                assert error["code"] == "llm_failed"
                assert text.startswith(says)
                await goes_on(client)

        asyncio.run(story())
        assert [kind for kind, _ in service.lines(chat)] == ["query", "response"]
        sent = service.post("/attempt/chat_message", {"chat_id": chat, "text": "And you?", "wait_for_complete": True})
        assert sent.status_code == 502
        assert KEY not in sent.text
        assert service.lines(chat)[2] == ("query", "And you?"), "the message is stored all the same"
    logged = capsys.readouterr().err
    assert "A reply failed: The language model at" in logged
    assert "A written reply failed: The language model at" in logged
    assert KEY not in logged


def test_a_recogniser_that_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with transcription_server() as server:
        server.behaviour = 500
        with running(tmp_path, stt="openai", stt_base_url=server.url, openai_api_key=KEY, llm="scripted") as service:
            _answers_with_an_apology(service)
    logged = capsys.readouterr().err
    assert "A transcript failed: " in logged
    assert KEY not in logged


def test_a_recogniser_whose_model_is_broken(tmp_path: Path) -> None:
    folder = _broken_model(tmp_path / "whisper-broken")
    with running(tmp_path, stt=f"whisper:{folder}") as service:
        _answers_with_an_apology(service)


@pytest.mark.slow
def test_the_embedded_recogniser_takes_the_place_of_a_broken_model_that_nobody_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = _broken_model(tmp_path / "models" / "whisper" / "base.en")
    with running(tmp_path, stt="auto", stt_process=True) as service:
        asyncio.run(service.until(lambda inside: inside.ready.is_set()))
        chat = service.chat()

        async def story() -> None:
            async with service.call(chat, hurries=True) as client:
                assert client.ready["engines"]["stt"] == "pocketsphinx"
                await client.hear(LINE)
                assert (await client.until("user.message"))["text"]
                assert not client.of("error")
                await client.hang_up()

        asyncio.run(story())
    (warning,) = capsys.readouterr().err.splitlines()
    assert str(folder) in warning
    assert warning.endswith("Until then pocketsphinx hears.")


def _broken_model(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name in ("model.bin", "config.json", "tokenizer.json", "vocabulary.txt"):
        (folder / name).write_bytes(b"broken")
    return folder


def test_a_service_is_ready_once_a_server_that_came_up_later_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.service.WARM_AGAIN_S", 0.0)
    with speech_server() as server:
        server.behaviour = 503
        with unhearing(tmp_path, tts="openai", tts_base_url=server.url, openai_api_key=KEY, llm="scripted") as service:
            asyncio.run(service.until(lambda inside: len(server.requests) > 1))
            assert not service.ask(lambda inside: inside.ready.is_set())
            server.behaviour = "speak"
            asyncio.run(service.until(lambda inside: inside.ready.is_set()))


def _answers_with_an_apology(service: RunningService) -> None:
    chat = service.chat()

    async def story() -> None:
        async with service.call(chat, hurries=True) as client:
            await client.hear(LINE)
            error, text = await explained(client, APOLOGY)
            assert error["code"] in ("engine_failed", "engine_unavailable", "stt_failed")
            assert text == APOLOGY
            assert client.of("user.ended")
            assert not client.of("user.message")
            await client.send("chat_message", text="Hello, this is the records office.")
            await client.until("reply.started")
            await client.hang_up()

    asyncio.run(story())


def _asked_by_calls(server: SpeechServer) -> list[str]:
    """What calls had spoken; the service tries its engines besides when it starts, and that may come at any time."""
    return [request["input"] for request in server.requests if request["input"] != "Hello."]


@pytest.mark.parametrize(
    "behaviour",
    [
        401,
        "cut",
        Answer(b""),
        pytest.param(Answer(b"\x01"), marks=pytest.mark.slow),
        pytest.param(Answer(b'[{"error": "busy"}]' * 50), marks=pytest.mark.slow),
    ],
)
def test_a_voice_that_fails_is_replaced(tmp_path: Path, behaviour: int | str | Answer) -> None:
    with speech_server() as server:
        server.behaviour = behaviour
        with unhearing(tmp_path, tts="openai", tts_base_url=server.url, openai_api_key=KEY, llm="scripted") as service:
            chat = service.chat()

            async def story() -> None:
                async with service.call(chat, hurries=True) as client:
                    await client.send("chat_message", text="Hello, this is the records office.")
                    error, _ = await explained(client)
                    assert error["code"] in ("engine_failed", "engine_unavailable")
                    asked = _asked_by_calls(server)
                    await client.send("chat_message", text="The law protects every student")
                    await client.until("reply.audio")
                    assert _asked_by_calls(server) == asked, "it is not asked again in this call"
                    assert len(client.of("error")) == 1
                    await goes_on(client)

            asyncio.run(story())
            question, answer, *_ = service.lines(chat)
            assert (question[0], answer[0]) == ("query", "response")
