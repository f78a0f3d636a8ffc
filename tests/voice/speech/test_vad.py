import numpy as np
import pytest

from tests.voice.sound import frames_of, noise, recording, recordings, tone, with_noise
from voice.speech.vad import SpeechDetector

SECOND = 16_000


def probabilities(audio: np.ndarray) -> np.ndarray:
    detector = SpeechDetector()
    return np.array([detector.push(frame) for frame in frames_of(audio)])


def after_silence(speech: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros(SECOND, np.int16), speech, np.zeros(SECOND, np.int16)])


def chord() -> np.ndarray:
    return np.sum([tone(4, hz=hz, level=0.1) for hz in (262, 330, 392, 523)], axis=0, dtype=np.int16)


def tremolo() -> np.ndarray:
    return (tone(4, hz=330) * (0.6 + 0.4 * np.sin(np.arange(4 * SECOND) * 2 * np.pi * 3 / SECOND))).astype(np.int16)


@pytest.mark.parametrize(
    "audio",
    [
        np.zeros(4 * SECOND, np.int16),
        noise(4 * SECOND, level_db=-60),
        noise(4 * SECOND, level_db=-40),
        noise(4 * SECOND, level_db=-20),
        np.concatenate([np.zeros(SECOND, np.int16), noise(3 * SECOND, level_db=-30)]),
        tone(4, hz=100),
        tone(4, hz=440),
        tone(4, hz=3_000),
        chord(),
        tremolo(),
    ],
    ids=["silence", "hiss", "noise", "loud noise", "noise begins", "hum", "beep", "whistle", "chord", "tremolo"],
)
def test_what_is_no_speech_is_not_taken_for_it(audio: np.ndarray):
    assert probabilities(audio).max() < 0.5


@pytest.mark.slow
@pytest.mark.parametrize("snr_db", [None, 20])
def test_every_recording_is_noticed_soon_after_its_start(snr_db: float | None):
    late = []
    for name in recordings("turns", "clinic"):
        speech = recording(name)
        audio = after_silence(speech)
        if snr_db is not None:
            audio = with_noise(audio, speech=speech, snr_db=snr_db)
        likely = np.flatnonzero(probabilities(audio) >= 0.5)
        assert len(likely), name
        late.append((likely[0] + 1) * 20 - 1_000)
    assert np.median(late) <= 100
    assert np.percentile(late, 85) <= 120
    assert max(late) <= 300  # the hiss of "stop" before its vowel
    assert min(late) >= 0


def test_speech_stays_likely_and_the_silence_after_it_is_not():
    for name in recordings("clinic"):
        speech = recording(name)
        found = probabilities(after_silence(speech))
        end = (SECOND + len(speech)) // 320
        assert np.mean(found[50:end] >= 0.35) > 0.8, name
        assert found[end + 2 :].max() < 0.35, name


def test_a_quiet_microphone_is_heard():
    speech = (recording("rms/clinic/01") * 0.05).astype(np.int16)
    assert np.mean(probabilities(after_silence(speech))[50:-60] >= 0.35) > 0.7


def test_speech_that_is_there_when_the_call_begins_is_heard():
    assert np.flatnonzero(probabilities(recording("slt/clinic/01")) >= 0.5)[0] < 10


def test_the_telephones_band_is_enough():
    from voice.audio.resample import resample

    speech = resample(resample(recording("awb/clinic/01"), 16_000, 8_000), 8_000, 16_000)
    assert np.mean(probabilities(after_silence(speech))[50:-60] >= 0.35) > 0.8


def test_two_calls_do_not_hear_each_other():
    first, second = SpeechDetector(), SpeechDetector()
    audio = frames_of(after_silence(recording("slt/turns/02")))
    for frame in audio:
        first.push(frame)
        assert second.push(np.zeros(320, np.int16)) == 0


def test_reset_forgets_everything():
    audio = frames_of(after_silence(recording("awb/turns/01")))
    detector = SpeechDetector()
    first = [detector.push(frame) for frame in audio]
    detector.reset()
    assert np.allclose([detector.push(frame) for frame in audio], first, atol=0.02)
