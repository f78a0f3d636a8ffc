"""Suggested follow-up questions, by a language model or else from the sources."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.errors import ResponderFailed
from pipeline.grounded.sources import Source
from pipeline.llm.completions import Tuning
from pipeline.llm.reflection import normalised, topic

if TYPE_CHECKING:
    from pipeline.llm.chat_model import ChatModel

COUNT = 3
LONGEST = 200
"""Maximum number of characters of a question."""

_ASK = f"""\
Write {COUNT} short questions that the user could ask next in this conversation, each on a line of its own, and nothing
else. Write them as the user would say them."""
_LEAD = re.compile(r"^\s*(?:[-*•]|\d+[.)])?\s*[\"“]?|[\"”]?\s*$")


async def suggest(question: str, answer: str, sources: Sequence[Source], model: "ChatModel | None") -> list[str]:
    """Suggest three questions; if the model fails, fall back to the sources, as suggestions are optional."""
    written: list[str] = []
    if model is not None:
        try:
            completion = await model.complete(
                [
                    {"role": "system", "content": _ASK},
                    {"role": "user", "content": f"The user asked: {question[:2000]}\nThe answer was: {answer[:4000]}"},
                ],
                Tuning(max_tokens=150),
            )
            lines = (_LEAD.sub("", line) for line in completion.text.splitlines())
            written = [line for line in lines if line.endswith("?") and len(line) <= LONGEST]
        except ResponderFailed:
            written = []
    return list(dict.fromkeys([*written, *_from_what_was_found(question, sources)]))[:COUNT]


def _from_what_was_found(question: str, sources: Sequence[Source]) -> list[str]:
    about = topic(normalised(question))
    titles = list(dict.fromkeys(source.document.name for source in sources))
    asked = [f"What else does “{title}” say?" for title in titles[:2]]
    if about:
        about = re.sub(r"^(my|your)\b", "my", about)
        asked.append(f"What should I know about {about}?")
    return [
        *asked,
        "Can you give me an example?",
        "What is the most important thing to remember here?",
        "What should I do next?",
    ]
