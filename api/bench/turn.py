"""`glow bench turn` and `glow bench idle`: answer latency, and the cost of listening, over the real websocket."""

import asyncio
import json
import math
import os
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from api.client.call import Call, ClientError, Event
from api.client.http import RemoteService
from api.client.own_service import OwnService, embedded, own_service
from api.client.recordings import learner_recording
from api.client.voice import open_call
from api.settings import Settings
from voice.stt.catalog import limits_of

SCENE, RECORDINGS = "records-office", 8
BACKGROUND_NOISE = 8  # peak of 32768: background noise instead of digital silence
ROUNDING_MS = 40  # two frames
_REPLY_S = 20.0
_LISTEN_S = 0.3
_SETTLE_S = 3.0


@dataclass(frozen=True, slots=True)
class TurnTimes:
    """The latency of a turn in ms: the service's waterfall, and the client's measurement."""

    endpoint_ms: float
    stt_ms: float
    llm_ms: float
    tts_ms: float
    voice_to_voice_ms: float
    client_voice_to_voice_ms: float

    def above_endpoint_ms(self, setting_ms: float) -> float:
        """Return the latency above the endpoint delay.

        The service may end a turn before the configured endpoint delay, but never attributes the wait for a late
        transcript to it.
        """
        return self.voice_to_voice_ms - min(self.endpoint_ms, setting_ms)


@dataclass(frozen=True, slots=True)
class Spread:
    """Median and 95th percentile (nearest rank)."""

    median: float
    p95: float


def spread(values: Sequence[float]) -> Spread:
    """Compute the median and the 95th percentile of at least one value."""
    ordered = sorted(values)
    return Spread(*(ordered[max(0, math.ceil(share * len(ordered)) - 1)] for share in (0.5, 0.95)))


def busy_note(load: float, cores: int) -> str:
    """Describe the machine's load before the run."""
    if load > 0.5 * cores:
        return f"The machine was busy before the run (load {load:.1f} on {cores} cores): expect less on a quiet one."
    return f"The machine was quiet before the run (load {load:.1f} on {cores} cores)."


def bench_turn(console: Console, *, turns: int, as_json: bool, **engines: str | None) -> None:
    """Measure turns and print their latency."""
    note = busy_note(os.getloadavg()[0], os.cpu_count() or 1)
    with (
        console.status("Measuring, in real time..."),
        own_service(embedded(**engines), Settings().models_dir) as service,
        RemoteService(service.url, service.token) as http,
    ):
        _, chat_id = http.start_named()
        ready, times = asyncio.run(_turns(service, chat_id, turns))
    setting_ms = int(Settings.model_fields["endpoint_ms"].default)
    late = sum(turn.endpoint_ms > setting_ms + ROUNDING_MS for turn in times)
    spreads = {
        "endpointing": spread([turn.endpoint_ms for turn in times]),
        "transcription": spread([turn.stt_ms for turn in times]),
        "reply": spread([turn.llm_ms for turn in times]),
        "first audio": spread([turn.tts_ms for turn in times]),
        "voice to voice": spread([turn.voice_to_voice_ms for turn in times]),
        "above the endpoint delay": spread([turn.above_endpoint_ms(setting_ms) for turn in times]),
        "voice to voice, at the client": spread([turn.client_voice_to_voice_ms for turn in times]),
    }
    if as_json:
        result = {
            "engines": ready["engines"],
            "turns": len(times),
            "late_transcripts": late,
            "load_before": os.getloadavg()[0],
            "milliseconds": {name: asdict(value) for name, value in spreads.items()},
            "each": [asdict(turn) for turn in times],
        }
        console.print_json(json.dumps(result))
        return
    table = Table("stage", "median ms", "p95 ms", title=f"{len(times)} turns", title_justify="left")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, value in spreads.items():
        table.add_row(name, f"{value.median:.0f}", f"{value.p95:.0f}")
    engine = ready["engines"]
    console.print(Text(f"stt {engine['stt']}, llm {engine['llm']}, tts {engine['tts']}"))
    if limits := limits_of(engine["stt"]):
        console.print(Text(f"{engine['stt']}: {limits}"))
    console.print(table, soft_wrap=False)
    if late:
        console.print(Text(f"In {late} of {len(times)} turns the answer waited for the transcript after the silence."))
    console.print(Text(note))


async def _turns(service: OwnService, chat_id: str, turns: int) -> tuple[Event, list[TurnTimes]]:
    times = []
    async with open_call(service.url, Call(chat_id, noise=BACKGROUND_NOISE), token=service.token) as client:
        await client.listen_until(client.now() + _LISTEN_S)
        for number in range(turns):
            spoken = await client.say(learner_recording(SCENE, 1 + number % RECORDINGS).samples)
            latency = await client.next("turn.latency", timeout_s=_REPLY_S)
            turn = latency["turn"]
            if client.player.first_heard(turn) is None:
                await client.next("reply.audio", turn=turn, timeout_s=_REPLY_S)
            # Skip the rest of the answer and speak the next turn after a moment.
            await client.listen_until(client.now() + _LISTEN_S)
            heard = client.player.first_heard(turn)
            if heard is None:
                raise ClientError(f"Nothing was heard of the answer in turn {turn}.")
            await client.stop()
            await client.next("reply.ended", turn=turn, timeout_s=_REPLY_S)
            await client.listen_until(client.now() + _LISTEN_S)
            stages = {name: float(latency[name]) for name in TurnTimes.__dataclass_fields__ if name in latency.data}
            times.append(TurnTimes(**stages, client_voice_to_voice_ms=(heard - spoken.end) * 1000))
        await client.hang_up()
    return client.ready, times


def bench_idle(console: Console, *, sessions: int, seconds: float, as_json: bool) -> None:
    """Measure the CPU time of sessions that only listen to background noise."""
    note = busy_note(os.getloadavg()[0], os.cpu_count() or 1)
    settings = embedded() | {"GLOW_MAX_CALLS": str(sessions)}
    with (
        console.status(f"Listening with {sessions} sessions..."),
        own_service(settings, Settings().models_dir) as service,
        RemoteService(service.url, service.token) as http,
    ):
        chats = [http.start_named()[1] for _ in range(sessions)]
        share = asyncio.run(_idle(service, chats, seconds))
    if as_json:
        console.print_json(json.dumps({"sessions": sessions, "seconds": seconds, "percent_of_one_core": share}))
        return
    console.print(Text(f"{sessions} sessions listening to a quiet room take {share:.1f} % of one core,"))
    console.print(Text(f"{share / sessions:.2f} % each, measured over {seconds:g} s. {note}"))


async def _idle(service: OwnService, chats: list[str], seconds: float) -> float:
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(
                open_call(service.url, Call(chat_id, noise=BACKGROUND_NOISE), token=service.token)
            )
            for chat_id in chats
        ]
        await clients[0].listen_until(clients[0].now() + _SETTLE_S)
        before, began = service.cpu_s(), clients[0].now()
        await clients[0].listen_until(began + seconds)
        after, elapsed = service.cpu_s(), clients[0].now() - began
        spoke = [event for client in clients for event in client.log if event.type == "user.started"]
    if before is None or after is None:
        raise ClientError("This system does not tell a process's time through /proc; run `glow bench idle` on Linux.")
    if spoke:
        raise ClientError(f"{len(spoke)} sessions took the room's noise for speech, so nothing idle was measured.")
    return 100 * (after - before) / elapsed
