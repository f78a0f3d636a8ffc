"""A caller that barges in at random instants, and knows from its own player what it has heard of each reply.

It is written from docs/voice-websocket.md only, and shares no code with the service or its client.
"""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from api.client.call import ClientError, NoAnswer, voice_url

FRAME_S = 0.02
ACKNOWLEDGE_EVERY = 5
"""Frames between two `played` messages; each comes with a `ping`, which measures the round-trip time."""

LATEST_MS = 8_000
"""Latest position of an interruption in a reply, in ms."""

WAIT_S = 60.0

How = Literal["speech", "stop", "text"]
WAYS: tuple[How, ...] = ("speech", "speech", "speech", "stop", "text")

History = Callable[[], Awaitable[list[tuple[str, str, str]]]]
"""Fetches the chat over HTTP: (message id, who said it, text)."""


@dataclass(frozen=True, slots=True)
class Interruption:
    """An interrupted reply.

    Attributes:
        how: what the caller did.
        began_ms: playback position when the caller barged in.
        cut_ms: playback position when the player was cleared.
        told_ms: playback position reported by the service.
        delay_ms: round-trip time at that moment.
        reply, stored: the whole reply, and its text in the history.
        fewest, most: words that had surely been heard completely, and that may have begun, within `delay_ms`.
    """

    how: How
    began_ms: float
    cut_ms: float
    reported_ms: float
    delay_ms: float
    reply: str
    stored: str
    fewest: int
    most: int

    @property
    def is_prefix(self) -> bool:
        """Whether the history holds a prefix of the reply that ends at a word boundary."""
        rest = self.reply[len(self.stored) :]
        return self.reply.startswith(self.stored) and (not self.stored or not rest or not rest[0].isalnum())

    @property
    def words_off(self) -> int:
        """Number of surplus words in the history (negative: missing words)."""
        words = len(self.stored.split())
        return max(0, words - self.most) - max(0, self.fewest - words)

    @property
    def right(self) -> bool:
        """Whether the history is a prefix of the reply, within one word of what was played."""
        return self.is_prefix and abs(self.words_off) <= 1


@dataclass(slots=True)
class Piece:
    """A block of the persona's audio: its position in the reply, the words that begin in it, its playback time."""

    turn: int
    at_ms: float
    ms: float
    text: str
    start: float

    def played_ms(self, now: float) -> float:
        return min(self.ms, max(0.0, (now - self.start) * 1000))


class Loudspeaker:
    """A simulated player, which plays audio in order of arrival; its methods take `now`, in seconds."""

    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self._busy_until = 0.0

    def take(self, announced: dict[str, Any], now: float) -> None:
        """Queue the announced audio."""
        start = max(now, self._busy_until)
        ms = float(announced["duration_ms"])
        self.pieces.append(Piece(announced["turn"], float(announced["at_ms"]), ms, announced["text"], start))
        self._busy_until = start + ms / 1000

    def clear(self, now: float) -> list[Piece]:
        """Drop what has not been played; return all pieces."""
        before = [replace(piece) for piece in self.pieces]
        for piece in self.pieces:
            piece.ms = piece.played_ms(now)
        self.pieces = [piece for piece in self.pieces if piece.ms > 0]
        self._busy_until = min(self._busy_until, now)
        return before

    def position_ms(self, turn: int, now: float) -> float:
        """Return the playback position in a reply, in ms."""
        begun = [piece for piece in self.pieces if piece.turn == turn and piece.start <= now]
        return begun[-1].at_ms + begun[-1].played_ms(now) if begun else 0.0


def words_between(pieces: Sequence[Piece], turn: int, earliest: float, latest: float) -> tuple[int, int]:
    """Count the words that had surely ended at `earliest`, and those that may have begun at `latest`."""
    own = [piece for piece in pieces if piece.turn == turn]
    whole = "".join(piece.text for piece in own if piece.start + piece.ms / 1000 <= earliest)
    begun = "".join(piece.text for piece in own if piece.start < latest)
    return max(0, len(whole.split()) - 1), len(begun.split())


