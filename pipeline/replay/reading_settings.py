"""Parser of a call file's settings."""

from dataclasses import replace
from typing import Any

from models.packs.located import Section
from pipeline.call.session import SessionSettings
from pipeline.call.settings import NOBODY_THERE, CallRecording, Prompt, SilencePlan, TimeLimit
from pipeline.turn.machine import Rules
from voice.speech.endpointing import EndpointRules

_RULES = {
    "endpoint_ms": (200, 5000),
    "complete_ms": (200, 5000),
    "unfinished_ms": (200, 10_000),
    "max_turn_ms": (1000, 600_000),
    "restore_ms": (20, 2000),
    "duck_ms": (20, 2000),
    "interrupt_ms": (60, 5000),
    "interrupt_without_words_ms": (60, 10_000),
}
"""The configurable rules of the turn machine, with their limits."""

LONGEST_S = 1800.0
"""Maximum duration of a replay."""


def read_settings(section: Section | None) -> tuple[SessionSettings, bool, float]:
    """Read the section `settings`: the session's settings, whether the persona greets, and the resume timeout."""
    if section is None:
        return SessionSettings(), False, 60.0
    rules: dict[str, Any] = {
        name: int(section.number(name, low=low, high=high, default=getattr(Rules(), name)))
        for name, (low, high) in _RULES.items()
    }
    plain = SessionSettings()
    manual = section.choice("turns", ("auto", "manual"), "auto") == "manual"
    eager_ms = int(section.number("eager_ms", low=60, high=2000, default=EndpointRules().pause_ms))
    if eager_ms >= rules["endpoint_ms"]:
        section.problem("'eager_ms' must be smaller than 'endpoint_ms'", section.line_at("eager_ms"))
    settings = SessionSettings(
        rules=Rules(manual=manual, on_request=not _is_on(section, "create_response"), **rules),
        endpoints=replace(EndpointRules(), pause_ms=eager_ms),
        output_rate_hz=int(section.number("output_rate_hz", low=8000, high=48_000, default=plain.output_rate_hz)),
        partial_every_ms=int(section.number("partial_every_ms", low=0, high=5000, default=plain.partial_every_ms)),
        frames_gap_s=section.number("frames_gap_s", low=0.1, high=60, default=plain.frames_gap_s),
        silence=_silence(section),
        time_limit=_time_limit(section.section("time_limit")),
        greeting=section.text("greeting"),
        recording=_recording(section),
        text_only=section.flag("text_only"),
        hangs_up=_is_on(section, "hangs_up"),
        cancels_echo=_is_on(section, "cancel_echo"),
        transfers=tuple(target.value for target in section.texts("transfers")),
    )
    greet, resume_s = section.flag("greet"), section.number("resume_s", low=0, high=600, default=60)
    if settings.greeting and not greet:
        section.problem("'greeting' is not said without 'greet: true'", section.line_at("greeting"))
    section.finish()
    return settings, greet, resume_s


def _is_on(section: Section, key: str) -> bool:
    """Read a boolean that defaults to true."""
    return section.flag(key) or not section.has(key)


def _silence(section: Section) -> SilencePlan:
    after_s = section.number("prompt_after_s", low=0, high=600, default=0)
    plan = section.section("silence")
    if plan is None:
        return SilencePlan((Prompt(after_s),) if after_s else ())
    if after_s:
        section.problem("'prompt_after_s' and 'silence' are both given; keep one", plan.line)
    goodbye = plan.section("goodbye")
    read = SilencePlan(
        tuple(_prompt(prompt) for prompt in plan.sections("prompts")),
        _prompt(goodbye, NOBODY_THERE) if goodbye is not None else None,
    )
    plan.finish()
    return read


def _prompt(section: Section, default: str = "") -> Prompt:
    if not section.has("after_s"):
        section.problem("'after_s' is missing; say how long the silence lasts")
    prompt = Prompt(section.number("after_s", low=0.1, high=600, default=1), section.text("say", default=default))
    section.finish()
    return prompt


def _time_limit(section: Section | None) -> TimeLimit | None:
    if section is None:
        return None
    plain = TimeLimit(LONGEST_S)
    limit = TimeLimit(
        section.number("longest_s", low=1, high=LONGEST_S, default=LONGEST_S),
        section.number("warning_s", low=0, high=LONGEST_S, default=plain.warning_s),
        section.text("warning", default=plain.warning),
        section.text("goodbye", default=plain.goodbye),
    )
    if not section.has("longest_s"):
        section.problem("'longest_s' is missing; say how long the call may last")
    section.finish()
    return limit


def _recording(section: Section) -> CallRecording | None:
    announcement = section.text("announcement")
    return CallRecording(announcement) if section.flag("record") or announcement else None
