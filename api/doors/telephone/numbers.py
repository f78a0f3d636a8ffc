"""The numbers that are answered: entries of `glow phone add`, and of a YAML file, with one set of rules.

numbers:
  - number: "+15551230000"
    practice: Difficult conversations
    user: by-caller
    human: "+15559870000"
"""

import asyncio
import logging
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from api.doors.telephone.hours import parse_hours
from models.errors import Invalid
from models.records.telephone import BY_CALLER, BY_PIN, PhoneNumber
from models.store import Store

log = logging.getLogger(__name__)

ANY_NUMBER = "*"

_SPACING = re.compile(r"[\s().\-/]+")
_NUMBER = re.compile(r"\+?[0-9]{1,20}")
_EXTENSION = re.compile(r"[A-Za-z0-9_]{1,40}")
_WITHHELD = frozenset({"", "anonymous", "unavailable", "restricted", "unknown", "private", "withheld", "+266696687"})
"""Caller ids that name nobody; the digits spell ANONYMOUS on a keypad."""


def normalised(number: str) -> str:
    """Return a number without spacing, or an extension as it is; of a SIP or tel address, its user part."""
    number = number.strip().partition(";")[0]
    for scheme in ("sip:", "sips:", "tel:"):
        if number.lower().startswith(scheme):
            number = number[len(scheme) :].partition("@")[0]
    compact = _SPACING.sub("", number)
    return compact if _NUMBER.fullmatch(compact) else number


def caller_id(number: str) -> str:
    """Return a caller's number, normalised; empty if it is withheld. It names the caller, and proves nothing."""
    found = normalised(number)
    return "" if found.lower() in _WITHHELD else found[:100]


def is_blocked(entry: PhoneNumber, caller: str) -> bool:
    """Return whether calls of this caller are refused; `anonymous` blocks withheld numbers."""
    caller = caller or "anonymous"
    return any(
        caller.startswith(blocked[:-1]) if blocked.endswith("*") else caller == blocked for blocked in entry.block
    )


