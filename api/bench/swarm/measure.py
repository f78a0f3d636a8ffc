"""Takes the service times of a simulation on this machine."""

import asyncio
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import numpy as np

from api.bench.frame import WIRE_FORMATS, frame_costs
from api.bench.load import LoadRun, measure_load
from api.bench.swarm.gateways import FRAME_S
from api.bench.swarm.measured import (
    DatabaseTimes,
    GatewayTimes,
    Measured,
    MeasuredLoad,
    RecogniserTimes,
    SynthesizerTimes,
)
from api.bench.swarm.others import MachineUse, model_name
from api.bench.swarm.report import load_script
from api.bench.tts import measure as measure_speech
from api.bench.tts import ours
from api.client.call import ClientError
from api.client.recordings import learner_recording
from api.settings import Settings
from voice.audio.formats import Float32Mono16k
from voice.errors import Cancelled, EngineUnavailable
from voice.stt.catalog import on_this_machine, stt_models
from voice.stt.samples import as_float32
from voice.stt.whisper.batching import MAX_BATCH
from voice.stt.whisper.engine import load_model, token_cap
from voice.stt.whisper.short_window import Request, ShortWindow
from voice.tts.catalog import bring_packaged, is_test_voice, piper_voices
from voice.tts.piper.engine import PiperSynthesizer

PARTS = ("gateway", "calls", "answers", "recogniser", "synthesizer", "database")
FIXED_SESSIONS, ENGINE_SESSIONS = (10, 20, 30, 35), (1, 2, 3, 4)
THREADS, LENGTHS_S, RECORDINGS = 2, (1.0, 8.0), 8
QUANTILES = 21
CONNECTIONS = (1, 2, 4, 8, 16)
TURN_JOBS, A_TURN, CHECKPOINT_EVERY_S = 16, 3, 1.0
LOAD_S, PATIENCE_S = 18.0, 40.0


def measure_parts(kept: Measured, parts: Sequence[str], postgres: str | None, say: Callable[[str], None]) -> Measured:
    """Measure some of `PARTS` again, and keep the others.

    Args:
        kept: the figures so far.
        parts: what to measure.
        postgres: URL of an empty PostgreSQL database, for the database.
        say: gets a sentence about what comes.

    Raises:
        EngineUnavailable: an engine or the database's driver is not installed.
        ClientError: the service does not start.
    """
    now = datetime.now(UTC).date().isoformat()
    for part in parts:
        say(f"Measuring the {part}...")
        use = MachineUse()
        use.wait_for_quiet(PATIENCE_S)
        use.begin()
        match part:
            case "gateway":
                kept = replace(kept, gateway=_gateway(kept.gateway.in_threads))
            case "calls":
                kept = replace(kept, loads=_loads(kept.loads, ("fixed:0", "fixed:0"), FIXED_SESSIONS, say))
            case "answers":
                kept = replace(kept, loads=_loads(kept.loads, ("whisper:base", "piper"), ENGINE_SESSIONS, say))
            case "recogniser":
                kept = replace(kept, recogniser=_recogniser())
            case "synthesizer":
                kept = replace(kept, synthesizer=_synthesizer())
            case _:
                if postgres is None:
                    raise EngineUnavailable("Give the database to measure with --postgres postgresql://user@host/name.")
                kept = replace(kept, database=asyncio.run(_database(postgres)))
        how = f"{now}, {model_name()}"
        if part not in {"calls", "answers"}:
            how += f", where other programs used {use.others():.1f} cores meanwhile"
        kept = replace(kept, taken={**kept.taken, part: how})
    return kept


