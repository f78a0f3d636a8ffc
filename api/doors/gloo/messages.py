"""Gloo's messages and chats."""

import uuid
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, cast

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from api.doors.gloo.door import GlooRoute, GlooUser
from api.doors.refusals import server_sent
from api.external import ExternalServices, external_of
from models.errors import ModelError, NotFound
from models.records.external import ExternalChat, ExternalMessage
from models.store import Store
from pipeline.errors import PipelineError
from pipeline.grounded.answers import DEFAULT_SOURCES, GroundedAnswer, GroundedQuestion
from pipeline.grounded.chats import GroundedExchange, history_of, source_data, title_of
from pipeline.grounded.sources import SourceFilter

router = APIRouter(prefix="/ai/v1", tags=["gloo"], route_class=GlooRoute)

CHAT_NOT_FOUND = "Chat not found"
QUERY_LIMIT = 20_000


class MessageBody(BaseModel):
    query: str = Field(min_length=1, max_length=QUERY_LIMIT)
    chat_id: str | None = None
    character_limit: int | None = Field(default=None, ge=1, le=100_000)
    sources_limit: int = Field(default=5, ge=0, le=50)
    stream: bool = False
    publishers: list[str] = Field(default_factory=list, max_length=100)
    enable_suggestions: Literal[0, 1] | None = None
    enable_sources: Literal[0, 1, 2] | None = None
    intent: Literal[0, 1] | None = None


class PatchBody(BaseModel):
    new_value: str | bool | None = None


ChatId = Annotated[str | None, Query(alias="chat_id")]
Switch = Annotated[Literal["0", "1"] | None, Query(alias="enable_suggestions")]
Sources = Annotated[Literal["0", "1", "2"] | None, Query(alias="enable_sources")]
Intent = Annotated[Literal["0", "1", "null"] | None, Query(alias="intent")]


@router.post("/message")
async def message(
    body: MessageBody,
    user: GlooUser,
    request: Request,
    chat_id: ChatId = None,
    suggestions: Switch = None,
    sources: Sources = None,
    intent: Intent = None,
) -> Any:
    """Answer a question, in a new chat or in one of the user's own; the answer may be streamed."""
    if body.chat_id is None and chat_id:
        body.chat_id = chat_id
    if body.enable_suggestions is None and suggestions is not None:
        body.enable_suggestions = 1 if suggestions == "1" else 0
    if body.enable_sources is None and sources is not None:
        body.enable_sources = {"0": 0, "1": 1, "2": 2}[sources]  # type: ignore[assignment]
    if body.intent is None and intent in ("0", "1"):
        body.intent = 1 if intent == "1" else 0
    turn = await _Turn.begin(request, user.id, body)
    if body.stream:
        first = await anext(turn.answer.words, "")
        return StreamingResponse(turn.events(first), media_type="text/event-stream", headers=_STREAMED)
    return await turn.whole()


@router.post("/message/kallm")
async def message_kallm(body: MessageBody, user: GlooUser, request: Request) -> dict[str, Any]:
    """Answer a question with the shortest form of the response."""
    whole = await (await _Turn.begin(request, user.id, body)).whole()
    return {key: whole[key] for key in ("query_id", "message_id", "message", "timestamp")}


@router.delete("/message")
async def delete_message(
    user: GlooUser, request: Request, message_id: str | None = None, query_id: str | None = None
) -> dict[str, Any]:
    """Delete a question with its answer, by the id of either."""
    known = (message_id or "").removeprefix("m") or (query_id or "").removeprefix("q")
    if not known:
        raise HTTPException(400, "message_id or query_id is required")
    try:
        await _store(request).remove_external_exchange(user.id, "gloo", known)
    except NotFound:
        raise HTTPException(404, "Message not found") from None
    return {"deleted": True, "message_id": message_id or query_id}


@router.get("/chat")
async def chat(user: GlooUser, request: Request, chat_id: str) -> dict[str, Any]:
    """Get a chat with all of its messages."""
    found = await _chat(_store(request), user.id, chat_id)
    said = await _store(request).external_messages(found.id)
    return {
        "user_id": f"u{user.id}",
        "chat_id": found.id,
        "created_at": _time(found.created_at),
        "updated_at": _time(found.updated_at),
        "messages": [_message(item) for item in said],
        "pin": found.pinned,
        "summary": found.summary,
        "title": found.title,
    }


@router.patch("/chat")
async def patch_chat(
    user: GlooUser,
    request: Request,
    chat_id: str,
    chat_field: Literal["pin", "title", "summary"],
    body: PatchBody,
) -> dict[str, Any]:
    """Pin a chat, or change its title or summary."""
    store, value = _store(request), body.new_value
    await _chat(store, user.id, chat_id)
    if chat_field == "pin":
        if not isinstance(value, bool) and str(value).lower() not in ("true", "false"):
            raise HTTPException(400, "new_value of pin must be true or false")
        value = value if isinstance(value, bool) else str(value).lower() == "true"
        await store.change_external_chat(user.id, chat_id, pinned=value)
    elif not isinstance(value, str) and not (chat_field == "summary" and value is None):
        raise HTTPException(400, f"new_value of {chat_field} must be text")
    elif chat_field == "title":
        await store.change_external_chat(user.id, chat_id, title=str(value)[:QUERY_LIMIT])
    else:
        await store.change_external_chat(user.id, chat_id, summary=value)
    return {"chat_id": chat_id, "field": chat_field, "value": value}


