"""YAML with source locations, so that every problem can name its file and line."""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import SafeConstructor

_KINDS = {"str": "text", "int": "a number", "float": "a number", "bool": "true or false", "null": "empty"}
_SCALAR = "tag:yaml.org,2002:"
_FAST = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SHALLOW = 50


@dataclass(slots=True)
class Problems:
    """The problems found so far, with their locations."""

    found: set[tuple[str, int, str]] = field(default_factory=set)

    def add(self, file: Path, line: int, reason: str) -> None:
        """Add a problem."""
        self.found.add((str(file), line, reason))

    def lines(self) -> list[str]:
        """List the problems as "file:line: reason", in file order."""
        return [f"{file}:{line}: {reason}" for file, line, reason in sorted(self.found)]


@dataclass(frozen=True, slots=True)
class Text:
    """A text with its location."""

    value: str
    file: Path
    line: int


def line_of(node: yaml.Node) -> int:
    """Return the line on which a node begins, counted from 1."""
    return int(node.start_mark.line) + 1


def composed(text: str) -> yaml.Node | None:
    """Parse one YAML document into nodes; None where it is empty.

    Raises:
        yaml.YAMLError: it is not YAML; the error has the position, as that of PyYAML's own parser.
        RecursionError: it is nested too deeply.
    """
    try:
        # The C parser takes a twentieth of the time, but it crashes on deep nesting and its errors are less precise.
        if _is_shallow(text):
            return yaml.compose(text, Loader=_FAST)
    except yaml.YAMLError:
        pass
    return yaml.compose(text, Loader=yaml.SafeLoader)


def _is_shallow(text: str) -> bool:
    depth = 0
    for event in yaml.parse(text, Loader=_FAST):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _SHALLOW:
                return False
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    return True


