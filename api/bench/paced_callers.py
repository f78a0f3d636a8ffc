"""Callers that talk all the time, or listen: 50 frames a second each over the real websocket, paced.

They measure the lag of incoming frames by pings, which wait in the same queue, and whether each utterance is answered
in time. Their own lateness tells whether the process that they run in can keep up.
"""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from api.bench.turn import BACKGROUND_NOISE
from api.client.call import voice_url
from api.client.recordings import learner_recording

FRAME_MS = 20
PING_EVERY = 25
"""Frames between two pings: a ping waits in the same queue as the frames, so that its round trip measures their lag."""

QUIET_S = 3.5
"""Silence after each utterance, for the answer."""

ANSWER_S = 1.5
"""Timeout of an answer after an utterance, which includes the endpoint delay of half a second."""

_HANGING_UP_S = 10.0


@dataclass(frozen=True, slots=True)
class CallerScript:
    """A caller's audio loop.

    Attributes:
        frames: 20 ms of PCM16 at 16 kHz each.
        speech_end, due: the frames at which its utterance ends, and at which its answer is due.
    """

    frames: list[bytes]
    speech_end: int
    due: int


@dataclass(slots=True)
class PacedCaller:
    """One caller.

    Attributes:
        at: the next frame of the script.
        spoken, answered: utterances whose answer was due, and those that were answered in time.
        pinged: when each ping was sent that has no answer yet, by `time.perf_counter`.
        lags, latencies, transcripts: round trips of pings, and voice to voice and the time of the transcript, as the
            service tells them; in ms.
    """

    socket: ClientConnection
    script: CallerScript
    at: int
    spoken: int = 0
    answered: int = 0
    before: int | None = None
    pinged: list[float] = field(default_factory=list)
    lags: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    transcripts: list[float] = field(default_factory=list)

    def say(self) -> bytes:
        """Return the next frame, and count the utterances that were answered in time."""
        frame = self.script.frames[self.at]
        self.at = (self.at + 1) % len(self.script.frames)
        if self.at == self.script.speech_end:
            self.before = len(self.latencies)
        elif self.at == self.script.due and self.before is not None:
            self.spoken += 1
            self.answered += len(self.latencies) > self.before
        return frame

    async def read(self) -> None:
        """Read what the service sends, until the connection closes."""
        try:
            async for message in self.socket:
                if isinstance(message, bytes):
                    continue
                if message.startswith('{"type":"pong"') and self.pinged:
                    self.lags.append((time.perf_counter() - self.pinged.pop(0)) * 1000)
                elif message.startswith('{"type":"turn.latency"'):
                    latency = json.loads(message)
                    self.latencies.append(float(latency["voice_to_voice_ms"]))
                    self.transcripts.append(float(latency["stt_ms"]))
        except ConnectionClosed:
            return

    def forget(self) -> None:
        """Begin to measure anew."""
        self.lags.clear()
        self.latencies.clear()
        self.transcripts.clear()
        self.spoken, self.answered, self.before = 0, 0, None


class PacedCallers:
    """Callers on chats of one service or of several, whose frames one loop sends.

    Attributes:
        callers: in the order in which they came.
    """

    def __init__(self, script: CallerScript) -> None:
        self.callers: list[PacedCaller] = []
        self._script = script
        self._spread_out = random.Random(1)
        self._readers: list[asyncio.Task[None]] = []

    async def call(self, url: str, token: str, chat_id: str) -> None:
        """Open a call on a chat, at a place of the script of its own."""
        socket = await connect(
            voice_url(url),
            additional_headers={"Authorization": f"Bearer {token}"},
            compression=None,
            max_queue=None,
        )
        caller = PacedCaller(socket, self._script, self._spread_out.randrange(len(self._script.frames)))
        self.callers.append(caller)
        await socket.send(json.dumps({"type": "chat_voice", "chat_id": chat_id}))
        await socket.recv()
        self._readers.append(asyncio.create_task(caller.read()))

    async def speak(self, seconds: float, ping_every: int = PING_EVERY) -> list[float]:
        """Send every caller's next frame every 20 ms; return the lateness of each round in ms.

        Args:
            ping_every: frames between two pings of a caller.

        Raises:
            ConnectionClosed: the service has closed a caller's connection.
        """
        late: list[float] = []
        began = time.perf_counter()
        ping = json.dumps({"type": "ping"})
        for number in range(round(seconds * 1000 / FRAME_MS)):
            due = began + number * FRAME_MS / 1000
            if (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            for index, caller in enumerate(self.callers):
                await caller.socket.send(caller.say())
                if (number + index) % ping_every == 0:
                    caller.pinged.append(time.perf_counter())
                    await caller.socket.send(ping)
                if index % 10 == 9:
                    await asyncio.sleep(0)
            late.append(max(0.0, (time.perf_counter() - due) * 1000 - FRAME_MS))
        return late

    def forget(self) -> None:
        """Begin to measure anew."""
        for caller in self.callers:
            caller.forget()

    async def hang_up(self) -> None:
        """End every call in order."""
        for caller in self.callers:
            await caller.socket.send(json.dumps({"type": "chat_silence"}))
        if self._readers:
            await asyncio.wait(self._readers, timeout=_HANGING_UP_S)
        await self.close()

    async def close(self) -> None:
        """Close every connection; what was measured stays."""
        for reader in self._readers:
            reader.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)
        self._readers.clear()
        for caller in self.callers:
            await caller.socket.close()


@asynccontextmanager
async def paced_callers(script: CallerScript) -> AsyncIterator[PacedCallers]:
    """Make callers whose connections are closed at the end of the block."""
    callers = PacedCallers(script)
    try:
        yield callers
    finally:
        await callers.close()


def caller_script(*, talking: bool) -> CallerScript:
    """Return background noise, with an utterance in it if the caller talks."""
    noise = np.random.default_rng(1)
    speech = learner_recording("repair-desk", 1).samples if talking else np.zeros(0, np.int16)
    quiet = round(QUIET_S * 16_000)
    length = -(-(len(speech) + quiet) // 320) * 320
    audio = noise.normal(0, BACKGROUND_NOISE, length)
    audio[: len(speech)] += speech
    samples = np.clip(audio, -32768, 32767).astype("<i2")
    frames = [samples[start : start + 320].tobytes() for start in range(0, length, 320)]
    return CallerScript(frames, len(speech) // 320, (len(speech) + round(ANSWER_S * 16_000)) // 320)


def p99(values: Sequence[float]) -> float:
    """Return the 99th percentile (nearest rank); 0 of nothing."""
    return sorted(values)[max(0, -(-99 * len(values) // 100) - 1)] if values else 0.0
