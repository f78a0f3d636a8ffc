"""`POST /chat`: one exchange, whole or in lines."""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, cast

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from api.doors.glean import rendering
from api.doors.glean.door import GleanRoute, GleanUser
from api.doors.glean.requests import ChatRequest, GleanMessage, oldest_first, wanted
from api.doors.refusals import json_line, json_object
from api.external import ExternalServices, external_of
from models.errors import ModelError, NotFound
from models.records.core import Role, User
from models.records.external import ExternalChat
from models.store import Store
from pipeline.conversation.reply import HistoryEntry
from pipeline.errors import PipelineError
from pipeline.grounded.answers import DEFAULT_SOURCES, GroundedAnswer, GroundedQuestion
from pipeline.grounded.applications import Application, applications_of
from pipeline.grounded.chats import GroundedExchange, history_of, source_data, title_of
from pipeline.llm.completions import Tuning

router = APIRouter(tags=["glean"], route_class=GleanRoute)

TEXT = "text/plain; charset=utf-8"
QUICK_SOURCES = 2
QUICK_TOKENS = 200
LONGEST_OFFSET_MINUTES = 14 * 60

Offset = Annotated[int | None, Query(alias="timezoneOffset", ge=-LONGEST_OFFSET_MINUTES, le=LONGEST_OFFSET_MINUTES)]


@router.post("/chat")
@router.post("/rest/api/v1/chat")
async def chat(user: GleanUser, request: Request, offset: Offset = None) -> Response:
    """Answer the user's most recent message."""
    began = time.monotonic()
    body = ChatRequest.model_validate(await json_object(request))
    how = wanted(request.headers.get("accept", "*/*"), bool(body.stream))
    turn = _Turn(external_of(request), request.app.state.service.store, user, body, began, offset)
    try:
        async with asyncio.timeout(turn.left_s):
            await turn.ask()
            if how == "lines":
                first = await anext(turn.words, "")
                return StreamingResponse(turn.lines(first), media_type=TEXT)
            whole = await turn.whole()
    except TimeoutError:
        raise HTTPException(408, "Request Timeout") from None
    if how == "json":
        return JSONResponse(whole)
    return Response(json.dumps(whole, ensure_ascii=False), media_type=TEXT)


