"""Drawing of a timeline as SVG: speech, speculative preparation, and the audio sent and heard."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from pipeline.timeline.timeline import Entry

_LEFT, _RIGHT, _TOP = 118, 24, 74
_LANE, _BAR = 46, 26
_LONGEST_PX, _MOST_PX_A_SECOND, _LEAST_PX_A_SECOND = 2400, 110, 14
_LETTER_PX = 6.3

_COLOURS = {
    "speech": "#3b7dd8",
    "noise": "#9aa5b1",
    "silence": "#cfe0f7",
    "kept": "#3fa672",
    "dropped": "#d9534f",
    "words": "#7a5cc2",
    "llm": "#e09f3e",
    "tts": "#c9712c",
    "audio": "#2a9d8f",
    "heard": "#1f6f66",
    "ducked": "#f4d35e",
}
_LEGEND = (
    ("speech", "speech"),
    ("noise", "noise"),
    ("silence", "silence before the turn ends"),
    ("kept", "revision, released"),
    ("dropped", "revision, dropped"),
    ("words", "transcript"),
    ("llm", "reply written"),
    ("tts", "speech made"),
    ("audio", "audio sent"),
    ("ducked", "ducked or held"),
    ("heard", "audio heard"),
)
LANES = ("learner", "turn", "revisions", "transcription", "preparation", "audio out", "heard")


@dataclass(frozen=True, slots=True)
class _Bar:
    """A labelled stretch of time in a lane."""

    lane: str
    start: float
    end: float
    colour: str
    label: str = ""
    row: int = 0


def picture_of(entries: Sequence[Entry], title: str, about: str, lanes: Sequence[str] = LANES) -> str:
    """Draw the timeline of a call as an SVG document.

    Args:
        entries: of the timeline, in order.
        title: above it.
        about: where it is from, below the title.
        lanes: those of `LANES` that are drawn.
    """
    length_s = max([1.0, *(max(entry.at, entry.until or 0) for entry in entries)]) + 0.3
    scale = min(_MOST_PX_A_SECOND, max(_LEAST_PX_A_SECOND, _LONGEST_PX / length_s))
    width, lanes_px = _LEFT + length_s * scale + _RIGHT, _LANE * len(lanes)
    width = max(width, 900)
    height = _TOP + lanes_px + 92
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}" '
        f'viewBox="0 0 {width:.0f} {height}" font-family="Helvetica, Arial, sans-serif" font-size="11">',
        f'<rect width="{width:.0f}" height="{height}" fill="#ffffff"/>',
        f'<text x="16" y="28" font-size="17" font-weight="bold" fill="#1f2933">{escape(title)}</text>',
        f'<text x="16" y="46" fill="#616e7c">{escape(about)}, {entries[-1].at if entries else 0:.1f} s</text>',
        *_grid(length_s, scale, width, lanes),
        *_bars([bar for bar in _all_bars(entries) if bar.lane in lanes], scale, width, lanes),
        *_marks(entries, scale, lanes_px),
        *_legend(_TOP + lanes_px + 44),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _x(at: float, scale: float) -> float:
    return _LEFT + at * scale


def _grid(length_s: float, scale: float, width: float, lanes: Sequence[str]) -> Iterator[str]:
    lanes_px = _LANE * len(lanes)
    for number, lane in enumerate(lanes):
        y = _TOP + number * _LANE
        shade = "#f5f7fa" if number % 2 == 0 else "#ffffff"
        yield f'<rect x="0" y="{y}" width="{width:.0f}" height="{_LANE}" fill="{shade}"/>'
        yield f'<text x="16" y="{y + _LANE / 2 + 4:.0f}" font-size="12" fill="#323f4b">{lane}</text>'
    every = next((step for step in (0.5, 1, 2, 5, 10, 30) if step * scale >= 45), 60)
    at = 0.0
    while at <= length_s:
        x = _x(at, scale)
        yield f'<line x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{_TOP + lanes_px}" stroke="#e4e7eb"/>'
        yield f'<text x="{x:.1f}" y="{_TOP + lanes_px + 14}" text-anchor="middle" fill="#7b8794">{at:g} s</text>'
        at += every


def _all_bars(entries: Sequence[Entry]) -> Iterator[_Bar]:
    yield from _learner_bars(entries)
    yield from _turn_bars(entries)
    yield from _revision_bars(entries)
    for entry in entries:
        match entry.what:
            case "turn.transcribed":
                asked = _last(entries, entry, "turn.transcribe", "revision")
                yield _Bar("transcription", asked.at, entry.at, "words", str(entry.fields["text"]) or "(no words)")
            case "llm.asked":
                yield _Bar("preparation", entry.at, entry.until or entry.at, "llm", _written(entries, entry))
            case "tts.asked":
                yield _Bar("preparation", entry.at, entry.until or entry.at, "tts", str(entry.fields["text"]), 1)
            case "reply.audio":
                yield _Bar("audio out", entry.at, entry.until or entry.at, "audio", str(entry.fields["text"]))
            case "ear.heard":
                seconds = (int(entry.fields["to_ms"]) - int(entry.fields["from_ms"])) / 1000
                label = f"{int(entry.fields['from_ms']) / 1000:.1f}-{int(entry.fields['to_ms']) / 1000:.1f} s of it"
                end = max(entry.until or 0, entry.at)
                yield _Bar("heard", max(0.0, end - seconds), end, "heard", label)
    yield from _ducked_bars(entries)


def _learner_bars(entries: Sequence[Entry]) -> Iterator[_Bar]:
    for entry in entries:
        match entry.what:
            case "learner.says":
                yield _Bar("learner", entry.at, entry.until or entry.at, "speech", str(entry.fields["name"]))
            case "learner.noise":
                yield _Bar("learner", entry.at, entry.until or entry.at, "noise", str(entry.fields["name"]))
            case "learner.types" | "learner.presses" | "learner.does":
                yield _Bar("learner", entry.at, entry.at, "words", str(next(iter(entry.fields.values()))))


def _turn_bars(entries: Sequence[Entry]) -> Iterator[_Bar]:
    """Yield a bar for each turn, and one for the silence that ended it."""
    began: dict[int, float] = {}
    for entry in entries:
        if entry.what == "user.started":
            began.setdefault(int(entry.fields["turn"]), int(entry.fields["at_ms"]) / 1000)
        elif entry.what == "user.ended":
            turn = int(entry.fields["turn"])
            silence = min(int(entry.fields["silence_ms"]) / 1000, entry.at)
            start = began.pop(turn, entry.at - silence)
            yield _Bar("turn", start, entry.at - silence, "speech", f"turn {turn}")
            yield _Bar("turn", entry.at - silence, entry.at, "silence")
    for turn, start in began.items():
        yield _Bar("turn", start, entries[-1].at, "speech", f"turn {turn}, left open")


def _revision_bars(entries: Sequence[Entry]) -> Iterator[_Bar]:
    open_since: dict[int, float] = {}
    for entry in entries:
        match entry.what:
            case "turn.transcribe" | "turn.prepare" | "turn.apologise":
                open_since.setdefault(int(entry.fields["revision"]), entry.at)
            case "turn.release" | "turn.suspend":
                revision = int(entry.fields["revision"])
                if revision in open_since:
                    colour = "kept" if entry.what == "turn.release" else "dropped"
                    yield _Bar("revisions", open_since.pop(revision), entry.at, colour, f"r{revision}")


def _ducked_bars(entries: Sequence[Entry]) -> Iterator[_Bar]:
    since: float | None = None
    for entry in entries:
        match entry.what:
            case "turn.duck" | "turn.hold" if since is None:
                since = entry.at
            case "turn.restore" | "turn.go_on" | "turn.cut" if since is not None:
                yield _Bar("audio out", since, entry.at, "ducked", "", 1)
                since = None


def _last(entries: Sequence[Entry], entry: Entry, what: str, field: str) -> Entry:
    """Return the last entry of this kind that belongs to `entry`."""
    alike = [one for one in entries if one.what == what and one.fields[field] == entry.fields[field]]
    return alike[-1] if alike else entry


def _written(entries: Sequence[Entry], asked: Entry) -> str:
    """Return the outcome of a request to the language model."""
    place = next(index for index, entry in enumerate(entries) if entry is asked)
    for entry in entries[place:]:
        match entry.what:
            case "llm.done":
                return str(entry.fields["text"])
            case "llm.failed":
                return "(broke off)"
            case "llm.cancelled":
                return "(cancelled)"
    return ""


def _bars(bars: Sequence[_Bar], scale: float, edge: float, lanes: Sequence[str]) -> Iterator[str]:
    for bar in bars:
        rows = 2 if bar.lane in ("preparation", "audio out") else 1
        height = _BAR / rows - (1 if rows > 1 else 0)
        if bar.lane == "audio out":
            height = _BAR - 8 if bar.row == 0 else 5
        y = _TOP + lanes.index(bar.lane) * _LANE + (_LANE - _BAR) / 2
        y += bar.row * (_BAR / 2 + 1) if bar.lane == "preparation" else bar.row * (_BAR - 6)
        x, end = _x(bar.start, scale), _x(bar.end, scale)
        width = max(3.0, end - x)
        row = [other for other in bars if (other.lane, other.row) == (bar.lane, bar.row)]
        later = row[row.index(bar) + 1 :]
        room = min([_x(other.start, scale) for other in later] + [edge]) - x
        inside = width >= 40
        label = _fitting(bar.label, (width if inside else room) - 8)
        yield "<g>"
        yield f"<title>{escape(bar.label)} ({bar.start:.2f} to {bar.end:.2f} s)</title>"
        yield (
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="2" '
            f'fill="{_COLOURS[bar.colour]}"/>'
        )
        if label and height >= 10:
            text_x = x + 4 if inside else x + width + 3
            yield (
                f'<text x="{text_x:.1f}" y="{y + height / 2 + 4:.1f}" fill="{"#ffffff" if inside else "#323f4b"}">'
                f"{escape(label)}</text>"
            )
        yield "</g>"


def _fitting(label: str, space_px: float) -> str:
    letters = int(space_px / _LETTER_PX)
    if len(label) <= letters:
        return label
    return label[: letters - 1].rstrip() + "…" if letters >= 4 else ""


def _marks(entries: Sequence[Entry], scale: float, lanes_px: int) -> Iterator[str]:
    """Yield marks for interrupted replies and errors."""
    for entry in entries:
        if entry.what not in ("turn.cut", "error"):
            continue
        x = _x(entry.at, scale)
        name = "cut" if entry.what == "turn.cut" else str(entry.fields["code"])
        yield (
            f'<line x1="{x:.1f}" y1="{_TOP - 6}" x2="{x:.1f}" y2="{_TOP + lanes_px}" '
            f'stroke="{_COLOURS["dropped"]}" stroke-dasharray="4 3"/>'
        )
        yield f'<text x="{x + 3:.1f}" y="{_TOP - 8}" fill="{_COLOURS["dropped"]}">{escape(name)}</text>'


def _legend(y: float) -> Iterator[str]:
    x, row = 16.0, 0
    for colour, name in _LEGEND:
        needed = 30 + len(name) * _LETTER_PX
        if x + needed > 880:
            x, row = 16.0, row + 1
        at = y + row * 20
        yield f'<rect x="{x:.0f}" y="{at - 9:.0f}" width="12" height="12" rx="2" fill="{_COLOURS[colour]}"/>'
        yield f'<text x="{x + 17:.0f}" y="{at + 1:.0f}" fill="#323f4b">{name}</text>'
        x += needed + 8