def read_yaml(
    file: Path, problems: Problems, what: str = "a pack", least: str = "'pack:' and 'name:'"
) -> "Section | None":
    """Read a YAML file as a mapping; return None and add a problem if it is not one.

    Args:
        file: the file.
        problems: where problems are added.
        what: what the file describes, for messages.
        least: the keys that it must have.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        problems.add(file, 1, f"cannot be read ({error.strerror or 'input error'}); check its path and permissions")
    except UnicodeDecodeError as error:
        problems.add(file, 1, f"is not UTF-8 text (byte {error.start}); save it as UTF-8")
    else:
        return read_mapping(text, file, problems, what, least)
    return None


def read_mapping(text: str, file: Path, problems: Problems, what: str, least: str) -> "Section | None":
    """Read YAML, of which JSON is a part, as a mapping; arguments and result as those of `read_yaml`."""
    try:
        node = composed(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problems.add(file, mark.line + 1 if mark else 1, f"YAML syntax: {error.problem or error.context}")
    except RecursionError:
        problems.add(file, 1, f"is nested too deeply; {what} needs five levels at most")
    except yaml.YAMLError as error:
        problems.add(file, 1, f"YAML syntax: {str(error).splitlines()[0]}")
    else:
        if node is None:
            problems.add(file, 1, f"the file is empty; write at least {least}")
        elif not isinstance(node, yaml.MappingNode):
            problems.add(file, line_of(node), f"{what} must be keys with values, not {_kind(node)}")
        else:
            return Section(node, file, problems)
    return None


class Section:
    """A mapping of a file, read key by key; `finish` reports unknown keys."""

    def __init__(self, node: yaml.MappingNode, file: Path, problems: Problems) -> None:
        self.file = file
        self.line = line_of(node)
        self.problems = problems
        self._asked: list[str] = []
        self._nodes: dict[str, yaml.Node] = {}
        self._lines: dict[str, int] = {}
        for key, value in node.value:
            name = self._key(key)
            if name is None:
                continue
            if name in self._nodes:
                problems.add(
                    file, line_of(key), f"'{name}' is a duplicate of line {self._lines[name]}; rename or remove"
                )
                continue
            self._nodes[name] = value
            self._lines[name] = line_of(key)

    def problem(self, reason: str, line: int | None = None) -> None:
        """Add a problem at a line of this file, by default at the section's first line."""
        self.problems.add(self.file, line or self.line, reason)

    def has(self, key: str) -> bool:
        """Return whether the section has a key."""
        return key in self._nodes

    def line_at(self, key: str) -> int:
        """Return the line of a key, or of the section if the key is missing."""
        return self._lines.get(key, self.line)

    def text(self, key: str, *, required: bool = False, default: str = "") -> str:
        """Read a text."""
        node = self._take(key, required)
        read = self._scalar(node, f"'{key}'") if node else None
        if read is not None and required and not read.value:
            self.problem(f"'{key}' is empty; write something", read.line)
        return read.value if read is not None else default

    def scalar(self, key: str) -> Text | None:
        """Read a text, number or boolean as it is written; None if the key is missing."""
        node = self._take(key, required=False)
        if node is None:
            return None
        if isinstance(node, yaml.ScalarNode) and node.tag != _SCALAR + "null":
            return Text(node.value.strip(), self.file, line_of(node))
        self.problem(f"'{key}' must be a text or a number, not {_kind(node)}", line_of(node))
        return None

    @property
    def keys(self) -> tuple[str, ...]:
        """List the keys of the section, in order."""
        return tuple(self._nodes)

    def texts(self, key: str, *, required: bool = False) -> list[Text]:
        """Read a list of texts; a single text counts as a list of one."""
        node = self._take(key, required)
        if node is None:
            return []
        items: Sequence[yaml.Node] = node.value if isinstance(node, yaml.SequenceNode) else [node]
        if required and not items:
            self.problem(f"'{key}' is empty; write at least one", line_of(node))
        return [read for item in items if (read := self._scalar(item, f"'{key}'")) is not None]

    def number(self, key: str, *, low: float, high: float, default: float) -> float:
        """Read a number within a range."""
        node = self._take(key, required=False)
        if node is None:
            return default
        try:
            if not isinstance(node, yaml.ScalarNode) or node.tag not in (_SCALAR + "int", _SCALAR + "float"):
                raise ValueError
            value = float(node.value)
        except ValueError:
            self.problem(f"'{key}' must be a number, not {_kind(node)}", line_of(node))
            return default
        if not low <= value <= high:
            self.problem(f"'{key}' is {value:g}, out of range; choose {low:g} to {high:g}", line_of(node))
            return default
        return value

    def flag(self, key: str) -> bool:
        """Read a boolean, False if the key is missing."""
        node = self._take(key, required=False)
        if node is None:
            return False
        if not isinstance(node, yaml.ScalarNode) or node.tag != _SCALAR + "bool":
            self.problem(f"'{key}' must be true or false, not {_kind(node)}", line_of(node))
            return False
        return node.value.lower() in ("true", "yes", "on")

    def choice(self, key: str, options: Sequence[str], default: str) -> str:
        """Read one of several options."""
        value = self.text(key, default=default)
        if value not in options:
            self.problem(f"'{key}' is '{value}'; choose {' or '.join(options)}", self.line_at(key))
            return default
        return value

    def section(self, key: str) -> "Section | None":
        """Read a nested section."""
        node = self._take(key, required=False)
        return self._mapping(node, f"'{key}'") if node else None

    def entries(self, key: str) -> list[tuple[Text, "Section"]]:
        """Read a mapping of named sections, as (name, section) in order."""
        below = self.section(key)
        if below is None:
            return []
        named = []
        for name, node in below._nodes.items():
            if (section := below._mapping(node, f"'{name}'")) is not None:
                section.line = below.line_at(name)
                named.append((Text(name, self.file, section.line), section))
        return named

    def sections(self, key: str) -> list["Section"]:
        """Read a list of sections."""
        node = self._take(key, required=False)
        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode):
            self.problem(f"'{key}' must be a list, each item on a line with '- ', not {_kind(node)}", line_of(node))
            return []
        return [section for item in node.value if (section := self._mapping(item, f"an item of '{key}'")) is not None]

    def mixed(self, key: str) -> list["Text | Section"]:
        """Read a list of texts and sections; a single one counts as a list of one."""
        node = self._take(key, required=False)
        if node is None:
            return []
        items: Sequence[yaml.Node] = node.value if isinstance(node, yaml.SequenceNode) else [node]
        read = [
            self._mapping(item, f"'{key}'") if isinstance(item, yaml.MappingNode) else self._scalar(item, f"'{key}'")
            for item in items
        ]
        return [item for item in read if item is not None]

    def pairs(self, key: str) -> dict[str, str]:
        """Read a mapping of text to text."""
        below = self.section(key)
        if below is None:
            return {}
        read = {name: below._scalar(node, f"'{name}'") for name, node in below._nodes.items()}
        return {name: text.value for name, text in read.items() if text is not None}

    def plain(self, key: str) -> Any:
        """Read any value as it is, such as a JSON schema; None if the key is missing."""
        node = self._take(key, required=False)
        if node is None:
            return None
        try:
            return SafeConstructor().construct_document(node)
        except (yaml.YAMLError, ValueError, RecursionError):
            self.problem(f"'{key}' cannot be read; write plain keys and values", line_of(node))
            return None

    def finish(self) -> None:
        """Report the keys that were not read."""
        for name, line in self._lines.items():
            if name not in self._asked:
                self.problem(f"unknown key '{name}'; {_suggestion(name, self._asked)}", line)

    def _take(self, key: str, required: bool) -> yaml.Node | None:
        self._asked.append(key)
        if key not in self._nodes and required:
            self.problem(f"'{key}' is missing; add it")
        return self._nodes.get(key)

    def _key(self, node: yaml.Node) -> str | None:
        read = self._scalar(node, "a key")
        return read.value if read is not None else None

    def _scalar(self, node: yaml.Node, what: str) -> Text | None:
        if isinstance(node, yaml.ScalarNode) and node.tag == _SCALAR + "str":
            return Text(node.value.strip(), self.file, line_of(node))
        hint = "; put it in quotes" if isinstance(node, yaml.ScalarNode) and node.value else ""
        self.problem(f"{what} must be text, not {_kind(node)}{hint}", line_of(node))
        return None

    def _mapping(self, node: yaml.Node, what: str) -> "Section | None":
        if isinstance(node, yaml.MappingNode):
            return Section(node, self.file, self.problems)
        self.problem(f"{what} must be keys with values, not {_kind(node)}", line_of(node))
        return None


def _kind(node: yaml.Node) -> str:
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    if isinstance(node, yaml.MappingNode):
        return "keys with values"
    return _KINDS.get(str(node.tag).removeprefix(_SCALAR), str(node.tag).removeprefix(_SCALAR))


def _suggestion(name: str, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean '{near[0]}'?" if near else f"the keys here are {', '.join(names)}"
