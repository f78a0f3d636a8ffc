"""`POST /v1/chat/completions`: a persona answers in writing, whole or streamed, and calls the client's tools."""

import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal, cast

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from api.doors.line import FreshAttempt
from api.doors.openai.door import BadParameter, OpenAIRoute, at_once, error_body, user_of
from api.doors.openai.targets import Target, target_of
from api.doors.refusals import failure_of, server_sent
from api.service import Service
from models.errors import ModelError
from models.records.core import Grant, Role
from pipeline.conversation.reply import HandedOver, HistoryEntry, ReplyContext, ReplyPart, Retraction, Truncation
from pipeline.conversation.tools import FunctionCall, Tool
from pipeline.errors import PipelineError

CHATTING = "openai.chat"
"""The right to written answers."""

CHAT_HEADER = "X-Glow-Chat"
CHARACTERS_A_TOKEN = 4

router = APIRouter(prefix="/v1/chat", tags=["openai"], route_class=OpenAIRoute)

Chatting = Annotated[Grant, Depends(user_of(CHATTING))]


class ChatPart(BaseModel):
    model_config = ConfigDict(extra="ignore")

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[dict[str, Any]] | None = None
    tool_calls: list[dict[str, Any]] | None = None
    tool_call_id: str | None = None

    @property
    def text(self) -> str:
        """Its words."""
        if isinstance(self.content, list):
            return "\n".join(str(part.get("text", "")) for part in self.content if part.get("type") == "text")
        return self.content or ""


class StreamOptions(BaseModel):
    include_usage: bool = False


class ChatBody(BaseModel):
    model_config = ConfigDict(extra="ignore")

    messages: list[ChatPart] = Field(min_length=1, max_length=1_000)
    model: str | None = None
    stream: bool = False
    stream_options: StreamOptions | None = None
    tools: list[dict[str, Any]] | None = Field(default=None, max_length=128)
    tool_choice: str | dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None


@dataclass
class WrittenCompletion:
    """A completion as it is written.

    Attributes:
        asked: characters of the request.
    """

    model: str
    asked: int
    text: str = ""
    calls: tuple[FunctionCall, ...] = ()
    truncated: bool = False
    id: str = field(default_factory=lambda: f"chatcmpl-{uuid.uuid4().hex}")
    created: int = field(default_factory=lambda: int(time.time()))

    @property
    def finish(self) -> str:
        """Why it ended."""
        return "tool_calls" if self.calls else "length" if self.truncated else "stop"

    def usage(self) -> dict[str, int]:
        """Return the tokens, by the number of characters."""
        said = len(self.text) + sum(len(call.arguments) for call in self.calls)
        asked, answered = self.asked // CHARACTERS_A_TOKEN, said // CHARACTERS_A_TOKEN
        return {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered}

    def whole(self) -> dict[str, Any]:
        """Return it in one piece."""
        message: dict[str, Any] = {"role": "assistant", "content": self.text or None, "refusal": None}
        if self.calls:
            message["tool_calls"] = _calls(self.calls)
        choice = {"index": 0, "message": message, "finish_reason": self.finish, "logprobs": None}
        return self._head("chat.completion") | {"choices": [choice], "usage": self.usage()}

    def chunk(self, delta: dict[str, Any], finish: str | None = None) -> str:
        """Return a piece of it as a server-sent event."""
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        return server_sent(self._head("chat.completion.chunk") | {"choices": [choice]})

    def last(self) -> str:
        """Return the event with the usage alone."""
        return server_sent(self._head("chat.completion.chunk") | {"choices": [], "usage": self.usage()})

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}


@router.post("/completions", response_class=Response)
async def completions(request: Request, grant: Chatting, body: ChatBody) -> Response:
    """Answer the last message: without a memory, or, with the id of a chat, in that chat."""
    service: Service = request.app.state.service
    chat_id = request.headers.get(CHAT_HEADER) or (body.metadata or {}).get("chat_id")
    asked = sum(len(message.text) for message in body.messages)
    if chat_id:
        target = await target_of(service, grant, f"chat:{chat_id}")
        written = WrittenCompletion(body.model or target.name, asked)
        parts = _in_chat(service, grant, str(chat_id), body)
    else:
        target = await target_of(service, grant, body.model)
        written = WrittenCompletion(body.model or target.name, asked)
        context = _context(await _known(service, target), body)
        parts = _alone(service, grant, context)
    if not body.stream:
        async with aclosing(parts) as stream:
            async for part in stream:
                _take(written, part)
        return JSONResponse(written.whole())
    first = await anext(parts, "")
    usage = body.stream_options is not None and body.stream_options.include_usage
    return StreamingResponse(_streamed(written, first, parts, usage=usage), media_type="text/event-stream")


