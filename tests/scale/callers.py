"""Callers who send code words of their own through whatever happens, and the check of what came of them.

As Jepsen does it: from what was acknowledged, what was told, and the histories, every acknowledged word has to be
stored exactly once, in order, in its chat, and no other word.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from api.client.call import Call, Event
from api.client.http import RemoteService
from api.client.voice import VoiceClient, open_call
from tests.scale.balancer import Balancer
from tests.servers.process import TOKEN, ServiceProcess, service_process
from tests.service import http

SECRET = "secret-of-the-gateways-0123456789"
PATIENCE_S = 120.0


@contextmanager
def gateways(folder: Path, number: int = 2, **chosen: str) -> Iterator[list[ServiceProcess]]:
    """Gateways of one service, each a process; with SQLite in the folder, unless a database is chosen."""
    shared = {"data_dir": str(folder / "data"), "gateway_secret": SECRET, "tts": "fixed:0", "drain_s": "60", **chosen}
    with ExitStack() as stack:
        started = []
        for name in ("one", "two", "three")[:number]:
            (folder / name).mkdir()
            started.append(stack.enter_context(service_process(folder / name, **shared)))
        yield started


@dataclass
class Caller:
    """One caller.

    Attributes:
        client: the product's own.
        acknowledged: the code words whose `user.message` came.
        waits_for_end: of each answer, before the next word; otherwise for its first sound.
    """

    name: str
    chat: str
    client: VoiceClient
    waits_for_end: bool
    acknowledged: list[str] = field(default_factory=list)
    stopping: bool = False
    heard: int = 0
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def talk(self) -> None:
        """Send one code word after the other, each when the one before was answered."""
        while not self.stopping:
            await self.say()

    async def say(self) -> None:
        """Send the next code word, and wait until it is acknowledged and answered."""
        word = f"code word {self.name}.{len(self.acknowledged) + 1}"
        await self.client.type_text(word)
        while True:
            event = await self.client.next("user.message", timeout_s=PATIENCE_S)
            if event["text"] == word:
                break
        self.acknowledged.append(word)
        self.hear()
        kinds = ("reply.ended",) if self.waits_for_end else ("reply.audio", "reply.ended")
        await self.client.next(*kinds, turn=event["turn"], timeout_s=PATIENCE_S)

    async def until_heard(self, events: int) -> None:
        """Wait until the client has got so many further events: somewhere in a turn."""
        wanted = self.heard + events
        async with asyncio.timeout(PATIENCE_S):
            while self.heard < wanted:
                await self._news.wait()

    def hear(self) -> None:
        """Note an event of the client."""
        self.heard += 1
        self._news.set()
        self._news = asyncio.Event()

    async def until_said(self, words: int) -> None:
        """Wait until so many words are acknowledged."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.acknowledged) < words:
                await self._news.wait()

    def gaps_s(self) -> list[float]:
        """From each `restarting`, how long it took until the call went on."""
        gaps, since = [], None
        for event in self.client.log:
            if event.type == "restarting":
                since = event.at
            elif event.type == "chat_voice" and since is not None:
                gaps.append(event.at - since)
                since = None
        return gaps


@asynccontextmanager
async def callers(balancer: Balancer, number: int, *, waits_for_end: bool = False) -> AsyncIterator[list[Caller]]:
    """Callers who talk until the block ends; then each says one more word, and hangs up."""
    with RemoteService(balancer.url, TOKEN) as remote:
        chats = [(await asyncio.to_thread(remote.start_named, "The worried parent"))[1] for _ in range(number)]
    async with AsyncExitStack() as stack:
        made: list[Caller] = []
        for place, chat in enumerate(chats):

            def hear(_: Event, place: int = place) -> None:
                if place < len(made):
                    made[place].hear()

            client = await stack.enter_async_context(
                open_call(balancer.url, Call(chat), token=TOKEN, on_event=hear, resume_for_s=PATIENCE_S)
            )
            made.append(Caller(str(place), chat, client, waits_for_end))
        async with asyncio.TaskGroup() as tasks:
            for caller in made:
                tasks.create_task(caller.talk(), name=f"caller {caller.name}")
            yield made
            for caller in made:
                caller.stopping = True
        for caller in made:
            await caller.say()
            await caller.client.hang_up()


def checked(gateway: ServiceProcess, made: Sequence[Caller]) -> None:
    """Check what came of the callers, who have hung up."""
    for caller in made:
        names = {event["conversation_id"] for event in caller.client.log if event.type == "chat_voice"}
        assert len(names) == 1, "it is the same call"
        assert caller.client.renewals == 0
        asked = {"chat_entry_id": caller.chat}
        answer = http.post(f"{gateway.url}/attempt/chat_get", json=asked, headers={"Authorization": f"Bearer {TOKEN}"})
        history = answer.json()["messages"]
        words = [message["contents"][0]["content"] for message in history if message["type"] == "query"]
        assert words == caller.acknowledged, "each once, in order, and no other"
        assert all(message["completed"] for message in history), "no reply is left half-said"
        turns = [event["turn"] for event in caller.client.log if event.type == "user.message"]
        assert turns == sorted(turns)
