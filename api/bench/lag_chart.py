"""The SVG chart of calls against lag, of `glow bench swarm` and of `glow bench gateways`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

_WIDTH, _HEIGHT = 760, 440
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 24, 84, 56
_LEGEND = 46
_LINES = 6
_INK, _GRID, _LIMIT = "#30343b", "#dfe3e8", "#9aa1ab"
COLOURS = ("#b5542b", "#2f6fb0")


@dataclass(frozen=True, slots=True)
class Curve:
    """A curve: its name, and (calls, lag in ms) by the number of calls.

    Attributes:
        dashed: what follows from another curve, and was not itself found.
    """

    name: str
    points: list[tuple[float, float]]
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Dots:
    """Single measurements: their name, (calls, lag in ms, whether it is filled), and the number of their colour."""

    name: str
    points: list[tuple[float, float, bool]] = field(default_factory=list)
    colour: int = 0


@dataclass(frozen=True, slots=True)
class LagChart:
    """What a chart is about.

    Attributes:
        title: is read out.
        calls: what is counted on the axis.
        limit_ms: the lag above which calls do not count as carried.
        most_ms, step_calls: where the axis of the lag ends, and how many calls are between two marks.
    """

    title: str
    calls: str
    limit_ms: float
    most_ms: float = 60.0
    step_calls: int = 10

    def draw(self, curves: Sequence[Curve], dots: Sequence[Dots]) -> str:
        """Return the SVG of at least one curve, and of single measurements."""
        return "\n".join(self._lines(curves, dots)) + "\n"

    def _lines(self, curves: Sequence[Curve], dots: Sequence[Dots]) -> Iterator[str]:
        most = max(calls for curve in curves for calls, _ in curve.points)

        def x(calls: float) -> float:
            return _LEFT + calls / most * (_WIDTH - _LEFT - _RIGHT)

        def y(lag_ms: float) -> float:
            return _HEIGHT - _BOTTOM - min(lag_ms, self.most_ms) / self.most_ms * (_HEIGHT - _TOP - _BOTTOM)

        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" '
            f'height="{_HEIGHT}" font-family="system-ui, sans-serif" font-size="12" fill="{_INK}">'
        )
        yield f"<title>{self.title}</title>"
        yield f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>'
        yield f'<text x="{_LEFT}" y="26" font-size="14">Lag of the incoming frames, 99th percentile, ms</text>'
        for number in range(_LINES + 1):
            tick_ms = self.most_ms * number / _LINES
            line = y(tick_ms)
            yield f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{line:.1f}" y2="{line:.1f}" stroke="{_GRID}"/>'
            yield f'<text x="{_LEFT - 8}" y="{line + 4:.1f}" text-anchor="end">{tick_ms:.0f}</text>'
        for tick in range(0, int(most) + 1, self.step_calls):
            yield f'<text x="{x(tick):.1f}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="middle">{tick}</text>'
        yield f'<text x="{_WIDTH - _RIGHT}" y="{_HEIGHT - 14}" text-anchor="end">{self.calls}</text>'
        # A third curve goes above the other two, beside the heading.
        top, shift = _LEGEND - 18 * max(0, len(curves) - 2), 60 if len(curves) > 2 else 0
        level = y(self.limit_ms)
        yield (
            f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{level:.1f}" y2="{level:.1f}" stroke="{_LIMIT}" '
            f'stroke-dasharray="6 4"/>'
        )
        yield f'<text x="{_LEFT + 6}" y="{level - 6:.1f}" fill="{_LIMIT}">carried below</text>'
        for row, curve in enumerate(curves):
            colour = COLOURS[row % len(COLOURS)]
            look = f'stroke="{colour}" stroke-width="2.5"' + (' stroke-dasharray="3 4"' if curve.dashed else "")
            shown = [point for point in curve.points if point[1] <= self.most_ms]
            over = [point for point in curve.points if point[1] > self.most_ms][:1]
            points = " ".join(f"{x(calls):.1f},{y(lag):.1f}" for calls, lag in [*shown, *over])
            yield f'<polyline points="{points}" fill="none" {look}/>'
            at = top + 18 * row
            yield f'<line x1="{_LEFT + 300 + shift}" x2="{_LEFT + 324 + shift}" y1="{at}" y2="{at}" {look}/>'
            yield f'<text x="{_LEFT + 332 + shift}" y="{at + 4}">{curve.name}</text>'
        for row, group in enumerate(dots):
            colour = COLOURS[group.colour % len(COLOURS)]
            for calls, lag_ms, filled in group.points:
                if lag_ms <= self.most_ms:
                    yield (
                        f'<circle cx="{x(calls):.1f}" cy="{y(lag_ms):.1f}" r="4.5" '
                        f'fill="{colour if filled else "none"}" stroke="{colour}" stroke-width="1.5"/>'
                    )
            at = top + 18 * row
            yield f'<circle cx="{_LEFT + 512 + shift}" cy="{at}" r="4.5" fill="{colour}"/>'
            yield f'<text x="{_LEFT + 524 + shift}" y="{at + 4}">{group.name}</text>'
        yield "</svg>"
