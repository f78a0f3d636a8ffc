"""PocketSphinx: what it hears, what it refuses to hear, and who has its decoders."""

import threading

import numpy as np
import pytest

from tests.voice.corpus import corpus, errors_of
from tests.voice.sound import noise, recording, tone
from voice.audio.formats import Int16Mono16k
from voice.errors import Cancelled, EngineFailed, InvalidAudio
from voice.stt.base import StreamingTranscriber
from voice.stt.samples import as_float32
from voice.stt.sphinx.decoder import SphinxDecoder, sphinx_decoder
from voice.stt.sphinx.engine import PocketSphinx
from voice.stt.word_error import word_errors


@pytest.fixture(scope="module")
def engine() -> PocketSphinx:
    return PocketSphinx(decoders=2)


def streamed(engine: PocketSphinx, audio: Int16Mono16k) -> str:
    stream = engine.stream()
    assert stream is not None
    try:
        for start in range(0, len(audio), 320):
            stream.accept(audio[start : start + 320])
        return stream.finish().text
    finally:
        stream.close()


def test_it_is_a_streaming_transcriber(engine: PocketSphinx) -> None:
    assert isinstance(engine, StreamingTranscriber)


@pytest.mark.slow
@pytest.mark.parametrize(("voice", "role_play"), [("slt", "repair-desk"), ("rms", "clinic"), ("awb", "records-office")])
def test_a_role_play_is_heard_with_few_word_errors(engine: PocketSphinx, voice: str, role_play: str) -> None:
    lines = [line for line in corpus() if line.voice == voice and line.folder == role_play]
    assert len(lines) == 8
    assert errors_of(lambda audio: streamed(engine, audio), lines).rate < 0.10


@pytest.mark.slow
@pytest.mark.parametrize("gain", [0.02, 0.2, 1.5])
def test_the_level_does_not_matter(engine: PocketSphinx, gain: float) -> None:
    quiet = np.clip(recording("rms/records-office/05") * gain, -32768, 32767).astype(np.int16)
    assert streamed(engine, quiet) == "the law protects the privacy of every student"


@pytest.mark.slow
def test_one_speaker_does_not_spoil_the_next(engine: PocketSphinx) -> None:
    stream = engine.stream()
    assert stream is not None
    before = streamed(engine, recording("slt/clinic/02"))
    streamed(engine, recording("rms/clinic/02"))
    assert streamed(engine, recording("slt/clinic/02")) == before
    stream.close()


