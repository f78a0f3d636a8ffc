"""The SVG chart of `glow bench swarm`: the lag of frames by the number of calls, with one gateway and two."""

from collections.abc import Sequence
from dataclasses import replace

from api.bench.lag_chart import Curve, Dots, LagChart


def lag_plot(curves: Sequence[Curve], measured: Sequence[tuple[float, float, bool]], limit_ms: float) -> str:
    """Draw simulated curves and measured points.

    Args:
        curves: at least one.
        measured: (calls, lag in ms, whether the machine was quiet) of one process.
        limit_ms: the lag above which calls do not count as carried.
    """
    chart = LagChart(
        "Lag of frames by the number of talking calls, with one gateway and with two",
        "calls that talk all the time",
        limit_ms,
    )
    simulated = [replace(curve, name=f"{curve.name}, simulated") for curve in curves]
    return chart.draw(simulated, [Dots("one process, measured", list(measured))])
