"""eSpeak NG in process: what it says, how it sounds, where its words are, and who may use it at once."""

import ctypes
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.hearing import Heard, pitch_hz, rms, say
from voice.errors import Cancelled, EngineUnavailable
from voice.tts.base import SpeechChunk, VoiceStyle
from voice.tts.espeak.engine import RATE_HZ, EspeakSynthesizer
from voice.tts.espeak.voices import resolve, variants, voices

SENTENCE = "The train to the city leaves at nine, so we should meet at the station a little before."
TEN_SECONDS = "the quick brown fox jumps over the lazy dog and then it runs along the river " * 2


@pytest.fixture(scope="module")
def espeak() -> EspeakSynthesizer:
    return EspeakSynthesizer()


@pytest.fixture(scope="module")
def sentence(espeak: EspeakSynthesizer) -> Heard:
    return say(espeak, SENTENCE)


def test_a_sentence_is_speech_of_its_length_and_level_without_clipping(sentence: Heard) -> None:
    assert sentence.rate_hz == RATE_HZ == 22_050
    assert 4.0 < sentence.seconds < 6.5
    assert 1500 < rms(sentence.audio) < 6000
    assert np.max(np.abs(sentence.audio.astype(int))) < 32_700
    assert 80 < pitch_hz(sentence.audio, RATE_HZ) < 130


def test_chunks_come_about_200_ms_at_a_time(sentence: Heard) -> None:
    assert len(sentence.chunks) > 15
    assert max(sentence.chunks) < 0.5 * RATE_HZ


def test_every_word_is_placed_in_the_text_and_in_the_sound(sentence: Heard) -> None:
    assert [SENTENCE[word.text_start : word.text_end] for word in sentence.words] == SENTENCE[:-1].replace(
        ",", ""
    ).split()
    for word, after in zip(sentence.words, sentence.words[1:], strict=False):
        assert word.start < word.end <= after.start
    assert sentence.words[-1].end <= len(sentence.audio)
    for word in sentence.words:
        assert rms(sentence.audio[word.start : word.end]) > 300


def test_the_pause_after_a_comma_belongs_to_no_word(sentence: Heard) -> None:
    nine = next(word for word in sentence.words if SENTENCE[word.text_start : word.text_end] == "nine")
    after = next(word for word in sentence.words if word.start > nine.start)
    assert after.start - nine.end > 0.1 * RATE_HZ
    assert rms(sentence.audio[nine.end + 200 : after.start - 200]) < 60


def test_words_of_other_scripts_and_symbols_keep_their_places(espeak: EspeakSynthesizer) -> None:
    text = 'Zoë — "well-known" 😀 café, it\'s 1,234 metres; 你好 ok'
    words = [text[word.text_start : word.text_end] for word in say(espeak, text).words]
    assert words[:2] == ["Zoë", "well-known"]
    assert words[2:5] == ["café", "it's", "1,234"]
    assert words[-1] == "ok"


@pytest.mark.parametrize(("rate", "shortest", "longest"), [(0.5, 1.9, 2.6), (0.8, 1.15, 1.4), (1.5, 0.5, 0.75)])
def test_rate_changes_the_length(
    espeak: EspeakSynthesizer, sentence: Heard, rate: float, shortest: float, longest: float
) -> None:
    ratio = say(espeak, SENTENCE, VoiceStyle(rate=rate)).seconds / sentence.seconds
    assert shortest < ratio < longest


@pytest.mark.parametrize("pitch", [0.75, 0.9, 1.2, 1.5])
def test_pitch_is_the_ratio_that_was_asked_for(espeak: EspeakSynthesizer, sentence: Heard, pitch: float) -> None:
    changed = say(espeak, SENTENCE, VoiceStyle(pitch=pitch))
    ratio = pitch_hz(changed.audio, RATE_HZ) / pitch_hz(sentence.audio, RATE_HZ)
    assert ratio == pytest.approx(pitch, rel=0.1)
    assert changed.seconds == pytest.approx(sentence.seconds, rel=0.1)


def test_a_variant_is_another_voice(espeak: EspeakSynthesizer, sentence: Heard) -> None:
    woman = say(espeak, SENTENCE, VoiceStyle(names={"espeak": "en-us+f3"}))
    assert pitch_hz(woman.audio, RATE_HZ) > 1.6 * pitch_hz(sentence.audio, RATE_HZ)


def test_the_style_of_one_clause_does_not_colour_the_next(espeak: EspeakSynthesizer, sentence: Heard) -> None:
    say(espeak, "Quick!", VoiceStyle(names={"espeak": "de+f2"}, rate=2.0, pitch=1.6))
    again = say(espeak, SENTENCE)
    assert again.seconds == pytest.approx(sentence.seconds, rel=0.02)
    assert pitch_hz(again.audio, RATE_HZ) == pytest.approx(pitch_hz(sentence.audio, RATE_HZ), rel=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["en-us", "en-us+f3", "en-us+whisper", "de+klatt2"])
def test_the_same_text_is_the_same_samples_whatever_was_said_before(espeak: EspeakSynthesizer, name: str) -> None:
    style = VoiceStyle(names={"espeak": name})
    first = say(espeak, SENTENCE, style)
    for turn in range(20):
        say(espeak, "Well, " * turn + "yes.", VoiceStyle(names={"espeak": "en-us+croak"}, pitch=0.8 + turn / 30))
        stopped = espeak.synthesize(TEN_SECONDS, VoiceStyle(), cancelled=lambda: False)
        next(iter(stopped))
        del stopped
        again = say(espeak, SENTENCE, style)
        assert np.array_equal(again.audio, first.audio)
        assert again.words == first.words


