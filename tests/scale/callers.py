"""Callers who send code words of their own through whatever happens, and the check of what came of them.

As Jepsen does it: from what was acknowledged, what was told, and the histories, every acknowledged word has to be
stored exactly once, in order, in its chat, and no other word.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from api.client.call import Call, Event
from api.client.http import RemoteService
from api.client.voice import VoiceClient, open_call
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
        said: the code words so far.
        acknowledged: those whose `user.message` came, which is to say, which are stored.
        answered: how many the persona has answered.
        waits_for_end: of each answer, before the next word; otherwise for its first sound.
        waits_for_storage: of each word; otherwise for its answer alone.
    """

    name: str
    chat: str
    client: VoiceClient
    waits_for_end: bool
    said: list[str] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)
    answered: int = 0
    waits_for_storage: bool = True
    stopping: bool = False
    heard: int = 0
    _turn: int = 0
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def talk(self) -> None:
        """Send one code word after the other, each when the one before was answered."""
        while not self.stopping:
            await self.say()

    async def say(self) -> None:
        """Send the next code word, and wait until it is acknowledged and answered."""
        word = f"code word {self.name}.{len(self.said) + 1}"
        self.said.append(word)
        await self.client.type_text(word)
        while True:
            event = await self.client.next("user.message", "reply.started", timeout_s=PATIENCE_S)
            if event.type == "user.message" and event["text"] == word:
                break
            if event.type == "reply.started" and event["turn"] > self._turn and not self.waits_for_storage:
                break
        self._turn = event["turn"]
        kinds = ("reply.ended",) if self.waits_for_end else ("reply.audio", "reply.ended")
        await self.client.next(*kinds, turn=self._turn, timeout_s=PATIENCE_S)
        self.answered += 1
        self._tell()

    async def until(self, condition: Callable[["Caller"], bool]) -> None:
        """Wait until something is so, looking again after every event."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition(self):
                await self._news.wait()

    async def until_heard(self, events: int) -> None:
        """Wait until the client has got so many further events: somewhere in a turn."""
        wanted = self.heard + events
        await self.until(lambda caller: caller.heard >= wanted)

    async def until_said(self, words: int) -> None:
        """Wait until so many words are acknowledged."""
        await self.until(lambda caller: len(caller.acknowledged) >= words)

    def hear(self, event: Event) -> None:
        """Note an event of the client; what was acknowledged before may be so again."""
        self.heard += 1
        if event.type == "user.message" and event["text"] not in self.acknowledged[-1:]:
            self.acknowledged.append(event["text"])
        self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    def played_ms(self, at: float) -> dict[str, float]:
        """How much of each reply its player had played at a time of the client's clock, by the message's id."""
        began = {event["turn"]: str(event["message_id"]) for event in self.client.log if event.type == "reply.started"}
        return {name: self.client.player.position_ms(turn, at) for turn, name in began.items()}

    def errors(self) -> list[tuple[str, bool]]:
        """The code of each error, and whether it was fatal; but that nobody speaks, of which all of them are told."""
        errors = [(event["code"], event["fatal"]) for event in self.client.log if event.type == "error"]
        return [error for error in errors if error[0] != "silent_audio"]

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


async def further_words(made: Sequence[Caller], words: int) -> None:
    """Wait until everybody has said so many more words."""
    wanted = [len(caller.acknowledged) + words for caller in made]
    await asyncio.gather(*(caller.until_said(number) for caller, number in zip(made, wanted, strict=True)))


async def further_answers(made: Sequence[Caller], answers: int) -> None:
    """Wait until everybody has heard so many more answers begin, whether or not what they said is stored."""
    wanted = [caller.answered + answers for caller in made]
    await asyncio.gather(
        *(
            caller.until(lambda one, number=number: one.answered >= number)
            for caller, number in zip(made, wanted, strict=True)
        )  # type: ignore[misc]
    )


async def ended(gateway: ServiceProcess, number: signal.Signals) -> int:
    """Send a gateway a signal, wait for its end, and start it again; returns its exit status."""
    gateway.send(number)
    status = await asyncio.to_thread(gateway.ended)
    await asyncio.to_thread(gateway.start)
    return status


@asynccontextmanager
async def callers(
    urls: str | Sequence[str], number: int, *, waits_for_end: bool = False
) -> AsyncIterator[list[Caller]]:
    """Callers who talk until the block ends; then each says one more word, and hangs up.

    Args:
        urls: where they call: one after the other at each of these.
    """
    urls = [urls] if isinstance(urls, str) else urls
    with RemoteService(urls[0], TOKEN) as remote:
        chats = [(await asyncio.to_thread(remote.start_named, "The worried parent"))[1] for _ in range(number)]
    async with AsyncExitStack() as stack:
        made: list[Caller] = []
        for place, chat in enumerate(chats):

            def hear(event: Event, place: int = place) -> None:
                if place < len(made):
                    made[place].hear(event)

            client = await stack.enter_async_context(
                open_call(urls[place % len(urls)], Call(chat), token=TOKEN, on_event=hear, resume_for_s=PATIENCE_S)
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


def checked(gateway: str, made: Sequence[Caller]) -> None:
    """Check what came of the callers, who have hung up.

    Args:
        gateway: the URL of one that tells the histories.
    """
    for caller in made:
        names = {event["conversation_id"] for event in caller.client.log if event.type == "chat_voice"}
        assert len(names) == 1, "it is the same call"
        assert caller.client.renewals == 0
        asked = {"chat_entry_id": caller.chat}
        answer = http.post(f"{gateway}/attempt/chat_get", json=asked, headers={"Authorization": f"Bearer {TOKEN}"})
        history = answer.json()["messages"]
        words = [message["contents"][0]["content"] for message in history if message["type"] == "query"]
        assert words == caller.acknowledged == caller.said, "each once, in order, and no other"
        assert all(message["completed"] for message in history), "no reply is left half-said"
        turns = [event["turn"] for event in caller.client.log if event.type == "user.message"]
        assert turns == sorted(turns)
