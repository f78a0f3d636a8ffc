"""chat_draft and chat_drafts."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from api.doors.glow.operations.selection import LISTS
from api.doors.glow.operations.shapes_drafts import (
    ChatDraftBody,
    ChatDraftReply,
    ChatDraftsBody,
    ChatDraftsReply,
    DraftEntry,
    FormState,
)
from api.doors.glow.operations.writing import Values
from api.service import Service
from models.errors import Invalid
from models.records.core import User
from models.records.resources import ResourceKind

_TEXTS: tuple[ResourceKind, ...] = ("name", "description", "problem_statement")


async def chat_draft(service: Service, user: User, body: ChatDraftBody) -> ChatDraftReply:
    """Save a draft: values become resources, ids are merged, and each save is a version."""
    if body.chat_id is not None:
        await service.practice.own.find(user.id, body.chat_id, body.attempt_id)
    elif body.attempt_id is not None:
        await service.store.attempt(user.id, body.attempt_id)
    if body.draft_id is not None:
        # Known to be refused before anything is made of the values.
        draft = await service.store.draft(user.id, body.draft_id)
        if body.expected_version is not None and body.expected_version != draft.version:
            await service.store.save_draft(
                user.id, {}, draft_id=draft.id, expected_version=body.expected_version
            )  # raises with both versions
    changes = await _changes(service, user, body)
    saved = await service.store.save_draft(
        user.id, changes, draft_id=body.draft_id, chat_id=body.chat_id, expected_version=body.expected_version
    )
    message = "Draft created." if saved.version == 1 else f"Draft saved as version {saved.version}."
    return ChatDraftReply(
        draft_id=saved.id,
        new_version=saved.version,
        version=saved.version,
        message=message,
        form_state=FormState(**_form(saved.state)),
    )


async def chat_drafts(service: Service, user: User, body: ChatDraftsBody) -> ChatDraftsReply:
    """List one's drafts, the one changed last first."""
    drafts, total = await service.store.drafts(
        user.id,
        search=body.search or "",
        since=_time(body.date_from, "date_from"),
        until=_time(body.date_to, "date_to"),
        limit=body.page_limit,
        offset=body.page_offset,
    )
    return ChatDraftsReply(
        entries=[
            DraftEntry(
                id=draft.id,
                version=draft.version,
                created_at=draft.created_at.isoformat(),
                updated_at=draft.updated_at.isoformat(),
                chat_id=draft.chat_id,
                **_form(draft.state),
            )
            for draft in drafts
        ],
        total=total,
    )


async def _changes(service: Service, user: User, body: ChatDraftBody) -> dict[str, Any]:
    """What this save changes about the state: only what the body holds."""
    values = Values(user)
    changes: dict[str, Any] = {name: list(ids) for name in LISTS if (ids := getattr(body, name)) is not None}
    for kind in _TEXTS:
        text, ident = getattr(body, kind), getattr(body, f"{kind}_id")
        if text is not None:
            ident = values.text(kind, text)
        elif ident is not None:
            found = await service.store.resources([ident])
            text = found[0].name if found else None
        if ident is not None:
            others = [one for one in changes.get(f"{kind}_ids", []) if one != ident]
            changes |= {kind: text, f"{kind}_id": ident, f"{kind}_ids": [ident, *others]}
    made = {
        "objective_ids": [values.text("objective", text) for text in body.objectives or []],
        "image_ids": [values.media("image", media) for media in body.images or []],
        "video_ids": [values.media("video", media) for media in body.videos or []],
        "question_ids": [values.question(question) for question in body.questions or []],
        "option_ids": [
            values.option(option, option.question_id or next(iter(body.question_ids or []), ""), place)
            for place, option in enumerate(body.options or [])
        ],
    }
    given = {
        "objective_ids": body.objectives,
        "image_ids": body.images,
        "video_ids": body.videos,
        "question_ids": body.questions,
        "option_ids": body.options,
    }
    for name, ids in made.items():
        if ids or given[name] is not None:
            changes[name] = list(dict.fromkeys([*changes.get(name, []), *ids]))
    await values.keep(service)
    return changes


def _form(state: Mapping[str, Any]) -> dict[str, Any]:
    return {name: state[name] for name in FormState.model_fields if name in state}


def _time(text: str | None, name: str) -> datetime | None:
    if not text:
        return None
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid(f"{name} is no time: write it as ISO 8601, such as 2030-01-31T12:00:00Z.") from None
    return read if read.tzinfo else read.replace(tzinfo=UTC)
