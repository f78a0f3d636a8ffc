"""What `glow bench gateways` prints and draws: calls against lag, and whether two gateways carry twice as many."""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from rich.console import Console
from rich.table import Table
from rich.text import Text

from api.bench.gateways import GatewaysLoad, GatewaysPlan, has_quotas, measure_gateways
from api.bench.lag_chart import Curve, Dots, LagChart
from api.bench.paced_callers import p99
from api.bench.turn import busy_note

ANSWERED = 0.95
"""Share of the utterances that have to be answered in time."""

SPARE = 0.1
"""Two gateways have to carry twice one's calls minus a tenth, and a call may cost a tenth more there."""

_NAMES = {1: "one gateway", 2: "two gateways", 3: "three gateways", 4: "four gateways"}
_CHART_LINES = 6
_MOST_LIMITS = 8
"""How many times the limit the chart shows at most."""


@dataclass(frozen=True, slots=True)
class GatewaysStep:
    """The measurements of all rounds with so many gateways and calls.

    Attributes:
        lag_p99_ms: 99th percentile of the lags of all rounds together.
        lags_p99_ms: those of each round.
        answered: share of the turns that were answered in time.
        core_per_call, throttled: means of the rounds.
        late_ms: lateness of the callers' frames, 99th percentile, in the worst round.
        broken: a gateway closed a connection in one of them.
    """

    gateways: int
    calls: int
    lag_p99_ms: float
    lags_p99_ms: list[float]
    answered: float
    core_per_call: float
    throttled: float
    late_ms: float
    broken: bool

    def fails(self, limit_ms: float) -> bool:
        """Return whether calls are not carried with this lag."""
        return self.broken or self.lag_p99_ms > limit_ms or self.answered < ANSWERED


@dataclass(frozen=True, slots=True)
class CarriedCalls:
    """The calls that each number of gateways carries at one lag.

    Attributes:
        limit_ms: the lag, 99th percentile.
        calls: by the number of gateways; None where the first step is too much already.
        bounded: whether a step was too much, so that more are not carried.
    """

    limit_ms: float
    calls: dict[int, float | None]
    bounded: dict[int, bool]

    @property
    def ratio(self) -> float | None:
        """How many times one gateway's calls two carry, as far as both are known."""
        one, two = self.calls.get(1), self.calls.get(2)
        return two / one if one and two and self.bounded[1] else None

    @property
    def holds(self) -> bool | None:
        """Whether two carry twice one's calls minus a tenth; None where it is not known."""
        return None if self.ratio is None else self.ratio >= 2 * (1 - SPARE)


def steps(loads: Sequence[GatewaysLoad]) -> list[GatewaysStep]:
    """Put the rounds' measurements with a quota together, by gateways and calls, rising."""
    found: dict[tuple[int, int], list[GatewaysLoad]] = {}
    for load in loads:
        if load.quota is not None:
            found.setdefault((load.gateways, load.calls), []).append(load)
    return [_step(gateways, calls, found[gateways, calls]) for gateways, calls in sorted(found)]


def carried(all_steps: Sequence[GatewaysStep], limit_ms: float) -> CarriedCalls:
    """Return what is carried at a lag: between the last step below it and the first above, in proportion."""
    calls: dict[int, float | None] = {}
    bounded: dict[int, bool] = {}
    for gateways in sorted({step.gateways for step in all_steps}):
        last: GatewaysStep | None = None
        calls[gateways], bounded[gateways] = None, False
        for step in (one for one in all_steps if one.gateways == gateways):
            if step.fails(limit_ms):
                bounded[gateways] = True
                if last is not None and not step.broken and step.lag_p99_ms > limit_ms:
                    share = (limit_ms - last.lag_p99_ms) / (step.lag_p99_ms - last.lag_p99_ms)
                    calls[gateways] = last.calls + share * (step.calls - last.calls)
                break
            last, calls[gateways] = step, float(step.calls)
    return CarriedCalls(limit_ms, calls, bounded)


def costs(loads: Sequence[GatewaysLoad]) -> dict[int, list[float]]:
    """Return processor time in cores a call without a quota, by the number of gateways, of each round."""
    found: dict[int, list[float]] = {}
    for load in loads:
        if load.quota is None:
            found.setdefault(load.gateways, []).append(load.core_per_call)
    return found


def gateways_chart(all_steps: Sequence[GatewaysStep], limit_ms: float) -> str:
    """Draw calls against lag of each number of gateways, and what twice one gateway's calls would be, as SVG.

    A curve ends where a round ended; the points of the others are there alone.
    """
    numbers = sorted({step.gateways for step in all_steps})
    curves, dots = [], []
    for colour, gateways in enumerate(numbers):
        own = [step for step in all_steps if step.gateways == gateways]
        rounds = max(len(step.lags_p99_ms) for step in own)
        whole = [step for step in own if len(step.lags_p99_ms) == rounds]
        curves.append(Curve(_NAMES.get(gateways, f"{gateways} gateways"), _points(whole)))
        single = [(float(step.calls), lag, True) for step in own for lag in step.lags_p99_ms]
        dots.append(Dots("each round", single, colour))
    if 1 in numbers and 2 in numbers:
        twice = [(2 * calls, lag) for calls, lag in curves[0].points]
        curves.append(Curve("twice one gateway's calls", twice, dashed=True))
    most = _round_up(min(max(lag for group in dots for _, lag, _ in group.points), _MOST_LIMITS * limit_ms))
    title = "Lag of frames by the number of talking calls, each gateway with the same quota"
    chart = LagChart(title, "calls that talk all the time, altogether", limit_ms, most_ms=most, step_calls=4)
    return chart.draw(curves, dots)


