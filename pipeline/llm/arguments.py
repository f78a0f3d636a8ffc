"""Validation of a model's tool arguments against the tool's JSON schema."""

from collections.abc import Mapping
from typing import Any

_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


def problem_with(value: object, schema: Mapping[str, Any], name: str = "the arguments") -> str:
    """Return why a value does not match a JSON schema, as a sentence; empty if it does.

    Checks types, required and unknown keys, enumerations, lengths and limits, also inside objects and lists. Other
    keywords of JSON schema are left to the tool.
    """
    types = schema.get("type")
    wanted = [types] if isinstance(types, str) else list(types or ())
    if wanted and not any(_is_a(value, kind) for kind in wanted):
        return f"{name} must be {' or '.join(wanted)}."
    if "enum" in schema and value not in schema["enum"]:
        return f"{name} must be one of {', '.join(map(str, schema['enum']))}."
    match value:
        case dict():
            return _problem_in_object(value, schema, name)
        case list():
            items = schema.get("items")
            found = (problem_with(item, items, f"{name}[{place}]") for place, item in enumerate(value)) if items else ()
            return next(filter(None, found), "")
        case str() if len(value) > schema.get("maxLength", len(value)) or len(value) < schema.get("minLength", 0):
            return f"{name} has {len(value)} characters, too many or too few."
        case int() | float() if not schema.get("minimum", value) <= value <= schema.get("maximum", value):
            return f"{name} is out of range."
        case _:
            return ""


def _problem_in_object(value: Mapping[str, object], schema: Mapping[str, Any], name: str) -> str:
    properties: Mapping[str, Any] = schema.get("properties", {})
    missing = [key for key in schema.get("required", ()) if key not in value]
    if missing:
        return f"{name} need {', '.join(missing)}."
    if schema.get("additionalProperties") is False and (unknown := sorted(set(value) - set(properties))):
        return f"{name} take no {', '.join(unknown)}."
    found = (problem_with(value[key], shape, f"'{key}'") for key, shape in properties.items() if key in value)
    return next(filter(None, found), "")


def _is_a(value: object, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES.get(kind, (object,)))
