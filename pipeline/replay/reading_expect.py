"""Parser of the expectations of a call file."""

import re
from typing import Literal

from models.packs.located import Section, Text
from pipeline.replay.call_file import EventPattern, Expectations, Heard, HistoryLine
from pipeline.replay.moments import is_event
from pipeline.replay.place import LESSON_FIELDS
from pipeline.timeline.timeline import EVENTS, FLAGS, TEXTS

STAGES = EVENTS["turn.latency"][1:]
"""The stages that can have a budget."""

_NUMBER = r"-?\d+(?:\.\d+)?"
_RANGE = re.compile(rf"({_NUMBER})\.\.({_NUMBER})")

_ROLES: dict[str, Literal["user", "assistant"]] = {"user": "user", "persona": "assistant"}


def read_expectations(section: Section | None) -> Expectations:
    """Read the section `expect`; problems are added to the section's."""
    if section is None:
        return Expectations()
    expectations = Expectations(
        events=tuple(_pattern(part) for part in section.sections("events")),
        never=tuple(_pattern(part) for part in section.sections("never")),
        counts=_counts(section.section("counts")),
        transcripts=tuple(_heard(part) for part in section.sections("transcripts"))
        if section.has("transcripts")
        else None,
        budgets=_budgets(section.section("latency")),
        history=tuple(_history(part) for part in section.sections("history")) if section.has("history") else None,
        lesson=_lesson(section.section("lesson")),
    )
    section.finish()
    return expectations


def _pattern(section: Section) -> EventPattern:
    event = section.text("event", required=True)
    if event and not is_event(event):
        section.problem(f"unknown event '{event}'; the events are {', '.join(EVENTS)}", section.line_at("event"))
    fields = {}
    for name in section.keys:
        if name == "event":
            continue
        value = section.scalar(name)
        if event in EVENTS and name not in (*EVENTS[event], "at_ms"):
            known = ", ".join((*EVENTS[event], "at_ms"))
            section.problem(f"'{event}' has no field '{name}'; it has {known}", section.line_at(name))
        elif value is not None:
            _check_value(section, name, value)
        if value is not None:
            fields[name] = value.value
    return EventPattern(event, fields, section.line)


def _check_value(section: Section, name: str, value: Text) -> None:
    """Report a value that the field can never have, since a `never` pattern with it would always pass."""
    wanted = value.value
    if name in FLAGS and wanted.lower() not in ("true", "false"):
        section.problem(f"'{name}' is '{wanted}'; write true or false", value.line)
    if name in FLAGS or name in TEXTS:
        return
    limits = _RANGE.fullmatch(wanted)
    if limits is None and not re.fullmatch(_NUMBER, wanted):
        section.problem(f"'{name}' is '{wanted}'; write a number, or a range such as 100..200", value.line)
    elif limits is not None and float(limits[1]) > float(limits[2]):
        section.problem(f"'{name}' is '{wanted}'; put the smaller end of the range first", value.line)


def _counts(section: Section | None) -> dict[str, tuple[int, int]]:
    if section is None:
        return {}
    counts = {}
    for event in section.keys:
        if not is_event(event):
            section.problem(f"unknown event '{event}'; the events are {', '.join(EVENTS)}", section.line_at(event))
        counts[event] = (int(section.number(event, low=0, high=100_000, default=0)), section.line_at(event))
    return counts


def _heard(section: Section) -> Heard:
    heard = Heard(
        said=section.text("said", required=True),
        word_error=section.number("word_error", low=0, high=10, default=0),
        line=section.line,
    )
    section.finish()
    return heard


def _budgets(section: Section | None) -> dict[str, tuple[float, int]]:
    if section is None:
        return {}
    budgets = {}
    for stage in section.keys:
        if stage not in STAGES:
            section.problem(f"unknown stage '{stage}'; the stages are {', '.join(STAGES)}", section.line_at(stage))
        budgets[stage] = (section.number(stage, low=0, high=600_000, default=0), section.line_at(stage))
    return budgets


def _history(section: Section) -> HistoryLine:
    given = [key for key in _ROLES if section.has(key)]
    if len(given) != 1:
        section.problem("a line of the history needs 'user' or 'persona', and not both")
    key = given[0] if given else "user"
    text = section.scalar(key)
    line = HistoryLine(
        role=_ROLES[key],
        text=text.value if text is not None else "",
        word_error=section.number("word_error", low=0, high=10, default=0),
        line=section.line,
        kind=section.text("kind"),
    )
    section.finish()
    return line


def _lesson(section: Section | None) -> EventPattern | None:
    if section is None:
        return None
    fields = {}
    for name in LESSON_FIELDS:
        if (value := section.scalar(name)) is not None:
            _check_value(section, name, value)
            fields[name] = value.value
    section.finish()
    return EventPattern("lesson", fields, section.line)


def matches(wanted: str, value: str | int | bool) -> bool:
    """Return whether a field's value matches; `*` is a wildcard, `a..b` a range."""
    if isinstance(value, bool):
        return wanted.lower() == str(value).lower()
    if isinstance(value, int):
        if (limits := _RANGE.fullmatch(wanted)) is not None:
            return float(limits[1]) <= value <= float(limits[2])
        return float(wanted) == value
    return text_matches(wanted, value)


def text_matches(wanted: str, value: str) -> bool:
    """Return whether a text matches, with `*` as a wildcard."""
    pattern = ".*".join(re.escape(part) for part in wanted.split("*"))
    return re.fullmatch(pattern, value.strip(), re.DOTALL) is not None