def _gateway(in_threads: float) -> GatewayTimes:
    quiet = measure_load(10, LOAD_S, talking=False, stt="fixed:0", tts="fixed:0")
    talking = measure_load(10, LOAD_S, talking=True, stt="fixed:0", tts="fixed:0")
    few = measure_load(2, 2 * LOAD_S, talking=True, stt="fixed:0", tts="fixed:0")
    wire = WIRE_FORMATS[0].name
    costs = {cost.sound: cost.median_us / 1000 for cost in frame_costs(5) if cost.wire == wire}
    quiet_ms = quiet.load.core_per_session * FRAME_S * 1000
    speech_ms = quiet_ms + costs["speech"] - costs["quiet room"]
    script = load_script()
    # A frame that is sent costs about as much as one that comes.
    a_turn = (talking.load.core_per_session - quiet.load.core_per_session) * 1000 * script.mean_cycle_s
    a_turn -= (speech_ms - quiet_ms) * script.speech_s / FRAME_S + quiet_ms * script.mean_played_s / FRAME_S
    return GatewayTimes(
        quiet_frame_ms=round(quiet_ms, 4),
        speech_frame_ms=round(speech_ms, 4),
        played_frame_ms=round(quiet_ms, 4),
        turn_ms=round(max(1.0, a_turn), 2),
        turn_jobs=TURN_JOBS,
        in_threads=in_threads,
        overhead_ms=_quantiles([latency - 500.0 for latency in few.voice_to_voice_ms]),
        lag_ms=_quantiles(few.lags_ms),
    )


def _loads(
    kept: Sequence[MeasuredLoad], engines: tuple[str, str], sessions: Sequence[int], say: Callable[[str], None]
) -> list[MeasuredLoad]:
    """Measure the loads, and keep the quieter one of each and an earlier one."""
    found = {(load.stt, load.tts, load.sessions): load for load in kept}
    stt, tts = engines
    for number in sessions:
        say(f"{number} calls with {stt} and {tts}...")
        use = MachineUse()
        use.wait_for_quiet(PATIENCE_S)
        use.begin()
        measured = _load(measure_load(number, LOAD_S, talking=True, stt=stt, tts=tts), stt, tts, use.others())
        earlier = found.get((stt, tts, number))
        if earlier is None or measured.others < earlier.others:
            found[stt, tts, number] = measured
    return list(found.values())


def _load(run: LoadRun, stt: str, tts: str, others: float) -> MeasuredLoad:
    load = run.load
    return MeasuredLoad(
        stt=stt, tts=tts, sessions=load.sessions, cores=round(load.cores, 3), lag_p99_ms=round(load.lag_p99_ms, 1),
        answers=load.answers, expected=load.expected, voice_to_voice_p50_ms=load.voice_to_voice_p50_ms,
        voice_to_voice_p95_ms=load.voice_to_voice_p95_ms, others=round(others, 2),
    )  # fmt: skip


def _recogniser() -> RecogniserTimes:
    settings = Settings()
    model = next((m for m in stt_models(settings.models_dir) if m.name == "whisper:base" and m.is_here), None)
    if model is None:
        raise EngineUnavailable("whisper:base is not on this machine; get it with `glow models pull whisper:base`.")
    loaded = load_model(on_this_machine(model, settings.models_dir), "cpu", "int8", 1)
    short, vocabulary = ShortWindow(loaded), loaded.hf_tokenizer.get_vocab_size()
    lines = [as_float32(learner_recording("records-office", 1 + n).samples) for n in range(RECORDINGS)]
    lines += [np.concatenate(lines[start : start + 2]) for start in range(0, RECORDINGS - 1, 2)]
    lengths = [len(line) / 16_000 for line in lines]

    def request(audio: Float32Mono16k, *, sketch: bool = False, cancelled: bool = False) -> Request:
        cap = token_cap(len(audio), vocabulary)
        return Request(audio, "", cap, "en", lambda: cancelled, None, sketch)

    alone = [_least(partial(short.decode, [request(line)])) for line in lines]
    slope, base = np.polyfit(lengths, alone, 1)
    slope = max(0.0, float(slope))
    base = statistics.fmean(alone) - slope * statistics.fmean(lengths)
    usual = min(lines, key=lambda line: abs(len(line) / 16_000 - 3.0))
    one = _least(partial(short.decode, [request(usual)]))
    batch = [_least(partial(short.decode, [request(usual)] * n)) / one for n in range(1, MAX_BATCH + 1)]
    spread = [took / (base + slope * length) for took, length in zip(alone, lengths, strict=True)]
    sketch = _least(partial(short.decode, [request(usual, sketch=True)]))
    encoding = _least(lambda: _given_up(short, request(usual, sketch=True, cancelled=True)))
    walls = [base + slope * length for length in LENGTHS_S]
    return RecogniserTimes(
        name="whisper:base, int8",
        threads=THREADS,
        seconds=list(LENGTHS_S),
        wall_s=[round(wall, 4) for wall in walls],
        batch=[1.0, *(round(max(1.0, times), 3) for times in batch[1:])],
        spread=_quantiles(spread),
        sketch=round(min(1.0, sketch / one), 3),
        encoding=round(min(1.0, encoding / sketch), 3),
    )