@dataclass(slots=True)
class _Turn:
    """A question and its answer in progress."""

    external: ExternalServices
    store: Store
    user: User
    body: ChatRequest
    began: float
    offset: int | None
    message_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    query: GleanMessage = field(default_factory=GleanMessage)
    asked: GroundedQuestion = field(default_factory=lambda: GroundedQuestion(""))
    answer: GroundedAnswer | None = None
    kept: ExternalChat | None = None

    @property
    def left_s(self) -> float | None:
        """Seconds until the caller's timeout; None without one."""
        limit = self.body.timeoutMillis
        return None if limit is None else max(0.0, limit / 1000 - (time.monotonic() - self.began))

    @property
    def words(self) -> AsyncIterator[str]:
        assert self.answer is not None
        return self.answer.words

    @property
    def agent(self) -> dict[str, str]:
        config = self.body.agentConfig
        return {
            "agent": (config and config.agent) or "DEFAULT",
            "mode": (config and config.mode) or "DEFAULT",
        }

    async def ask(self) -> None:
        """Find the question and its sources, and begin the answer.

        Raises:
            HTTPException: 400 or 404.
            ResponderFailed: there is no answer.
        """
        said = oldest_first(self.body.messages)
        place = max((at for at, item in enumerate(said) if item.author == "USER" and _is_content(item)), default=-1)
        if place < 0:
            raise HTTPException(400, "messages must hold a message of the author USER")
        self.query = said[place]
        if self.body.chatId:
            try:
                self.kept = await self.store.external_chat(self.user.id, self.body.chatId, "glean")
            except NotFound:
                raise HTTPException(404, "There is no such chat.") from None
            history = history_of(await self.store.external_messages(self.kept.id))
        else:
            history = tuple(_line(item) for item in said[:place] if _is_content(item) and item.text)
        applications = await self._applications()
        allowed = self.body.allowed
        for application in applications:
            allowed = application.narrowed(allowed)
        files = [name for item in said for name in item.uploadedFileIds or ()]
        quick = self.agent["mode"] == "QUICK" or self.agent["agent"] == "FAST"
        # The agent GPT uses the model alone.
        limit = 0 if self.agent["agent"] == "GPT" else QUICK_SOURCES if quick else DEFAULT_SOURCES
        self.asked = GroundedQuestion(
            self.query.text,
            history=history,
            sources_limit=limit,
            allowed=allowed,
            instructions=self._instructions(said, applications),
            files=await self.external.chats.documents_of(self.user.id, files),
            tuning=Tuning(max_tokens=QUICK_TOKENS) if quick else None,
        )
        self.answer = await self.external.chats.grounded.answer(self.user.id, self.asked)

    async def whole(self) -> dict[str, Any]:
        """Return the response once it is complete, stored if the caller wants it."""
        text = "".join([word async for word in self.words]).strip()
        response = await self._finished(text)
        sources = [source_data(source) for source in self.answer.sources] if self.answer else []
        parts = rendering.fragments(text, sources)
        message = rendering.answer(parts, self.agent, messageId=self.message_id)
        return {"messages": [message], **response}

    async def lines(self, first: str) -> AsyncIterator[str]:
        """Stream the response in lines: deltas, then citations and the rest; an error is the last one."""
        text = first
        try:
            if first:
                yield self._delta(first)
            async with aclosing(cast(AsyncGenerator[str, None], self.words)) as words:
                while True:
                    async with asyncio.timeout(self.left_s):
                        word = await anext(words, None)
                    if word is None:
                        break
                    text += word
                    yield self._delta(word)
            async with asyncio.timeout(self.left_s):
                response = await self._finished(text.strip())
            sources = [source_data(source) for source in self.answer.sources] if self.answer else []
            cited = [{"citation": rendering.citation(source, text)} for source in sources]
            message = rendering.answer(cited, self.agent, messageId=self.message_id)
            yield _json_line({"messages": [message], **response})
        except (TimeoutError, PipelineError, ModelError) as error:
            said = "Request Timeout" if isinstance(error, TimeoutError) else "Something went wrong"
            message = {"author": "GLEAN_AI", "messageType": "ERROR", "fragments": [{"text": said}]}
            yield _json_line({"messages": [message | {"messageId": self.message_id}]})

    def _delta(self, word: str) -> str:
        message = rendering.answer([{"text": word}], self.agent, messageId=self.message_id)
        return _json_line({"messages": [message | {"hasMoreFragments": True}]})

    async def _finished(self, text: str) -> dict[str, Any]:
        """Return the rest of the response; store the exchange if the caller wants it."""
        assert self.answer is not None
        body = self.body
        prompts = await self.external.chats.grounded.suggest(self.user.id, self.asked, text, self.answer.sources)
        if body.saveChat or (self.kept is not None and body.saveChat is None):
            chat = self.kept or await self.store.add_external_chat(
                self.user.id, "glean", title=title_of(self.query.text), subject_id=body.applicationId
            )
            self.kept = chat
            sources = [source_data(source) for source in self.answer.sources]
            files = [document.id for document in self.asked.files]
            exchange = GroundedExchange(
                self.query.text,
                text,
                answer_id=self.message_id,
                question_data={"files": files},
                answer_data={"sources": sources, "agentConfig": self.agent},
            )
            await self.external.chats.keep(chat, exchange, self.asked)
        response: dict[str, Any] = {
            "followUpPrompts": prompts,
            "backendTimeMillis": round((time.monotonic() - self.began) * 1000),
        }
        if self.kept is not None:
            response |= {"chatId": self.kept.id, "chatSessionTrackingToken": self.kept.id}
        return response

    async def _applications(self) -> list[Application]:
        """Find what configures the answer.

        Raises:
            HTTPException: 400, there is no such application or agent.
        """
        ids = self.body.applications(self.kept.subject_id if self.kept else None)
        try:
            return await applications_of(self.store, self.user.id, ids)
        except NotFound as error:
            raise HTTPException(400, str(error)) from None

    def _instructions(self, said: list[GleanMessage], applications: list[Application]) -> str:
        """Join the instructions of the applications and of the caller."""
        parts = [application.instructions for application in applications]
        parts += [item.text for item in said if item.messageType == "CONTEXT" and item.text]
        if self.offset is not None:
            local = datetime.now(UTC) + timedelta(minutes=self.offset)
            parts.append(f"It is {local:%A, %d %B %Y, %H:%M} where the user is.")
        return "\n\n".join(parts)


def _is_content(item: GleanMessage) -> bool:
    return item.messageType == "CONTENT"


def _line(item: GleanMessage) -> HistoryEntry:
    role: Role = "user" if item.author == "USER" else "assistant"
    return HistoryEntry(role, item.text)


def _json_line(body: dict[str, Any]) -> str:
    return json_line(body) + "\n"
