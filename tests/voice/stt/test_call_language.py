"""When a call's language is guessed, settled and changed."""

from tests.voice.child_engines import Polyglot, speech
from voice.stt.call_language import CallLanguage
from voice.stt.whisper.short_window import likeliest

LONG_GERMAN, LONG_FRENCH = speech(level=0.1, seconds=3.5), speech(level=-0.1, seconds=3.5)
WORD = speech(level=-0.1, seconds=1.9)
UNSURE = speech(level=-0.05, seconds=5)


def test_a_word_is_in_the_personas_language() -> None:
    call = CallLanguage(Polyglot(), "es-MX")
    assert call.transcribe(WORD).language == "es"
    assert call.settled == ""


def test_a_word_is_in_the_language_that_a_long_turn_settled() -> None:
    call = CallLanguage(Polyglot(), "es-MX")
    assert [call.transcribe(audio).language for audio in (LONG_GERMAN, WORD)] == ["de", "de"]


def test_a_longer_turn_is_in_the_language_it_sounds_like_before_one_is_settled() -> None:
    call = CallLanguage(Polyglot(), "es")
    assert call.transcribe(speech(level=0.1, seconds=2.5)).language == "de"
    assert call.transcribe(WORD).language == "es"


def test_a_sketch_is_in_the_language_that_its_transcript_will_be_in() -> None:
    call = CallLanguage(Polyglot(), "es")
    assert call.for_turn().sketch(WORD).language == "es"
    assert call.for_turn().sketch(LONG_GERMAN).language == call.for_turn().transcribe(LONG_GERMAN).language == "de"


def test_an_unsure_guess_settles_nothing() -> None:
    call = CallLanguage(Polyglot(), "es")
    assert call.transcribe(UNSURE).language == "fr"
    assert call.settled == ""


def test_two_long_turns_in_a_row_change_the_language() -> None:
    call = CallLanguage(Polyglot(), "de")
    heard = [call.transcribe(audio).language for audio in (LONG_GERMAN, LONG_FRENCH, LONG_FRENCH, WORD)]
    assert heard == ["de", "de", "fr", "fr"]


def test_one_long_turn_and_another_later_do_not() -> None:
    call = CallLanguage(Polyglot(), "de")
    turns = (LONG_GERMAN, LONG_FRENCH, LONG_GERMAN, LONG_FRENCH, UNSURE)
    assert [call.transcribe(audio).language for audio in turns] == ["de"] * 5


def test_a_turns_partial_transcripts_count_once() -> None:
    call = CallLanguage(Polyglot(), "de")
    call.transcribe(LONG_GERMAN)
    turn = call.for_turn()
    assert [turn.transcribe(LONG_FRENCH).language for _ in range(3)] == ["de"] * 3
    assert call.transcribe(LONG_FRENCH).language == "fr"


def test_a_turns_last_guess_is_the_one_that_counts() -> None:
    call = CallLanguage(Polyglot())
    turn = call.for_turn()
    assert [turn.transcribe(audio).language for audio in (LONG_FRENCH, LONG_GERMAN)] == ["fr", "de"]
    assert call.settled == "de"


def test_a_late_guess_of_an_earlier_turn_is_ignored() -> None:
    call = CallLanguage(Polyglot())
    earlier, later = call.for_turn(), call.for_turn()
    earlier.transcribe(LONG_GERMAN)
    later.transcribe(LONG_GERMAN)
    earlier.transcribe(LONG_FRENCH)
    assert call.transcribe(LONG_FRENCH).language == "de", "only one turn was French"


def test_the_expected_language_wins_over_a_slightly_likelier_one() -> None:
    ranked = [("it", 0.788), ("es", 0.187), ("en", 0.025)]
    assert likeliest(ranked, None)[0] == likeliest(ranked, "")[0] == likeliest(ranked, "en")[0] == "it"
    language, probability = likeliest(ranked, "es")
    assert language == "es"
    assert 0.5 < probability < 0.6