def _given_up(short: ShortWindow, request: Request) -> None:
    try:
        short.decode([request])
    except Cancelled:
        return


def _least(work: Callable[[], object], times: int = 5) -> float:
    """Return the least processor time of several, on `THREADS` threads: what else the machine does only adds to it."""
    found = []
    for _ in range(times):
        began = time.process_time()
        work()
        found.append(time.process_time() - began)
    return min(found) / THREADS


def _synthesizer() -> SynthesizerTimes:
    bring_packaged(Settings().models_dir)
    voices = [voice for voice in piper_voices(Settings().models_dir) if not is_test_voice(voice)]
    if not voices:
        raise EngineUnavailable("No Piper voice is on this machine; run `glow models pull en_US-joe-medium`.")
    ways = {"piper": ours(PiperSynthesizer(voices[0]))}
    row = min((measure_speech(ways, runs=1)[0] for _ in range(12)), key=lambda one: one.cpu_ms)
    return SynthesizerTimes(
        name=f"piper:{voices[0].stem}",
        first_s=round(row.first_ms / row.whole_ms * row.cpu_ms / 1000, 4),
        per_second=round(row.cpu_ms / 1000 / row.seconds, 4),
    )


async def _database(url: str) -> DatabaseTimes:
    try:
        import asyncpg
    except ImportError:
        raise EngineUnavailable("asyncpg is not installed; install the extra `postgres`.") from None
    setup = await asyncpg.connect(url)
    await setup.execute("CREATE TABLE IF NOT EXISTS glow_bench_swarm (id bigserial PRIMARY KEY, heard text)")
    commit_s = []
    for number in CONNECTIONS:
        connections = [await asyncpg.connect(url) for _ in range(number)]
        took: list[float] = []
        until = time.perf_counter() + 2.0
        await asyncio.gather(*(_commits(connection, until, took) for connection in connections))
        commit_s.append(round(statistics.mean(took), 6))
        for connection in connections:
            await connection.close()
    await setup.execute("DROP TABLE glow_bench_swarm")
    version = str(await setup.fetchval("SHOW server_version"))
    await setup.close()
    return DatabaseTimes(
        name=f"PostgreSQL {version.split()[0]}",
        connections=list(CONNECTIONS),
        commit_s=commit_s,
        a_turn=A_TURN,
        checkpoint_every_s=CHECKPOINT_EVERY_S,
    )


async def _commits(connection: object, until: float, took: list[float]) -> None:
    row = None
    while time.perf_counter() < until:
        began = time.perf_counter()
        async with connection.transaction():  # type: ignore[attr-defined]  # asyncpg has no types
            if row is None:
                row = await connection.fetchval(  # type: ignore[attr-defined]
                    "INSERT INTO glow_bench_swarm (heard) VALUES ($1) RETURNING id", "words " * 20
                )
            else:
                await connection.execute(  # type: ignore[attr-defined]
                    "UPDATE glow_bench_swarm SET heard = $1 WHERE id = $2", "words " * 21, row
                )
                row = None
        took.append(time.perf_counter() - began)


def _quantiles(values: Sequence[float]) -> list[float]:
    if not values:
        raise ClientError("No call was answered: other programs take too much of this machine to measure it.")
    return [round(float(value), 3) for value in np.quantile(values, np.linspace(0, 1, QUANTILES))]