NOISES = {
    "silence": np.zeros(16_000, np.int16),
    "faint noise": noise(24_000, level_db=-60),
    "loud noise": noise(24_000, level_db=-12),
    "a low tone": tone(1.5, hz=120),
    "a tone": tone(1.5, hz=440),
    "a beep": tone(0.4, hz=1000),
    "one sample": np.ones(1, np.int16),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", NOISES)
def test_what_is_not_speech_gives_no_words(engine: PocketSphinx, name: str) -> None:
    assert streamed(engine, NOISES[name]) == ""


def test_partials_grow_while_the_audio_arrives(engine: PocketSphinx) -> None:
    stream = engine.stream()
    assert stream is not None
    audio = recording("rms/records-office/02")
    partials = []
    for start in range(0, len(audio), 3200):
        stream.accept(audio[start : start + 3200])
        partials.append(stream.partial())
    stream.close()
    assert partials[0] == ""
    assert word_errors("i understand that you are worried", partials[-2][:40]).rate < 0.5


def test_text_holds_neither_fillers_nor_pronunciation_marks(engine: PocketSphinx) -> None:
    heard = streamed(engine, np.concatenate([recording("slt/clinic/06"), np.zeros(8000, np.int16)]))
    assert set(heard) <= set("abcdefghijklmnopqrstuvwxyz' ")


@pytest.mark.slow
def test_speech_is_surer_than_mumbling(engine: PocketSphinx) -> None:
    confidence = engine.transcribe(as_float32(recording("rms/records-office/01"))).confidence
    assert confidence is not None
    assert 0.7 < confidence <= 1.0


@pytest.mark.slow
def test_the_pool_lends_two_and_takes_them_back_once(engine: PocketSphinx) -> None:
    first, second = engine.stream(), engine.stream()
    assert first is not None
    assert second is not None
    assert engine.stream() is None
    first.accept(recording("slt/turns/07"))
    first.close()
    first.close()
    assert engine.lent == 1
    third = engine.stream()
    assert third is not None
    assert engine.stream() is None
    third.accept(recording("slt/turns/13"))
    assert third.finish().text == "can you repeat that please"
    third.close()
    second.close()
    assert engine.lent == 0


def test_a_whole_utterance_never_waits_for_a_stream(engine: PocketSphinx) -> None:
    streams = [engine.stream(), engine.stream()]
    assert engine.stream() is None, "all are lent"
    assert engine.transcribe(as_float32(recording("rms/turns/06"))).text == "stop"
    for stream in streams:
        assert stream is not None
        stream.close()


def test_an_ended_stream_takes_no_more(engine: PocketSphinx) -> None:
    stream = engine.stream()
    assert stream is not None
    stream.finish()
    with pytest.raises(EngineFailed, match="begin a new stream"):
        stream.accept(np.zeros(320, np.int16))
    stream.close()
    with pytest.raises(EngineFailed, match="begin a new stream"):
        stream.finish()


@pytest.mark.parametrize(
    ("audio", "says"),
    [
        (np.zeros(0, np.float32), "no audio"),
        (np.full(320, np.nan, np.float32), "NaN"),
        (np.full(320, np.inf, np.float32), "NaN or infinite"),
        (np.zeros(31 * 16_000, np.float32), "at most 30 seconds"),
        (np.zeros((320, 2), np.float32), "one channel"),
    ],
)
def test_bad_audio_is_refused(engine: PocketSphinx, audio: "np.ndarray", says: str) -> None:
    with pytest.raises(InvalidAudio, match=says):
        engine.transcribe(audio)


def test_a_cancelled_transcript_stops(engine: PocketSphinx) -> None:
    asked = threading.Event()

    def cancelled() -> bool:
        already = asked.is_set()
        asked.set()
        return already

    with pytest.raises(Cancelled):
        engine.transcribe(np.zeros(5 * 16_000, np.float32), cancelled=cancelled)
    assert engine.transcribe(as_float32(recording("rms/turns/06"))).text == "stop"


@pytest.fixture(scope="module")
def decoder() -> SphinxDecoder:
    return sphinx_decoder()


@pytest.mark.slow
def test_the_rest_of_the_process_goes_on_while_it_decodes(decoder: SphinxDecoder) -> None:
    decoder.begin("58.7,5.5,9.9,29.7,3.1,-0.6,5.9,-7.1,-3.8,-5.2,7.4,3.1,2.3")
    samples = np.concatenate([recording(f"rms/records-office/0{n}") for n in (1, 4)]).tobytes()
    thread = threading.Thread(target=decoder.process, args=(samples,))
    turns = 0
    thread.start()
    while thread.is_alive():
        thread.join(0.001)
        turns += 1
    decoder.end()
    assert decoder.hypothesis()
    assert turns > 30, "with the interpreter's lock held all the while it would get a few turns at most"


@pytest.mark.slow
def test_the_wheels_own_binding_gives_the_same_where_the_library_is_closed(
    decoder: SphinxDecoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def heard(decoder: SphinxDecoder) -> tuple[str, list[str], list[float]]:
        decoder.begin("58.7,5.5,9.9,29.7,3.1,-0.6,5.9,-7.1,-3.8,-5.2,7.4,3.1,2.3")
        decoder.process(recording("rms/turns/13").tobytes())
        decoder.end()
        segments = list(decoder.segments())
        return decoder.hypothesis(), [s.word for s in segments], [round(s.probability, 3) for s in segments]

    native = heard(decoder)
    monkeypatch.setattr("voice.stt.sphinx.decoder._library", lambda _: None)
    assert heard(sphinx_decoder()) == native
