"""chat_draft and chat_drafts."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from api.doors.glow.operations.chats import TEXTS, question_values
from api.doors.glow.operations.shapes_drafts import (
    ChatDraftBody,
    ChatDraftReply,
    ChatDraftsBody,
    ChatDraftsReply,
    DraftEntry,
    FormState,
    NewMedia,
)
from api.service import Service
from models.errors import Invalid
from models.records.core import User
from models.records.outcomes import Draft
from pipeline.practice.drafts import DraftChanges, SavedDraft
from pipeline.practice.selection import LISTS
from pipeline.practice.values import MediaValue, OptionValue


async def chat_draft(service: Service, user: User, body: ChatDraftBody) -> ChatDraftReply:
    """Save a draft: each save is a version; with `chat_id` that chat takes it on from the next message."""
    saved = await service.practice.drafts.save(
        user.id,
        _changes(body),
        draft_id=body.draft_id,
        expected_version=body.expected_version,
        chat_id=body.chat_id,
        attempt_id=body.attempt_id,
    )
    draft = saved.draft
    return ChatDraftReply(
        draft_id=draft.id,
        new_version=draft.version,
        version=draft.version,
        message=_message(saved),
        chat_id=draft.chat_id,
        applied=saved.applied,
        form_state=FormState(**_form(draft.state)),
    )


def _message(saved: SavedDraft) -> str:
    draft = saved.draft
    done = "Draft created." if draft.version == 1 else f"Draft saved as version {draft.version}."
    if saved.applied:
        return f"{done} The chat takes it on from the next message."
    if draft.chat_id is not None:
        return f"{done} Its chat has ended, so it changes nothing there."
    return f"{done} Give its draft_id with a message, a chat or an attempt that is to take it on."


async def chat_drafts(service: Service, user: User, body: ChatDraftsBody) -> ChatDraftsReply:
    """List the user's drafts, the latest change first."""
    drafts, total = await service.store.drafts(
        user.id,
        search=body.search or "",
        chat_id=body.chat_id,
        since=_time(body.date_from, "date_from"),
        until=_time(body.date_to, "date_to"),
        limit=body.page_limit,
        offset=body.page_offset,
    )
    return ChatDraftsReply(
        entries=[draft_entry(draft) for draft in drafts],
        total=total,
    )


def draft_entry(draft: Draft) -> DraftEntry:
    """Render a draft in a list."""
    return DraftEntry(
        id=draft.id,
        version=draft.version,
        created_at=draft.created_at.isoformat(),
        updated_at=draft.updated_at.isoformat(),
        chat_id=draft.chat_id,
        **_form(draft.state),
    )


def _changes(body: ChatDraftBody) -> DraftChanges:
    """Convert the fields of the body to changes."""
    return DraftChanges(
        texts={kind: text for kind in TEXTS if (text := getattr(body, kind)) is not None},
        text_ids={kind: ident for kind in TEXTS if (ident := getattr(body, f"{kind}_id")) is not None},
        ids={name: ids for name in LISTS if (ids := getattr(body, name)) is not None},
        objectives=body.objectives,
        images=None if body.images is None else [_media(media) for media in body.images],
        videos=None if body.videos is None else [_media(media) for media in body.videos],
        questions=question_values(body.questions),
        options=None
        if body.options is None
        else [OptionValue(one.option_text, one.is_correct, one.question_id) for one in body.options],
    )


def _media(media: NewMedia) -> MediaValue:
    return MediaValue(media.name, media.description, media.upload_id, media.length_seconds, media.url)


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