@dataclass(slots=True)
class _Cut:
    """The player's state when a reply was cut."""

    at: float
    position_ms: float
    reported_ms: float
    pieces: list[Piece]


@dataclass
class Interrupter:
    """An open call of the caller.

    Attributes:
        found: the interruptions so far.
        played_out: number of replies that ended before the interruption; each must be stored completely.
        wrong: descriptions of other errors.
    """

    socket: ClientConnection
    history: History
    recordings: Sequence[npt.NDArray[np.int16]]
    chance: random.Random
    found: list[Interruption] = field(default_factory=list)
    played_out: int = 0
    wrong: list[str] = field(default_factory=list)
    _speaker: Loudspeaker = field(default_factory=Loudspeaker)
    _events: list[dict[str, Any]] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _seen: int = 0
    _cuts: dict[int, _Cut] = field(default_factory=dict)
    _text: dict[int, str] = field(default_factory=dict)
    _speech: list[npt.NDArray[np.int16]] = field(default_factory=list)
    _pings: list[float] = field(default_factory=list)
    _delays: list[tuple[float, float, float]] = field(default_factory=list)
    _over: str = ""

    async def interrupt(self, times: int) -> None:
        """Run a conversation until this many replies were interrupted.

        Raises:
            ClientError: the service does not answer as docs/voice-websocket.md says.
        """
        self._speak()
        for _ in range(times * 3):
            if len(self.found) == times:
                break
            turn = (await self._until("reply.started"))["turn"]
            await self._until("reply.audio", turn)
            how = self.chance.choice(WAYS)
            await self._heard_until(turn, self.chance.uniform(0, LATEST_MS))
            began_ms = self._speaker.position_ms(turn, _now())
            match how:
                case "speech":
                    self._speak()
                case "stop":
                    await self._send("stop")
                case "text":
                    await self._send("chat_message", text="Something else, please.")
            ended = await self._until("reply.ended", turn)
            await self._compare(how, turn, began_ms, ended)
            if how == "stop":
                self._speak()
        await self._send("chat_silence")
        await self._until("chat_silence")
        await self._compare_all()

    def _speak(self) -> None:
        self._speech.append(self.chance.choice(self.recordings))

    async def _heard_until(self, turn: int, milliseconds: float) -> None:
        """Wait until this position of the reply, or until its end."""
        while self._speaker.position_ms(turn, _now()) < milliseconds:
            if any(event["type"] == "reply.ended" and event["turn"] == turn for event in self._events):
                return
            await asyncio.sleep(self.chance.uniform(0.001, FRAME_S))

    async def _compare(self, how: How, turn: int, began_ms: float, ended: dict[str, Any]) -> None:
        """Compare the history with what the player played."""
        stored = {message: text for message, _, text in await self.history()}.get(ended["message_id"])
        if stored is None or stored != ended["heard"]:
            self.wrong.append(f"The history has {stored!r} where reply.ended says {ended['heard']!r}.")
            return
        if self._text.get(turn, "") != ended["text"]:
            self.wrong.append(f"reply.text said {self._text.get(turn)!r}, reply.ended {ended['text']!r}.")
        if not ended["interrupted"]:
            self.played_out += 1
            if stored != ended["text"]:
                self.wrong.append(f"A reply that was heard out is stored as {stored!r}.")
            return
        cut = self._cuts[turn]
        delay = self._delay(cut.at)
        fewest, most = words_between(cut.pieces, turn, cut.at - 2 * delay, cut.at + delay)
        self.found.append(
            Interruption(
                how, began_ms, cut.position_ms, cut.reported_ms, delay * 1000, ended["text"], stored, fewest, most
            )
        )

    async def _compare_all(self) -> None:
        """Check that the chat holds all announced messages, once each and in order."""
        published = [
            event["message_id"] for event in self._events if event["type"] in ("user.message", "reply.started")
        ]
        stored = [message for message, _, _ in await self.history()]
        if sorted(stored) != sorted(set(published)):
            self.wrong.append(f"{len(set(published))} messages were published, {len(stored)} are stored.")

    def _delay(self, at: float) -> float:
        """Return the longest round-trip time around that moment, in seconds."""
        around = [delay for sent, received, delay in self._delays if received >= at - 1 and sent <= at + 0.1]
        waiting = [_now() - sent for sent in self._pings if sent <= at]
        return max([*around, *waiting], default=0.0)

    # ------------------------------------------------------------ connection

    async def read(self) -> None:
        """Read messages until the service closes the connection."""
        announced: dict[str, Any] = {}
        try:
            async for message in self.socket:
                now = _now()
                if isinstance(message, bytes):
                    self._speaker.take(announced, now)
                    continue
                event = json.loads(message)
                match event["type"]:
                    case "reply.audio":
                        announced = event
                    case "reply.text":
                        self._text[event["turn"]] = self._text.get(event["turn"], "") + event["delta"]
                    case "reply.cleared":
                        turn, position = event["turn"], self._speaker.position_ms(event["turn"], now)
                        self._cuts[turn] = _Cut(now, position, event["heard_ms"], self._speaker.clear(now))
                    case "pong":
                        sent = self._pings.pop(0)
                        self._delays.append((sent, now, now - sent))
                        continue
                    case "error":
                        self.wrong.append(f"The service told an error: {event['message']}")
                self._events.append(event)
                self._news.set()
        except ConnectionClosed as closed:
            self._over = f"The service closed the call ({closed.rcvd.code if closed.rcvd else 1006})."
        self._news.set()

    async def listen(self) -> None:
        """Send the microphone's frames in real time, with `played` messages."""
        began, frames, acknowledged = _now(), 0, (0, 0)
        room = np.random.default_rng(self.chance.randrange(1 << 30))
        position = 0
        while True:
            await asyncio.sleep(max(0.0, began + frames * FRAME_S - _now()))
            frame = room.normal(0, 5, 320)
            if self._speech:
                part = self._speech[0][position : position + 320]
                frame[: len(part)] += part
                position += 320
                if position >= len(self._speech[0]):
                    self._speech.pop(0)
                    position = 0
            try:
                await self.socket.send(np.clip(frame, -32768, 32767).astype("<i2").tobytes())
                if frames % ACKNOWLEDGE_EVERY == 0:
                    acknowledged = await self._acknowledge(acknowledged)
            except ConnectionClosed:
                return
            frames += 1

    async def _acknowledge(self, before: tuple[int, int]) -> tuple[int, int]:
        now = _now()
        begun = [piece.turn for piece in self._speaker.pieces if piece.start <= now]
        latest = (begun[-1], int(self._speaker.position_ms(begun[-1], now))) if begun else before
        if latest != before:
            await self._send("played", turn=latest[0], ms=latest[1])
        self._pings.append(now)
        await self._send("ping")
        return latest

    async def _send(self, kind: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": kind, **fields}))

    async def _until(self, kind: str, turn: int | None = None) -> dict[str, Any]:
        try:
            async with asyncio.timeout(WAIT_S):
                while True:
                    while self._seen < len(self._events):
                        event = self._events[self._seen]
                        self._seen += 1
                        if event["type"] == kind and turn in (None, event.get("turn")):
                            return event
                    if self._over:
                        raise ClientError(self._over)
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise NoAnswer(f"The service sent no {kind} within {WAIT_S:g} s; look into its log for why.") from None


@asynccontextmanager
async def calling(
    url: str, token: str, chat_id: str, history: History, recordings: Sequence[npt.NDArray[np.int16]], seed: int
) -> AsyncIterator[Interrupter]:
    """Open a call on a chat; the connection is closed at the end of the block."""
    headers = {"Authorization": f"Bearer {token}"}
    async with connect(voice_url(url), additional_headers=headers, compression=None, max_queue=None) as socket:
        await socket.send(json.dumps({"type": "chat_voice", "chat_id": chat_id}))
        first = json.loads(await socket.recv())
        if first["type"] != "chat_voice":
            raise ClientError(str(first.get("message", first)))
        caller = Interrupter(socket, history, recordings, random.Random(seed))
        tasks = [asyncio.create_task(caller.read()), asyncio.create_task(caller.listen())]
        try:
            yield caller
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def _now() -> float:
    return asyncio.get_running_loop().time()
