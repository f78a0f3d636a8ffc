"""An operation as the doors and the command line use it. Imports nothing that would delay a `--help`."""

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
    """One field of a body on the command line: an argument, or with a flag an option.

    Attributes:
        name: the body's field.
        about: its help.
        kind: its type: str, int, bool or list[str].
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
        fields: the fields that need no JSON.
    """

    about: str
    fields: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True)
class EventRow:
    """An operation as an event of socket.io.

    Attributes:
        name: such as "attempt_audio_start"; empty for the operation's own, "attempt_chat_voice".
        v5: it is in the Socket V5 document, and so also `POST /socket/v5/client/...`.
        lane: events of one lane are carried out in the order they were sent.
        kind: the `type` of the `attempt_error` that reports its failure; "test" for a `test_error`.
        answers: the server event that answers it and also reports its failure.
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
        name: its part of the URL, "chat_grade".
        does: the function, or its place among the operations, "coaching:chat_grade".
        artifact: "attempt", "test", or a kind of content.
        command: its command; None if there is none, or one written by hand.
        events: its events of socket.io.
        bare: it may be requested without a body.
        also: further routes, as (method, path).
        on_call: it is for the audio of a call: the process that carries the call carries it out.
    """

    name: str
    does: str | Function
    artifact: str = "attempt"
    command: Command | None = None
    events: tuple[EventRow, ...] = (EventRow(),)
    bare: bool = False
    also: tuple[tuple[str, str], ...] = ()
    on_call: bool = False

    @property
    def key(self) -> str:
        """Its unique name, "attempt.chat_grade"."""
        return f"{self.artifact}.{self.name}"

    @property
    def path(self) -> str:
        """The path of its route."""
        return f"/{self.artifact}/{self.name}"

    @property
    def function(self) -> Function:
        """The function that carries it out."""
        return _function(self.does) if isinstance(self.does, str) else self.does

    @property
    def body(self) -> "type[Body]":
        """The class of its body."""
        found: type[Body] = _types(self.function)["body"]
        return found

    @property
    def reply(self) -> "type[Reply]":
        """The class of its reply."""
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
