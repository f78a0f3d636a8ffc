"""The SVG plot of `glow bench turns`: false cut-offs against latency; lower and further left is better."""

from collections.abc import Iterator, Sequence

from pipeline.pauses.scores import Score

_WIDTH, _HEIGHT = 760, 440
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 24, 48, 56
_LONGEST_MS, _STEP_MS = 1600, 200
_OURS, _TIMER, _INK, _GRID = "#2f6fb0", "#b5542b", "#30343b", "#dfe3e8"


def curve_plot(ours: Sequence[Score], plain: Sequence[Score], default: Score) -> str:
    """Draw both frontiers and the default settings."""
    return "\n".join(_lines(ours, plain, default)) + "\n"


def _x(latency_ms: float) -> float:
    return _LEFT + min(latency_ms, _LONGEST_MS) / _LONGEST_MS * (_WIDTH - _LEFT - _RIGHT)


def _y(share: float) -> float:
    return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)


def _lines(ours: Sequence[Score], plain: Sequence[Score], default: Score) -> Iterator[str]:
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" '
        f'font-family="system-ui, sans-serif" font-size="12" fill="{_INK}">'
    )
    yield "<title>False cut-offs against latency, on synthetic voices</title>"
    yield f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>'
    for tenth in range(0, 11, 2):
        y = _y(tenth / 10)
        yield f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="{_GRID}"/>'
        yield f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tenth * 10} %</text>'
    for latency_ms in range(0, _LONGEST_MS + 1, _STEP_MS):
        x = _x(latency_ms)
        yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}" stroke="{_GRID}"/>'
        yield f'<text x="{x:.1f}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="middle">{latency_ms}</text>'
    yield f'<text x="{_LEFT}" y="24" font-size="14">Pauses taken for the end of a turn (synthetic voices)</text>'
    yield f'<text x="{_WIDTH - _RIGHT}" y="{_HEIGHT - 14}" text-anchor="end">mean latency in ms</text>'
    for name, curve, colour, row in (("silence timer", plain, _TIMER, 0), ("text rules", ours, _OURS, 1)):
        points = " ".join(f"{_x(score.mean_ms):.1f},{_y(score.cut_pauses):.1f}" for score in curve)
        yield f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2.5"/>'
        y = _TOP + 18 + 20 * row
        x = _WIDTH - _RIGHT - 190
        yield f'<line x1="{x}" x2="{x + 24}" y1="{y - 4}" y2="{y - 4}" stroke="{colour}" stroke-width="2.5"/>'
        yield f'<text x="{x + 32}" y="{y}">{name}</text>'
    x, y = _x(default.mean_ms), _y(default.cut_pauses)
    yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{_OURS}"/>'
    yield f'<text x="{x - 8:.1f}" y="{y + 18:.1f}" text-anchor="end">as shipped</text>'
    yield "</svg>"