async def _alone(service: Service, grant: Grant, context: ReplyContext) -> AsyncGenerator[ReplyPart, None]:
    async with at_once(service, grant):
        parts = cast(AsyncGenerator[ReplyPart], service.engines.responder.reply(context))
        async with aclosing(parts) as stream:
            async for part in stream:
                yield part


async def _in_chat(service: Service, grant: Grant, chat_id: str, body: ChatBody) -> AsyncGenerator[ReplyPart, None]:
    """Say the last message in a chat; its answer comes when it is stored."""
    said = next((message.text for message in reversed(body.messages) if message.role == "user"), "")
    if not said.strip():
        raise BadParameter("The messages hold none of the user's: the last one is said in the chat.", "messages")
    async with at_once(service, grant):
        sent = await service.chats.message(grant.user.id, chat_id, said)
        answer = None if sent.reply is None else await sent.reply
        if answer is not None:
            yield answer.text


def _take(written: WrittenCompletion, part: ReplyPart) -> str:
    """Take a part of an answer; return its words."""
    match part:
        case HandedOver(calls):
            written.calls = calls
        case Truncation():
            written.truncated = True
        case Retraction(kept):
            written.text = written.text[:kept]
        case str():
            written.text += part
            return part
        case _:
            pass
    return ""


async def _streamed(
    written: WrittenCompletion, first: ReplyPart, parts: AsyncGenerator[ReplyPart, None], *, usage: bool
) -> AsyncIterator[str]:
    try:
        yield written.chunk({"role": "assistant", "content": _take(written, first)})
        async with aclosing(parts) as stream:
            async for part in stream:
                if words := _take(written, part):
                    yield written.chunk({"content": words})
        if written.calls:
            calls = [{"index": place, **call} for place, call in enumerate(_calls(written.calls))]
            yield written.chunk({"tool_calls": calls})
        yield written.chunk({}, written.finish)
        if usage:
            yield written.last()
    except (PipelineError, ModelError) as error:
        failure = failure_of(error)
        yield server_sent(error_body(failure.message, failure.status, code=failure.code or None))
    yield "data: [DONE]\n\n"


async def _known(service: Service, target: Target) -> ReplyContext:
    """Return what a persona knows before anything was said."""
    documents = []
    scenario = None
    if isinstance(target.chat, FreshAttempt) and target.scenario_id:
        scenario = await service.store.scenario(target.scenario_id)
        documents = [await service.store.document(name) for name in scenario.document_ids]
    return ReplyContext(target.persona, scenario, tuple(documents), ())


def _context(known: ReplyContext, body: ChatBody) -> ReplyContext:
    results = {one.tool_call_id: one.text for one in body.messages if one.role == "tool" and one.tool_call_id}
    history: list[HistoryEntry] = []
    told: list[str] = []
    for message in body.messages:
        if message.role in ("system", "developer"):
            told.append(message.text)
        elif message.role in ("user", "assistant"):
            role: Role = "user" if message.role == "user" else "assistant"
            if message.text.strip():
                history.append(HistoryEntry(role, message.text))
            if calls := _answered(message, results):
                history.append(HistoryEntry("assistant", "", calls=calls))
    if not any(entry.role == "user" for entry in history):
        raise BadParameter("The messages hold none of the user's.", "messages")
    own = known.persona.instructions
    instructions = "\n\n".join(text for text in (own, *told) if text.strip())
    return replace(
        known,
        persona=replace(known.persona, instructions=instructions),
        history=tuple(history),
        tools=_tools(body),
        tool_choice=_choice(body),
    )


def _answered(message: ChatPart, results: dict[str, str]) -> tuple[FunctionCall, ...]:
    found = []
    for call in message.tool_calls or ():
        name, function = str(call.get("id", "")), call.get("function")
        if name in results and isinstance(function, dict):
            arguments = str(function.get("arguments") or "{}")
            found.append(FunctionCall(name, str(function.get("name", "")), arguments, results[name]))
    return tuple(found)


def _tools(body: ChatBody) -> tuple[Tool, ...]:
    tools = []
    for place, given in enumerate(body.tools or ()):
        function = given.get("function")
        if given.get("type") != "function" or not isinstance(function, dict) or not function.get("name"):
            raise BadParameter("A tool is a function with a name.", f"tools[{place}]")
        parameters = function.get("parameters")
        known = parameters if isinstance(parameters, dict) else {"type": "object", "properties": {}}
        tools.append(Tool(str(function["name"]), str(function.get("description") or ""), parameters=known))
    return tuple(tools)


def _choice(body: ChatBody) -> str:
    choice = body.tool_choice
    if isinstance(choice, dict):
        function = choice.get("function")
        choice = str(function.get("name", "")) if isinstance(function, dict) else ""
    return choice or "auto"


def _calls(calls: tuple[FunctionCall, ...]) -> list[dict[str, Any]]:
    return [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for call in calls
    ]
