"""`POST /ai/v2/chat/completions`: one answer to given messages; nothing is stored."""

import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, Literal, cast

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field, model_validator

from api.doors.gloo.door import GlooRoute, GlooUser
from api.doors.refusals import server_sent
from api.external import external_of
from models.records.core import Role
from pipeline.conversation.reply import HistoryEntry
from pipeline.errors import PipelineError
from pipeline.grounded.answers import GroundedQuestion
from pipeline.llm.completions import Completion, Tuning
from pipeline.llm.deltas import StreamEnding

router = APIRouter(prefix="/ai/v2", tags=["gloo"], route_class=GlooRoute)

WORD_TOKENS = 4
"""Characters that count as one token if no model counts them."""


class CompletionMessage(BaseModel):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[dict[str, Any]] | None = None
    name: str | None = None
    tool_calls: list[dict[str, Any]] | None = None
    tool_call_id: str | None = None

    @property
    def text(self) -> str:
        """Its words."""
        if isinstance(self.content, list):
            return " ".join(str(part.get("text", "")) for part in self.content if part.get("type") == "text")
        return self.content or ""


class CompletionBody(BaseModel):
    messages: list[CompletionMessage] = Field(min_length=1, max_length=500)
    auto_routing: bool | None = None
    model: str | None = None
    model_family: str | None = None
    tradition: str | None = None
    stream: bool = False
    temperature: float | None = Field(default=None, ge=0, le=2)
    max_tokens: int | None = Field(default=None, ge=1, le=100_000)
    tools: list[dict[str, Any]] = Field(default_factory=list, max_length=128)
    tool_choice: str | dict[str, Any] | None = None

    @model_validator(mode="after")
    def _has_one_routing(self) -> "CompletionBody":
        if sum((bool(self.auto_routing), bool(self.model), bool(self.model_family))) != 1:
            raise ValueError("exactly one of auto_routing, model and model_family must be given")
        return self

    @property
    def routing(self) -> str:
        """The one of three ways by which the model is chosen."""
        return "auto_routing" if self.auto_routing else "model" if self.model else "model_family"


@router.post("/chat/completions")
async def completions(body: CompletionBody, user: GlooUser, request: Request) -> Any:
    """Generate a completion, whole or streamed."""
    grounded = external_of(request).chats.grounded
    head = _head(body, grounded.name, "openai" if grounded.model else "scripted")
    if grounded.model is not None and body.tools:
        completion = await grounded.model.complete(_messages(body), _tuning(body))
        if body.stream:
            return StreamingResponse(_streamed_whole(head, completion), media_type="text/event-stream")
        return _whole(head, completion, body)
    if grounded.model is not None and not body.stream:
        return _whole(head, await grounded.model.complete(_messages(body), _tuning(body)), body)
    if grounded.model is not None:
        ending = StreamEnding()
        words = grounded.model.stream(_messages(body), _tuning(body), ending)
    else:
        answer = await grounded.answer(user.id, _question(body))
        words, ending = answer.words, answer.ending
    if not body.stream:
        text = "".join([word async for word in words])
        return _whole(head, Completion(text, finish=ending.reason or "stop"), body)
    first = await anext(words, "")
    return StreamingResponse(_streamed(head, first, words, ending), media_type="text/event-stream")


def _tuning(body: CompletionBody) -> Tuning:
    return Tuning(body.temperature, body.max_tokens, body.tools, body.tool_choice)


def _messages(body: CompletionBody) -> list[dict[str, Any]]:
    messages = [message.model_dump(exclude_none=True) for message in body.messages]
    if body.tradition:
        said = f"Answer in keeping with this tradition: {body.tradition[:200]}."
        messages.insert(0, {"role": "system", "content": said})
    return messages


def _question(body: CompletionBody) -> GroundedQuestion:
    asked = [message for message in body.messages if message.role == "user"]
    if not asked:
        raise HTTPException(400, "messages must hold a user message")
    lines = []
    for message in body.messages:
        role: Role = "user" if message.role == "user" else "assistant"
        if message.role in ("user", "assistant") and message is not asked[-1]:
            lines.append(HistoryEntry(role, message.text))
    limit = body.max_tokens * WORD_TOKENS if body.max_tokens else None
    return GroundedQuestion(asked[-1].text, history=tuple(lines), character_limit=limit)


def _head(body: CompletionBody, model: str, provider: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "routing_mechanism": body.routing,
        "routing_tier": None,
        "routing_confidence": None,
        "tradition": body.tradition,
        "provider": provider,
    }


def _whole(head: dict[str, Any], completion: Completion, body: CompletionBody) -> dict[str, Any]:
    message = completion.as_message()
    if not completion.tool_calls:
        message["content"] = completion.text
    asked = completion.prompt_tokens or sum(len(item.text) for item in body.messages) // WORD_TOKENS
    said = completion.completion_tokens or len(completion.text) // WORD_TOKENS
    return head | {
        "choices": [{"index": 0, "message": message, "finish_reason": completion.finish}],
        "usage": {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said},
    }


def _chunk(head: dict[str, Any], delta: dict[str, Any], finish: str | None = None) -> str:
    chunk = head | {
        "object": "chat.completion.chunk",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }
    return server_sent(chunk)


async def _streamed(
    head: dict[str, Any], first: str, words: AsyncIterator[str], ending: StreamEnding
) -> AsyncIterator[str]:
    try:
        yield _chunk(head, {"role": "assistant", "content": first})
        async with aclosing(cast(AsyncGenerator[str, None], words)) as stream:
            async for word in stream:
                yield _chunk(head, {"content": word})
        yield _chunk(head, {}, ending.reason or "stop")
    except PipelineError as error:
        yield server_sent({"detail": str(error)})
    yield "data: [DONE]\n\n"


async def _streamed_whole(head: dict[str, Any], completion: Completion) -> AsyncIterator[str]:
    delta = completion.as_message()
    for index, call in enumerate(delta.get("tool_calls", ())):
        call["index"] = index
    yield _chunk(head, delta)
    yield _chunk(head, {}, completion.finish)
    yield "data: [DONE]\n\n"
