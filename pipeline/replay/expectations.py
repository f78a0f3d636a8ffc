"""Checks the outcome of a call against the expectations of its file."""

from collections.abc import Mapping, Sequence
from itertools import zip_longest

from pipeline.replay.call_file import CallFile, EventPattern, Heard, HistoryLine
from pipeline.replay.place import Aftermath, Stored
from pipeline.replay.reading_expect import matches, text_matches
from pipeline.timeline.timeline import Entry
from voice.stt.word_error import word_errors


def unmet(call: CallFile, timeline: Sequence[Entry], after: Aftermath, *, ideal: bool) -> list[str]:
    """List the unmet expectations as "file:line: reason".

    Args:
        call: the call file.
        timeline, after: the outcome of the call.
        ideal: whether the call ran in ideal time; budgets are checked only then.
    """
    expect = call.expect
    found = [*_in_order(expect.events, timeline), *_never(expect.never, timeline)]
    for event, (times, line) in expect.counts.items():
        came = sum(entry.what == event for entry in timeline)
        if came != times:
            found.append((line, f"{event} came {came} times, not {times}"))
    if expect.transcripts is not None:
        found += _transcripts(expect.transcripts, timeline)
    if ideal:
        for stage, (most_ms, line) in expect.budgets.items():
            found += [
                (line, f"turn {entry.fields['turn']}: {stage} was {entry.fields[stage]} ms, over {most_ms:g} ms")
                for entry in timeline
                if entry.what == "turn.latency" and int(entry.fields[stage]) > most_ms
            ]
    if expect.history is not None:
        found += _history(expect.history, after.history)
    if expect.lesson is not None and after.lesson is not None:
        found += _lesson(expect.lesson, after.lesson)
    return [f"{call.path}:{line}: {reason}" for line, reason in found]


def _fits(pattern: EventPattern, entry: Entry) -> bool:
    if entry.what != pattern.event:
        return False
    fields = {"at_ms": entry.at_ms} | entry.fields
    return all(matches(wanted, fields[name]) for name, wanted in pattern.fields.items())


def _in_order(patterns: Sequence[EventPattern], timeline: Sequence[Entry]) -> list[tuple[int, str]]:
    position = 0
    for pattern in patterns:
        at = next((i for i in range(position, len(timeline)) if _fits(pattern, timeline[i])), None)
        if at is None:
            return [(pattern.line, f"expected {pattern}, and {_nearest(pattern, timeline, position)}")]
        position = at + 1
    return []


def _nearest(pattern: EventPattern, timeline: Sequence[Entry], position: int) -> str:
    """Describe what occurred instead of the expected event."""
    if (early := next((entry for entry in timeline[:position] if _fits(pattern, entry)), None)) is not None:
        return f"it came too early: {early}"
    alike = [entry for entry in timeline[position:] if entry.what == pattern.event]
    if alike:
        return f"the nearest is: {alike[0]}"
    after = f" after {timeline[position - 1]}" if position else ""
    return f"there is no {pattern.event}{after}"


def _never(patterns: Sequence[EventPattern], timeline: Sequence[Entry]) -> list[tuple[int, str]]:
    found = []
    for pattern in patterns:
        entry = next((entry for entry in timeline if _fits(pattern, entry)), None)
        if entry is not None:
            found.append((pattern.line, f"this must never come, and came: {entry}"))
    return found


def _transcripts(wanted: Sequence[Heard], timeline: Sequence[Entry]) -> list[tuple[int, str]]:
    """Check the message of each spoken turn; of a reopened turn, the last one."""
    typed = {str(entry.fields["text"]) for entry in timeline if entry.what == "learner.types"}
    latest = {
        int(entry.fields["turn"]): str(entry.fields["text"])
        for entry in timeline
        if entry.what == "user.message" and entry.fields["text"] not in typed
    }
    found = []
    for heard, text in zip_longest(wanted, latest.values()):
        if heard is None:
            found.append((wanted[-1].line if wanted else 1, f"one message more than expected was spoken: {text!r}"))
        elif text is None:
            found.append((heard.line, f"no message holds {heard.said!r}"))
        elif (rate := word_errors(heard.said, text).rate) > heard.word_error:
            found.append((heard.line, f"word error {rate:.2f} over {heard.word_error:g}: heard {text!r}"))
    return found


def _lesson(wanted: EventPattern, lesson: Mapping[str, int | bool]) -> list[tuple[int, str]]:
    return [
        (wanted.line, f"of the lesson, {name} is {str(lesson[name]).lower()}, not {value}")
        for name, value in wanted.fields.items()
        if not matches(value, lesson[name])
    ]


def _history(wanted: Sequence[HistoryLine], history: Sequence[Stored]) -> list[tuple[int, str]]:
    for line, message in zip_longest(wanted, history):
        if line is None:
            at = wanted[-1].line if wanted else 1
            return [(at, f"the history has one line more: {message.role}: {message.text!r}")]
        if message is None:
            return [(line.line, f"the history ends before {line.role}: {line.text!r}")]
        same = text_matches(line.text, message.text) or (
            line.word_error > 0 and word_errors(line.text, message.text).rate <= line.word_error
        )
        if line.role != message.role or not same:
            return [(line.line, f"the history has {message.role}: {message.text!r}")]
        if line.kind and line.kind != message.kind:
            return [(line.line, f"the tutor took it for {message.kind!r}: {message.text!r}")]
    return []
