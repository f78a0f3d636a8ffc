import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.voice.sound import frames_of, recording, recordings, with_noise
from voice.speech.endpointing import (
    Endpointer,
    EndpointRules,
    SpeechEvent,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
)
from voice.speech.vad import SpeechDetector

MS = 16
EXACT = EndpointRules(start_ms=80, gap_ms=120, pause_ms=180)


def heard(story: str, rules: EndpointRules = EXACT) -> list[tuple[int, SpeechEvent]]:
    """Each event with the frame after which it was told.

    One character a frame: S speech, s less likely speech, o an onset, . silence; | resets.
    """
    likely = {"S": 0.9, "s": 0.4, "o": 0.2, ".": 0.01}
    endpointer, events, now = Endpointer(rules), [], 0
    for character in story.replace(" ", ""):
        if character == "|":
            endpointer.reset()
            continue
        now += 320
        events += [(now // at(1), event) for event in endpointer.push(likely[character], now)]
    return events


def at(frames: int) -> int:
    return frames * 20 * MS


@pytest.mark.parametrize(
    ("told", "story", "events"),
    [
        ("silence is nothing", "." * 50, []),
        ("a click is nothing", "..... SSS ..................", []),
        ("clicks far apart are nothing", "SS ......... SS ......... SS .........", []),
        ("speech is told once it is sure, from where it began", "..... SSSS", [(9, SpeechStarted(at(5)))]),
        ("what led up to it belongs to it", "..... oo SSSS", [(11, SpeechStarted(at(5)))]),
        ("an onset that led nowhere does not", "..... oo .. SSSS", [(13, SpeechStarted(at(9)))]),
        ("less likely frames go on with it", "..... Ssss", [(9, SpeechStarted(at(5)))]),
        ("but do not begin it", "..... ssssssssss", []),
        ("a closed consonant does not undo the beginning", ". SS ...... SS", [(11, SpeechStarted(at(1)))]),
        ("a gap inside a word is no pause", "SSSS ........ SSSS", [(4, SpeechStarted(0))]),
        ("a silence is", "SSSS .........", [(4, SpeechStarted(0)), (13, SpeechPaused(at(4)))]),
        ("and is told once", "SSSS" + "." * 100, [(4, SpeechStarted(0)), (13, SpeechPaused(at(4)))]),
        (
            "speech after it goes on",
            "SSSS ......... SSSS",
            [(4, SpeechStarted(0)), (13, SpeechPaused(at(4))), (17, SpeechResumed(at(13)))],
        ),
        (
            "a click after it does not, and moves nothing",
            "SSSS ......... S ............ SSSS ..........",
            [
                (4, SpeechStarted(0)),
                (13, SpeechPaused(at(4))),
                (30, SpeechResumed(at(26))),
                (39, SpeechPaused(at(30))),
            ],
        ),
        (
            "after a reset speech begins anew",
            "SSSS ......... | SSSS",
            [(4, SpeechStarted(0)), (13, SpeechPaused(at(4))), (17, SpeechStarted(at(13)))],
        ),
        (
            "a word under way at the reset is not cut",
            "SSSS ......... SS | SS",
            [(4, SpeechStarted(0)), (13, SpeechPaused(at(4))), (17, SpeechStarted(at(13)))],
        ),
        (
            "a reset in the middle of speech begins with what comes after it",
            "SSSSSS | SSSS",
            [(4, SpeechStarted(0)), (10, SpeechStarted(at(6)))],
        ),
    ],
)
def test_what_is_told(told: str, story: str, events: list[tuple[int, SpeechEvent]]):
    assert heard(story) == events


def test_a_run_of_speech_is_measured_before_it_is_sure_and_ends_with_a_gap():
    endpointer, runs = Endpointer(EXACT), []
    for frame, probability in enumerate([0, 0.9, 0.9, 0, 0, 0.9, *[0] * 8], start=1):
        endpointer.push(probability, at(frame))
        runs.append(endpointer.speech_run(at(frame)) // at(1))
    assert runs == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0, 0]


def test_speech_is_counted_without_its_pauses():
    endpointer = Endpointer(EXACT)
    for frame, character in enumerate("SSSSSS............SSSSS......", start=1):
        endpointer.push(0.9 if character == "S" else 0, at(frame))
    assert endpointer.speech_ms == 220
    assert endpointer.speaking
    assert endpointer.last_speech == at(23)
    endpointer.reset()
    assert (endpointer.speech_ms, endpointer.speaking, endpointer.last_speech) == (0, False, at(23))


@given(st.lists(st.floats(0, 1), max_size=300))
def test_events_alternate_and_positions_only_grow(probabilities: list[float]):
    endpointer, events = Endpointer(), []
    for frame, probability in enumerate(probabilities, start=1):
        happened = endpointer.push(probability, at(frame))
        events += happened
        assert 0 <= endpointer.last_speech <= at(frame)
        assert 0 <= endpointer.speech_run(at(frame)) <= at(frame)
        assert len(happened) <= 1
    kinds = [type(event) for event in events]
    assert kinds[:1] in ([], [SpeechStarted])
    assert all(kind is (SpeechPaused if turn % 2 else SpeechResumed) for turn, kind in enumerate(kinds) if turn)
    starts = [event.at for event in events[::2]]
    ends = [event.last_speech for event in events[1::2]]
    moments = [moment for pair in zip(starts, ends, strict=False) for moment in pair]
    assert moments == sorted(moments)


# ------------------------------------------------------------------ recordings


def endpoints(audio: np.ndarray) -> list[tuple[SpeechEvent, int]]:
    detector, endpointer = SpeechDetector(), Endpointer()
    return [
        (event, now)
        for now, frame in enumerate(frames_of(audio), start=1)
        for event in endpointer.push(detector.push(frame), at(now))
    ]


def spoken_after(lead: int, speech: np.ndarray, snr_db: float | None) -> np.ndarray:
    audio = np.concatenate([np.zeros(lead, np.int16), speech, np.zeros(8_000, np.int16)])
    return audio if snr_db is None else with_noise(audio, speech=speech, snr_db=snr_db)


@pytest.mark.slow
@pytest.mark.parametrize(("snr_db", "within_60_ms"), [(None, 1.0), (30, 0.85), (20, 0.75)])
def test_the_end_of_speech_is_found_where_it_is(snr_db: float | None, within_60_ms: float):
    begins, ends = [], []
    for turn, name in enumerate(recordings("turns", "records-office")):
        speech, lead = recording(name), 12_000 + turn * 37 % 512
        events = [event for event, _ in endpoints(spoken_after(lead, speech, snr_db))]
        assert isinstance(events[0], SpeechStarted), name
        assert isinstance(events[-1], SpeechPaused), name
        begins.append((events[0].at - lead) / MS)
        ends.append((events[-1].last_speech - lead - len(speech)) / MS)
    assert np.mean(np.abs(ends) <= 60) >= within_60_ms
    assert abs(np.median(ends)) <= (15 if snr_db is None else 30)
    assert np.mean(np.abs(begins) <= 100) >= 0.9


def test_a_conversation_is_cut_into_its_utterances():
    names = recordings("repair-desk")
    silence = np.zeros(12_800, np.int16)
    audio = np.concatenate([part for name in names for part in (silence, recording(name))] + [silence])
    events = endpoints(audio)
    assert [type(event) for event, _ in events] == [
        SpeechStarted,
        *[SpeechPaused, SpeechResumed] * (len(names) - 1),
        SpeechPaused,
    ]


def test_speech_is_confirmed_soon_after_its_beginning():
    waits = []
    for name in recordings("turns"):
        (_, frame), *_ = endpoints(spoken_after(12_000, recording(name), None))
        waits.append((at(frame) - 12_000) / MS)
    assert np.median(waits) <= 150
    assert np.percentile(waits, 90) <= 220


@pytest.mark.parametrize(
    ("story", "last_sound"),
    [("SSSSSS....", 6), ("SSSSSS..oo..", 10), ("SSSSSS......o.", 13), ("........", 0), ("....o...", 5)],
)
def test_the_last_sound_may_be_fainter_than_speech(story: str, last_sound: int) -> None:
    likely = {"S": 0.9, "o": 0.2, ".": 0.01}
    endpointer = Endpointer(EXACT)
    for number, character in enumerate(story, start=1):
        endpointer.push(likely[character], number * 320)
    assert endpointer.last_sound == last_sound * 320
