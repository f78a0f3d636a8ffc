"""Work that two gateways share: done once, stopped from the other, and failed with the gateway that is killed."""

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.scale.test_bus import begun
from tests.scale.twins import BusKind, Twins, ask, at_once, ok, started, twins, watching
from tests.servers.llm import LlmServer
from tests.servers.process import ServiceProcess, service_process

pytestmark = pytest.mark.slow

FAILED_S = 15.0
"""Within so many seconds what a killed gateway did is failed."""


def model(server: LlmServer, name: str) -> dict[str, str]:
    return {"llm": "openai", "openai_base_url": server.url, "openai_api_key": "sk-test", "llm_model": name}


@pytest.fixture(params=["pg", "redis", "none"], scope="module")
def pair(
    request: pytest.FixtureRequest, llm_server_running: LlmServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Twins]:
    folder = tmp_path_factory.mktemp("twins")
    with twins(folder, request.param, **model(llm_server_running, "slow")) as running:
        yield running


def generate(gateway: ServiceProcess, chat: str, *, wait: bool = False) -> Any:
    params = {"chat_id": chat}
    return ask(gateway, "/attempt/generate", config={"params": params}, wait_for_complete=wait)


def lines(gateway: ServiceProcess, chat: str) -> list[tuple[str, str]]:
    """The chat as it is stored: who, and what."""
    found = ok(ask(gateway, "/attempt/chat_get", chat_entry_id=chat))["messages"]
    return [(one["type"], " ".join(part["content"] for part in one["contents"])) for one in found]


def shown(gateway: ServiceProcess, chat: str) -> list[dict[str, Any]]:
    """The runs of a chat's attempt that are under way."""
    attempt = ok(ask(gateway, "/attempt/chat_get", chat_entry_id=chat))["attempt_id"]
    runs: list[dict[str, Any]] = ok(ask(gateway, "/attempt/get", attempt_id=attempt))["entries"]["runs"]
    return runs


def asked_for(gateway: ServiceProcess, chat: str) -> None:
    """Say something that nobody answers yet."""
    ok(ask(gateway, "/attempt/chat_message", chat_id=chat, text="Hello.", generate=False))


def test_an_answer_is_written_once_and_stopped_from_the_other_gateway(pair: Twins, llm_server: LlmServer) -> None:
    async def story() -> None:
        chat = started(pair.one)
        asked_for(pair.one, chat)
        runs = [
            ok(answer) for answer in at_once(*(lambda at=at: generate(at, chat) for at in (pair.one, pair.two) * 2))
        ]
        assert len({(run["run_id"], run["group_id"]) for run in runs}) == 1, "both gateways, twice each: the same run"
        llm_server.wait_for_request()
        assert len(llm_server.requests) == 1
        for gateway in (pair.one, pair.two):
            assert [run["run_id"] for run in shown(gateway, chat)] == [runs[0]["run_id"]]
        async with asyncio.TaskGroup() as tasks:
            with watching(tasks, pair.one) as one, watching(tasks, pair.two) as two:
                await begun(one, two)
                llm_server.release(3)
                # Without a bus only those at the gateway that writes hear it.
                heard = [
                    tasks.create_task(at.until(lambda at: at.named("attempt_assistant_delta"))) for at in (one, two)
                ]
                await asyncio.wait(heard, return_when=asyncio.FIRST_COMPLETED)
                for waiting in heard:
                    waiting.cancel()
            stops = [
                lambda: ok(ask(pair.two, "/attempt/stop", chat_id=chat)),
                lambda: ok(ask(pair.one, "/attempt/stop", group_id=runs[0]["group_id"])),
            ]
            assert all(stopped["success"] for stopped in await asyncio.to_thread(at_once, *stops))
        (_, asked), (who, said) = lines(pair.one, chat)
        assert (asked, who) == ("Hello.", "response")
        assert said, "what there was of it is stored"
        assert shown(pair.one, chat) == []

    asyncio.run(story())


