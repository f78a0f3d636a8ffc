"""Loader of a persona's tools: what each is for, what it takes, and what it runs."""

import json
import re
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlsplit

from models.packs.located import Section
from models.records.tools import BUILT_IN, PersonaTool, ToolKind

TOOLS_LIMIT = 32
SCHEMA_CHARS = 8_000
VALUE_LIMIT = 1_000

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ARGUMENT = re.compile(r"\{([^{}]*)\}")
_SECRET = re.compile(r"\{secret:([A-Z][A-Z0-9_]{0,63})\}")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "x-api-key", "api-key", "x-auth-token"})
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_TYPES = frozenset({"string", "number", "integer", "boolean", "array", "object", "null"})

_ABOUT: Mapping[str, str] = {
    "look_up": "Look something up in the documents at hand. Use it before you say that you do not know.",
    "set_field": "Note a value of this conversation.",
}
_QUERY = {"type": "object", "properties": {"query": {"type": "string", "maxLength": 500}}, "required": ["query"]}
_VALUE = {
    "type": "object",
    "properties": {"value": {"type": "string", "maxLength": VALUE_LIMIT}},
    "required": ["value"],
}


def read_tools(sections: list[Section]) -> tuple[PersonaTool, ...]:
    """Read the tools of one persona; problems are added to the sections'."""
    tools: list[PersonaTool] = []
    lines: dict[str, int] = {}
    for section in sections:
        tool = _tool(section)
        if tool.name in lines:
            section.problem(f"there is a tool '{tool.name}' in line {lines[tool.name]} already; rename one")
        lines.setdefault(tool.name, section.line)
        tools.append(tool)
        section.finish()
    if len(tools) > TOOLS_LIMIT:
        sections[TOOLS_LIMIT].problem(f"a persona has at most {TOOLS_LIMIT} tools; leave some out")
    return tuple(tools)


def _tool(section: Section) -> PersonaTool:
    built_in = section.text("built_in")
    runs = [key for key in ("http", "mcp", "built_in") if section.has(key)]
    kind = cast(ToolKind, built_in if "built_in" in runs else (runs or ["http"])[0])
    if len(runs) != 1:
        section.problem("a tool runs one thing; write exactly one of 'http', 'mcp' and 'built_in'")
    elif runs == ["built_in"] and built_in not in BUILT_IN:
        section.problem(f"'built_in' is '{built_in}'; choose {' or '.join(BUILT_IN)}", section.line_at("built_in"))
    name = section.text("name", required=runs != ["built_in"], default=built_in)
    if name and not _NAME.fullmatch(name):
        section.problem(f"'name' is '{name}'; use 1 to 64 letters, digits, _ and -", section.line_at("name"))
    for taken in ("end_call", "transfer"):
        if (name == taken) != (kind == taken) and (name == taken or kind == taken):
            section.problem(f"the tool '{taken}' is the built-in one, which keeps its name", section.line_at("name"))
    description = section.text(
        "description", required=runs != ["built_in"], default=_ABOUT.get(kind, "") if runs == ["built_in"] else ""
    )
    parameters = _parameters(section, kind)
    below = section.section(runs[0]) if runs and runs[0] != "built_in" else None
    url, method, headers, target = "", "GET", dict[str, str](), ""
    if below is not None:
        method = below.choice("method", _METHODS, "GET") if kind == "http" else "POST"
        target = below.text("tool", default=name) if kind == "mcp" else ""
        url = _url(below, parameters if kind == "http" else {"properties": {}})
        headers = _headers(below)
        below.finish()
    if kind == "set_field":
        target = section.text("field", default=name)
    return PersonaTool(
        name=name,
        description=description,
        kind=kind,
        parameters=parameters,
        url=url,
        method=method,
        headers=headers,
        target=target,
        timeout_s=section.number("timeout_s", low=0.5, high=60, default=10),
        ahead=section.flag("reads_only"),
    )


