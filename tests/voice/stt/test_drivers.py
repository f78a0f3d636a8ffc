"""One contract for every driver of a recogniser: in this process, or in one of its own that may be killed or hang."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from api.bench.random_whisper import make_random_whisper
from tests.voice.child_engines import LOUD, Fragile, Polyglot, dies_at_first, speech
from tests.voice.sound import recording
from voice.errors import Cancelled, EngineUnavailable, InvalidAudio
from voice.stt.base import (
    MultilingualTranscriber,
    PerCallTranscriber,
    SketchingTranscriber,
    StreamingTranscriber,
    Transcriber,
)
from voice.stt.fixed import WORDS as ALWAYS
from voice.stt.fixed import FixedTranscriber
from voice.stt.process.process import ProcessStreamingTranscriber, ProcessTranscriber, WorkerDied, in_process
from voice.stt.samples import as_float32
from voice.stt.sphinx.engine import PocketSphinx
from voice.stt.whisper.engine import FasterWhisper
from voice.stt.word_error import word_errors
from voice.test_models import WHISPER_NANO

pytestmark = pytest.mark.slow

LINE = "slt/clinic/02"
WORDS = "how are you feeling this morning"

MAKE = {
    "pocketsphinx": partial(PocketSphinx, 2),
    "whisper": partial(FasterWhisper, WHISPER_NANO, cpu_threads=1),
}


@pytest.fixture(scope="module", params=["pocketsphinx", "whisper"])
def engine_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module", params=["here", "process"])
def driver(request: pytest.FixtureRequest, engine_name: str) -> Iterator[Transcriber]:
    make = MAKE[engine_name]
    if request.param == "here":
        yield make()
        return
    there = in_process(make, make())
    assert isinstance(there, ProcessTranscriber)
    yield there
    there.close()


def test_it_hears(driver: Transcriber) -> None:
    assert driver.transcribe(as_float32(recording(LINE))).text == WORDS


def test_it_has_the_engines_name(driver: Transcriber, engine_name: str) -> None:
    assert driver.name.startswith(engine_name)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_impossible_samples_are_refused_and_the_next_utterance_is_heard(driver: Transcriber, value: float) -> None:
    with pytest.raises(InvalidAudio):
        driver.transcribe(np.full(1600, value, np.float32))
    assert driver.transcribe(as_float32(recording(LINE))).text == WORDS


@pytest.mark.parametrize("samples", [0, 31 * 16_000, 600 * 16_000])
def test_impossible_lengths_are_refused(driver: Transcriber, samples: int) -> None:
    with pytest.raises(InvalidAudio):
        driver.transcribe(np.zeros(samples, np.float32))


def test_one_sample_and_silence_hold_no_words(driver: Transcriber) -> None:
    assert driver.transcribe(np.full(1, 0.1, np.float32)).text == ""
    assert driver.transcribe(np.zeros(16_000, np.float32)).text == ""


def test_what_nobody_wants_is_not_done(driver: Transcriber) -> None:
    with pytest.raises(Cancelled):
        driver.transcribe(as_float32(recording(LINE)), cancelled=lambda: True)


def test_several_at_once_keep_their_words_apart(driver: Transcriber) -> None:
    lines = [LINE, "rms/turns/06", LINE, "slt/turns/03"]
    alone = [driver.transcribe(as_float32(recording(line))).text for line in lines]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda line: driver.transcribe(as_float32(recording(line))).text, lines))
    assert together == alone


def test_a_sketch_has_the_words_too(driver: Transcriber, engine_name: str) -> None:
    assert isinstance(driver, SketchingTranscriber) or engine_name == "pocketsphinx"
    if isinstance(driver, SketchingTranscriber):
        assert driver.sketch(as_float32(recording(LINE))).text == WORDS


def test_a_stream_hears_as_the_audio_arrives(driver: Transcriber, engine_name: str) -> None:
    assert isinstance(driver, StreamingTranscriber) == (engine_name == "pocketsphinx")
    if not isinstance(driver, StreamingTranscriber):
        return
    stream = driver.stream()
    assert stream is not None
    audio = recording(LINE)
    for start in range(0, len(audio), 1600):
        stream.accept(audio[start : start + 1600])
    assert stream.partial()
    assert word_errors(WORDS, stream.finish().text).errors <= 1  # cut differently, it is heard a little differently
    stream.close()
    stream.close()


def test_the_pool_has_a_bound_and_takes_its_decoders_back(driver: Transcriber) -> None:
    if not isinstance(driver, StreamingTranscriber):
        return
    lent = [driver.stream(), driver.stream()]
    assert all(lent)
    assert driver.stream() is None
    for stream in lent:
        assert stream is not None
        stream.close()
    again = _until_lent(driver)
    again.close()


def _until_lent(driver: StreamingTranscriber):
    while (stream := driver.stream()) is None:
        pass  # a close that has no answer may still be on its way
    return stream


@contextmanager
def driven(driver: str, make) -> Iterator[Transcriber]:
    """An engine in this process ("here") or in one of its own."""
    engine = make()
    if driver == "process":
        engine = in_process(make, engine)
    yield engine
    if isinstance(engine, ProcessTranscriber):
        engine.close()


DRIVERS = pytest.mark.parametrize("where", ["here", "process"])


@DRIVERS
def test_a_calls_language_is_detected_once_and_ends_with_the_call(where: str) -> None:
    german, french = speech(level=0.1, seconds=3), speech(level=-0.1, seconds=1.5)
    with driven(where, Polyglot) as engine:
        assert isinstance(engine, PerCallTranscriber)
        one, other = engine.for_call(), engine.for_call()
        assert [one.transcribe(audio).language for audio in (german, french, german)] == ["de"] * 3
        assert other.transcribe(french).language == "fr", "nothing is left of the first call"
        if isinstance(engine, ProcessTranscriber):
            os.kill(engine.pid or 0, signal.SIGKILL)
            assert one.transcribe(french).language == "de", "nor is it lost with the child"


@DRIVERS
def test_a_word_or_two_do_not_settle_a_calls_language(where: str) -> None:
    short, french = speech(level=0.1, seconds=2.9), speech(level=-0.1, seconds=3)
    with driven(where, Polyglot) as engine:
        assert isinstance(engine, PerCallTranscriber)
        call = engine.for_call()
        assert [call.transcribe(audio).language for audio in (short, french, short)] == ["de", "fr", "fr"]


@DRIVERS
def test_whisper_detects_a_language_or_takes_the_one_it_is_given(where: str, tmp_path: Path) -> None:
    make_random_whisper(tmp_path, "least")
    with driven(where, partial(FasterWhisper, tmp_path, language=None, cpu_threads=1)) as engine:
        assert isinstance(engine, PerCallTranscriber)
        assert isinstance(engine, MultilingualTranscriber)
        audio = as_float32(recording(LINE))
        detected = engine.transcribe(audio).language
        assert detected.isalpha()
        another = "de" if detected != "de" else "fr"
        assert engine.transcribe_in(another, audio, "", lambda: False).language == another


@pytest.mark.parametrize("first", [LOUD, -LOUD], ids=["dies of it", "hangs with it"])
def test_audio_that_the_engine_breaks_on_takes_no_other_utterance_down(first: float) -> None:
    fragile = ProcessTranscriber(partial(Fragile, 100), name="fragile", niceness=0, request_s=1)
    fragile.warm()
    with ThreadPoolExecutor(8) as threads:
        waiting = [threads.submit(fragile.transcribe, speech(first if n in (2, 5) else 0.1)) for n in range(8)]
        outcomes = [one.exception(120) or one.result() for one in waiting]
    fragile.close()
    assert [type(outcome) is WorkerDied for outcome in outcomes] == [n in (2, 5) for n in range(8)]
    assert [outcome.text for outcome in outcomes if not isinstance(outcome, BaseException)] == [ALWAYS] * 6


def test_other_answers_do_not_keep_a_hung_question_waiting() -> None:
    fragile = ProcessTranscriber(Fragile, name="fragile", niceness=0, request_s=1)
    fragile.warm()
    with ThreadPoolExecutor(1) as threads:
        hung = threads.submit(fragile.transcribe, speech(-LOUD))
        while not hung.done():
            assert fragile.transcribe(speech()).text == ALWAYS
        assert isinstance(hung.exception(), WorkerDied)
    fragile.close()


def test_a_worker_that_dies_while_it_starts_is_started_again(tmp_path: Path) -> None:
    tender = ProcessTranscriber(partial(dies_at_first, tmp_path / "mark"), name="tender", niceness=0)
    assert tender.transcribe(speech()).text == ALWAYS
    tender.close()


def test_a_worker_that_has_stopped_reading_is_killed_by_its_deadline() -> None:
    """More audio than a pipe holds: even the sending must not wait for ever."""
    stopped = ProcessTranscriber(FixedTranscriber, name="fixed", niceness=0, request_s=1)
    stopped.warm()
    pid = stopped.pid
    os.kill(pid or 0, signal.SIGSTOP)
    assert stopped.transcribe(speech(seconds=20)).text == ALWAYS
    assert stopped.pid != pid
    stopped.close()


@pytest.fixture
def there() -> Iterator[ProcessStreamingTranscriber]:
    yield from _warmed(request_s=100)


@pytest.fixture
def impatient() -> Iterator[ProcessStreamingTranscriber]:
    yield from _warmed(request_s=10)


def _warmed(request_s: float) -> Iterator[ProcessStreamingTranscriber]:
    made = ProcessStreamingTranscriber(MAKE["pocketsphinx"], name="pocketsphinx", niceness=0, request_s=request_s)
    made.warm()
    yield made
    made.close()


def test_a_killed_worker_is_replaced_and_the_utterance_heard(there: ProcessStreamingTranscriber) -> None:
    first = there.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    assert there.transcribe(as_float32(recording(LINE))).text == WORDS
    assert there.pid != first


def test_a_worker_killed_in_the_middle_loses_no_utterance(there: ProcessStreamingTranscriber) -> None:
    pid = there.pid
    assert pid is not None
    asked = Event()

    def cancelled() -> bool:
        asked.set()
        return False

    with ThreadPoolExecutor(4) as threads:
        waiting = [threads.submit(there.transcribe, as_float32(recording(LINE)), cancelled=cancelled) for _ in range(4)]
        asked.wait(100)
        os.kill(pid, signal.SIGKILL)
        assert [one.result(100).text for one in waiting] == [WORDS] * 4


def test_a_hung_worker_is_killed_by_its_deadline(impatient: ProcessStreamingTranscriber) -> None:
    pid = impatient.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    assert impatient.transcribe(as_float32(recording(LINE))).text == WORDS
    assert impatient.pid != pid


def test_a_stream_breaks_with_its_worker_and_says_so(there: ProcessStreamingTranscriber) -> None:
    stream = there.stream()
    assert stream is not None
    stream.accept(recording(LINE)[:1600])
    os.kill(there.pid or 0, signal.SIGKILL)
    with pytest.raises(WorkerDied):
        stream.finish()
    stream.close()
    assert there.transcribe(as_float32(recording(LINE))).text == WORDS


def test_a_model_that_does_not_load_says_what_to_do() -> None:
    missing = ProcessTranscriber(partial(FasterWhisper, WHISPER_NANO / "nowhere"), name="whisper:nowhere")
    with pytest.raises(EngineUnavailable, match="glow models pull"):
        missing.warm()
    missing.close()


def test_a_closed_one_answers_no_more(there: ProcessStreamingTranscriber) -> None:
    there.close()
    there.close()
    with pytest.raises(EngineUnavailable):
        there.transcribe(as_float32(recording(LINE)))


def test_it_runs_at_lower_priority() -> None:
    nice = ProcessTranscriber(MAKE["pocketsphinx"], name="pocketsphinx", niceness=5)
    nice.warm()
    assert nice.pid is not None
    assert os.getpriority(os.PRIO_PROCESS, nice.pid) == os.getpriority(os.PRIO_PROCESS, 0) + 5
    nice.close()
