"""Callers with code words of their own while the service is killed again and again: nothing acknowledged is lost."""

import asyncio
import signal
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from api.client.call import Call, NoAnswer
from api.client.http import RemoteService
from api.client.voice import VoiceClient, open_call
from tests.servers.process import ServiceProcess, service_process

RESTARTED_S = 600.0
"""How long a client looks for a service that starts again: a busy machine takes a minute for it."""

ACKNOWLEDGED_S = 20.0
"""Time after which a word counts as lost with a killed process, and is typed again."""


class Caller:
    """Types code words, each until it is acknowledged."""

    def __init__(self, client: VoiceClient, number: int, progress: asyncio.Event) -> None:
        self.client, self.number, self.progress = client, number, progress
        self.typed: list[str] = []
        self.acknowledged: list[str] = []

    async def type_words(self, count: int) -> None:
        for word in range(count):
            text = f"code word {self.number} dash {word}"
            while text not in self.acknowledged:
                self.typed.append(text)
                await self.client.type_text(text)
                await self._listen_for(text)

    async def _listen_for(self, text: str) -> None:
        try:
            async with asyncio.timeout(ACKNOWLEDGED_S):
                while text not in self.acknowledged:
                    event = await self.client.next("user.message", timeout_s=ACKNOWLEDGED_S)
                    self.acknowledged.append(str(event["text"]))
                    self.progress.set()
        except (NoAnswer, TimeoutError):
            return


async def kills(
    service: ServiceProcess, callers: list[Caller], progress: asyncio.Event, words: int, times: int
) -> None:
    """Kill the service each time another part of all words has been acknowledged, and start it again."""
    for time in range(1, times + 1):
        while sum(len(caller.acknowledged) for caller in callers) < len(callers) * words * time / (times + 1):
            progress.clear()
            await progress.wait()
        service.send(signal.SIGKILL)
        await asyncio.to_thread(service.ended)
        await asyncio.to_thread(service.start)


async def typed_under_kills(service: ServiceProcess, callers: int, words: int, times: int) -> None:
    with RemoteService(service.url, service.token) as remote:
        chats = [remote.start_named("The worried parent")[1] for _ in range(callers)]
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(
                open_call(service.url, Call(chat), token=service.token, resume_for_s=RESTARTED_S)
            )
            for chat in chats
        ]
        progress = asyncio.Event()
        typing = [Caller(client, number, progress) for number, client in enumerate(clients)]
        async with asyncio.TaskGroup() as group:
            group.create_task(kills(service, typing, progress, words, times))
            for caller in typing:
                group.create_task(caller.type_words(words))
        for client in clients:
            await client.hang_up()
    with RemoteService(service.url, service.token) as remote:
        for caller, chat in zip(typing, chats, strict=True):
            check(caller, [message.text for message in remote.messages(chat) if not message.is_persona], words)


def check(caller: Caller, stored: list[str], words: int) -> None:
    """Every word is stored in order, none is another caller's, and none twice that was typed once."""
    expected = [f"code word {caller.number} dash {word}" for word in range(words)]
    assert list(dict.fromkeys(stored)) == expected
    for text in expected:
        assert stored.count(text) <= caller.typed.count(text)
    assert list(dict.fromkeys(caller.acknowledged)) == expected


@pytest.mark.slow
def test_ten_callers_and_two_kills(tmp_path: Path) -> None:
    with service_process(tmp_path) as service:
        asyncio.run(typed_under_kills(service, callers=10, words=3, times=2))


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_fifty_callers_and_five_kills(tmp_path: Path) -> None:
    with service_process(tmp_path) as service:
        asyncio.run(typed_under_kills(service, callers=50, words=8, times=5))
