"""`glow bench load`: each number of calls measured, what the machine carries, and what partials cost."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from api.bench.load import Load, LoadRun, measure_load
from api.bench.turn import Spread, busy_note, spread


@dataclass(frozen=True, slots=True)
class PartialsCost:
    """All rounds of a number of calls whose partials are asked for in one way.

    Attributes:
        sessions: number of concurrent calls.
        partials: the way: paced, barge-in, always or never.
        recogniser_s: processor seconds of the recogniser a minute of a call.
        begun, gave_way: partials a minute of a call: that were begun, and that gave way to another call's transcript.
        times_finals: the processor time of partials as a multiple of that of the same calls without any; None if that
            was not measured, or is nothing.
        skipped: the partials that "always" began and this did not, a minute of a call; None if it was not measured.
        transcript_ms: from the request of a transcript to its arrival; None without any.
        answers, expected: turns answered, and turns whose answer was due.
    """

    sessions: int
    partials: str
    recogniser_s: float
    begun: float
    gave_way: float
    times_finals: float | None
    skipped: float | None
    transcript_ms: Spread | None
    answers: int
    expected: int


def bench_load(
    console: Console,
    *,
    sessions: Sequence[int],
    seconds: float,
    talking: bool,
    partials: Sequence[str],
    gateways: int,
    as_json: bool,
    **engines: str | None,
) -> None:
    """Measure each number of sessions, on a fresh service each, and print the results.

    Args:
        partials: the ways of asking for them that are compared, by turns; empty for the service's own.
        gateways: number of processes that share the calls, and a recogniser.

    Raises:
        ClientError: the service does not start, or the system does not report the resources of a process.
    """
    note = busy_note(os.getloadavg()[0], os.cpu_count() or 1)
    ways: Sequence[str | None] = partials or [None]
    runs = [
        measure_load(number, seconds, talking=talking, partials=way, gateways=gateways, **engines)
        for number in sessions
        for way in ways
    ]
    loads, costs = [run.load for run in runs], partials_costs(runs)
    carried = max((load.sessions for load in loads if load.carried), default=0)
    if as_json:
        said = {"note": note, "carried": carried, "loads": [asdict(load) for load in loads]}
        console.print_json(json.dumps(said | {"partials": [asdict(cost) for cost in costs]}))
        return
    console.print(_table(loads))
    if costs:
        console.print(_costs_table(costs))
    console.print(Text(f"This machine carries {carried} of them at once." if carried else "It carries none of these."))
    console.print(Text(note))


def partials_costs(runs: Sequence[LoadRun]) -> list[PartialsCost]:
    """Put the rounds together, and compare the ways of asking for partials at the same number of calls."""
    rounds: dict[tuple[int, str], list[LoadRun]] = {}
    for run in runs:
        if run.load.partials is not None:
            rounds.setdefault((run.load.sessions, run.load.partials), []).append(run)
    costs = []
    for (sessions, way), some in sorted(rounds.items()):
        recogniser_s, begun = _recogniser_s(some), _a_minute(some, "begun")
        without, always = rounds.get((sessions, "never")), rounds.get((sessions, "always"))
        finals_s = _recogniser_s(without) if without else 0.0
        transcripts = [transcript for run in some for transcript in run.transcripts_ms]
        costs.append(
            PartialsCost(
                sessions=sessions,
                partials=way,
                recogniser_s=recogniser_s,
                begun=begun,
                gave_way=_a_minute(some, "gave_way"),
                times_finals=(recogniser_s - finals_s) / finals_s if finals_s else None,
                skipped=_a_minute(always, "begun") - begun if always else None,
                transcript_ms=spread(transcripts) if transcripts else None,
                answers=sum(run.load.answers for run in some),
                expected=sum(run.load.expected for run in some),
            )
        )
    return costs


def _recogniser_s(runs: Sequence[LoadRun]) -> float:
    return sum(run.load.recogniser_s for run in runs) / len(runs)


def _a_minute(runs: Sequence[LoadRun], count: str) -> float:
    minutes = sum(run.load.sessions * run.load.seconds / 60 for run in runs)
    return sum(int(getattr(run.load.partial_counts, count)) for run in runs) / minutes


def _costs_table(costs: Sequence[PartialsCost]) -> Table:
    table = Table(
        "sessions", "partials", "stt s/min", "times the finals", "begun/min", "gave way/min", "skipped/min", "stt p50",
        "stt p95", "answered", title="partials, each minute of a call", title_justify="left",
    )  # fmt: skip
    for cost in costs:
        times = "" if cost.times_finals is None or cost.partials == "never" else f"{cost.times_finals:.1f}"
        table.add_row(
            str(cost.sessions),
            cost.partials,
            f"{cost.recogniser_s:.2f}",
            times,
            f"{cost.begun:.1f}",
            f"{cost.gave_way:.1f}",
            "" if cost.skipped is None else f"{cost.skipped:.1f}",
            *(("", "") if cost.transcript_ms is None else _milliseconds(cost.transcript_ms)),
            f"{cost.answers}/{cost.expected}",
        )
    return table


def _milliseconds(spread: Spread) -> tuple[str, str]:
    return f"{spread.median:.0f}", f"{spread.p95:.0f}"


def _table(loads: Sequence[Load]) -> Table:
    kind = "talking" if loads[0].talking else "listening"
    table = Table(
        "sessions", "partials", "cores", "each", "stt s/min", "MiB each", "lag p99", "answered", "stt p50", "stt p95",
        "v2v p50", "v2v p95", "late", title=f"{kind} sessions; times in ms", title_justify="left",
    )  # fmt: skip
    for load in loads:
        table.add_row(
            str(load.sessions),
            load.partials or "",
            f"{load.cores:.2f}",
            f"{load.core_per_session:.4f}",
            f"{load.recogniser_s:.2f}",
            f"{load.mib_per_session:.2f}",
            f"{load.lag_p99_ms:.1f}",
            f"{load.answers}/{load.expected}",
            f"{load.transcript_p50_ms:.0f}",
            f"{load.transcript_p95_ms:.0f}",
            f"{load.voice_to_voice_p50_ms:.0f}",
            f"{load.voice_to_voice_p95_ms:.0f}",
            f"{load.late_ms:.1f}",
        )
    return table
