"""Glean's own Python client against this service: each call of its chat group, waiting and asynchronous."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.servers.llm import LlmServer
from tests.service import TOKENS, RunningService, running

pytest.importorskip("glean.api_client", reason="the package glean-api-client is not here")

from glean.api_client import Glean, errors, models

Chat = Callable[..., Awaitable[Any]]
"""Calls an operation of the client's by its name."""


def caller(client: Glean, *, waits: bool) -> Chat:
    """The client's chat operations, by the waiting methods or by the asynchronous ones."""

    async def call(name: str, **fields: Any) -> Any:
        if waits:
            answer = await asyncio.to_thread(getattr(client.client.chat, name), **fields)
            return answer.read() if isinstance(answer, httpx.Response) else answer
        answer = await getattr(client.client.chat, f"{name}_async")(**fields)
        return await answer.aread() if isinstance(answer, httpx.Response) else answer

    return call


def user(text: str, **more: Any) -> dict[str, Any]:
    return {"author": "USER", "fragments": [{"text": text}], **more}


WARRANTY = user("How long is the warranty of a computer?")


@pytest.fixture(params=["waiting", "asynchronous"])
def sdk(service: RunningService, request: pytest.FixtureRequest) -> Iterator[Callable[[Any], None]]:
    """Tells a story with the client of a user of its own."""
    client = Glean(api_token=TOKENS["eve"], server_url=service.url)

    def tell(story: Callable[[Chat], Awaitable[None]]) -> None:
        async def told() -> None:
            async with client:
                await story(caller(client, waits=request.param == "waiting"))

        asyncio.run(told())

    with client:
        yield tell


def said(response: Any) -> str:
    return str(response.messages[-1].fragments[0].text)


def test_a_chat_from_its_first_question_to_its_end(sdk: Any) -> None:
    async def story(chat: Chat) -> None:
        first = await chat(
            "create",
            messages=[WARRANTY],
            save_chat=True,
            timezone_offset=-420,
            timeout_millis=100_000,
            agent_config={"agent": "DEFAULT", "mode": "DEFAULT"},
        )
        assert "a warranty of one year from the date on the receipt" in said(first)
        citation = first.messages[-1].fragments[1].citation
        assert citation.source_document.title == "Warranty and returns"
        place = citation.reference_ranges[0]
        start, end = place.text_range.start_index, place.text_range.end_index
        assert said(first)[start:end] == place.snippets[0].text
        assert len(first.follow_up_prompts) == 3

        again = await chat("create", messages=[user("Who repairs it?")], chat_id=first.chat_id, save_chat=True)
        assert again.chat_id == first.chat_id
        listed = await chat("list")
        assert first.chat_id in [item.chat.id for item in listed.chat_results]
        kept = (await chat("retrieve", id=first.chat_id)).chat_result.chat
        assert [message.author for message in kept.messages] == ["USER", "GLEAN_AI"] * 2
        assert kept.messages[1].fragments[0].text == said(first)

        await chat("delete", ids=[first.chat_id])
        with pytest.raises(errors.GleanError) as gone:
            await chat("retrieve", id=first.chat_id)
        assert gone.value.status_code == 404
        await chat("create", messages=[WARRANTY], save_chat=True)
        await chat("delete_all")
        assert (await chat("list")).chat_results == []

    sdk(story)


@pytest.mark.parametrize("stream", [None, True])
def test_a_stream(sdk: Any, stream: bool | None) -> None:
    async def story(chat: Chat) -> None:
        whole = said(await chat("create", messages=[WARRANTY]))
        streamed = await chat("create_stream", messages=[WARRANTY], stream=stream)
        lines = [json.loads(line) for line in streamed.splitlines()]
        assert len(lines) > 2
        parts = [models.ChatResponse.model_validate(line).messages[0] for line in lines]
        assert {(part.author, part.message_type) for part in parts} == {("GLEAN_AI", "CONTENT")}
        assert "".join(item.text or "" for part in parts for item in part.fragments).strip() == whole
        assert parts[-1].fragments[-1].citation is not None

    sdk(story)


def test_restrictions(sdk: Any) -> None:
    async def story(chat: Chat) -> None:
        response = await chat("create", messages=[WARRANTY], inclusions={"datasourceInstances": ["demo"]})
        assert len(response.messages[-1].fragments) > 1
        response = await chat("create", messages=[WARRANTY], exclusions={"datasourceInstances": ["demo"]})
        assert len(response.messages[-1].fragments) == 1

    sdk(story)


def test_files(sdk: Any) -> None:
    async def story(chat: Chat) -> None:
        sent = {
            "file_name": "lunch.md",
            "content": b"The canteen serves pancakes on Fridays.",
            "content_type": "text/markdown",
        }
        (made,) = (await chat("upload_files", files=[sent])).files
        assert (made.name, made.metadata.status) == ("lunch.md", "PROCESSED")
        assert list((await chat("retrieve_files", file_ids=[made.id])).files) == [made.id]
        assert await chat("retrieve_file", file_id=made.id) == sent["content"]
        asked = user("When are there pancakes in the canteen?", uploadedFileIds=[made.id])
        response = await chat("create", messages=[asked])
        assert response.messages[-1].fragments[1].citation.source_file.name == "lunch.md"
        await chat("delete_files", file_ids=[made.id])
        assert (await chat("retrieve_files", file_ids=[made.id])).files == {}
        with pytest.raises(errors.GleanError) as gone:
            await chat("retrieve_file", file_id=made.id)
        assert gone.value.status_code == 404

    sdk(story)


def test_an_application(service: RunningService, sdk: Any) -> None:
    async def first() -> Any:
        return next(persona for persona in await service.inside.store.personas() if persona.owner_id is None)

    persona = asyncio.run_coroutine_threadsafe(first(), service.loop).result(100)

    async def story(chat: Chat) -> None:
        found = (await chat("retrieve_application", id=persona.id)).application
        assert (found["id"], found["name"]) == (persona.id, persona.name)

    sdk(story)


def test_refusals_are_the_clients_own_errors(service: RunningService, sdk: Any) -> None:
    async def story(chat: Chat) -> None:
        with pytest.raises(errors.GleanError) as refused:
            await chat("create", messages=[{"author": "GLEAN_AI", "fragments": [{"text": "x"}]}])
        assert (refused.value.status_code, refused.value.body[:16]) == (400, "Invalid request:")
        with pytest.raises(errors.GleanError) as refused:
            await chat("list", http_headers={"X-Glean-ActAs": "bob@example.com"})
        assert refused.value.status_code == 403

    sdk(story)
    with Glean(api_token="wrong", server_url=service.url) as stranger, pytest.raises(errors.GleanError) as unknown:
        stranger.client.chat.list()
    assert (unknown.value.status_code, unknown.value.body) == (401, "Invalid Secret\nNot allowed")


@pytest.mark.slow
def test_too_slow_and_too_many(tmp_path: Path, llm_server: LlmServer) -> None:
    chosen = {"llm": "openai", "openai_base_url": llm_server.url, "llm_model": "hang", "requests_per_minute": 1}
    with running(tmp_path, **chosen) as service, Glean(api_token=TOKENS["eve"], server_url=service.url) as client:
        with pytest.raises(errors.GleanError) as slow:
            client.client.chat.create(messages=[WARRANTY], timeout_millis=1)
        with pytest.raises(errors.GleanError) as many:
            client.client.chat.list()
    assert slow.value.status_code == 408
    assert many.value.status_code == 429
    assert int(many.value.headers["retry-after"]) >= 1
