"""`glow bench swarm`: whether the simulation reproduces one process, then as many calls as were asked for."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import ceil
from pathlib import Path
from statistics import fmean
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from api.bench.lag_chart import Curve
from api.bench.load import LAG_LIMIT_MS
from api.bench.paced_callers import ANSWER_S, QUIET_S
from api.bench.swarm.calls import CONVERSATION, Swarm, SwarmPlan, simulate
from api.bench.swarm.gateways import CallScript, gateway_lag
from api.bench.swarm.lag_plot import lag_plot
from api.bench.swarm.measured import Measured, MeasuredLoad, on_curve, read_measured
from api.client.recordings import learner_recording
from voice.audio.formats import RATE_HZ

LAG_SCATTERS_MS = 4.0
"""By how much the lag (99th percentile) of 15 seconds differs between runs: 14, 13 and 15 ms of 30, 40 and 50 calls."""

TOLERANCE = 0.20
"""How far the simulation may be off what was measured."""

CLIENT_CORE = 0.006
"""Cores of the machine that the benchmark's own caller takes for each call."""

CALLS_A_GATEWAY = 35
SERVED = 0.5
"""Share of an engine's time that is planned to be used: of more, answers wait for it."""

CELL_CALLS = 5_000
"""Calls of one database, and what belongs to it."""

PLOTTED = tuple(range(5, 125, 5))


@dataclass(frozen=True, slots=True)
class Reproduced:
    """One figure, measured and simulated.

    Attributes:
        what: the figure.
        sessions: with how many calls.
        measured, simulated: the two.
        counts: whether it was measured on a machine that was quiet enough to tell.
        scatters: by how much it differs from run to run.
    """

    what: str
    sessions: int
    measured: float
    simulated: float
    counts: bool = True
    scatters: float = 0.0

    @property
    def off(self) -> float:
        """By how much the simulation is off, as a share of what was measured."""
        return self.simulated / self.measured - 1 if self.measured else 0.0

    @property
    def holds(self) -> bool:
        """Whether that is within the tolerance, or within what differs from run to run."""
        apart = abs(self.simulated - self.measured)
        return not self.counts or apart <= max(TOLERANCE * self.measured, self.scatters)


def load_script() -> CallScript:
    """Return what a caller of `glow bench load` does."""
    speech_s = len(learner_recording("repair-desk", 1).samples) / RATE_HZ
    return CallScript(
        speech_s=speech_s, reply_s=9.0, pause_s=0.0, cycle_s=speech_s + QUIET_S, answer_s=ANSWER_S, at_once=True
    )


def reproduce(measured: Measured, *, cores: float = 2.0) -> list[Reproduced]:
    """Simulate what `glow bench load` measured, on as many cores; what it did not measure is 0, and left out."""
    found = []
    for load in measured.loads:
        swarm = simulate(_plan_of(load, cores), measured)
        lag = gateway_lag(measured.gateway, load_script(), load.sessions)
        quiet, answered = load.others <= QUIET, load.answers >= 0.95 * load.expected
        engine = load.stt
        found += [
            Reproduced(f"cores, {engine}", load.sessions, load.cores, swarm.cores, quiet),
            Reproduced(
                f"lag p99 ms, {engine}", load.sessions, load.lag_p99_ms, lag.percentile(99), quiet, LAG_SCATTERS_MS
            ),
            Reproduced(
                f"voice to voice p50 ms, {engine}", load.sessions, load.voice_to_voice_p50_ms,
                swarm.voice_to_voice_p50_ms, quiet and answered,
            ),
            Reproduced(
                f"voice to voice p95 ms, {engine}", load.sessions, load.voice_to_voice_p95_ms,
                swarm.voice_to_voice_p95_ms, quiet and answered and load.cores < FULL,
            ),
        ]  # fmt: skip
    fixed = [load for load in measured.loads if load.stt.startswith("fixed") and load.others <= QUIET]
    carried = max((load.sessions for load in fixed if load.lag_p99_ms <= LAG_LIMIT_MS), default=0)
    if carried:
        found.append(Reproduced("calls carried by one process", 0, carried, most_carried(measured, load_script())))
    return [check for check in found if check.measured]


FULL = 0.8
"""Cores of one process from which its interpreter is nearly full: how long the last answers wait then is not told."""

QUIET = 0.4
"""Cores used by other programs up to which a measurement counts."""


def most_carried(measured: Measured, script: CallScript) -> int:
    """Return how many calls a gateway carries with a lag (99th percentile) of at most 20 ms."""
    most = 0
    for calls in range(1, 400):
        lag = gateway_lag(measured.gateway, script, calls)
        if lag.used >= 1 or lag.percentile(99) > LAG_LIMIT_MS:
            return most
        most = calls
    return most


