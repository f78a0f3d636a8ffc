"""A session's configuration as the settings of a call: how patient it is, what it says in writing, by which voice."""

from typing import Any

import pytest

from api.doors.openai.realtime.dialect import bounded
from api.doors.openai.realtime.session import RealtimeSession
from pipeline.call.session import SessionSettings
from pipeline.call.settings import CallRecording, TimeLimit
from voice.tts.base import VoiceStyle

MARIN = VoiceStyle({"espeak": "en-us+f4"})
MADE = SessionSettings()


def configured(**fields: Any) -> SessionSettings:
    session = RealtimeSession("sess_1", "persona:bob", 0, "bob", {"bob": VoiceStyle(), "marin": MARIN})
    session.merge({"type": "realtime", **fields})
    return session.settings(MADE)


def turns(**fields: Any) -> SessionSettings:
    return configured(audio={"input": {"turn_detection": fields or None}})


@pytest.mark.parametrize(("asked_ms", "waits_ms"), [(200, 200), (50, 200), (700, 700), (3_000, 3_000)])
def test_server_vad_waits_the_same_whatever_was_said(asked_ms: int, waits_ms: int) -> None:
    rules = turns(type="server_vad", silence_duration_ms=asked_ms).rules
    assert {rules.endpoint_ms, rules.complete_ms, rules.unfinished_ms} == {waits_ms}
    assert not rules.manual


def test_semantic_vad_is_the_services_own_patience_more_or_less() -> None:
    high, auto, medium, low = (
        turns(type="semantic_vad", eagerness=name).rules for name in ("high", "auto", "medium", "low")
    )
    assert auto == medium
    assert (auto.endpoint_ms, auto.unfinished_ms) == (MADE.rules.endpoint_ms, MADE.rules.unfinished_ms)
    for name in ("endpoint_ms", "complete_ms", "unfinished_ms"):
        assert getattr(high, name) < getattr(auto, name) < getattr(low, name)
    assert (high.unfinished_ms, low.unfinished_ms) <= (2_000, 8_000)


def test_turns_may_be_manual_unanswered_or_undisturbed() -> None:
    assert turns().rules.manual
    assert turns().rules.on_request
    unanswered = turns(type="server_vad", create_response=False)
    assert unanswered.rules.on_request
    assert not unanswered.rules.manual
    assert not turns(type="semantic_vad", interrupt_response=False).rules.barge_in
    assert not configured().rules.on_request


def test_the_threshold_moves_the_detectors() -> None:
    strict, lax = (turns(type="server_vad", threshold=value).endpoints for value in (0.9, 0.2))
    assert strict.start_probability == 0.9
    assert strict.start_probability > lax.start_probability > lax.stop_probability > 0


def test_silence_is_spoken_into_where_that_is_asked_for() -> None:
    assert [prompt.after_s for prompt in turns(type="server_vad", idle_timeout_ms=6_000).silence.prompts] == [6.0] * 3
    assert configured().silence.prompts == ()


def test_voice_speed_writing_and_tools() -> None:
    tool = {"type": "function", "name": "look_up", "parameters": {"type": "object", "properties": {}}}
    settings = configured(
        output_modalities=["text"],
        tools=[tool],
        tool_choice={"type": "function", "name": "look_up"},
        audio={"output": {"voice": "marin", "speed": 1.5}},
    )
    assert settings.text_only
    assert (settings.voice, settings.voice_rate) == (MARIN, 1.5)
    assert ([one.name for one in settings.tools], settings.tool_choice) == (["look_up"], "look_up")
    assert configured().voice is None
    assert not settings.hangs_up


def test_a_session_lasts_an_hour_at_most_and_a_dictation_is_not_recorded() -> None:
    assert bounded(MADE, kept=True).time_limit == TimeLimit(3600)
    shorter = SessionSettings(time_limit=TimeLimit(60), recording=CallRecording("Recorded."))
    assert bounded(shorter, kept=True).time_limit == TimeLimit(60)
    assert bounded(shorter, kept=True).recording is not None
    assert bounded(shorter, kept=False).recording is None
    assert (bounded(MADE, kept=True).idle_s or 0) >= 600
