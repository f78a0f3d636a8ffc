"""Whisper at the utterance's own window: the same words for less, together as alone, and bounded."""

import threading

import numpy as np
import pytest

from tests.voice.sound import recording
from voice.errors import Cancelled, EngineFailed
from voice.stt.samples import as_float32
from voice.stt.whisper.batching import MAX_BATCH, Batcher
from voice.stt.whisper.engine import load_model
from voice.stt.whisper.short_window import FULL_WINDOW, MARGIN, SLICE, Decoded, Request, ShortWindow, window_of
from voice.test_models import WHISPER_NANO

LINES = [
    "slt/records-office/07",
    "rms/records-office/07",
    "slt/repair-desk/08",
    "slt/clinic/02",
    "slt/turns/01",
    "slt/repair-desk/02",
]


@pytest.fixture(scope="module")
def short() -> ShortWindow:
    return ShortWindow(load_model(WHISPER_NANO, "cpu", "int8", 1))


def request(name: str, most_tokens: int = 60) -> Request:
    return Request(as_float32(recording(name)), "", most_tokens, "en", lambda: False)


@pytest.mark.parametrize("seconds", [0.001, 0.5, 3, 5, 26, 30])
def test_the_window_holds_the_speech_and_the_margin(seconds: float) -> None:
    samples = int(seconds * 16_000)
    window = window_of(samples)
    assert window == FULL_WINDOW or window >= samples // 160 + MARGIN
    assert window <= FULL_WINDOW
    assert window % 2 == 0  # the encoder halves it


def test_it_hears_what_is_said(short: ShortWindow) -> None:
    (decoded,) = short.decode([request("slt/clinic/02")])
    assert decoded is not None
    assert decoded.text == "how are you feeling this morning"
    assert not decoded.looks_wrong


def test_together_as_alone(short: ShortWindow) -> None:
    requests = [request(name) for name in LINES]
    alone = [short.decode([one])[0] for one in requests]
    assert [one and one.text for one in short.decode(requests)] == [one and one.text for one in alone]


def test_a_long_text_is_decoded_in_slices_to_its_end(short: ShortWindow) -> None:
    (decoded,) = short.decode([request("slt/records-office/01", most_tokens=3 * SLICE)])
    assert decoded is not None
    assert len(decoded.text.split()) >= 8


def test_the_cap_holds_and_is_told(short: ShortWindow) -> None:
    (decoded,) = short.at_window([request("slt/records-office/01", most_tokens=4)])
    assert decoded is not None
    assert decoded.capped
    assert len(decoded.text.split()) <= 4


def test_what_looks_wrong_is_decoded_at_the_full_window(short: ShortWindow) -> None:
    """A cap that is hit at the own window is hit again at the full one; there is no third try."""
    (decoded,) = short.decode([request("slt/records-office/01", most_tokens=4)])
    assert decoded is not None
    assert decoded.capped


def test_repetition_looks_wrong() -> None:
    assert Decoded("na " * 60, "en", -0.1, 0.0, 8.0, capped=False).looks_wrong
    assert Decoded("good morning", "en", -1.5, 0.0, 1.0, capped=False).looks_wrong
    assert not Decoded("good morning", "en", -0.2, 0.0, 1.0, capped=False).looks_wrong


def test_what_nobody_wants_is_not_decoded(short: ShortWindow) -> None:
    unwanted = Request(np.ones(16_000, np.float32) * 0.1, "", 60, "en", lambda: True)
    assert short.decode([unwanted]) == [None]


def test_jobs_that_arrive_meanwhile_are_done_together() -> None:
    batches: list[list[int]] = []
    begun, go_on = threading.Event(), threading.Event()

    def work(jobs: list[int]) -> list[int]:
        batches.append(list(jobs))
        if len(batches) == 1:
            begun.set()
            go_on.wait(100)
        return [job * 10 for job in jobs]

    batcher: Batcher[int, int] = Batcher(work)
    results: dict[int, int] = {}
    threads = [
        threading.Thread(target=lambda n=n: results.update({n: batcher.run(n, lambda: False)})) for n in range(6)
    ]
    threads[0].start()
    begun.wait(100)
    for thread in threads[1:]:
        thread.start()
    while batcher.waiting < 5:
        pass
    go_on.set()
    for thread in threads:
        thread.join(100)
    assert results == {n: n * 10 for n in range(6)}
    assert [len(batch) for batch in batches] == [1, 5]
    assert MAX_BATCH >= 5


def test_an_error_reaches_everyone_and_the_next_goes_on() -> None:
    answers = iter([EngineFailed("broken"), None])

    def work(jobs: list[int]) -> list[int]:
        if error := next(answers):
            raise error
        return jobs

    batcher: Batcher[int, int] = Batcher(work)
    with pytest.raises(EngineFailed):
        batcher.run(1, lambda: False)
    assert batcher.run(2, lambda: False) == 2


def test_a_job_that_waits_can_be_given_up() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def work(jobs: list[int]) -> list[int]:
        begun.set()
        go_on.wait(100)
        return jobs

    batcher: Batcher[int, int] = Batcher(work)
    first = threading.Thread(target=batcher.run, args=(1, lambda: False))
    first.start()
    begun.wait(100)
    with pytest.raises(Cancelled):
        batcher.run(2, lambda: True)
    go_on.set()
    first.join(100)