def sized(calls: int, measured: Measured, **given: Any) -> SwarmPlan:
    """Plan as much of everything as so many calls need, except what is given."""
    script: CallScript = given.get("script") or CONVERSATION
    cycle = script.mean_cycle_s
    times = measured.recogniser
    one = on_curve(times.seconds, times.wall_s, script.speech_s + 0.5) * fmean(times.spread)
    needed = {
        "gateways": calls / CALLS_A_GATEWAY,
        "recognisers": calls * one / cycle / SERVED,
        "synthesizers": calls * script.reply_s * measured.synthesizer.per_second / cycle / SERVED + 1,
        "databases": calls / CELL_CALLS,
    }
    chosen = {name: max(1, ceil(number)) for name, number in needed.items()}
    return SwarmPlan(calls, **(chosen | {name: value for name, value in given.items() if value is not None}))


def curves(measured: Measured, script: CallScript) -> list[Curve]:
    """Simulate the lag of one gateway and of two by the number of calls."""
    found = []
    for gateways in (1, 2):
        points = []
        for calls in PLOTTED:
            lag = gateway_lag(measured.gateway, script, ceil(calls / gateways))
            points.append((float(calls), lag.percentile(99)))
        found.append(Curve("one gateway" if gateways == 1 else "two gateways", points))
    return found


def bench_swarm(
    console: Console,
    *,
    calls: Sequence[int],
    measured: Measured,
    as_json: bool,
    svg: Path | None,
    **given: int | float | None,
) -> bool:
    """Reproduce one process, simulate the calls and print both; return whether the reproduction holds."""
    began = time.perf_counter()
    checks = reproduce(measured)
    swarms = [simulate(sized(number, measured, **given), measured) for number in calls]
    took = time.perf_counter() - began
    if svg is not None:
        points = [
            (float(load.sessions), load.lag_p99_ms, load.others <= QUIET)
            for load in measured.loads
            if load.stt.startswith("fixed")
        ]
        svg.write_text(lag_plot(curves(measured, load_script()), points, LAG_LIMIT_MS), "utf-8")
    holds = all(check.holds for check in checks)
    if as_json:
        result = {
            "reproduces": holds,
            "checks": [asdict(check) | {"off": check.off} for check in checks],
            "swarms": [asdict(swarm) | {"first": swarm.first} for swarm in swarms],
            "measured": measured.taken,
        }
        console.print_json(json.dumps(result))
        return holds
    console.print(_checks_table(checks))
    if not holds:
        console.print(Text("The simulation is off by more than 20 % here: take what follows as an indication only."))
    console.print(_table(swarms))
    for swarm in swarms:
        share = swarm.used[swarm.first]
        verb = "would be saturated first" if share < 1 else "saturated"
        console.print(Text(f"{swarm.plan.calls} calls: {verb}: {swarm.first}, {share:.0%} used; {_rest(swarm)}."))
    events = sum(swarm.events for swarm in swarms)
    console.print(Text(f"{events:,} events in {took:.0f} s."))
    return holds


def kept_figures(file: Path | None) -> Measured:
    """Read the repository's figures, or those of a file."""
    return read_measured(file) if file is not None else read_measured()


def _plan_of(load: MeasuredLoad, cores: float) -> SwarmPlan:
    engines = not load.stt.startswith("fixed")
    elsewhere = load.sessions * CLIENT_CORE + load.others
    return SwarmPlan(load.sessions, script=load_script(), cores=cores, elsewhere=elsewhere, engines=engines)


def _rest(swarm: Swarm) -> str:
    return ", ".join(f"{name} {share:.0%}" for name, share in swarm.used.items() if name != swarm.first)


def _checks_table(checks: Sequence[Reproduced]) -> Table:
    table = Table(
        "figure", "calls", "measured", "simulated", "off", "holds",
        title="One process: `glow bench load`, and the simulation of it", title_justify="left",
    )  # fmt: skip
    for check in checks:
        digits = 0 if check.measured >= 10 else 2
        table.add_row(
            check.what,
            str(check.sessions or ""),
            f"{check.measured:.{digits}f}",
            f"{check.simulated:.{digits}f}",
            f"{check.off:+.0%}",
            ("yes" if check.holds else "no") if check.counts else "(not measured in quiet)",
        )
    return table


def _table(swarms: Sequence[Swarm]) -> Table:
    columns = ("gateways", "STT", "TTS", "DB", "v2v p50", "p95 ms", "lag p99", "STT wait p95", "batch", "tx/s", "cores")
    table = Table("calls", *columns, title="In virtual time", title_justify="left")
    for swarm in swarms:
        plan = swarm.plan
        table.add_row(
            f"{plan.calls:,}", f"{plan.gateways:,}", f"{plan.recognisers:,}", f"{plan.synthesizers:,}",
            str(plan.databases), f"{swarm.voice_to_voice_p50_ms:.0f}", f"{swarm.voice_to_voice_p95_ms:.0f}",
            f"{swarm.lag_p99_ms:.0f}", f"{swarm.transcript_wait_p95_ms:.0f}", f"{swarm.batch:.1f}",
            f"{swarm.commits_a_second:,.0f}", f"{swarm.cores:,.1f}",
        )  # fmt: skip
    return table


__all__ = ["bench_swarm", "kept_figures", "load_script", "most_carried", "reproduce", "sized"]