@pytest.mark.parametrize(
    ("name", "language", "identifier"),
    [
        ("", "en", "gmw/en-US"),
        ("", "en-GB", "gmw/en"),
        ("", "fr-CA", "roa/fr"),
        ("en-gb", "en", "gmw/en"),
        ("EN-US+F3", "en", "gmw/en-US+f3"),
        ("English (America)", "en", "gmw/en-US"),
        ("de+m1", "en", "gmw/de+m1"),
        ("en-us+f3", "es", "roa/es+f3"),
        ("es-419", "es", "roa/es-419"),
        ("en-us", "xx", "gmw/en-US"),
    ],
)
def test_voices_are_found_by_name_and_by_language(name: str, language: str, identifier: str) -> None:
    assert resolve(name, language) == identifier


@pytest.mark.parametrize(
    "name", ["en-xx", "nobody", "../../etc/passwd", "en-us+../f1", "en-us+nobody", "\0", "x" * 5000]
)
def test_an_unknown_voice_is_refused_in_a_sentence_that_says_where_to_look(
    espeak: EspeakSynthesizer, name: str
) -> None:
    with pytest.raises(EngineUnavailable, match=r"glow models") as refusal:
        say(espeak, "Hello", VoiceStyle(names={"espeak": name}))
    assert len(str(refusal.value)) < 200


def test_voices_and_variants_can_be_listed() -> None:
    assert {"en-us", "de", "fr"} <= {voice.name for voice in voices()}
    assert {"f3", "m1", "whisper"} <= set(variants())


def test_silence_is_trimmed_but_a_sentence_ends_in_a_pause(espeak: EspeakSynthesizer) -> None:
    ending = say(espeak, "Hello there.").audio
    loud = np.flatnonzero(np.abs(ending.astype(int)) > 24)
    assert loud[0] <= 0.006 * RATE_HZ
    assert 0.15 * RATE_HZ < len(ending) - loud[-1] <= 0.36 * RATE_HZ
    broken_off = say(espeak, "Hello there").audio
    assert len(broken_off) - np.flatnonzero(np.abs(broken_off.astype(int)) > 24)[-1] <= 0.025 * RATE_HZ
    assert len(say(espeak, "Slowly.", VoiceStyle(rate=0.5)).audio) < 2 * RATE_HZ


@pytest.mark.parametrize("text", ["", " ", "...", "😀", "\0", "\ud800", "—"])
def test_nothing_to_say_gives_nothing(espeak: EspeakSynthesizer, text: str) -> None:
    assert say(espeak, text).chunks == ()


@pytest.mark.parametrize("text", ["a" * 10_000, "[[" * 900 + "x", "a\0b \x01+c", "hi \ud800 you", "<speak>hi</speak>"])
def test_hostile_text_gives_bounded_sound(espeak: EspeakSynthesizer, text: str) -> None:
    spoken = say(espeak, text)
    assert 0 < spoken.seconds < 120


def test_cancelling_stops_between_chunks(espeak: EspeakSynthesizer) -> None:
    asked: list[int] = []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > 3

    chunks: list[SpeechChunk] = []
    with pytest.raises(Cancelled):
        chunks.extend(espeak.synthesize(SENTENCE, VoiceStyle(), cancelled=cancelled))
    assert len(asked) == 4


def test_a_listener_who_goes_away_leaves_the_engine_free(espeak: EspeakSynthesizer) -> None:
    speech = iter(espeak.synthesize(TEN_SECONDS, VoiceStyle(), cancelled=lambda: False))
    assert isinstance(speech, Iterator)
    next(speech)
    del speech
    assert say(espeak, "Next, please.").seconds > 0.5


def test_a_clause_half_heard_does_not_block_another(espeak: EspeakSynthesizer) -> None:
    slow = espeak.synthesize(TEN_SECONDS, VoiceStyle(), cancelled=lambda: False)
    next(iter(slow))
    assert say(espeak, "Meanwhile.").seconds > 0.5
    assert sum(len(chunk.audio) for chunk in slow) > 5 * RATE_HZ


def test_many_threads_each_hear_their_own_text(espeak: EspeakSynthesizer) -> None:
    texts = [f"Caller number {number} has {'a very ' * number}long story." for number in range(8)]
    alone = [say(espeak, text) for text in texts]
    gate = threading.Barrier(len(texts))

    def together(text: str) -> Heard:
        gate.wait()
        return say(espeak, text)

    with ThreadPoolExecutor(len(texts)) as pool:
        for one, other in zip(alone, pool.map(together, texts), strict=True):
            assert other.seconds == pytest.approx(one.seconds, rel=0.02)
            assert [word.text_start for word in other.words] == [word.text_start for word in one.words]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="only glibc tells what it has given out")
def test_a_clause_leaves_no_memory_behind() -> None:
    # What other tests' models and threads allocate meanwhile would count, too: a process of its own.
    told = subprocess.run([sys.executable, "-m", "tests.voice.tts.espeak_memory"], capture_output=True, check=True)
    assert int(told.stdout) < 100 * 1000  # the list of voices, 2 kB, was kept of each
