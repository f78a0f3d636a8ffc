"""Replies from any server of the OpenAI chat completions protocol: streamed, with a deadline for every wait."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import replace
from typing import Any, cast
from urllib.parse import urlsplit

import openai
from openai import AsyncOpenAI

from pipeline.conversation.reply import ReplyContext, ReplyPart, Retraction, Truncation
from pipeline.conversation.tools import Tool
from pipeline.errors import ResponderFailed
from pipeline.llm.answer_text import AnswerText
from pipeline.llm.completions import Message
from pipeline.llm.deadlines import Deadlines
from pipeline.llm.deltas import StreamEnding, TextJoiner, field_of, part_of, reason_of, words_of
from pipeline.llm.event_stream import AnswerStream
from pipeline.llm.prompt import PromptBudget, chat_messages
from pipeline.llm.tool_calls import ToolCallReader
from pipeline.llm.tool_loop import LONG_S, EmptyReply, ModelPart, converse, schema_of
from pipeline.llm.usage import TokenMeter, UsageReport

log = logging.getLogger(__name__)

_OFFICIAL = "https://api.openai.com/v1"
# Reading the stream to its end lets the next turn reuse the connection, but is worth no longer wait than a handshake.
_LIMITS = ("max_tokens", "max_completion_tokens")
_DRAIN_S = 0.2


class OpenAIResponder:
    """A `Responder` on a language model behind the chat completions protocol."""

    name = "openai"

    def __init__(
        self,
        *,
        model: str,
        base_url: str | None = None,
        api_key: str | None = None,
        deadlines: Deadlines | None = None,
        max_tokens: int = 300,
        temperature: float = 0.7,
        budget: PromptBudget | None = None,
        thinks: bool = False,
        tools_long_s: float = LONG_S,
        tokens: TokenMeter | None = None,
    ) -> None:
        self._model = model
        self._usage = UsageReport(tokens, model)
        self._deadlines = deadlines or Deadlines()
        self._budget = budget or PromptBudget()
        self._tuning: dict[str, Any] = {"max_tokens": max_tokens, "temperature": temperature}
        self._takes_tools = True
        self._tools_long_s = tools_long_s
        self._thinks = thinks
        # Whether the latest answer began with a thought without a tag; None before the first.
        self._thinks_first: bool | None = thinks or None
        self._where = _host(base_url or _OFFICIAL)
        # The client requires a key, though many local servers need none. Its retries may take minutes, which is too
        # long in a call: `_open` retries instead, once and at once.
        self._client = AsyncOpenAI(
            base_url=base_url or _OFFICIAL,
            api_key=api_key or "none",
            max_retries=0,
            timeout=openai.Timeout(self._deadlines.total_s, connect=self._deadlines.connect_s),
            http_client=openai.DefaultAsyncHttpxClient(follow_redirects=False),
        )

    async def reply(self, context: ReplyContext) -> AsyncIterator[ReplyPart]:
        """Stream the reply as the model writes it, using its tools; closing the iterator closes the request.

        Raises:
            ResponderFailed: refused, past a deadline, cut off, empty, or not the protocol.
        """
        if not context.history and context.persona.greeting:
            yield context.persona.greeting
            return
        patience = _Patience(self._deadlines)

        choices = [context.tool_choice]

        def ask(
            messages: Sequence[Message], tools: Sequence[Tool], *, may_call: bool
        ) -> AsyncGenerator[ModelPart, None]:
            choice = choices.pop() if choices and may_call else "auto" if may_call else "none"
            return self._ask(patience, messages, tools, choice, context.max_tokens)

        context = context if self._takes_tools else replace(context, tools=())
        messages = cast(list[Message], await asyncio.to_thread(chat_messages, context, self._budget))
        async with aclosing(converse(ask, messages, context.tools, long_s=self._tools_long_s)) as parts:
            async for part in parts:
                yield part

    async def _ask(
        self,
        patience: "_Patience",
        messages: Sequence[Message],
        tools: Sequence[Tool],
        choice: str,
        most_tokens: int | None = None,
    ) -> AsyncGenerator[ModelPart, None]:
        """Send one request; yield the words as they arrive, and then the tool calls."""
        patience.asks()
        said = ""
        calls, joiner, ending = ToolCallReader(), TextJoiner(), StreamEnding()
        answer = AnswerText(thinks_first=self._thinks_first)
        stream: AnswerStream | None = None
        usage: Any = None
        try:
            async with self._failures(patience):
                stream = await self._open(patience, messages, tools, choice, most_tokens)
            while not (calls.endless or answer.over):
                async with self._failures(patience):
                    chunk = await self._next(stream, patience, ending)
                    if chunk is None:
                        break
                    before, usage = calls.pieces, chunk.get("usage") or usage
                    text, reason = _read(chunk, calls)
                ending.note(reason, holds_words=bool(text) or calls.pieces > before)
                text = answer.push(joiner.push(text))
                if answer.retracts:
                    answer.retracts, said = False, ""
                    yield Retraction()
                if text:
                    said += text
                    patience.heard()
                    yield text
            if rest := answer.push(joiner.flush()) + answer.flush(cut=ending.reason == "length"):
                said += rest
                yield rest
            called = calls.calls()
            if ending.reason == "content_filter" or not called:
                self._check(said, ending.reason, complete=stream.complete or answer.over)
            self._thinks_first = answer.unopened or self._thinks
            if ending.reason == "length":
                yield Truncation()
            for call in called:
                yield call
            with suppress(TimeoutError, openai.OpenAIError, ValueError):
                async with asyncio.timeout(_DRAIN_S):
                    if not (calls.endless or answer.over):
                        await stream.drain()
        finally:
            self._usage.take(usage)
            if stream is not None:
                await stream.close()

    async def _next(self, stream: AnswerStream, patience: "_Patience", ending: StreamEnding) -> dict[str, Any] | None:
        """Return the next chunk; None at the end, or if none follows on a reason to end."""
        try:
            async with patience.waiting(at_most=_DRAIN_S if ending.sure else None):
                return await stream.next()
        except TimeoutError:
            if ending.reason is None:
                raise
            return None

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _open(
        self,
        patience: "_Patience",
        messages: Sequence[Message],
        tools: Sequence[Tool],
        choice: str,
        most_tokens: int | None,
    ) -> AnswerStream:
        """Send the request; retry once if a kept connection had died, or if the model refuses a parameter."""
        offered = {"tools": [schema_of(tool) for tool in tools], "tool_choice": _choice(choice)}
        attempts = 4
        while True:
            attempts -= 1
            asked = self._usage.parameters()
            parameters = self._tuning | asked | (offered if tools and self._takes_tools else {})
            limit = next((name for name in _LIMITS if name in parameters), None)
            if most_tokens is not None and limit is not None:
                parameters[limit] = min(parameters[limit], most_tokens)
            try:
                async with patience.waiting():
                    stream = AnswerStream(
                        await self._client.chat.completions.create(
                            model=self._model, messages=cast(Any, list(messages)), stream=True, **parameters
                        )
                    )
                self._usage.accepted()
                return stream
            except openai.APITimeoutError:
                raise
            except openai.APIConnectionError:
                if attempts < 3:
                    raise
            except openai.APIStatusError as error:
                if attempts and self._adapt(error, parameters):
                    continue
                if attempts and asked and self._usage.refuses(error.status_code, str(error.param or ""), str(error)):
                    continue
                self._usage.failed()
                raise

    def _adapt(self, error: openai.APIStatusError, parameters: dict[str, Any]) -> bool:
        """Drop a parameter that the model refuses by name; newer models take another limit and no temperature."""
        if "tools" in parameters and "tool" in str(error).lower():
            log.warning("The model '%s' takes no tools, so it cannot end a call; it is asked without.", self._model)
            self._takes_tools = False
            return True
        refused = str(error.param or "") if isinstance(error, openai.BadRequestError) else ""
        if refused not in self._tuning:
            return False
        value = self._tuning.pop(refused)
        if refused == "max_tokens":
            self._tuning["max_completion_tokens"] = value
        return True

    def _check(self, said: str, finish: str | None, *, complete: bool) -> None:
        """Raise if a reply that ended is incomplete.

        Args:
            said: its words.
            finish: the server's reason.
            complete: the server said that this was all.
        """
        if finish == "content_filter":
            raise ResponderFailed("The language model's content filter stopped the reply; say it in other words.")
        if finish == "length" and not said.strip():
            raise ResponderFailed(
                f"The model '{self._model}' used up its limit of tokens before it said a word; raise the limit, or "
                "choose a model that thinks less."
            )
        if not said.strip():
            raise EmptyReply(
                f"The language model at {self._where} gave an empty reply; ask again, and check that the address is "
                "the one of its API, which mostly ends in /v1."
            )
        # A server may give neither a reason nor [DONE], and a cut may look like an end: the last sentence tells.
        if finish is None and not complete and said.rstrip()[-1] not in ".!?…\"'”’)":
            raise ResponderFailed(f"The language model at {self._where} broke off in mid-sentence; ask again.")

    @asynccontextmanager
    async def _failures(self, patience: "_Patience") -> AsyncGenerator[None, None]:
        """Map every failure to a sentence of ours: the libraries' messages may quote the key or the address."""
        try:
            yield
        except openai.APIStatusError as error:
            raise ResponderFailed(self._refusal(error.status_code)) from None
        except openai.APITimeoutError:
            raise ResponderFailed(
                f"The language model at {self._where} did not accept a connection in time; check that it runs there."
            ) from None
        except TimeoutError:
            raise ResponderFailed(
                f"The language model at {self._where} {patience.lost()}; try again, or raise the deadline."
            ) from None
        except openai.APIConnectionError:
            reason = (
                "broke off in mid-reply; ask again" if patience.begun else "cannot be reached; check that it runs there"
            )
            raise ResponderFailed(f"The language model at {self._where} {reason}.") from None
        except openai.OpenAIError:
            raise ResponderFailed(f"The language model at {self._where} reported an error; ask again.") from None
        except (ValueError, TypeError, AttributeError, LookupError):
            raise ResponderFailed(
                f"The server at {self._where} does not answer in the chat completions protocol; check that the address "
                "is the one of its API, which mostly ends in /v1."
            ) from None

    def _refusal(self, status: int) -> str:
        at = f"The language model at {self._where}"
        if status < 400:
            return f"{at} redirects to another address (HTTP {status}), which is not followed; set the right base URL."
        if status in (401, 403):
            return f"{at} refused the API key (HTTP {status}); check OPENAI_API_KEY."
        if status == 404:
            return f"{at} does not know the model '{self._model}', or the address is wrong (HTTP 404); check both."
        if status == 429:
            return f"{at} is out of quota or has too many requests (HTTP 429); wait a moment, or raise the limit."
        if status < 500:
            return (
                f"{at} refused the request (HTTP {status}); check that the model '{self._model}' can chat and stream."
            )
        return f"{at} failed (HTTP {status}); try again, and look into its log if it goes on."


