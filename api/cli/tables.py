"""Rendering of replies on a terminal: fields as lines, lists as tables, a conversation as such."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

_STANDING = frozenset({"generated", "suggested", "selected", "pending"})
_LONGEST_CELL = 300
_MOST_COLUMNS = 5


def reply_view(reply: Mapping[str, Any]) -> RenderableType:
    """Render any reply: its fields, then a table for each of its lists of objects."""
    values = _grid()
    tables: list[RenderableType] = []
    known = {f"{name.removesuffix('s')}_ids" for name, value in reply.items() if _is_things(value)}
    for name, value in reply.items():
        if _is_things(value):
            if value:
                tables.append(_things(name, value))
        elif name in known or value is None or value in ([], {}):
            continue
        elif isinstance(value, Mapping):
            tables.append(Group(Text(name, "bold"), reply_view(value)))
        else:
            values.add_row(Text(name, "dim"), Text(_cell(value)))
    return Group(*([values] if values.row_count else []), *tables)


def conversation_view(chat: Mapping[str, Any]) -> RenderableType:
    """Render a chat as `chat_get` returns it: its persona and subject, then its messages."""
    names = [str(item.get("name")) for item in chat.get("names", [])]
    personas = ", ".join(str(item.get("name")) for item in chat.get("personas", []))
    head = Table.grid(padding=(0, 2))
    for name, value in (
        ("chat", " ".join([*names, str(chat.get("chat_entry_id", ""))])),
        ("attempt", chat.get("attempt_id")),
        ("simulation", chat.get("simulation_name")),
        ("with", personas),
        ("documents", ", ".join(str(item.get("name")) for item in chat.get("documents", []))),
        ("closed", chat.get("disabled_reason")),
    ):
        if value:
            head.add_row(Text(name, "dim"), Text(str(value)))
    persona = personas.partition(",")[0].split(" ")[0] or "Persona"
    return Group(head, Text(), *lines_view(chat.get("messages", []), persona))


def lines_view(messages: Iterable[Mapping[str, Any]], persona: str) -> list[Text]:
    """Render messages, one line each."""
    width = max(len(persona), 3)
    return [
        Text.assemble(
            (f"{persona if is_reply else 'You':{width}}  ", "bold cyan" if is_reply else "bold"),
            " ".join(str(content.get("content", "")) for content in message.get("contents", [])),
            ("  (interrupted)", "dim") if message.get("interrupted") else "",
        )
        for message in messages
        for is_reply in [message.get("type") == "response"]
    ]


def event_view(event: Mapping[str, Any]) -> Text:
    """Render an event of `watch` as a line."""
    name = str(event.get("event_type") or event.get("operation") or "event")
    payload = event.get("payload")
    known = payload if isinstance(payload, Mapping) else {}
    text = next(
        (str(known[key]) for key in ("text", "content", "delta", "transcript", "message") if known.get(key)), ""
    )
    return Text.assemble((str(event.get("created_at") or "")[11:19], "dim"), "  ", (name, "bold"), "  ", _short(text))


def print_json(console: Console, value: Any) -> None:
    """Print a JSON value on one line, for scripts; instants in ISO 8601."""
    line = json.dumps(value, ensure_ascii=False, default=datetime.isoformat)
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def _is_things(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, Mapping) for item in value)


def _things(title: str, items: list[Mapping[str, Any]]) -> RenderableType:
    """Render objects as a table; too wide ones below each other, since squeezed columns are unreadable."""
    columns = [
        name
        for name in dict.fromkeys(name for item in items for name in item)
        if name not in _STANDING and any(item.get(name) not in (None, "", [], {}) for item in items)
    ]
    if len(columns) > _MOST_COLUMNS or sum(name == "id" or name.endswith("_id") for name in columns) > 1:
        return _below_each_other(title, items, columns)
    return _Narrowing(_table(title, items, columns), _below_each_other(title, items, columns))


def _below_each_other(title: str, items: list[Mapping[str, Any]], columns: list[str]) -> Group:
    return Group(Text(title, "bold"), *(_thing(item, columns) for item in items))


def _table(title: str, items: list[Mapping[str, Any]], columns: list[str]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for name in columns:
        # Do not truncate ids: they are for copying.
        table.add_column(name, overflow="fold", no_wrap=name == "id" or name.endswith("_id"))
    for item in items:
        table.add_row(*(Text(_cell(item.get(name))) for name in columns))
    return table


@dataclass(frozen=True, slots=True)
class _Narrowing:
    """A table where its words fit into the terminal, else the other rendering."""

    table: Table
    other: RenderableType

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        fits = Measurement.get(console, options.update(max_width=10_000), self.table).minimum <= options.max_width
        yield self.table if fits else self.other


def _thing(item: Mapping[str, Any], columns: list[str]) -> RenderableType:
    lines = _grid()
    for name in columns:
        if item.get(name) not in (None, "", [], {}):
            lines.add_row(Text(f"  {name}", "dim"), Text(_cell(item[name])))
    return Group(lines, Text())


def _grid() -> Table:
    """Make a grid of names and values, which are folded rather than cut: ids are for copying."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    return grid


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case datetime():
            return f"{value:%Y-%m-%d %H:%M}"
        case str() | int() | float():
            return _short(str(value))
        case list() if all(isinstance(item, str | int) for item in value):
            return _short(", ".join(str(item) for item in value))
        case list() if all(isinstance(item, Mapping) for item in value):
            return _short("; ".join(", ".join(_cell(part) for part in item.values() if part) for item in value))
        case _:
            return _short(json.dumps(value, ensure_ascii=False))


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_CELL else text[: _LONGEST_CELL - 1] + "…"
