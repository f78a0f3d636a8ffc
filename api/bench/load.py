"""`glow bench load`: N concurrent paced calls over the real websocket, and how many this machine carries."""

import asyncio
import gc
import json
import os
import random
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from api.bench.turn import BACKGROUND_NOISE, busy_note, spread
from api.client.call import ClientError, voice_url
from api.client.http import RemoteService
from api.client.own_service import OwnService, embedded, own_service
from api.client.recordings import learner_recording
from api.settings import Settings

FRAME_MS = 20
SETTLE_S = 3.0
LAG_LIMIT_MS = 20.0
PING_EVERY = 25
"""Frames between two pings: a ping waits in the same queue as the frames, so that its round trip measures their lag."""

QUIET_S = 3.5
"""Silence after each utterance, for the answer."""

ANSWER_S = 1.5
"""Timeout of an answer after an utterance, which includes the endpoint delay of half a second."""


@dataclass(frozen=True, slots=True)
class Load:
    """The cost of concurrent calls, and their quality of service.

    Attributes:
        sessions: number of concurrent calls.
        talking: whether they speak, or only listen.
        cores: CPU use of the service and its engines, in cores.
        core_per_session: CPU use per call, in cores.
        mib_per_session: memory per call, in MiB.
        lag_p99_ms: lag of the incoming frames, 99th percentile.
        answers, expected: turns answered, and turns whose answer was due.
        voice_to_voice_p50_ms, voice_to_voice_p95_ms: from the last speech to the first audio, measured by the service.
        late_ms: lateness of this command's own frames, 99th percentile; large if the command is the bottleneck.
    """

    sessions: int
    talking: bool
    cores: float
    core_per_session: float
    mib_per_session: float
    lag_p99_ms: float
    answers: int
    expected: int
    voice_to_voice_p50_ms: float
    voice_to_voice_p95_ms: float
    late_ms: float

    @property
    def carried(self) -> bool:
        """Whether every call is served as well as a single one."""
        return self.lag_p99_ms <= LAG_LIMIT_MS and self.answers >= 0.95 * self.expected


@dataclass(frozen=True, slots=True)
class _Script:
    """A caller's audio loop: its frames, and the frames at which its utterance ends and its answer is due."""

    frames: list[bytes]
    speech_end: int
    due: int


@dataclass(slots=True)
class _Caller:
    socket: ClientConnection
    script: "_Script"
    at: int
    spoken: int = 0
    answered: int = 0
    before: int | None = None
    pinged: list[float] = field(default_factory=list)
    lags: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)

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
        try:
            async for message in self.socket:
                if isinstance(message, bytes):
                    continue
                if message.startswith('{"type":"pong"') and self.pinged:
                    self.lags.append((time.perf_counter() - self.pinged.pop(0)) * 1000)
                elif message.startswith('{"type":"turn.latency"'):
                    self.latencies.append(float(json.loads(message)["voice_to_voice_ms"]))
        except ConnectionClosed:
            return


@dataclass(frozen=True, slots=True)
class LoadRun:
    """A measurement with all of its samples.

    Attributes:
        load: the summary.
        lags_ms, voice_to_voice_ms: every lag and every latency.
    """

    load: Load
    lags_ms: list[float]
    voice_to_voice_ms: list[float]


def bench_load(
    console: Console, *, sessions: Sequence[int], seconds: float, talking: bool, as_json: bool, **engines: str | None
) -> None:
    """Measure each number of sessions, on a fresh service each, and print the results.

    Raises:
        ClientError: the service does not start, or the system does not report the resources of a process.
    """
    note = busy_note(os.getloadavg()[0], os.cpu_count() or 1)
    loads = [measure_load(number, seconds, talking=talking, **engines).load for number in sessions]
    carried = max((load.sessions for load in loads if load.carried), default=0)
    if as_json:
        console.print_json(json.dumps({"note": note, "carried": carried, "loads": [asdict(load) for load in loads]}))
        return
    console.print(_table(loads))
    console.print(Text(f"This machine carries {carried} of them at once." if carried else "It carries none of these."))
    console.print(Text(note))


def measure_load(sessions: int, seconds: float, *, talking: bool, **engines: str | None) -> LoadRun:
    """Measure a number of concurrent calls on a fresh service.

    Raises:
        ClientError: the service does not start, or the system does not report the resources of a process.
    """
    settings = embedded(**engines) | {"GLOW_MAX_CALLS": str(sessions + 1), "GLOW_CALLS_PER_USER": "0"}
    with own_service(settings, Settings().models_dir) as service, RemoteService(service.url, service.token) as http:
        chats = [http.start_named()[1] for _ in range(sessions)]
        return asyncio.run(_run(service, chats, seconds, talking=talking))