def bench_gateways(
    console: Console,
    plan: GatewaysPlan,
    *,
    limits_ms: Sequence[float],
    as_json: bool,
    chart: Path | None,
    say: Callable[[str], None],
) -> bool:
    """Measure, print the result and draw it; return whether it is as it should be, as far as that was measured.

    Args:
        limits_ms: lags at which the calls are compared; the first one decides.
        chart: SVG file for the picture.
        say: gets a sentence about each measurement.

    Raises:
        ClientError: a gateway does not start, or the system does not report the resources of a process.
    """
    note = busy_note(os.getloadavg()[0], os.cpu_count() or 1)
    quotas = has_quotas()
    loads = measure_gateways(plan, say)
    every = steps(loads)
    found = [carried(every, limit_ms) for limit_ms in limits_ms] if every else []
    cost = {gateways: fmean(each) for gateways, each in costs(loads).items()}
    dearer = cost[2] / cost[1] - 1 if {1, 2} <= set(cost) else None
    if chart is not None and every:
        chart.write_text(gateways_chart(every, limits_ms[0]), "utf-8")
    if as_json:
        console.print_json(json.dumps(_as_json(plan, note, quotas, every, found, costs(loads))))
    else:
        _print(console, plan, every, found, cost, dearer)
        console.print(Text(note))
    return (not found or found[0].holds is not False) and (found != [] or dearer is None or abs(dearer) <= SPARE)


def _step(gateways: int, calls: int, rounds: Sequence[GatewaysLoad]) -> GatewaysStep:
    expected = sum(load.expected for load in rounds)
    return GatewaysStep(
        gateways=gateways,
        calls=calls,
        lag_p99_ms=p99([lag for load in rounds for lag in load.lags_ms]),
        lags_p99_ms=[load.lag_p99_ms for load in rounds],
        answered=sum(load.answers for load in rounds) / expected if expected else 1.0,
        core_per_call=fmean(load.core_per_call for load in rounds),
        throttled=fmean(load.throttled for load in rounds),
        late_ms=max(load.late_ms for load in rounds),
        broken=any(load.broken for load in rounds),
    )


def _points(own: Sequence[GatewaysStep]) -> list[tuple[float, float]]:
    return [(float(step.calls), step.lag_p99_ms) for step in own]


def _round_up(lag_ms: float) -> float:
    """Return where the axis ends: six lines at a round distance."""
    distance = next(one for one in (5, 10, 20, 25, 50, 100, 200, 500, 10**6) if one * _CHART_LINES >= lag_ms)
    return float(distance * _CHART_LINES)


def _as_json(
    plan: GatewaysPlan,
    note: str,
    quotas: bool,
    every: Sequence[GatewaysStep],
    found: Sequence[CarriedCalls],
    cost: dict[int, list[float]],
) -> dict[str, object]:
    return {
        "note": note,
        "quotas": quotas,
        "quota": plan.quota,
        "period_ms": plan.period_ms,
        "steps": [
            {name: getattr(step, name) for name in GatewaysStep.__slots__} for step in every
        ],
        "carried": [
            {"limit_ms": one.limit_ms, "calls": one.calls, "bounded": one.bounded, "ratio": one.ratio,
             "holds": one.holds}
            for one in found
        ],
        "cost_calls": plan.cost_calls,
        "core_per_call": cost,
    }  # fmt: skip


def _print(
    console: Console,
    plan: GatewaysPlan,
    every: Sequence[GatewaysStep],
    found: Sequence[CarriedCalls],
    cost: dict[int, float],
    dearer: float | None,
) -> None:
    if every:
        console.print(_table(plan, every))
    else:
        console.print(Text("No cgroup can be made here, which takes root or a delegated group: calls are not counted."))
    for one in found:
        told = ", ".join(_told(gateways, one) for gateways in one.calls)
        ratio = "" if one.ratio is None else f": {one.ratio:.2f} times as many"
        console.print(Text(f"With a lag of {one.limit_ms:g} ms (99th percentile) {told}{ratio}."))
    if found and found[0].holds is not None:
        console.print(Text(f"Two carry twice one's calls minus a tenth: {'yes' if found[0].holds else 'NO'}."))
    if cost:
        each = ", ".join(f"{number} x {plan.cost_calls // number} calls {value:.4f}" for number, value in cost.items())
        more = "" if dearer is None else f"; two gateways {dearer:+.1%}"
        console.print(Text(f"Processor time without a quota, in cores a call: {each}{more}."))


def _told(gateways: int, one: CarriedCalls) -> str:
    verb = "carries" if gateways == 1 else "carry"
    calls = one.calls[gateways]
    if calls is None:
        return f"{gateways} {verb} less than was tried"
    return f"{gateways} {verb} {'' if one.bounded[gateways] else 'at least '}{calls:.1f}"


def _table(plan: GatewaysPlan, every: Sequence[GatewaysStep]) -> Table:
    table = Table(
        "gateways", "calls", "lag p99 ms", "each round", "answered", "core each", "throttled", "own lateness",
        title=f"each gateway with {plan.quota:g} of a core, in periods of {plan.period_ms:g} ms",
        title_justify="left",
    )  # fmt: skip
    for step in every:
        table.add_row(
            str(step.gateways),
            str(step.calls),
            "broken off" if step.broken else f"{step.lag_p99_ms:.0f}",
            ", ".join(f"{lag:.0f}" for lag in step.lags_p99_ms),
            f"{step.answered:.0%}",
            f"{step.core_per_call:.4f}",
            f"{step.throttled:.0%}",
            f"{step.late_ms:.1f}",
        )
    return table
