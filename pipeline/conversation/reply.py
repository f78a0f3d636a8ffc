"""Answers: what a responder is given and what it gives back."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from models.records.core import Document, Persona, Role, Scenario


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the conversation as it was said and heard."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class ReplyContext:
    """What a reply is made from.

    The last line of `history` is the learner's. An empty history asks for a greeting; one that ends in the persona's
    own line asks for a word after a long silence.
    """

    persona: Persona
    scenario: Scenario | None
    documents: tuple[Document, ...]
    history: tuple[Line, ...]


class Responder(Protocol):
    """Answers as the persona."""

    name: str

    def reply(self, context: ReplyContext) -> AsyncIterator[str]:
        """Stream the reply's text, delta by delta; closing the iterator cancels the work.

        Raises:
            pipeline.errors.ResponderFailed: refused, hung past its deadline, or cut mid-stream.
        """
        ...
