"""Replies: a responder's input and output."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from models.records.core import Document, Persona, Role, Scenario
from pipeline.conversation.tools import EndCall, FunctionCall, Tool, Transfer


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One message of the conversation as it was said and heard.

    Attributes:
        interrupted: the listener broke in: the text is what was heard until then.
        calls: of the client's tools, with their results; such an entry is the persona's and has no text.
    """

    role: Role
    text: str
    interrupted: bool = False
    calls: tuple[FunctionCall, ...] = ()


@dataclass(frozen=True, slots=True)
class ReplyContext:
    """The context of a reply.

    The last entry of `history` is the learner's. An empty history asks for a greeting; one that ends with the persona
    asks for a word after a long silence. `tools` are the persona's tools, which a responder without tool use ignores;
    `tool_choice` is "auto", "none", "required" or the name of the one to use first;
    `chat_id` is where they note something. `max_tokens` bounds the model's answer; None for its own bound.
    """

    persona: Persona
    scenario: Scenario | None
    documents: tuple[Document, ...]
    history: tuple[HistoryEntry, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: str = "auto"
    chat_id: str = ""
    max_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class HandedOver:
    """The client carries out these calls; the reply is over."""

    calls: tuple[FunctionCall, ...]


@dataclass(frozen=True, slots=True)
class ToolsRun:
    """Tools run before the next part: the reader of the reply decides when, by requesting that part.

    Attributes:
        names: of the tools, in order.
        ahead: they may run before the reply is released.
    """

    names: tuple[str, ...]
    ahead: bool


@dataclass(frozen=True, slots=True)
class ToolsTakeLong:
    """The tools still run, after each further interval: in a call a word about it may be due."""


@dataclass(frozen=True, slots=True)
class Retraction:
    """The text so far is none of the reply's, but for its beginning: a model's thought that was not announced.

    Attributes:
        kept: characters of the reply that stand.
    """

    kept: int = 0


@dataclass(frozen=True, slots=True)
class Truncation:
    """The model stopped at its limit of tokens: the reply may end in mid-sentence."""


ReplyPart = str | EndCall | Transfer | ToolsRun | ToolsTakeLong | HandedOver | Retraction | Truncation
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


async def text_of_reply(parts: AsyncIterator[ReplyPart]) -> str:
    """Read a reply to its end; return its text.

    Raises:
        ResponderFailed: raised by the responder.
    """
    text = ""
    async for part in parts:
        text = text[: part.kept] if isinstance(part, Retraction) else text + part if isinstance(part, str) else text
    return text
