"""The tokens of answers as servers report them: asked for where somebody observes, and never at the cost of a reply."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from pipeline.errors import ResponderFailed
from pipeline.llm.chat_model import ChatModel
from pipeline.llm.openai import OpenAIResponder
from pipeline.llm.usage import TokenMeter
from tests.pipeline.llm.test_openai import ASKED, PATIENT
from tests.servers.llm import LlmServer

Say = Callable[[], Awaitable[str]]
Counted = list[tuple[str, int, int]]

SAID = "You said: how are you."


def asked(
    server: LlmServer, kind: str, model: str, use: Callable[[Say], Awaitable[Any]], *, observed: bool = True
) -> tuple[Any, Counted]:
    """What came of it, and what was counted, with the responder of calls or with the model of everything else."""
    counted: Counted = []

    async def run() -> Any:
        meter = TokenMeter()
        if observed:
            meter.observer = lambda *report: counted.append(report)
        options: dict[str, Any] = {"base_url": server.url, "api_key": "none", "deadlines": PATIENT, "tokens": meter}
        if kind == "responder":
            responder = OpenAIResponder(model=model, **options)

            async def reply() -> str:
                return "".join([part async for part in responder.reply(ASKED) if isinstance(part, str)])

            try:
                return await use(reply)
            finally:
                await responder.close()
        chat = ChatModel(model=model, **options)
        messages = [{"role": "user", "content": "how are you"}]

        async def said() -> str:
            if kind == "whole":
                return (await chat.complete(messages)).text
            return "".join([word async for word in chat.stream(messages)])

        try:
            return await use(said)
        finally:
            await chat.close()

    return asyncio.run(run()), counted


async def once(say: Say) -> str:
    return await say()


async def twice(say: Say) -> list[str]:
    return [await say(), await say()]


def asks(server: LlmServer) -> list[bool]:
    """Which requests asked for a report."""
    return ["stream_options" in request.body for request in server.requests]


@pytest.mark.parametrize("kind", ["responder", "stream", "whole"])
def test_what_the_server_reports_is_counted(llm_server: LlmServer, kind: str) -> None:
    assert asked(llm_server, kind, "usage", once) == (SAID, [("usage", 11, 5)])
    assert asks(llm_server) == [kind != "whole"], "an answer in one piece has its report anyway"


@pytest.mark.parametrize("kind", ["responder", "stream"])
def test_a_report_in_each_chunk_is_counted_once(llm_server: LlmServer, kind: str) -> None:
    said, counted = asked(llm_server, kind, "usage-in-each-chunk", once)
    assert (said, counted) == (SAID, [("usage-in-each-chunk", 11, 5)])


@pytest.mark.parametrize("kind", ["responder", "stream"])
@pytest.mark.parametrize("model", ["echo", "usage-nonsense"])
def test_without_a_report_nothing_is_counted(llm_server: LlmServer, kind: str, model: str) -> None:
    assert asked(llm_server, kind, model, once) == (SAID, [])


@pytest.mark.parametrize("kind", ["responder", "stream"])
def test_nobody_is_asked_where_nobody_observes(llm_server: LlmServer, kind: str) -> None:
    assert asked(llm_server, kind, "usage", once, observed=False) == (SAID, [])
    assert asks(llm_server) == [False]


@pytest.mark.parametrize("kind", ["responder", "stream"])
@pytest.mark.parametrize("model", ["no-usage", "no-usage-unnamed"])
def test_a_server_that_refuses_to_be_asked_is_asked_once(llm_server: LlmServer, kind: str, model: str) -> None:
    assert asked(llm_server, kind, model, twice) == ([SAID, SAID], [])
    assert asks(llm_server) == [True, False, False]


@pytest.mark.parametrize("kind", ["responder", "stream"])
def test_another_refusal_stays_one_and_blames_no_question(llm_server: LlmServer, kind: str) -> None:
    async def refused(say: Say) -> None:
        for _ in range(2):
            with pytest.raises(ResponderFailed):
                await say()

    asked(llm_server, kind, "refuse-400", refused)
    assert asks(llm_server) == [True, False, True, False]
    llm_server.reset()
    asked(llm_server, kind, "refuse-500", refused)
    assert asks(llm_server) == [True, True], "a server that fails is not asked again"