class _Patience:
    """Counts the time spent waiting for the server alone."""

    def __init__(self, deadlines: Deadlines) -> None:
        self._deadlines = deadlines
        self._total = deadlines.total_s
        self._next = deadlines.first_token_s
        self.begun = False

    @asynccontextmanager
    async def waiting(self, at_most: float | None = None) -> AsyncGenerator[None, None]:
        """Bound a wait by the time left for the next word and for the whole reply, and by `at_most` seconds."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        left = min(self._next, self._total)
        try:
            async with asyncio.timeout(max(0.0, left if at_most is None else min(left, at_most))):
                yield
        finally:
            waited = loop.time() - began
            self._next -= waited
            self._total -= waited

    def asks(self) -> None:
        """Restart the deadline of the first word: a request is sent, perhaps as a retry."""
        self._next = self._deadlines.first_token_s

    def heard(self) -> None:
        """Restart the deadline of the next word: one has arrived."""
        self.begun = True
        self._next = self._deadlines.gap_s

    def lost(self) -> str:
        """Name the deadline that has passed."""
        if self._total <= 0:
            return f"took more than {self._deadlines.total_s:g} s for one reply"
        if self.begun:
            return f"fell silent for {self._deadlines.gap_s:g} s in mid-reply"
        return f"said nothing for {self._deadlines.first_token_s:g} s"


def _choice(choice: str) -> Any:
    """Render which tools to use: a way, or the one of this name."""
    if choice in ("auto", "none", "required"):
        return choice
    return {"type": "function", "function": {"name": choice}}


def _read(chunk: dict[str, Any], calls: ToolCallReader) -> tuple[str, str | None]:
    """Return the words of one chunk, and the finish reason if it is the last; reasoning and empty deltas hold none."""
    # Servers that only resemble the protocol omit what the types promise.
    if not (choices := chunk.get("choices")):
        return "", None
    part = part_of(choices[0])
    if pieces := field_of(part, "tool_calls"):
        calls.push(pieces)
    return words_of(part), reason_of(choices[0])


def _host(base_url: str) -> str:
    """Return the host and port of an address, without its credentials."""
    try:
        parts = urlsplit(base_url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "the configured address"
    return f"{parts.hostname}{port}" if parts.hostname else "the configured address"
