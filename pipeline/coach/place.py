"""Where in a talk something is said: a greeting opens it, and a goodbye ends it."""

import re
from collections.abc import Sequence

from pipeline.coach.speech import Sentence
from pipeline.llm.reflection import normalised

_LEAST_MESSAGES = 4
"""Number of messages from which on there is an order."""

_PART_END = re.compile(r"[,;:.!?]")
_GREETING = re.compile(r"(?:hello|hi|good (?:morning|afternoon|evening))\b")
_INTRODUCTION = re.compile(r"(?:my name is|this is|i am|you have reached|.* speaking)\b")
_OPENING = re.compile(r"(?:how (?:can|may|could) i help(?: you)?(?: today)?|what can i do for you(?: today)?)$")
_CLOSING = re.compile(r"(?:(?:is|was) there )?anything else\b|what else (?:can|may) i do\b")
_GOODBYE = re.compile(r"(?:(?:\w+ ){0,2}bye|(?:.* )?(?<!say )good ?bye(?: \w+){0,2})$")
_LINE_CHECK_WORDS = 3


def in_place(said: Sequence[Sentence]) -> list[Sentence]:
    """Return what is said from the greeting on, and up to the message with a goodbye.

    That is all, unless the goodbye stands in the first half, or the only greeting in the last third. A talk that asks
    first whether anything is left, and offers help in the end, has nothing in its place.
    """
    messages = list(dict.fromkeys(sentence.message.id for sentence in said))
    if len(messages) < _LEAST_MESSAGES:
        return list(said)
    greeted, parted = _first(_GREETING, said, messages), _first(_GOODBYE, said, messages)
    opened = _first(_OPENING, said, messages)
    introduced = min(_first(_INTRODUCTION, said, messages), opened)
    if _first(_CLOSING, said, messages) == 0 and greeted != 0 and len(messages) > opened >= len(messages) / 2:
        return []
    first = greeted if len(messages) > greeted >= len(messages) * 2 / 3 and introduced > 1 else 0
    last = parted if parted < len(messages) / 2 else len(messages)
    kept = messages[first : last + 1]
    return [sentence for sentence in said if sentence.message.id in kept]


def _first(pattern: re.Pattern[str], said: Sequence[Sentence], messages: Sequence[str]) -> int:
    """Return the number of the first message with a part that begins with a pattern; that of all where none has."""
    for sentence in said:
        if sentence.text.endswith("?") and len(sentence.plain.split()) < _LINE_CHECK_WORDS:
            continue  # "Hello?" on a bad line
        if any(pattern.match(normalised(part)) for part in _PART_END.split(sentence.text)):
            return messages.index(sentence.message.id)
    return len(messages)