def _parameters(section: Section, kind: str) -> Mapping[str, Any]:
    given = section.plain("parameters")
    line = section.line_at("parameters")
    if given is None:
        return _QUERY if kind == "look_up" else _VALUE if kind == "set_field" else {"type": "object", "properties": {}}
    if kind in ("end_call", "transfer"):
        section.problem(f"'{kind}' has its own parameters; leave them out", line)
    elif problem := _problem_of(given):
        section.problem(f"'parameters' is no JSON schema of an object: {problem}", line)
    else:
        for name, built in (("query", "look_up"), ("value", "set_field")):
            if kind == built and name not in given["required" if "required" in given else "properties"]:
                section.problem(f"'{built}' needs the parameter '{name}', and requires it", line)
        return cast(Mapping[str, Any], given)
    return {"type": "object", "properties": {}}


def _problem_of(schema: Any) -> str:
    """Return what is wrong with the schema of a tool's arguments; empty if nothing is."""
    try:
        size = len(json.dumps(schema, allow_nan=False))
    except (TypeError, ValueError):
        return "it holds something that JSON has not, such as a date; put it in quotes"
    if size > SCHEMA_CHARS:
        return f"it is longer than {SCHEMA_CHARS} characters"
    if not isinstance(schema, dict) or schema.get("type") != "object":
        return "write 'type: object' and 'properties'"
    return _problem_below(schema, "")


def _problem_below(schema: Any, where: str) -> str:
    if not isinstance(schema, dict):
        return f"'{where}' must be keys with values"
    types = schema.get("type")
    for kind in [types] if isinstance(types, str) else types if isinstance(types, list) else []:
        if kind not in _TYPES:
            return f"'{where or 'type'}' has the type '{kind}'; the types are {', '.join(sorted(_TYPES))}"
    if types is not None and not isinstance(types, str | list):
        return f"the type of '{where}' must be a text"
    properties = schema.get("properties", {})
    if not isinstance(properties, dict):
        return "'properties' must be keys with values"
    required = schema.get("required", [])
    if not isinstance(required, list):
        return "'required' must be a list"
    for name in required:
        if name not in properties:
            return f"'required' names '{name}', which is none of its properties"
    if "enum" in schema and not isinstance(schema["enum"], list):
        return f"the 'enum' of '{where}' must be a list"
    found = (_problem_below(one, f"{where}.{name}".strip(".")) for name, one in properties.items())
    items = _problem_below(schema["items"], f"{where}[]") if "items" in schema else ""
    return next(filter(None, found), items)


def _url(section: Section, parameters: Mapping[str, Any]) -> str:
    url = section.text("url", required=True)
    line = section.line_at("url")
    try:
        parts = urlsplit(_ARGUMENT.sub("x", url))
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if not url:
        return ""
    if parts.scheme not in ("http", "https") or not host:
        section.problem(f"'url' is '{url}'; write one that begins with https:// or http://", line)
    elif parts.username is not None or parts.password is not None:
        section.problem("'url' holds a password; send it in 'headers', as '{secret:NAME}'", line)
    elif "{" in url.partition("://")[2].partition("/")[0]:
        section.problem("'url' has an argument in its host; only its path and query may have some", line)
    for name in _ARGUMENT.findall(url):
        if name.startswith("secret:"):
            section.problem("'url' holds a secret, and URLs are logged by others; send it in 'headers'", line)
        elif name not in parameters.get("properties", {}):
            section.problem(f"'url' has '{{{name}}}', which is none of the parameters", line)
        elif name not in parameters.get("required", ()):
            section.problem(f"'url' has '{{{name}}}', which is not required; add it to 'required'", line)
    return url


def _headers(section: Section) -> dict[str, str]:
    headers = section.pairs("headers")
    line = section.line_at("headers")
    for name, value in headers.items():
        if not _HEADER.fullmatch(name) or name.lower() in ("host", "content-length", "transfer-encoding"):
            section.problem(f"'{name}' is no header that a tool may set", line)
        rest = _SECRET.sub("", value)
        if "{" in rest or "}" in rest or not rest.isprintable():
            section.problem(f"the header '{name}' may hold '{{secret:NAME}}' (A-Z, 0-9, _) and plain text only", line)
        elif name.lower() in _SECRET_HEADERS and not _SECRET.search(value):
            section.problem(
                f"the header '{name}' holds a secret; write '{{secret:NAME}}', and set GLOW_SECRET_NAME", line
            )
    return headers
