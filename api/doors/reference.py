"""Reference pages generated from the code: tables of fields, examples, and the update of a page's generated parts."""

import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import AliasChoices, BaseModel

REQUIRED = "required"

_EXAMPLE_WIDTH = 100

_PART = re.compile(r"<!-- generated: (?P<name>[\w ]+) -->\n.*?<!-- end of (?P=name) -->", re.DOTALL)

Schema = Mapping[str, Any]


def field_table(
    model: type[BaseModel],
    *,
    without: Iterable[str] = (),
    meanings: Mapping[str, str] = MappingProxyType({}),
    nested: bool = True,
) -> str:
    """Render the fields of a message or body as a Markdown table.

    Args:
        model: the class of the message or body.
        without: fields that the page explains elsewhere.
        meanings: of fields without a description.
        nested: give the fields of objects rows of their own, with dotted names, instead of naming them.
    """
    schema = model.model_json_schema()
    names = {_first_name(name, field.validation_alias): name for name, field in model.model_fields.items()}
    rows = []
    for name, node in schema.get("properties", {}).items():
        if name in without or names.get(name, name) in without:
            continue
        field = model.model_fields[names[name]]
        meaning = str(node.get("description", "")) or meanings.get(name, "")
        meaning = _with_other_names(meaning, name, field.validation_alias)
        required = name in schema.get("required", ())
        rows.append((name, _type(node, schema, named=not nested), _default(node, required), meaning))
        rows += _rows_below(name, node, schema) if nested else []
    return table(("field", "type", "default", "meaning"), [(f"`{name}`", *rest) for name, *rest in rows])


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Render a Markdown table without its empty columns."""
    lines = [list(header), *[list(row) for row in rows]]
    used = [column for column in range(len(lines[0])) if any(line[column] for line in lines[1:])]
    cells = [[line[column].replace("|", "\\|") for column in used] for line in lines]
    written = [f"| {' | '.join(line)} |" for line in cells]
    return "\n".join([written[0], f"|{'---|' * len(used)}", *written[1:]])


def example(message: Mapping[str, Any]) -> str:
    """Render a message as a fenced block of JSON: on one line if it fits, else with a line for each field."""
    text = json.dumps(message, ensure_ascii=False)
    if len(text) > _EXAMPLE_WIDTH:
        fields = [f"  {json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}" for name, value in message.items()]
        text = "\n".join(["{", ",\n".join(fields), "}"])
    return f"```json\n{text}\n```"


def renewed(text: str, parts: Mapping[str, str]) -> str:
    """Return a page with its generated parts updated.

    Raises:
        ValueError: the page lacks one of the parts, or has an unknown one.
    """
    found = [match["name"] for match in _PART.finditer(text)]
    if sorted(found) != sorted(parts):
        raise ValueError(f"The page has the generated parts {sorted(found)}; it needs {sorted(parts)}.")
    return _PART.sub(lambda match: _part(match["name"], parts[match["name"]]), text)


def renew(arguments: list[str], parts: Mapping[str, str]) -> None:
    """Update the page that the command names, or print the generated parts."""
    if not arguments:
        sys.stdout.write("\n\n".join(_part(name, text) for name, text in parts.items()) + "\n")
    for argument in arguments:
        page = Path(argument)
        page.write_text(renewed(page.read_text("utf-8"), parts), encoding="utf-8")


def _part(name: str, text: str) -> str:
    return f"<!-- generated: {name} -->\n\n{text}\n\n<!-- end of {name} -->"


def _rows_below(name: str, node: Schema, schema: Schema) -> Iterator[tuple[str, str, str, str]]:
    """Make the rows of the fields of an object, or of the objects in a list."""
    for inner in _alternatives(node):
        if inner.get("type") == "array":
            yield from _rows_below(f"{name}[]", inner.get("items", {}), schema)
        elif "$ref" in inner:
            found = _resolved(inner, schema)
            for field, below in found.get("properties", {}).items():
                own = f"{name}.{field}"
                default = _default(below, field in found.get("required", ()))
                yield (own, _type(below, schema), default, str(below.get("description", "")))
                yield from _rows_below(own, below, schema)


def _default(node: Schema, required: bool) -> str:
    default = node.get("default")
    if required:
        return REQUIRED
    # The fields of an object say their own defaults.
    return "none" if default is None or isinstance(default, dict) else f"`{json.dumps(default, ensure_ascii=False)}`"


def _type(node: Schema, schema: Schema, *, named: bool = False) -> str:
    kinds = (_one_type(inner, schema, named) for inner in _alternatives(node))
    return " or ".join(dict.fromkeys(kinds))


def _alternatives(node: Schema) -> list[Schema]:
    return [inner for inner in node.get("anyOf", [node]) if inner.get("type") != "null"]


def _one_type(node: Schema, schema: Schema, named: bool) -> str:
    if "$ref" in node:
        found = _resolved(node, schema)
        return f"object with {_names(found)}" if named and "properties" in found else _one_type(found, schema, named)
    if "enum" in node or "const" in node:
        return ", ".join(f"`{json.dumps(value)}`" for value in node.get("enum", [node.get("const")]))
    kind = str(node.get("type", "any"))
    if kind == "array":
        of = " or ".join(_bare(inner, schema, named) for inner in _alternatives(node.get("items", {})))
        return f"list of {of}{_limits(node, 'minItems', 'maxItems', ' entries')}"
    if kind == "string":
        pattern = f", matching `{node['pattern']}`" if "pattern" in node else ""
        return f"string{_limits(node, 'minLength', 'maxLength', ' characters')}{pattern}"
    return f"{kind}{_limits(node, 'minimum', 'maximum', '')}"


def _bare(node: Schema, schema: Schema, named: bool) -> str:
    """Name the items of a list, in the plural and without their limits."""
    return f"{node['type']}s" if "type" in node else _one_type(node, schema, named).replace("object", "objects", 1)


def _names(found: Schema) -> str:
    required = found.get("required", ())
    return ", ".join(f"`{name}`" if name in required else f"`{name}?`" for name in found["properties"])


def _limits(node: Schema, least: str, most: str, unit: str) -> str:
    low, high = node.get(least), node.get(most)
    if low is not None and high is not None:
        return f", {low} to {high}{unit}"
    if high is not None:
        return f", at most {high}{unit}"
    return "" if low is None else f", at least {low}{unit}"


def _resolved(node: Schema, schema: Schema) -> Schema:
    found: Schema = schema["$defs"][str(node["$ref"]).rpartition("/")[2]]
    return found


def _first_name(name: str, alias: object) -> str:
    return str(alias.choices[0]) if isinstance(alias, AliasChoices) else name


def _with_other_names(meaning: str, name: str, alias: object) -> str:
    if not isinstance(alias, AliasChoices):
        return meaning
    others = [f"`{choice}`" for choice in alias.choices if choice != name and f"`{choice}`" not in meaning]
    return f"{meaning} Also called {', '.join(others)}.".strip() if others else meaning