def test_who_waits_at_the_other_gateway_gets_the_same_answer(pair: Twins, llm_server: LlmServer) -> None:
    chat = started(pair.one)
    asked_for(pair.one, chat)
    run = ok(generate(pair.one, chat))
    llm_server.wait_for_request()
    waits = [lambda at=at: ok(generate(at, chat, wait=True)) for at in (pair.two, pair.one, pair.two)]

    def go_on() -> None:
        assert [one["run_id"] for one in shown(pair.two, chat)] == [run["run_id"]]
        llm_server.release(100)

    *answers, _ = at_once(*waits, go_on)
    assert [who for who, _ in lines(pair.two, chat)].count("response") == len({one["run_id"] for one in answers})


def test_messages_at_both_gateways_are_answered_one_after_the_other(pair: Twins, llm_server: LlmServer) -> None:
    chat = started(pair.one)
    sent = [
        lambda at=at, text=text: ok(ask(at, "/attempt/chat_message", chat_id=chat, text=text))
        for at, text in ((pair.one, "First."), (pair.two, "Second."))
    ]
    at_once(*sent)
    llm_server.wait_for_request()
    assert len(llm_server.requests) == 1, "the other one waits"
    llm_server.release(100)
    llm_server.wait_for_request()
    llm_server.release(100)
    while [who for who, _ in lines(pair.two, chat)].count("response") < 2:
        pass
    asked = [request.messages for request in llm_server.requests]
    assert [one["role"] for one in asked[1]].count("assistant") > [one["role"] for one in asked[0]].count("assistant")


@pytest.mark.parametrize("bus", ["pg", "none"])
def test_what_a_killed_gateway_was_writing_is_failed_and_can_be_asked_for_again(
    bus: BusKind, llm_server: LlmServer, tmp_path: Path
) -> None:
    async def story(pair: Twins) -> None:
        chat = started(pair.one)
        asked_for(pair.one, chat)
        async with asyncio.TaskGroup() as tasks:
            with watching(tasks, pair.two) as watcher:
                await begun(watcher)
                run = await asyncio.to_thread(lambda: ok(generate(pair.one, chat)))
                await asyncio.to_thread(llm_server.wait_for_request)
                other = await asyncio.to_thread(lambda: ok(generate(pair.two, chat)))
                assert other["run_id"] == run["run_id"]
                pair.one.send(signal.SIGKILL)
                await asyncio.to_thread(pair.one.ended)
                killed_at = asyncio.get_running_loop().time()
                await watcher.until(lambda one: one.named("attempt.generate.failed"))
                assert asyncio.get_running_loop().time() - killed_at < FAILED_S
                failed = watcher.named("attempt.generate.failed")[0]
                assert (failed["run_id"], failed["payload"]["chat_id"]) == (run["run_id"], chat)
                assert "ask again" in failed["payload"]["message"]
                assert watcher.named("attempt_complete")[-1]["payload"]["success"] is False
        assert lines(pair.two, chat) == [("query", "Hello.")]
        again = ok(generate(pair.two, chat))
        assert again["run_id"] != run["run_id"]
        llm_server.wait_for_request()
        llm_server.release(100)
        while [who for who, _ in lines(pair.two, chat)] != ["query", "response"]:
            pass

    with twins(tmp_path, bus, **model(llm_server, "slow")) as pair:
        asyncio.run(story(pair))


def test_a_service_that_was_killed_says_on_its_return_what_has_failed(llm_server: LlmServer, tmp_path: Path) -> None:
    async def story(service: ServiceProcess) -> None:
        chat = started(service)
        asked_for(service, chat)
        run = ok(generate(service, chat))
        llm_server.wait_for_request()
        service.send(signal.SIGKILL)
        service.ended()
        service.start()
        for times in (1, 0):
            async with asyncio.TaskGroup() as tasks:
                with watching(tasks, service) as watcher:
                    await begun(watcher)
                    if times:
                        await watcher.until(lambda one: one.named("attempt_complete"))
                    named = [one["run_id"] for one in watcher.named("attempt.generate.failed")]
                    assert named == [run["run_id"]] * times, "once"

    with service_process(tmp_path, **model(llm_server, "slow")) as service:
        asyncio.run(story(service))