class NumberEntry(BaseModel):
    """An entry as it is written, checked: each problem is a sentence that says what to do."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    number: str = Field(max_length=100)
    practice: str = Field(default="", max_length=300)
    home: str = Field(default="", max_length=300)
    chat: str = Field(default="", max_length=300)
    persona: str = Field(default="", max_length=300)
    user: str = Field(default=BY_CALLER, min_length=1, max_length=200)
    greeting: str = Field(default="", max_length=1000)
    silence_s: tuple[float, ...] = Field(default=(8.0, 8.0, 10.0), max_length=6)
    max_s: float = Field(default=1800.0, ge=0, le=86_400)
    warning_s: float = Field(default=60.0, ge=0, le=3600)
    record: bool = False
    announce: str = Field(default="", max_length=1000)
    human: str = Field(default="", max_length=100)
    hours: str = Field(default="", max_length=500)
    timezone: str = Field(default="UTC", max_length=100)
    closed: str = Field(default="", max_length=1000)
    message: bool = False
    language: str = Field(default="", max_length=35)
    block: tuple[str, ...] = Field(default=(), max_length=1000)
    lines: int = Field(default=10, ge=1, le=1000)

    @field_validator("number", "human")
    @classmethod
    def _normalise(cls, value: str) -> str:
        found = normalised(value)
        if found not in ("", ANY_NUMBER) and not (_NUMBER.fullmatch(found) or _EXTENSION.fullmatch(found)):
            raise ValueError("write a number as +15551230000, or an extension of letters and digits")
        return found

    @field_validator("block")
    @classmethod
    def _normalise_blocked(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(normalised(one.removesuffix("*")) + "*" * one.endswith("*") for one in value)

    @field_validator("silence_s")
    @classmethod
    def _are_silences(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if any(not 1 <= seconds <= 600 for seconds in value):
            raise ValueError("each silence has 1 to 600 seconds")
        return value

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if not self.number:
            raise ValueError("give the number, or * for all others")
        if self.human == ANY_NUMBER:
            raise ValueError("human is one number")
        if sum(bool(one) for one in (self.practice, self.home, self.chat)) != 1:
            raise ValueError("name one of practice, home and chat: what a call opens")
        if self.chat and self.user == BY_CALLER:
            raise ValueError("a standing chat needs a user, or user: pin, as anybody can feign a caller id")
        if self.record and not self.announce:
            raise ValueError("say that the call is recorded: set announce")
        try:
            parse_hours(self.hours, self.timezone)
        except Invalid as error:
            raise ValueError(str(error).rstrip(".")) from None
        return self


def entry_of(fields: dict[str, Any], place: str = "") -> PhoneNumber:
    """Check the fields of an entry.

    Raises:
        Invalid: they make none; the sentence names the first problem, after `place`.
    """
    try:
        return PhoneNumber(**NumberEntry.model_validate(fields).model_dump())
    except ValidationError as error:
        problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        text = str(problem["msg"]).removeprefix("Value error, ").rstrip(".")
        raise Invalid(f"{place}{where + ': ' if where else ''}{text}.") from None


def read_numbers(path: Path) -> tuple[PhoneNumber, ...]:
    """Read a YAML file: a list of entries, or such a list under `numbers`.

    Raises:
        Invalid: it cannot be read, or an entry is wrong.
    """
    try:
        written = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise Invalid(f"The telephone numbers of {path} cannot be read: {str(error).splitlines()[0]}.") from None
    listed = written.get("numbers") if isinstance(written, dict) else written
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise Invalid(f"{path} has no list of telephone numbers: write `numbers:` and one entry each below it.")
    entries = tuple(
        entry_of({str(name): value for name, value in one.items()}, f"{path}, entry {count}: ")
        for count, one in enumerate(listed, 1)
    )
    if len({entry.number for entry in entries}) < len(entries):
        raise Invalid(f"{path} has a number twice: write one entry for each.")
    return entries


def yaml_of(entries: tuple[PhoneNumber, ...]) -> str:
    """Write entries as a YAML file, without what is as by default."""
    default = asdict(PhoneNumber(""))
    written = [
        {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(entry).items()
            if value != default[name]
        }
        for entry in entries
    ]
    return yaml.safe_dump({"numbers": written}, sort_keys=False, allow_unicode=True)


class NumberTable:
    """The numbers of the database and of a file, whose entries come first; a changed file is read again.

    Args:
        store: has those of `glow phone add`.
        path: the file; None for none.
    """

    def __init__(self, store: Store, path: Path | None) -> None:
        self._store = store
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._of_file: tuple[PhoneNumber, ...] = ()

    async def load(self) -> None:
        """Read the file.

        Raises:
            Invalid: it cannot be read, or an entry is wrong.
        """
        if self._path is not None:
            self._stamp = _stamp(self._path)
            self._of_file = await asyncio.to_thread(read_numbers, self._path)

    async def entries(self) -> tuple[PhoneNumber, ...]:
        """List all entries; one of the file hides one of the database."""
        if self._path is not None and _stamp(self._path) != self._stamp:
            try:
                await self.load()
            except Invalid as error:
                log.error("The telephone numbers stay as they were: %s", error)
        hidden = {entry.number for entry in self._of_file}
        stored = await self._store.phone_numbers()
        return (*self._of_file, *(entry for entry in stored if entry.number not in hidden))

    async def find(self, called: str) -> PhoneNumber | None:
        """Return the entry of a number that is called, with or without its +; else that of `*`."""
        called = normalised(called)
        by_number = {entry.number: entry for entry in await self.entries()}
        for number in (called, f"+{called}", called.removeprefix("+"), ANY_NUMBER):
            if (entry := by_number.get(number)) is not None:
                return entry
        return None


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


__all__ = [
    "ANY_NUMBER",
    "BY_CALLER",
    "BY_PIN",
    "NumberEntry",
    "NumberTable",
    "caller_id",
    "entry_of",
    "is_blocked",
    "normalised",
    "read_numbers",
    "yaml_of",
]