async def measure_calls(service: OwnService, chats: list[str], seconds: float, *, talking: bool) -> Load:
    """Have a caller on each of these chats, and measure what they cost and get.

    Raises:
        ClientError: the system does not report the resources of a process.
    """
    return (await _run(service, chats, seconds, talking=talking)).load


async def _run(service: OwnService, chats: list[str], seconds: float, *, talking: bool) -> LoadRun:
    empty_mib = service.memory_mib()
    script = _script(talking=talking)
    spread_out = random.Random(1)
    async with AsyncExitStack() as stack:
        callers = []
        for chat_id in chats:
            socket = await stack.enter_async_context(
                connect(
                    voice_url(service.url),
                    additional_headers={"Authorization": f"Bearer {service.token}"},
                    compression=None,
                    max_queue=None,
                )
            )
            await socket.send(json.dumps({"type": "chat_voice", "chat_id": chat_id}))
            await socket.recv()
            callers.append(_Caller(socket, script, spread_out.randrange(len(script.frames))))
        readers = [asyncio.create_task(caller.read()) for caller in callers]
        gc.freeze()
        await _speak(callers, SETTLE_S)
        for caller in callers:
            caller.lags.clear()
            caller.latencies.clear()
            caller.spoken, caller.answered, caller.before = 0, 0, None
        before = service.cpu_s()
        late = await _speak(callers, seconds)
        after, full_mib = service.cpu_s(), service.memory_mib()
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
    if before is None or after is None or empty_mib is None or full_mib is None:
        raise ClientError("This system does not tell a process's time through /proc; run `glow bench load` on Linux.")
    latencies = [latency for caller in callers for latency in caller.latencies]
    voice = spread(latencies) if latencies else None
    lags = [lag for caller in callers for lag in caller.lags]
    number = len(callers)
    load = Load(
        sessions=number,
        talking=talking,
        cores=(after - before) / seconds,
        core_per_session=(after - before) / seconds / number,
        mib_per_session=(full_mib - empty_mib) / number,
        lag_p99_ms=_p99(lags),
        answers=sum(caller.answered for caller in callers) if talking else 0,
        expected=sum(caller.spoken for caller in callers) if talking else 0,
        voice_to_voice_p50_ms=voice.median if voice else 0.0,
        voice_to_voice_p95_ms=voice.p95 if voice else 0.0,
        late_ms=_p99(late),
    )
    return LoadRun(load, lags, latencies)


async def _speak(callers: list[_Caller], seconds: float) -> list[float]:
    """Send every caller's next frame every 20 ms, spread over the 20 ms; return the lateness of each round."""
    late: list[float] = []
    began = time.perf_counter()
    ping = json.dumps({"type": "ping"})
    for number in range(round(seconds * 1000 / FRAME_MS)):
        due = began + number * FRAME_MS / 1000
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        for index, caller in enumerate(callers):
            await caller.socket.send(caller.say())
            if (number + index) % PING_EVERY == 0:
                caller.pinged.append(time.perf_counter())
                await caller.socket.send(ping)
            if index % 10 == 9:
                await asyncio.sleep(0)
        late.append(max(0.0, (time.perf_counter() - due) * 1000 - FRAME_MS))
    return late


def _script(*, talking: bool) -> _Script:
    """Return background noise, with an utterance in it if the caller talks."""
    noise = np.random.default_rng(1)
    speech = learner_recording("repair-desk", 1).samples if talking else np.zeros(0, np.int16)
    quiet = round(QUIET_S * 16_000)
    length = -(-(len(speech) + quiet) // 320) * 320
    audio = noise.normal(0, BACKGROUND_NOISE, length)
    audio[: len(speech)] += speech
    samples = np.clip(audio, -32768, 32767).astype("<i2")
    frames = [samples[start : start + 320].tobytes() for start in range(0, length, 320)]
    return _Script(frames, len(speech) // 320, (len(speech) + round(ANSWER_S * 16_000)) // 320)


def _p99(values: Sequence[float]) -> float:
    return sorted(values)[max(0, -(-99 * len(values) // 100) - 1)] if values else 0.0


def _table(loads: Sequence[Load]) -> Table:
    kind = "talking" if loads[0].talking else "listening"
    table = Table(
        "sessions", "cores", "core each", "MiB each", "lag p99 ms", "answered", "v2v p50", "v2v p95", "own lateness",
        title=f"{kind} sessions", title_justify="left",
    )  # fmt: skip
    for load in loads:
        table.add_row(
            str(load.sessions),
            f"{load.cores:.2f}",
            f"{load.core_per_session:.4f}",
            f"{load.mib_per_session:.2f}",
            f"{load.lag_p99_ms:.1f}",
            f"{load.answers}/{load.expected}",
            f"{load.voice_to_voice_p50_ms:.0f}",
            f"{load.voice_to_voice_p95_ms:.0f}",
            f"{load.late_ms:.1f}",
        )
    return table
