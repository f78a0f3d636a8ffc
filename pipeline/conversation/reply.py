"""Answers: what a responder is given and what it gives back."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from models.records.core import Document, Persona, Role, Scenario
from pipeline.conversation.tools import EndCall, Tool, Transfer


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One line of the conversation as it was said and heard."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class ReplyContext:
    """What a reply is made from.

    The last line of `history` is the learner's. An empty history asks for a greeting; one that ends in the persona's
    own line asks for a word after a long silence. `tools` is what the persona can do besides speaking; a responder
    that knows no tools leaves them alone.
    """

    persona: Persona
    scenario: Scenario | None
    documents: tuple[Document, ...]
    history: tuple[HistoryEntry, ...]
    tools: tuple[Tool, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolsRun:
    """Tools run before the next part comes: whoever reads the reply decides when, by asking for that part.

    Attributes:
        names: which tools, in order.
        ahead: they may run before it is certain that the reply is given.
    """

    names: tuple[str, ...]
    ahead: bool


ReplyPart = str | EndCall | Transfer | ToolsRun
"""Some text of a reply, or what it asks for. The latest `EndCall` or `Transfer` counts, once the reply was heard."""


class Responder(Protocol):
    """Answers as the persona."""

    name: str

    def reply(self, context: ReplyContext) -> AsyncIterator[ReplyPart]:
        """Stream the reply, text delta by text delta; closing the iterator cancels the work.

        Where nobody is on the line, as in a written chat, what the reply asks for is left undone.

        Raises:
            pipeline.errors.ResponderFailed: refused, hung past its deadline, or cut mid-stream.
        """
        ...
