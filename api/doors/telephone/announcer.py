"""Speaks on a wire that carries no call yet, or no call any more, and listens for keys meanwhile."""

import asyncio
from collections import deque
from collections.abc import Coroutine, Iterable
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np

from api.doors.line import Digit, HangUp, Hear, Heard, Message, Pace, ProtocolError, Respond, Wire
from pipeline.tasks.clock import Clock
from voice.audio.formats import AudioFormat, Int16Mono
from voice.audio.outlet import AudioOutlet

PACKET_MS = 20

LEAD_S = 0.2
"""How far ahead of playback it sends, except on a continuous line."""

KEYS_WAITING = 64
AUDIO_WAITING = 100
"""Packets of the caller's audio, of 20 ms mostly."""


class FarEnd(Protocol):
    """The part of a dialect that an announcement needs; `PhoneDialect` has it."""

    output: AudioFormat
    pace: Pace

    def heard(self, message: Message, /) -> Heard | None:
        """Read a message."""
        ...

    def media(self, data: bytes, /) -> Iterable[Message]:
        """Render a packet of audio."""
        ...

    def flush(self) -> Iterable[Message]:
        """Render the command that empties the far end's buffer."""
        ...


class Announcer:
    """Says sentences in real time, and takes keys. Use as an async context manager: nobody else reads the wire in it.

    On a continuous line there is silence between the sentences. Every method raises ConnectionError once the far end
    has gone.

    Args:
        wire: where to; its `receive` may be cancelled.
        far_end: reads and renders its messages.
        clock: the source of time.

    Attributes:
        hung_up: the caller has hung up.
    """

    def __init__(self, wire: Wire, far_end: FarEnd, clock: Clock) -> None:
        self._wire = wire
        self._far_end = far_end
        self._clock = clock
        self.hung_up = False
        self._packets: deque[bytes] = deque()
        self._more = asyncio.Event()
        self._played = asyncio.Event()
        self._played.set()
        self._keys: deque[str] = deque(maxlen=KEYS_WAITING)
        self._pressed = asyncio.Event()
        self._audio: deque[bytes] = deque(maxlen=AUDIO_WAITING)
        self._sounded = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(work, name="announcer") for work in (self._feed(), self._listen())]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def say(self, audio: Int16Mono, rate_hz: int) -> bool:
        """Say samples, shape (n,); return whether they were heard to their end: a key interrupts them."""
        outlet = AudioOutlet(self._far_end.output, rate_hz, PACKET_MS)
        self._packets.extend(outlet.packets(audio) + outlet.flush())
        self._played.clear()
        self._more.set()
        await self._first(self._played.wait(), self._wait_for_key())
        if self._played.is_set():
            return True
        self._packets.clear()
        for message in self._far_end.flush():
            await self._wire.send(message)
        return False

    async def key(self, within_s: float) -> str | None:
        """Return the next key; None if none is pressed in time."""
        if not self._keys:
            await self._first(self._wait_for_key(), self._clock.sleep(within_s))
        return self._keys.popleft() if self._keys else None

    async def audio(self) -> bytes:
        """Return the caller's next audio, in the input format; only the latest two seconds wait."""
        while not self._audio:
            self._sounded.clear()
            await self._first(self._sounded.wait())
        return self._audio.popleft()

    async def _wait_for_key(self) -> None:
        while not self._keys:
            self._pressed.clear()
            await self._pressed.wait()

    async def _first(self, *works: Coroutine[Any, Any, object]) -> None:
        waiting = [asyncio.ensure_future(work) for work in works]
        try:
            await asyncio.wait([*waiting, *self._tasks], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
        for task in self._tasks:
            if task.done():
                task.result()  # raises what ended it
                raise ConnectionError("The far end has gone.")

    async def _feed(self) -> None:
        continuous, every_s = self._far_end.pace.continuous, PACKET_MS / 1000
        silence = _silence(self._far_end.output) if continuous else b""
        due = self._clock.now()
        while True:
            if self._packets:
                packet = self._packets.popleft()
            elif continuous:
                self._played.set()
                packet = silence
            else:
                if not self._played.is_set():
                    await self._clock.sleep(due - self._clock.now() + LEAD_S)
                    if self._packets:
                        continue
                    self._played.set()
                self._more.clear()
                await self._more.wait()
                due = self._clock.now() - LEAD_S
                continue
            for message in self._far_end.media(packet):
                await self._wire.send(message)
            due = max(due + every_s, self._clock.now() - (0.0 if continuous else LEAD_S))
            await self._clock.sleep(due - self._clock.now())

    async def _listen(self) -> None:
        while (message := await self._wire.receive()) is not None:
            try:
                heard = self._far_end.heard(message)
            except ProtocolError:
                continue
            match heard:
                case Digit(digit):
                    self._keys.append(digit)
                    self._pressed.set()
                case Hear(data):
                    self._audio.append(data)
                    self._sounded.set()
                case HangUp():
                    self.hung_up = True
                    return
                case Respond(messages):
                    for answer in messages:
                        await self._wire.send(answer)
                case _:
                    pass


def _silence(output: AudioFormat) -> bytes:
    outlet = AudioOutlet(output, output.rate_hz, PACKET_MS)
    quiet = np.zeros(output.rate_hz * PACKET_MS // 1000, np.int16)
    return (outlet.packets(quiet) + outlet.flush())[0]
