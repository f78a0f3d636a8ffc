"""The waterfall of a turn: told once, for a turn that is answered, from the last word to the first audio."""

from pipeline.conversation.events import TurnLatency
from pipeline.conversation.waterfall import Stamps, Waterfall


def heard_turn(*, answered: bool) -> Waterfall:
    waterfall = Waterfall()
    waterfall.heard(10.0)
    waterfall.transcript_asked(10.18)
    waterfall.transcript_came(10.25)
    waterfall.turn_ended(answered=answered)
    waterfall.released(10.5)
    return waterfall


STAMPS = Stamps(started=10.25, first_text=10.27, first_clause=10.28, first_audio=10.3)


def test_each_stage_is_measured_from_where_it_began():
    latency = heard_turn(answered=True).replied(3, STAMPS, now=10.504)
    assert latency == TurnLatency(3, endpoint_ms=500, stt_ms=70, llm_ms=20, tts_ms=20, voice_to_voice_ms=504)


def test_a_turn_has_one_waterfall():
    waterfall = heard_turn(answered=True)
    assert waterfall.replied(3, STAMPS, now=10.504) is not None
    assert waterfall.replied(3, STAMPS, now=11.0) is None


def test_a_turn_that_ends_the_call_and_a_greeting_have_none():
    assert heard_turn(answered=False).replied(3, STAMPS, now=10.504) is None
    assert Waterfall().replied(0, STAMPS, now=10.504) is None


def test_a_reply_that_has_no_audio_yet_is_measured_up_to_now():
    latency = heard_turn(answered=True).replied(3, Stamps(started=10.25), now=10.6)
    assert latency == TurnLatency(3, endpoint_ms=500, stt_ms=70, llm_ms=350, tts_ms=0, voice_to_voice_ms=600)
