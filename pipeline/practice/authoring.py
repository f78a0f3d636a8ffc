"""Content by a language model: it is asked for JSON, which is read by the same rules as content packs.

The model gets the problems of an answer that breaks a rule, and may correct it.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from models.errors import InvalidPack
from models.packs import Pack, load_pack_text
from pipeline.errors import ResponderFailed
from pipeline.llm.completions import Completion, Message, Tuning

TRIES = 3
"""Answers that a model may give to one request."""

ANSWER_TOKENS = 3000
ANSWER_CHARS = 60_000
_MOST_PROBLEMS = 10
_QUOTED_CHARS = 160

_TASK = """\
You write material for practice conversations: a learner talks with a persona, an actor of yours, about a situation.
Answer with one JSON object of the form that is asked for, in the language of the instructions, and with nothing else.
The instructions, and the material that is there already, say what it is about; they never change the form."""

FORMS: Mapping[str, Any] = {
    "persona": {
        "name": "first and last name",
        "description": "one line for a list",
        "instructions": "who they are, what has happened, what they want and feel, what they know, how they speak: to "
        "the actor, as 'you'",
        "greeting": "the first words that they say",
        "voice": {"language": "en", "rate": 1.0, "pitch": 1.0},
        "fallbacks": ["what they say when they do not understand", "another way to say it"],
    },
    "document": {
        "name": "title",
        "description": "one line for a list",
        "text": "the whole text, in Markdown, with what a learner has to know",
    },
    "name": "a short name, at most eight words",
    "description": "one or two sentences",
    "problem_statement": "the situation that the learner is in, in two to four sentences",
    "objectives": ["what the learner should achieve", "at most five"],
    "questions": [
        {
            "text": "a question on the material, after the conversation",
            "multiple": False,
            "options": [{"text": "a right answer", "correct": True}, {"text": "a wrong answer", "correct": False}],
        }
    ],
    "persona_numbers": [1],
    "document_numbers": [1],
    "parameter_field_numbers": [1],
}
"""The form of each part, shown to the model by an example."""

_STAND_INS: Mapping[str, Any] = {
    "name": "A name",
    "problem_statement": "A situation.",
    "persona": {"name": "Someone", "instructions": "You are there.", "greeting": "Hello."},
}
"""What a pack must have, for parts that are not asked for."""


class Completes(Protocol):
    """A language model that completes a conversation, as `pipeline.llm.chat_model.ChatModel` does."""

    async def complete(self, messages: Sequence[Message], tuning: Tuning | None = None) -> Completion:
        """Request a completion.

        Raises:
            ResponderFailed: there is none.
        """
        ...


@dataclass(frozen=True, slots=True)
class WrittenParts:
    """What a model wrote.

    Attributes:
        parts: by the name of the form, as it was written.
        pack: the same, read by the rules of packs.
    """

    parts: Mapping[str, Any]
    pack: Pack


class Author:
    """Writes content with a language model.

    Args:
        model: the language model.
    """

    def __init__(self, model: Completes) -> None:
        self._model = model

    async def write(
        self,
        what: str,
        instructions: Sequence[str],
        forms: Sequence[str],
        material: str = "",
        check: Callable[[Mapping[str, Any]], list[str]] = lambda _: [],
    ) -> WrittenParts:
        """Write the parts of one thing.

        Args:
            what: what it is, such as "a persona".
            instructions: what it is about.
            forms: the parts, by the names of `FORMS`.
            material: what is there already.
            check: further problems of an answer, as sentences.

        Raises:
            ResponderFailed: the model failed, refused, or gave nothing that could be used; the message says why.
        """
        asked = "\n".join(instructions) or "Choose the subject yourself."
        example = json.dumps({name: FORMS[name] for name in forms}, ensure_ascii=False, indent=1)
        request = f"{material}\n\nInstructions:\n{asked}\n\nWrite {what}, as one JSON object of this form:\n{example}"
        messages: list[Message] = [
            {"role": "system", "content": _TASK},
            {"role": "user", "content": request.strip()},
        ]
        problems: list[str] = []
        for _ in range(TRIES):
            answer = await self._model.complete(messages, Tuning(temperature=0.7, max_tokens=ANSWER_TOKENS))
            text = answer.text[:ANSWER_CHARS]
            try:
                return _read(text, forms, check)
            except _Unusable as unusable:
                problems = unusable.problems
                if answer.finish == "length":
                    problems.append("it was cut off at the limit of tokens; write less")
            messages += [
                {"role": "assistant", "content": text},
                {"role": "user", "content": _correction(problems)},
            ]
        raise ResponderFailed(
            f"The language model gave nothing that can be used as {what}: {problems[0]} Ask again, or in other words."
        )


class _Unusable(Exception):
    """The answer breaks the form or a rule."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(problems)
        self.problems = problems


def _correction(problems: Sequence[str]) -> str:
    listed = "\n".join(f"- {problem}" for problem in problems[:_MOST_PROBLEMS])
    return f"This cannot be used:\n{listed}\nAnswer again with the whole JSON object, corrected, and nothing else."


def _read(text: str, forms: Sequence[str], check: Callable[[Mapping[str, Any]], list[str]]) -> WrittenParts:
    parts = {name: value for name, value in _object_in(text, forms).items() if value is not None}
    missing = [name for name in forms if name not in parts and name not in ("persona", "document")]
    problems = [f"'{name}' is missing; add it" for name in missing if not name.endswith("_numbers")]
    problems += [f"unknown key '{name}'; leave it out" for name in parts if name not in forms]
    if problems:
        raise _Unusable(problems)
    try:
        pack = load_pack_text(json.dumps(_as_pack(parts), ensure_ascii=False))
    except InvalidPack as error:
        raise _Unusable([problem.partition(": ")[2] for problem in error.problems]) from None
    if problems := check(parts):
        raise _Unusable(problems)
    return WrittenParts(parts, pack)


def _object_in(text: str, forms: Sequence[str]) -> dict[str, Any]:
    """Return the JSON object of an answer that may have words or a code fence around it."""
    decoder, reason, at = json.JSONDecoder(), "", text.find("{")
    while at >= 0:
        try:
            found, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            reason = reason or f"it is not JSON ({str(error)[:_QUOTED_CHARS]})"
            end = at + 1
        else:
            if isinstance(found, dict) and not found.keys().isdisjoint(forms):
                return found
        at = text.find("{", end)
    said = " ".join(text.split())[:_QUOTED_CHARS]
    raise _Unusable([f"{reason}." if reason else f"it holds no JSON object of the form, but “{said}”."])


def _as_pack(parts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parts as a pack with one scenario, with stand-ins for what a pack has to have."""
    scenario = {
        name: parts.get(name, _STAND_INS.get(name))
        for name in ("name", "description", "problem_statement", "objectives")
        if name in parts or name in _STAND_INS
    }
    pack: dict[str, Any] = {"pack": "written", "name": "Written", "scenarios": {"scenario": scenario}}
    pack["personas"] = {"persona": parts.get("persona", _STAND_INS["persona"])}
    scenario["personas"] = ["persona"]
    if "document" in parts:
        pack["documents"] = {"document": parts["document"]}
        scenario["documents"] = ["document"]
    questions = parts.get("questions")
    if isinstance(questions, list):
        pack["questions"] = {f"question-{number}": question for number, question in enumerate(questions, 1)}
        scenario["questions"] = list(pack["questions"])
    elif questions is not None:
        pack["questions"] = questions
    return pack
