"""Completions and tool calls from any server of the OpenAI chat completions protocol, with a deadline for every wait.

The library takes a second to import: import this module for type checking alone where only the class is named.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import openai
from openai import AsyncOpenAI

from models.columns import clean
from pipeline.errors import ResponderFailed
from pipeline.llm.answer_text import AnswerText, words_of_answer
from pipeline.llm.completions import Completion, Message, RequestRefused, ToolCall, Tuning
from pipeline.llm.deadlines import Deadlines
from pipeline.llm.deltas import StreamEnding, TextJoiner, part_of, reason_of, words_of
from pipeline.llm.event_stream import AnswerStream
from pipeline.llm.usage import TokenMeter, UsageReport

OFFICIAL = "https://api.openai.com/v1"

_REFUSES_THE_REQUEST = (400, 413, 415, 422)
"""Statuses with which servers refuse pictures or tools, or a request that is too large."""


class ChatModel:
    """A language model that takes the caller's own messages."""

    def __init__(
        self,
        *,
        model: str,
        base_url: str | None = None,
        api_key: str | None = None,
        deadlines: Deadlines | None = None,
        thinks: bool = False,
        tokens: TokenMeter | None = None,
    ) -> None:
        self.name = model
        self._usage = UsageReport(tokens, model)
        self._deadlines = deadlines or Deadlines()
        self._thinks = thinks
        self._thinks_first: bool | None = thinks or None
        self._client = AsyncOpenAI(
            base_url=base_url or OFFICIAL,
            api_key=api_key or "none",
            max_retries=0,
            timeout=openai.Timeout(self._deadlines.total_s, connect=self._deadlines.connect_s),
            http_client=openai.DefaultAsyncHttpxClient(follow_redirects=False),
        )

    async def complete(self, messages: Sequence[Message], tuning: Tuning | None = None) -> Completion:
        """Request a completion and wait for all of it, at most `Deadlines.total_s`.

        Raises:
            RequestRefused: the model does not take such a request.
            ResponderFailed: refused, unreachable, too slow, or not the protocol.
        """
        async with self._failures(), asyncio.timeout(self._deadlines.total_s):
            answer: Any = await self._ask(messages, tuning, stream=False)
            choice = answer.choices[0]
            message, usage = choice.message, answer.usage
            self._usage.take(usage)
            return Completion(
                text=words_of_answer(clean(words_of(message))),
                tool_calls=tuple(
                    ToolCall(str(call.id), str(call.function.name), str(call.function.arguments or "{}"))
                    for call in message.tool_calls or ()
                ),
                finish=reason_of(choice) or "stop",
                prompt_tokens=usage.prompt_tokens if usage else 0,
                completion_tokens=usage.completion_tokens if usage else 0,
            )

    async def stream(
        self, messages: Sequence[Message], tuning: Tuning | None = None, ending: StreamEnding | None = None
    ) -> AsyncIterator[str]:
        """Request a completion and yield its words as they arrive; closing the iterator closes the request.

        Args:
            ending: hears why the model stopped.

        Raises:
            RequestRefused: the model does not take such a request.
            ResponderFailed: refused, unreachable, too slow, or not the protocol.
        """
        async with self._failures(), asyncio.timeout(self._deadlines.first_token_s):
            stream = AnswerStream(await self._ask(messages, tuning, stream=True))
        patience, joiner, ending = self._deadlines.first_token_s, TextJoiner(), ending or StreamEnding()
        answer = AnswerText(thinks_first=self._thinks_first)
        usage: Any = None
        try:
            while not answer.over:
                async with self._failures(), asyncio.timeout(patience):
                    if (chunk := await stream.next()) is None:
                        break
                    usage = chunk.get("usage") or usage
                    choice = (chunk.get("choices") or [None])[0]
                    text, reason = words_of(part_of(choice)), reason_of(choice)
                ending.note(reason, holds_words=bool(text))
                if text := answer.push(joiner.push(text)):
                    patience = self._deadlines.gap_s
                    yield text
            if rest := answer.push(joiner.flush()) + answer.flush(cut=ending.reason == "length"):
                yield rest
            self._thinks_first = answer.unopened or self._thinks or None  # these words cannot be taken back
        finally:
            self._usage.take(usage)
            await stream.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _ask(self, messages: Sequence[Message], tuning: Tuning | None, *, stream: bool) -> Any:
        parameters = (tuning or Tuning()).parameters()
        while True:
            asked = self._usage.parameters() if stream else {}
            try:
                answer = await self._client.chat.completions.create(
                    model=self.name, messages=cast(Any, list(messages)), stream=cast(Any, stream), **parameters, **asked
                )
                self._usage.accepted()
                return answer
            except openai.APIStatusError as error:
                # Newer models take another limit and no temperature, and name the parameter that they refuse.
                refused = str(error.param or "") if isinstance(error, openai.BadRequestError) else ""
                if refused not in ("max_tokens", "temperature") or refused not in parameters:
                    if asked and self._usage.refuses(error.status_code, str(error.param or ""), str(error)):
                        continue
                    self._usage.failed()
                    raise
                value = parameters.pop(refused)
                if refused == "max_tokens":
                    parameters["max_completion_tokens"] = value

    @asynccontextmanager
    async def _failures(self) -> AsyncGenerator[None, None]:
        """Map every failure to a sentence of ours: the libraries' messages may quote the key or the address."""
        try:
            yield
        except openai.APIStatusError as error:
            if error.status_code in _REFUSES_THE_REQUEST:
                raise RequestRefused(
                    f"The language model '{self.name}' refused the request; it may take no tools or no pictures."
                ) from None
            if error.status_code < 400:
                raise ResponderFailed(
                    f"The server of the language model '{self.name}' redirects to another address, which is not "
                    "followed; set the right base URL."
                ) from None
            raise ResponderFailed(
                f"The language model '{self.name}' refused or failed (HTTP {error.status_code}); check the key and the "
                "model's name, or wait a moment."
            ) from None
        except (TimeoutError, openai.APITimeoutError):
            raise ResponderFailed(
                f"The language model '{self.name}' did not answer in time; try again, or raise the deadline."
            ) from None
        except openai.OpenAIError:
            raise ResponderFailed(
                f"The language model '{self.name}' cannot be reached, or broke off; check that its server runs."
            ) from None
        except (ValueError, TypeError, AttributeError, LookupError):
            raise ResponderFailed(
                "The language model's server does not answer in the chat completions protocol; check the address."
            ) from None
