"""The SVG plot of `glow bench peers`: a panel of bars per measure; shorter is better."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

_WIDTH, _LEFT, _RIGHT, _TOP = 760, 190, 90, 52
_BAR, _GAP, _HEAD = 16, 5, 34
_INK, _GRID = "#30343b", "#dfe3e8"
_COLOURS = {"glow": "#2f6fb0", "pipecat": "#b5542b", "livekit": "#6b7a3a"}


@dataclass(frozen=True, slots=True)
class Bar:
    """A measure of a system; `whisker` is its 95th percentile, if any."""

    system: str
    label: str
    value: float
    whisker: float | None = None


def peers_plot(result: Mapping[str, Any]) -> str:
    """Draw a `Comparison`, given as a dictionary."""
    panels = [panel for panel in _panels(result) if panel[1]]
    height = _TOP + sum(_HEAD + len(bars) * (_BAR + _GAP) for _, bars, _ in panels) + 40
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        f'font-family="system-ui, sans-serif" font-size="12" fill="{_INK}">',
        "<title>Glow Voice beside pipecat and livekit-agents</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        '<text x="16" y="26" font-size="15">The same recordings, engines and machine; shorter is better</text>',
    ]
    y = float(_TOP)
    for title, bars, digits in panels:
        lines += _panel(y, title, bars, digits)
        y += _HEAD + len(bars) * (_BAR + _GAP)
    lines.append(f'<text x="16" y="{y + 24:.0f}" font-size="11">{escape(str(result["note"]))}</text>')
    return "\n".join([*lines, "</svg>"]) + "\n"


def _panels(result: Mapping[str, Any]) -> Iterator[tuple[str, list[Bar], int]]:
    for engines in dict.fromkeys(one["engines"] for one in result["answers"]):
        bars = [
            Bar(one["system"], _name(result, one), one["above_endpoint_ms"]["median"], one["above_endpoint_ms"]["p95"])
            for one in result["answers"]
            if one["engines"] == engines
        ]
        yield f"Answer above the endpoint delay, {engines} engines: median and p95, ms", bars, 0
    yield (
        "Interrupted: last audio of the reply, median and p95, ms",
        [
            Bar(one["system"], _name(result, one), one["last_audio_ms"]["median"], one["last_audio_ms"]["p95"])
            for one in result["interruptions"]
        ],
        0,
    )
    yield (
        "Interrupted: words by which the history is off, median and p95",
        [
            Bar(one["system"], _name(result, one), one["off_by_words"]["median"], one["off_by_words"]["p95"])
            for one in result["interruptions"]
        ],
        0,
    )
    kinds = dict.fromkeys((one["talking"], one["sessions"]) for one in result["crowds"])
    for talking, sessions in kinds:
        some = [one for one in result["crowds"] if (one["talking"], one["sessions"]) == (talking, sessions)]
        kind = f"{sessions} {'talking' if talking else 'listening'} at once"
        bars = [Bar(one["system"], _name(result, one), one["core_per_session"]) for one in some]
        yield f"Processor a session, {kind}: cores", bars, 4
        grown = [one for one in some if one["mib_per_session"] is not None]
        bars = [Bar(one["system"], _name(result, one), one["mib_per_session"]) for one in grown]
        yield f"Memory a session, {kind}: MiB", bars, 1


def _name(result: Mapping[str, Any], one: Mapping[str, Any]) -> str:
    return f"{one['system']} {result['versions'].get(one['system'], '')}".rstrip()


def _panel(y: float, title: str, bars: Sequence[Bar], digits: int) -> Iterator[str]:
    longest = max(max(bar.value, bar.whisker or 0.0) for bar in bars)
    room = _WIDTH - _LEFT - _RIGHT

    def x(value: float) -> float:
        return _LEFT + room * max(0.0, value) / max(longest, 1e-9)

    yield f'<text x="16" y="{y + 18:.0f}" font-size="13">{escape(title)}</text>'
    y += _HEAD - 8
    bottom = y + len(bars) * (_BAR + _GAP)
    yield f'<line x1="{_LEFT}" x2="{_LEFT}" y1="{y:.0f}" y2="{bottom:.0f}" stroke="{_GRID}"/>'
    for bar in bars:
        middle = y + _BAR / 2
        colour = _COLOURS.get(bar.system, _INK)
        yield f'<text x="{_LEFT - 8}" y="{middle + 4:.1f}" text-anchor="end">{escape(bar.label)}</text>'
        yield f'<rect x="{_LEFT}" y="{y:.1f}" width="{x(bar.value) - _LEFT:.1f}" height="{_BAR}" fill="{colour}"/>'
        end = x(bar.value)
        value = f"{bar.value:.{digits}f}"
        if bar.whisker is not None:
            end = max(end, x(bar.whisker))
            value += f" ({bar.whisker:.{digits}f})"
            yield (
                f'<line x1="{x(bar.value):.1f}" x2="{x(bar.whisker):.1f}" y1="{middle:.1f}" y2="{middle:.1f}" '
                f'stroke="{_INK}"/>'
            )
        yield f'<text x="{end + 6:.1f}" y="{middle + 4:.1f}">{value}</text>'
        y += _BAR + _GAP
