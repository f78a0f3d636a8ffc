"""Speech servers that send something other than the PCM that they were asked for, over a real socket."""

import io
import json
from collections.abc import Iterator

import numpy as np
import openai
import pytest
import soundfile

from tests.hearing import rms, say
from tests.servers.tts import Answer, SpeechServer, speech_server
from tests.voice.sound import encoded
from voice.errors import EngineFailed
from voice.tts.base import VoiceStyle
from voice.tts.openai import OpenAISynthesizer

TONE = np.rint(8000 * np.sin(np.arange(8000) * 2 * np.pi * 300 / 16_000)).astype(np.int16)
LITTLE, BIG = TONE.astype("<i2").tobytes(), TONE.astype(">i2").tobytes()
BASE64 = json.dumps({"audio": "UklGRiQAAABXQVZFZm10IBAAAAABAAEA" * 200})


def made(container: str) -> bytes:
    """The tone as a file."""
    file = io.BytesIO()
    soundfile.write(file, TONE, 16_000, format=container)
    return file.getvalue()


@pytest.fixture(scope="module")
def server() -> Iterator[SpeechServer]:
    with speech_server() as running:
        yield running


@pytest.fixture
def engine(server: SpeechServer) -> Iterator[OpenAISynthesizer]:
    with openai.OpenAI(base_url=server.url, api_key="k", timeout=openai.Timeout(100.0), max_retries=0) as client:
        yield OpenAISynthesizer(model="speech-1", voice="plain", client=client)


@pytest.mark.parametrize(
    ("story", "answer", "rate_hz"),
    [
        ("nothing said", Answer(LITTLE, ""), 24_000),
        ("bytes", Answer(LITTLE, "application/octet-stream"), 24_000),
        ("a rate", Answer(LITTLE, "audio/pcm;rate=16000"), 16_000),
        ("another name of it", Answer(LITTLE, "audio/pcm; sample_rate=22050; channels=1"), 22_050),
        ("two channels", Answer(np.repeat(TONE, 2).astype("<i2").tobytes(), "audio/pcm;rate=16000;channels=2"), 16_000),
        ("big-endian, as RFC 2586 has it", Answer(BIG, "audio/L16;rate=16000"), 16_000),
        ("big-endian, as is said", Answer(BIG, "audio/pcm;rate=16000;endianness=big-endian"), 16_000),
        ("little-endian, as many do", Answer(LITTLE, "audio/L16;codec=pcm;rate=16000"), 16_000),
        ("a byte too many", Answer(LITTLE + b"\0", "audio/pcm;rate=16000"), 16_000),
        ("a sample like the mark of MP3", Answer(b"\xff\xfb" + LITTLE, "audio/pcm;rate=16000"), 16_000),
        ("WAV", Answer(made("WAV"), "audio/wav"), 16_000),
        ("WAV that is called PCM", Answer(made("WAV"), "audio/pcm"), 16_000),
        ("WAV that is called MP3", Answer(made("WAV"), "audio/mpeg"), 16_000),
        ("FLAC", Answer(made("FLAC"), "audio/flac"), 16_000),
        ("MP3", Answer(made("MP3"), "audio/mpeg"), 16_000),
        ("MP3 that is called PCM", Answer(made("MP3"), "audio/pcm"), 16_000),
        ("Ogg", Answer(made("OGG"), "audio/ogg"), 16_000),
        ("WebM", Answer(encoded(TONE, "webm", "libopus", 48_000), "video/webm"), 16_000),
        ("WebM that is called PCM", Answer(encoded(TONE, "webm", "libopus", 48_000), "audio/pcm"), 16_000),
    ],
)
def test_what_can_be_decoded_is_heard(
    server: SpeechServer, engine: OpenAISynthesizer, story: str, answer: Answer, rate_hz: int
) -> None:
    server.behaviour = answer
    speech = say(engine, "Hello there.")
    assert speech.rate_hz == rate_hz
    assert len(TONE) * 0.95 < len(speech.audio) < len(TONE) * 1.2
    assert rms(speech.audio) == pytest.approx(rms(TONE), rel=0.1)
    steps = np.abs(np.diff(speech.audio[:4000].astype(int)))
    assert np.median(steps) < 1500, "noise it is not"


@pytest.mark.parametrize(
    ("story", "answer", "says"),
    [
        ("nothing", Answer(b""), "no sound"),
        ("one byte", Answer(b"\x01"), "no sound"),
        ("a few samples", Answer(bytes(200)), "no sound"),
        ("AAC", Answer(encoded(TONE, "adts", "aac", 48_000), "audio/aac"), "AAC"),
        ("AAC that is called PCM", Answer(encoded(TONE, "adts", "aac", 48_000)), "AAC"),
        ("MP4 that is called PCM", Answer(encoded(TONE, "ipod", "aac", 48_000)), "MP4"),
        ("a part of an MP3", Answer(made("MP3")[300:], "audio/mpeg"), "audio/mpeg"),
        ("half a FLAC", Answer(made("FLAC")[:1500], "audio/flac"), "damaged"),
        ("events", Answer(b'data: {"type":"speech.audio.delta"}\n\n' * 50, "text/event-stream"), "text"),
        ("events that are called PCM", Answer(b'data: {"type":"speech.audio.delta"}\n\n' * 50), "text"),
        ("JSON", Answer(BASE64.encode(), "application/json"), "text"),
        ("JSON that is called PCM", Answer(BASE64.encode()), "text"),
        ("JSON after white space", Answer(b"\r\n  \t" + BASE64.encode()), "text"),
        ("JSON behind a mark", Answer(b"\xef\xbb\xbf" + BASE64.encode()), "text"),
        ("a list", Answer(b'[{"error": "busy"}]' + b" " * 600), "text"),
        ("HTML", Answer("<html>Grüße: nicht gefunden</html>".encode() * 300, "text/html"), "text"),
        ("HTML that is called PCM", Answer("<html>Grüße: nicht gefunden</html>".encode() * 300), "text"),
        ("plain text", Answer(b"upstream connect error or disconnect/reset before headers. " * 20, ""), "text"),
        ("floats", Answer(bytes(4000), "audio/pcm;encoding=float;bits=32"), "16 bit"),
        ("a strange rate", Answer(bytes(4000), "audio/pcm;rate=96000"), "16 bit"),
    ],
)
def test_what_is_no_sound_is_a_failure_and_never_played(
    server: SpeechServer, engine: OpenAISynthesizer, story: str, answer: Answer, says: str
) -> None:
    server.behaviour = answer
    chunks = engine.synthesize("Hello there.", VoiceStyle(), cancelled=lambda: False)
    with pytest.raises(EngineFailed, match=says) as failure:
        next(chunks)
    assert str(failure.value).endswith(".")
