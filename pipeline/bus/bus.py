"""The bus: every process knows which topics the others want, and sends an event only to those who want it.

Each process says what it wants, with a number that grows by one with each change; who misses a change asks for all of
it. Nothing is kept for later: what was sent while the server was away is lost, and `when_gap` subscribers are notified.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from types import TracebackType
from typing import Any, Protocol, Self

from pipeline.bus.packets import MESSAGE_LIMIT, Assembler, BusMessage, decoded, packets_of
from pipeline.bus.transport import EVERYBODY, BusLink, Transport, TransportLost
from pipeline.tasks.clock import Clock

log = logging.getLogger(__name__)

ALIVE_EVERY_S = 2.0
"""Seconds between two times that a process says it is there."""

SILENT_FOR_S = 7.0
"""A process that was silent for so long is forgotten, with what it wants."""

UNHEARD_FOR_S = 5.0
"""A connection over which a process does not hear itself for so long is taken for lost."""

WAITING_LIMIT_BYTES = 4 * 1024 * 1024
"""Most that waits to be sent. What is more is dropped, and its receivers get a message that says so."""

RETRY_S, LONGEST_RETRY_S = 0.2, 2.0

SETTLE_S = 1.0
"""How long `settled` waits at most for the others."""

GOODBYE_S = 1.0

Handler = Callable[[BusMessage], None]


class BusObserver(Protocol):
    """Notes how the bus does."""

    def bus_lagged(self, seconds: float) -> None:
        """Note after how long a message of this process came back to it."""
        ...

    def bus_dropped(self, messages: int) -> None:
        """Note how many messages were dropped, as too many waited or one was too large."""
        ...


@dataclass(slots=True)
class _Peer:
    seen_at: float
    number: int = -1
    wants: set[str] = field(default_factory=set)


class Bus:
    """This process, among those of one service. Use as an async context manager.

    Args:
        transport: carries the messages.
        name: of this process: letters, digits and hyphens.
        clock: paces it.

    Attributes:
        name: see above.
        observer: notes how it does; None for nobody.
    """

    def __init__(self, transport: Transport, name: str, clock: Clock) -> None:
        self.name = name
        self.observer: BusObserver | None = None
        self._transport = transport
        self._clock = clock
        self._peers: dict[str, _Peer] = {}
        self._wants: set[str] = set()
        self._number = 0
        self._changes: dict[str, bool] = {}
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._waiting_bytes = 0
        self._behind: set[str] = set()
        self._something = asyncio.Event()
        self._packet_numbers = count()
        self._handlers: dict[str, Handler] = {}
        self._gap_handlers: list[Callable[[], None]] = []
        self._assembler = Assembler()
        self._heard_at = 0.0
        self._settled: list[tuple[int, asyncio.Future[None]]] = []
        self._link: BusLink | None = None
        self._told_away = False

    async def __aenter__(self) -> Self:
        self._running = asyncio.create_task(self._run(), name="bus")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._link is not None:
            with suppress(TransportLost, TimeoutError):
                async with asyncio.timeout(GOODBYE_S):
                    await self._link.send([(EVERYBODY, self._packet("bye"))])
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)

    def _packet(self, kind: str) -> bytes:
        return next(self._packets(BusMessage(self.name, kind).encoded()))

    def _packets(self, encoded: bytes) -> Iterator[bytes]:
        return packets_of(self.name, encoded, self._transport.packet_bytes, self._packet_numbers)

    # ----------------------------------------------------------------- state

    @property
    def connected(self) -> bool:
        """Whether the server of the bus can be reached."""
        return self._link is not None

    @property
    def carries_audio(self) -> bool:
        """Whether audio may be published."""
        return self._transport.carries_audio

    @property
    def peers(self) -> frozenset[str]:
        """The other processes that are there."""
        return frozenset(self._peers)

    # ------------------------------------------------------------- interest

    def want(self, topic: str) -> None:
        """Have the others send what they publish on a topic."""
        if topic not in self._wants:
            self._wants.add(topic)
            self._change(topic, wanted=True)

    def unwant(self, topic: str) -> None:
        """Have nothing more of a topic."""
        if topic in self._wants:
            self._wants.discard(topic)
            self._change(topic, wanted=False)

    async def settled(self) -> None:
        """Return when what this process wants is with the others, or after `SETTLE_S`, or at once without a server."""
        if self._link is None:
            return
        number = self._number + bool(self._changes)
        future = asyncio.get_running_loop().create_future()
        if not self._changes and not self._peers:
            return
        if not self._changes:  # it may be under way, or there already: a word of this process's own tells
            self._changes[""] = False
            number += 1
            self._something.set()
        self._settled.append((number, future))
        timer = asyncio.create_task(self._clock.sleep(SETTLE_S), name="settling")
        try:
            await asyncio.wait({future, timer}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
            future.cancel()
            self._settled = [entry for entry in self._settled if entry[1] is not future]

    def wanted(self, topics: Collection[str]) -> bool:
        """Return whether another process wants one of these topics."""
        return any(not peer.wants.isdisjoint(topics) for peer in self._peers.values())

    # -------------------------------------------------------------- sending

    def publish(self, topics: Collection[str], kind: str, body: Mapping[str, Any], data: bytes = b"") -> None:
        """Send a message to the processes that want one of these topics; never waits."""
        addresses = [name for name, peer in self._peers.items() if not peer.wants.isdisjoint(topics)]
        if addresses:
            self._put(addresses, BusMessage(self.name, kind, dict(body), data))

    def tell(self, address: str, kind: str, body: Mapping[str, Any]) -> bool:
        """Send a message to one process, or to `EVERYBODY`; return False if there is no server to send it by."""
        if self._link is None:
            return False
        self._put([address], BusMessage(self.name, kind, dict(body)))
        return True

    def on(self, kind: str, handler: Handler) -> None:
        """Have `handler` called with the others' messages of a kind, one handler a kind."""
        self._handlers[kind] = handler

    def when_gap(self, handler: Callable[[], None]) -> None:
        """Have `handler` called when messages may have been missed: the server went or is back, or another dropped."""
        self._gap_handlers.append(handler)

    def _put(self, addresses: Collection[str], message: BusMessage) -> None:
        if self._link is None:
            return
        encoded = message.encoded()
        if len(encoded) > MESSAGE_LIMIT or self._waiting_bytes + len(encoded) * len(addresses) > WAITING_LIMIT_BYTES:
            self._behind.update(addresses)
            if self.observer is not None:
                self.observer.bus_dropped(len(addresses))
        else:
            self._waiting.extend((address, encoded) for address in addresses)
            self._waiting_bytes += len(encoded) * len(addresses)
        self._something.set()

    def _change(self, topic: str, *, wanted: bool) -> None:
        self._changes[topic] = wanted
        self._something.set()

    # -------------------------------------------------------------- running

    async def _run(self) -> None:
        retry_s = RETRY_S
        was_there = False
        while True:
            try:
                link = await self._transport.connect(self.name, self._receive)
            except TransportLost as error:
                if not self._told_away:
                    log.warning("%s Other processes are not heard until it is back.", error)
                    self._told_away = True
                await self._clock.sleep(retry_s)
                retry_s = min(LONGEST_RETRY_S, 2 * retry_s)
                continue
            retry_s = RETRY_S
            if self._told_away:
                log.warning("The server of the bus is back.")
            again, self._told_away = was_there or self._told_away, False
            was_there = True
            try:
                await self._serve(link, again=again)
                log.warning("The bus lost its connection, and connects again; what others said meanwhile is missed.")
            finally:
                self._part()
                await link.close()

    async def _serve(self, link: BusLink, *, again: bool) -> None:
        """Send and receive until the connection is lost."""
        self._link = link
        self._heard_at = self._clock.now()
        if again:
            self._gap()
            self.tell(EVERYBODY, "behind", {})  # what they would have got from here meanwhile is lost
        self._changes.clear()
        self._tell_all(EVERYBODY)
        self.tell(EVERYBODY, "hello", {})
        work = [
            asyncio.create_task(self._send(link), name="bus: sending"),
            asyncio.create_task(self._beat(), name="bus: alive"),
            asyncio.create_task(link.lost(), name="bus: listening"),
        ]
        try:
            await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in work:
                task.cancel()
            results = await asyncio.gather(*work, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, TransportLost):
                log.error("The bus failed, and connects again.", exc_info=result)

    def _part(self) -> None:
        """Forget the others: the connection is lost."""
        self._link = None
        self._peers.clear()
        self._waiting.clear()
        self._waiting_bytes = 0
        self._behind.clear()
        self._assembler.clear()
        for _, future in self._settled:
            if not future.done():
                future.set_result(None)
        self._gap()

    async def _send(self, link: BusLink) -> None:
        while True:
            await self._something.wait()
            await self._clock.sleep(self._transport.gather_s)
            self._something.clear()
            if self._changes:
                self._number += 1
                wanted = [topic for topic, wants in self._changes.items() if wants and topic]
                unwanted = [topic for topic, wants in self._changes.items() if not wants and topic]
                self._changes.clear()
                self.tell(EVERYBODY, "wants", {"n": self._number, "add": wanted, "drop": unwanted})
            waiting = list(self._waiting)
            self._waiting.clear()
            self._waiting_bytes = 0
            behind, self._behind = self._behind, set()
            waiting += [(address, BusMessage(self.name, "behind").encoded()) for address in behind]
            if waiting:
                await link.send([(to, packet) for to, encoded in waiting for packet in self._packets(encoded)])

    async def _beat(self) -> None:
        while True:
            self.tell(EVERYBODY, "alive", {"n": self._number, "at": self._clock.now()})
            await self._clock.sleep(ALIVE_EVERY_S)
            # Compared with what this process heard of itself: if it was held up, so was what it hears.
            silent = [name for name, peer in self._peers.items() if self._heard_at - peer.seen_at > SILENT_FOR_S]
            for name in silent:
                del self._peers[name]
                self._assembler.forget(name)
            if self._clock.now() - self._heard_at > UNHEARD_FOR_S:
                await self._clock.sleep(ALIVE_EVERY_S)
                if self._clock.now() - self._heard_at > UNHEARD_FOR_S:
                    return  # a server that takes packets and gives none

    def _tell_all(self, address: str) -> None:
        self.tell(address, "wants", {"n": self._number, "all": sorted(self._wants)})

    def _gap(self) -> None:
        for handler in self._gap_handlers:
            handler()

    # ------------------------------------------------------------ receiving

    def _receive(self, packet: bytes) -> None:
        whole = self._assembler.put(packet)
        if whole is None:
            return
        try:
            message = decoded(whole)
            if message.sender == self.name:
                self._hear_self(message)
            else:
                self._hear(message)
        except (ValueError, KeyError, TypeError):
            log.warning("A message on the bus cannot be read; do all processes run the same version?")

    def _hear_self(self, message: BusMessage) -> None:
        self._heard_at = self._clock.now()
        if message.kind == "alive" and self.observer is not None:
            self.observer.bus_lagged(max(0.0, self._heard_at - float(message.body["at"])))
        if message.kind == "wants":
            for number, future in self._settled:
                if number <= int(message.body["n"]) and not future.done():
                    future.set_result(None)

    def _hear(self, message: BusMessage) -> None:
        peer = self._peers.setdefault(message.sender, _Peer(self._clock.now()))
        peer.seen_at = self._clock.now()
        body = message.body
        match message.kind:
            case "wants":
                self._learn(peer, message.sender, int(body["n"]), body)
            case "alive":
                if int(body["n"]) != peer.number:
                    self.tell(message.sender, "hello", {})  # a change was missed
            case "hello":
                self._tell_all(message.sender)
            case "bye":
                del self._peers[message.sender]
            case "behind":
                self._gap()
            case kind:
                if (handler := self._handlers.get(kind)) is not None:
                    handler(message)

    def _learn(self, peer: _Peer, name: str, number: int, body: Mapping[str, Any]) -> None:
        if "all" in body:
            peer.wants = set(body["all"])
        elif number == peer.number + 1:
            peer.wants |= set(body["add"])
            peer.wants -= set(body["drop"])
        else:
            self.tell(name, "hello", {})
            return
        peer.number = number
