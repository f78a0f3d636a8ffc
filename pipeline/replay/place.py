"""The chat or tutor session of a replayed call, and its stored state after the call."""

from collections.abc import Mapping
from dataclasses import dataclass

from models.records.core import Message, Role
from models.records.external import ExternalMessage, ExternalRole
from models.store import Store
from pipeline.tutoring.spoken import SpokenTutor

LESSON_FIELDS = ("completed", "answers", "mastery_percent")
"""The fields of a lesson's outcome."""


@dataclass(frozen=True, slots=True)
class Place:
    """A chat or a tutor session of the store.

    Attributes:
        tutor: the source that opens the session; None for a chat.
    """

    user_id: str
    chat_id: str
    tutor: SpokenTutor | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored message.

    Attributes:
        full_text: the whole generated text, if it differs from `text`.
        heard_ms: how much of a spoken reply was played, in ms.
        kind: the tutor's message type; empty in a chat.
    """

    role: Role | ExternalRole
    text: str
    full_text: str | None
    heard_ms: int | None
    interrupted: bool
    kind: str = ""


def _stored(message: Message | ExternalMessage, kind: str = "") -> Stored:
    return Stored(message.role, message.text, message.full_text, message.heard_ms, message.interrupted, kind)


@dataclass(frozen=True, slots=True)
class Aftermath:
    """The stored state after a call.

    Attributes:
        history: the messages, oldest first.
        lesson: the `LESSON_FIELDS` of the lesson; None without one.
    """

    history: tuple[Stored, ...]
    lesson: Mapping[str, int | bool] | None = None


async def aftermath(place: Place, store: Store) -> Aftermath:
    """Read the stored state after the call."""
    if place.tutor is None:
        messages = await store.messages(place.chat_id)
        return Aftermath(tuple(_stored(message) for message in messages))
    lines = await store.external_messages(place.chat_id)
    session = await store.external_chat(place.user_id, place.chat_id)
    progress = next(iter(await store.progress(place.user_id, session.subject_id)), None)
    return Aftermath(
        tuple(_stored(line, line.kind) for line in lines),
        {
            "completed": session.ended_at is not None and progress is not None and progress.completed_at is not None,
            "answers": 0 if progress is None else progress.attempts,
            "mastery_percent": 0 if progress is None else round(progress.mastery * 100),
        },
    )
