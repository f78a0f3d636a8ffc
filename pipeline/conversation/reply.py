"""Replies: a responder's input and output."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from models.records.core import Document, Persona, Role, Scenario
from pipeline.conversation.tools import EndCall, Tool, Transfer


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One message of the conversation as it was said and heard."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class ReplyContext:
    """The context of a reply.

    The last entry of `history` is the learner's. An empty history asks for a greeting; one that ends with the persona
    asks for a word after a long silence. `tools` are the persona's tools, which a responder without tool use ignores.
    """

    persona: Persona
    scenario: Scenario | None
    documents: tuple[Document, ...]
    history: tuple[HistoryEntry, ...]
    tools: tuple[Tool, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolsRun:
    """Tools run before the next part: the reader of the reply decides when, by requesting that part.

    Attributes:
        names: of the tools, in order.
        ahead: they may run before the reply is released.
    """

    names: tuple[str, ...]
    ahead: bool


ReplyPart = str | EndCall | Transfer | ToolsRun
"""A part of a reply: text, or a request. The latest `EndCall` or `Transfer` counts, once the reply was heard."""


class Responder(Protocol):
    """Answers as the persona."""

    name: str

    def reply(self, context: ReplyContext) -> AsyncIterator[ReplyPart]:
        """Stream the reply, text delta by text delta; closing the iterator cancels the work.

        Without a call, as in a written chat, the reply's requests are ignored.

        Raises:
            pipeline.errors.ResponderFailed: refused, hung past its deadline, or cut mid-stream.
        """
        ...
