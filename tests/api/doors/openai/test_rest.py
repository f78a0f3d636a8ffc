"""OpenAI's REST interface, as its own client for Python asks it: models, speech, transcriptions, written answers."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import av
import httpx
import numpy as np
import openai
import pytest
import soundfile
from openai import OpenAI

from tests.service import TOKENS, WAIT_S, RunningService, http, quiet, running
from tests.voice.sound import recording

if TYPE_CHECKING:
    from tests.servers.llm import LlmServer

LINE = "Good morning. This is a short sentence, and here is another one."
KINDS: tuple[Literal["mp3", "opus", "aac", "flac", "wav", "pcm"], ...] = ("mp3", "opus", "aac", "flac", "wav", "pcm")
TYPES = {"mp3": "audio/mpeg", "opus": "audio/ogg", "aac": "audio/aac", "flac": "audio/flac", "wav": "audio/wav"}


def client_of(service: RunningService, key: str | None = None, retries: int = 0) -> OpenAI:
    return OpenAI(
        api_key=key or TOKENS["ada"],
        base_url=f"{service.url}/v1",
        max_retries=retries,
        http_client=httpx.Client(timeout=WAIT_S, trust_env=False),
    )


@pytest.fixture
def client(service: RunningService) -> Iterator[OpenAI]:
    with client_of(service) as made:
        yield made


def seconds_of(data: bytes) -> float:
    """How long a file is, decoded."""
    with av.open(io.BytesIO(data)) as container:
        frames = list(container.decode(audio=0))
    return sum(frame.samples for frame in frames) / frames[0].sample_rate


def wav(*parts: Any) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.concatenate(parts), 16_000, format="WAV", subtype="PCM_16")
    return file.getvalue()


SAID = wav(quiet(500), recording("rms/turns/13"), quiet(1_500), recording("slt/records-office/07"), quiet(500))


# ------------------------------------------------------------------ models


def test_personas_and_engines_are_models(client: OpenAI) -> None:
    names = [model.id for model in client.models.list()]
    assert {"whisper-1", "tts-1"} < set(names)
    (persona, *_) = [name for name in names if name.startswith("persona:")]
    assert client.models.retrieve(persona).owned_by == "glow-voice"
    with pytest.raises(openai.NotFoundError) as refused:
        client.models.retrieve("gpt-none")
    assert refused.value.code == "model_not_found"


def test_every_answer_names_its_request(service: RunningService) -> None:
    for path in ("/v1/models", "/v1/models/none"):
        answer = http.get(f"{service.url}{path}", headers=service.headers())
        assert answer.headers["x-request-id"].startswith("req_")
    answer = http.get(f"{service.url}/v1/models")
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")


# ------------------------------------------------------------------ speech


@pytest.mark.parametrize("kind", KINDS)
def test_speech_comes_in_every_format_and_has_the_right_length(client: OpenAI, kind: Any) -> None:
    samples = client.audio.speech.create(model="tts-1", voice="alloy", input=LINE, response_format="pcm").content
    whole_s = len(samples) / 48_000
    assert 2 < whole_s < 10
    if kind == "pcm":
        return
    answer = client.audio.speech.create(model="tts-1", voice="alloy", input=LINE, response_format=kind)
    assert answer.response.headers["content-type"] == TYPES[kind]
    assert seconds_of(answer.content) == pytest.approx(whole_s, abs=0.15)


def test_a_short_wav_file_has_its_true_size_and_a_long_one_one_header(client: OpenAI) -> None:
    short = client.audio.speech.create(model="tts-1", voice="ash", input=LINE, response_format="wav").content
    assert int.from_bytes(short[4:8], "little") == len(short) - 8
    assert int.from_bytes(short[40:44], "little") == len(short) - 44
    long = client.audio.speech.create(model="tts-1", voice="ash", input=LINE * 6, response_format="wav").content
    assert (long[:4], long[4:8], long[40:44]) == (b"RIFF", b"\xff" * 4, b"\xff" * 4)
    assert long.count(b"RIFF") == 1
    assert len(long) > 4 * len(short)


def test_speech_is_faster_or_slower_and_a_voice_is_always_the_same(client: OpenAI) -> None:
    def said(**fields: Any) -> bytes:
        return client.audio.speech.create(
            **{"model": "tts-1", "voice": "nova", "input": LINE, "response_format": "pcm", **fields}
        ).content

    usual = said()
    assert said() == usual
    assert said(voice="onyx") != usual
    assert len(said(speed=1.5)) == pytest.approx(len(usual) / 1.5, rel=0.2)


def test_speech_comes_as_server_sent_events(service: RunningService) -> None:
    body = {"model": "tts-1", "voice": "alloy", "input": LINE, "response_format": "pcm", "stream_format": "sse"}
    answer = service.post("/v1/audio/speech", body)
    events = [json.loads(line.removeprefix("data: ")) for line in answer.text.splitlines() if line]
    assert {event["type"] for event in events[:-1]} == {"speech.audio.delta"}
    assert events[-1]["type"] == "speech.audio.done"
    assert events[-1]["usage"]["total_tokens"] > 0


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"voice": "nobody"}, "voice"),
        ({"input": ""}, "input"),
        ({"input": "x" * 4097}, "input"),
        ({"response_format": "ogg"}, "response_format"),
        ({"speed": 9}, "speed"),
        ({"voice": None}, "voice"),
    ],
)
def test_speech_that_cannot_be_is_refused_by_its_parameter(
    service: RunningService, fields: dict[str, Any], param: str
) -> None:
    answer = service.post("/v1/audio/speech", {"model": "tts-1", "voice": "alloy", "input": LINE, **fields})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"].startswith(param)


# ---------------------------------------------------------- transcriptions


@pytest.mark.slow
def test_a_recording_is_transcribed_in_every_format(client: OpenAI) -> None:
    def heard(**fields: Any) -> Any:
        return client.audio.transcriptions.create(model="whisper-1", file=("speech.bin", SAID), **fields)

    text = heard().text
    assert "repeat that" in text
    assert "let me explain" in text
    assert heard().usage.seconds == pytest.approx(len(SAID) / 32_000, abs=1)
    assert heard(response_format="text").strip() == text
    srt, vtt = heard(response_format="srt"), heard(response_format="vtt")
    assert srt.startswith("1\n00:00:00,")
    assert vtt.startswith("WEBVTT\n\n00:00:00.")
    assert srt.count("-->") == vtt.count("-->") == 2
    verbose = heard(response_format="verbose_json")
    assert (verbose.text, verbose.language, len(verbose.segments), verbose.words) == (text, "en", 2, None)
    assert verbose.duration == pytest.approx(len(SAID) / 32_000, abs=0.1)
    first, second = verbose.segments
    assert 0.2 < first.start < first.end < second.start < second.end < verbose.duration
    verbose = heard(response_format="verbose_json", timestamp_granularities=["word"])
    assert [word.word for word in verbose.words] == text.split()
    times = [time for word in verbose.words for time in (word.start, word.end)]
    assert times == sorted(times)
    assert verbose.segments is None


@pytest.mark.slow
def test_a_transcript_is_streamed_sentence_by_sentence(client: OpenAI) -> None:
    events = list(client.audio.transcriptions.create(model="whisper-1", file=("a.wav", SAID), stream=True))
    deltas = [event.delta for event in events if event.type == "transcript.text.delta"]
    assert len(deltas) == 2
    assert events[-1].type == "transcript.text.done"
    assert "".join(deltas) == events[-1].text


@pytest.mark.parametrize("data", [b"", wav(quiet(0)), wav(quiet(2_000))])
def test_nothing_said_is_no_error(client: OpenAI, data: bytes) -> None:
    assert client.audio.transcriptions.create(model="whisper-1", file=("a.wav", data)).text == ""


def test_what_cannot_be_transcribed_is_refused(client: OpenAI, service: RunningService) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.audio.transcriptions.create(model="whisper-1", file=("a.wav", b"no sound at all"))
    assert refused.value.code == "invalid_audio"
    for fields in ({"response_format": "xml"}, {"response_format": "srt", "stream": "true"}):
        answer = http.post(
            f"{service.url}/v1/audio/transcriptions",
            headers=service.headers(),
            files={"file": ("a.wav", SAID)},
            data={"model": "whisper-1", **fields},
        )
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "response_format")
    answer = http.post(f"{service.url}/v1/audio/transcriptions", headers=service.headers(), json={})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "file")
    with pytest.raises(openai.APIStatusError) as large:
        client.audio.transcriptions.create(model="whisper-1", file=("a.wav", b"\0" * (26 * 1024 * 1024)))
    assert large.value.status_code == 413
    files = {"file": ("a.wav", SAID)}
    answer = http.post(f"{service.url}/v1/audio/translations", headers=service.headers(), files=files)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "unsupported_model")


# -------------------------------------------------------------- completions


def test_a_persona_answers_in_writing_and_remembers_nothing(client: OpenAI) -> None:
    persona = next(model.id for model in client.models.list() if model.id.startswith("persona:"))
    answer = client.chat.completions.create(model=persona, messages=[{"role": "user", "content": "Hello."}])
    choice = answer.choices[0]
    assert choice.message.content
    assert (choice.finish_reason, answer.model, answer.object) == ("stop", persona, "chat.completion")
    assert answer.usage is not None
    chunks = list(
        client.chat.completions.create(
            model=persona,
            messages=[{"role": "user", "content": "Hello."}],
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    assert chunks[0].choices[0].delta.role == "assistant"
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == choice.message.content
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage is not None


def test_a_chat_goes_on_by_its_id(client: OpenAI, service: RunningService) -> None:
    chat = service.chat()
    for said in ({"metadata": {"chat_id": chat}}, {"extra_headers": {"X-Glow-Chat": chat}}):
        fields: Any = said
        answer = client.chat.completions.create(
            model="x", messages=[{"role": "user", "content": "Good morning."}], **fields
        )
        assert answer.choices[0].message.content
    assert [kind for kind, _ in service.lines(chat)] == ["query", "response"] * 2
    with client_of(service, TOKENS["bob"]) as other, pytest.raises(openai.NotFoundError):
        other.chat.completions.create(
            model="x", messages=[{"role": "user", "content": "Hello."}], metadata={"chat_id": chat}
        )


def test_what_cannot_be_answered_is_refused(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model="x", messages=[])
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model="x", messages=[{"role": "system", "content": "Be kind."}])
    assert refused.value.param == "messages"
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="persona:nobody", messages=[{"role": "user", "content": "Hi."}])


def test_tools_are_passed_through(tmp_path: Path, llm_server: "LlmServer") -> None:
    from tests.servers.llm import Round

    tool: Any = {"type": "function", "function": {"name": "look_up", "description": "x", "parameters": {}}}
    llm_server.rounds = [Round("", (("look_up", '{"what": "a cat"}'),)), Round("A cat is an animal.")]
    chosen: dict[str, Any] = {"llm": "openai", "llm_model": "tools", "openai_base_url": llm_server.url}
    with running(tmp_path, openai_api_key="x", stt="fixed:0", tts="fixed:0", **chosen) as service:  # noqa: SIM117
        with client_of(service) as client:
            messages: list[Any] = [
                {"role": "system", "content": "Look things up."},
                {"role": "user", "content": "What is a cat?"},
            ]
            first = client.chat.completions.create(model="x", messages=messages, tools=[tool], tool_choice="required")
            assert first.choices[0].finish_reason == "tool_calls"
            (call,) = first.choices[0].message.tool_calls or ()
            assert json.loads(call.function.arguments) == {"what": "a cat"}
            messages += [
                first.choices[0].message.model_dump(exclude_none=True),
                {"role": "tool", "tool_call_id": call.id, "content": "an animal"},
            ]
            second = client.chat.completions.create(model="x", messages=messages, tools=[tool])
            assert second.choices[0].message.content == "A cat is an animal."
    first_body, second_body = (request.body for request in llm_server.requests)
    assert [tool["function"]["name"] for tool in first_body["tools"]] == ["look_up"]
    assert first_body["tool_choice"] == "required"
    assert "Look things up." in first_body["messages"][0]["content"]
    assert second_body["messages"][-1] == {"role": "tool", "tool_call_id": call.id, "content": "an animal"}