_STREAMED = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


@dataclass(slots=True)
class _Turn:
    """A question and its answer in progress."""

    external: ExternalServices
    store: Store
    user_id: str
    chat: ExternalChat | None
    body: MessageBody
    asked: GroundedQuestion
    answer: GroundedAnswer
    chat_id: str = field(default_factory=lambda: f"c{uuid.uuid4()}")
    query_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    answer_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @classmethod
    async def begin(cls, request: Request, user_id: str, body: MessageBody) -> "_Turn":
        external, store = external_of(request), _store(request)
        chat = await _chat(store, user_id, body.chat_id) if body.chat_id else None
        asked = GroundedQuestion(
            body.query,
            history=history_of(await store.external_messages(chat.id)) if chat else (),
            sources_limit=body.sources_limit or DEFAULT_SOURCES,
            allowed=SourceFilter(publishers=frozenset(name.lower() for name in body.publishers)),
            character_limit=body.character_limit,
        )
        answer = await external.chats.grounded.answer(user_id, asked)
        turn = cls(external, store, user_id, chat, body, asked, answer)
        turn.chat_id = chat.id if chat else turn.chat_id
        return turn

    async def whole(self, said: str = "") -> dict[str, Any]:
        """Return the answer once it is complete and stored."""
        text = (said + "".join([word async for word in self.answer.words])).strip()
        body, model = self.body, self.external.chats.grounded.name
        # A limit of 0 hides the sources, and the answer still rests on them.
        hidden = body.enable_sources == 0 or body.sources_limit == 0
        sources = [] if hidden else [source_data(source) for source in self.answer.sources]
        grounded = self.external.chats.grounded
        suggestions = (
            await grounded.suggest(self.user_id, self.asked, text, self.answer.sources)
            if body.enable_suggestions
            else []
        )
        # A new chat is created with its first answer, so that a failing model leaves no empty one.
        chat = self.chat or await self.store.add_external_chat(
            self.user_id, "gloo", id=self.chat_id, title=title_of(body.query)
        )
        _, answer = await self.external.chats.keep(
            chat,
            GroundedExchange(
                body.query,
                text,
                self.query_id,
                self.answer_id,
                question_data={
                    "character_limit": body.character_limit,
                    "stream": body.stream,
                    "intent": body.intent,
                    "publishers": body.publishers,
                    "model": model,
                },
                answer_data={
                    "sources_limit": body.sources_limit,
                    "sources": sources,
                    "suggestions": suggestions,
                    "intent": body.intent,
                    "model": model,
                },
            ),
            self.asked,
        )
        return {
            **self._ids(),
            "timestamp": _time(answer.created_at),
            "success": True,
            "message": text,
            "model": model,
            "sources": sources,
            "sources_limit": body.sources_limit,
            "suggestions": suggestions,
            "intent": body.intent,
        }

    async def events(self, first: str) -> AsyncIterator[str]:
        """Stream the answer as server-sent events: deltas, the whole, the end."""
        said = first
        try:
            if first:
                yield self._delta(first)
            async with aclosing(cast(AsyncGenerator[str, None], self.answer.words)) as words:
                async for word in words:
                    said += word
                    yield self._delta(word)
            yield server_sent({**await self.whole(said), "done": True})
        except (PipelineError, ModelError) as error:
            yield server_sent({**self._ids(), "success": False, "detail": str(error), "done": True})
        yield "data: [DONE]\n\n"

    def _delta(self, word: str) -> str:
        return server_sent({**self._ids(), "delta": word})

    def _ids(self) -> dict[str, str]:
        return {
            "chat_id": self.chat_id,
            "query_id": f"q{self.query_id}",
            "message_id": f"m{self.answer_id}",
        }


def _store(request: Request) -> Store:
    store: Store = request.app.state.service.store
    return store


async def _chat(store: Store, user_id: str, chat_id: str) -> ExternalChat:
    try:
        return await store.external_chat(user_id, chat_id, "gloo")
    except NotFound:
        raise HTTPException(404, CHAT_NOT_FOUND) from None


def _time(time: datetime) -> str:
    return time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")


def _message(item: ExternalMessage) -> dict[str, Any]:
    data = item.data
    common = {
        "query_id": f"q{item.parent_id or item.id}",
        "message_id": f"m{item.id}",
        "timestamp": _time(item.created_at),
        "intent": data.get("intent"),
        # The documentation's examples read the one or the other.
        "message": item.text,
        "content": item.text,
        "model": data.get("model"),
    }
    if item.role == "user":
        return common | {
            "query_id": f"q{item.id}",
            "role": "user",
            "character_limit": data.get("character_limit"),
            "stream": data.get("stream", False),
            "publishers": data.get("publishers", []),
        }
    return common | {
        "role": "kallm",
        "sources_limit": data.get("sources_limit"),
        "sources": data.get("sources", []),
        "success": True,
        "suggestions": data.get("suggestions", []),
    }
