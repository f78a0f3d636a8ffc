"""The SVG chart of `glow bench swarm`: the lag of frames by the number of calls, with one gateway and two."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_WIDTH, _HEIGHT = 760, 440
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 24, 84, 56
_LEGEND = 46
_MOST_MS, _STEP_MS, _STEP_CALLS = 60.0, 10, 10
_INK, _GRID, _LIMIT = "#30343b", "#dfe3e8", "#9aa1ab"
_COLOURS = ("#b5542b", "#2f6fb0")


@dataclass(frozen=True, slots=True)
class Curve:
    """A curve: its name, and (calls, lag in ms) by the number of calls."""

    name: str
    points: list[tuple[float, float]]


def lag_plot(curves: Sequence[Curve], measured: Sequence[tuple[float, float, bool]], limit_ms: float) -> str:
    """Draw simulated curves and measured points.

    Args:
        curves: at least one.
        measured: (calls, lag in ms, whether the machine was quiet) of one process.
        limit_ms: the lag above which calls do not count as carried.
    """
    return "\n".join(_lines(curves, measured, limit_ms)) + "\n"


def _lines(curves: Sequence[Curve], measured: Sequence[tuple[float, float, bool]], limit_ms: float) -> Iterator[str]:
    most = max(calls for curve in curves for calls, _ in curve.points)

    def x(calls: float) -> float:
        return _LEFT + calls / most * (_WIDTH - _LEFT - _RIGHT)

    def y(lag_ms: float) -> float:
        return _HEIGHT - _BOTTOM - min(lag_ms, _MOST_MS) / _MOST_MS * (_HEIGHT - _TOP - _BOTTOM)

    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" '
        f'font-family="system-ui, sans-serif" font-size="12" fill="{_INK}">'
    )
    yield "<title>Lag of frames by the number of talking calls, with one gateway and with two</title>"
    yield f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>'
    yield f'<text x="{_LEFT}" y="26" font-size="14">Lag of the incoming frames, 99th percentile, ms</text>'
    for tick_ms in range(0, int(_MOST_MS) + 1, _STEP_MS):
        line = y(tick_ms)
        yield f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{line:.1f}" y2="{line:.1f}" stroke="{_GRID}"/>'
        yield f'<text x="{_LEFT - 8}" y="{line + 4:.1f}" text-anchor="end">{tick_ms}</text>'
    for tick in range(0, int(most) + 1, _STEP_CALLS):
        yield f'<text x="{x(tick):.1f}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="middle">{tick}</text>'
    yield f'<text x="{_WIDTH - _RIGHT}" y="{_HEIGHT - 14}" text-anchor="end">calls that talk all the time</text>'
    level = y(limit_ms)
    yield (
        f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{level:.1f}" y2="{level:.1f}" stroke="{_LIMIT}" '
        f'stroke-dasharray="6 4"/>'
    )
    yield f'<text x="{_LEFT + 6}" y="{level - 6:.1f}" fill="{_LIMIT}">carried below</text>'
    for row, curve in enumerate(curves):
        colour = _COLOURS[row % len(_COLOURS)]
        shown = [point for point in curve.points if point[1] <= _MOST_MS]
        over = [point for point in curve.points if point[1] > _MOST_MS][:1]
        points = " ".join(f"{x(calls):.1f},{y(lag):.1f}" for calls, lag in [*shown, *over])
        yield f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2.5"/>'
        at = _LEGEND + 18 * row
        yield f'<line x1="{_LEFT + 300}" x2="{_LEFT + 324}" y1="{at}" y2="{at}" stroke="{colour}" stroke-width="2.5"/>'
        yield f'<text x="{_LEFT + 332}" y="{at + 4}">{curve.name}, simulated</text>'
    for calls, lag_ms, quiet in measured:
        fill = _COLOURS[0] if quiet else "none"
        yield (
            f'<circle cx="{x(calls):.1f}" cy="{y(lag_ms):.1f}" r="4.5" fill="{fill}" stroke="{_COLOURS[0]}" '
            f'stroke-width="1.5"/>'
        )
    yield f'<circle cx="{_LEFT + 512}" cy="{_LEGEND}" r="4.5" fill="{_COLOURS[0]}"/>'
    yield f'<text x="{_LEFT + 524}" y="{_LEGEND + 4}">one process, measured</text>'
    yield "</svg>"
