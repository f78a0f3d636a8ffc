"""What one operation is to the doors and to the command line. Loads nothing that a `--help` would wait for."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, get_type_hints

if TYPE_CHECKING:
    from api.doors.glow.operations.shapes import Body, Reply

Function = Callable[..., Awaitable[Any]]
"""`async def chat_grade(service, user, body: ChatGradeBody) -> ChatGradeReply`; its types are the wire's."""

_PACKAGE = "api.doors.glow.operations"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a body on the command line: an argument, or an option where it has a flag.

    Attributes:
        name: the body's field.
        about: its help.
        kind: what is typed: str, int, bool or list[str].
        flag: such as "--score"; empty for an argument.
    """

    name: str
    about: str
    kind: Any = str
    flag: str = ""


@dataclass(frozen=True, slots=True)
class Command:
    """An operation as a command of `glow attempts`.

    Attributes:
        about: its help.
        fields: what may be given without writing JSON.
    """

    about: str
    fields: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True)
class Event:
    """An operation as an event of socket.io.

    Attributes:
        name: such as "attempt_audio_start"; the operation's own, "attempt_chat_voice", where empty.
        v5: one of the Socket V5 document, which is also `POST /socket/v5/client/...`.
        lane: events of one lane happen in the order they were sent.
        kind: the `type` of the `attempt_error` that tells of its failure; "test" for a `test_error`.
        answers: the server event that answers it, and tells of its failure, too.
        frames: it carries audio, many times a second.
    """

    name: str = ""
    v5: bool = False
    order: str = ""
    kind: str = ""
    answers: str = ""
    frames: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: a row of the table.

    Attributes:
        name: as it stands in the URL, "chat_grade".
        does: the function, or where it is among the operations, "coaching:chat_grade".
        artifact: "attempt", "test", or a kind of content.
        command: how it is typed; None where the command line has none, or one written by hand.
        events: how it is asked for over socket.io.
        bare: whether it may come without a body.
        also: further routes, as (method, path).
    """

    name: str
    does: str | Function
    artifact: str = "attempt"
    command: Command | None = None
    events: tuple[Event, ...] = (Event(),)
    bare: bool = False
    also: tuple[tuple[str, str], ...] = ()

    @property
    def key(self) -> str:
        """What names it among all operations, "attempt.chat_grade"."""
        return f"{self.artifact}.{self.name}"

    @property
    def path(self) -> str:
        """Where it is posted."""
        return f"/{self.artifact}/{self.name}"

    @property
    def function(self) -> Function:
        """What it does."""
        return _function(self.does) if isinstance(self.does, str) else self.does

    @property
    def body(self) -> "type[Body]":
        """What it takes."""
        found: type[Body] = _types(self.function)["body"]
        return found

    @property
    def reply(self) -> "type[Reply]":
        """What it returns."""
        found: type[Reply] = _types(self.function)["return"]
        return found

    @property
    def summary(self) -> str:
        """The first line of its documentation."""
        return (self.function.__doc__ or self.name).strip().splitlines()[0].rstrip(".")


@cache
def _function(place: str) -> Function:
    module, _, name = place.partition(":")
    found: Function = getattr(import_module(f"{_PACKAGE}.{module}"), name)
    return found


@cache
def _types(function: Function) -> dict[str, Any]:
    return get_type_hints(function)
