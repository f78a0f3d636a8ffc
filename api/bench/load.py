"""`glow bench load`: N concurrent paced calls over the real websocket, and how many this machine carries."""

import asyncio
import gc
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from api.bench.paced_callers import caller_script, p99, paced_callers
from api.bench.partials import PartialCounts, scraped_partials
from api.bench.ray_replicas import ray_settings, recognisers_on_ray, replicas_cpu_s
from api.bench.turn import spread
from api.client.call import ClientError
from api.client.http import RemoteService
from api.client.own_service import OwnService, embedded, free_port, own_service
from api.settings import Settings

SETTLE_S = 3.0
LAG_LIMIT_MS = 20.0


@dataclass(frozen=True, slots=True)
class Load:
    """The cost of concurrent calls, and their quality of service.

    Attributes:
        sessions: number of concurrent calls.
        talking: whether they speak, or only listen.
        cores: CPU use of the service and its engines, in cores.
        core_per_session: CPU use per call, in cores.
        recogniser_s: CPU seconds of the recogniser's processes per minute of a call.
        mib_per_session: memory per call, in MiB.
        lag_p99_ms: lag of the incoming frames, 99th percentile.
        answers, expected: turns answered, and turns whose answer was due.
        voice_to_voice_p50_ms, voice_to_voice_p95_ms: from the last speech to the first audio, measured by the service.
        late_ms: lateness of this command's own frames, 99th percentile; large if the command is the bottleneck.
        transcript_p50_ms, transcript_p95_ms: from the request of a transcript to its arrival, measured by the service.
        seconds: duration of the measurement.
        partials: how they are asked for, if that was chosen.
        partial_counts: how many there were; None if that was not chosen.
    """

    sessions: int
    talking: bool
    cores: float
    core_per_session: float
    recogniser_s: float
    mib_per_session: float
    lag_p99_ms: float
    answers: int
    expected: int
    voice_to_voice_p50_ms: float
    voice_to_voice_p95_ms: float
    late_ms: float
    transcript_p50_ms: float
    transcript_p95_ms: float
    seconds: float
    partials: str | None = None
    partial_counts: PartialCounts | None = None

    @property
    def carried(self) -> bool:
        """Whether every call is served as well as a single one."""
        return self.lag_p99_ms <= LAG_LIMIT_MS and self.answers >= 0.95 * self.expected


@dataclass(frozen=True, slots=True)
class LoadRun:
    """A measurement with all of its samples.

    Attributes:
        load: the summary.
        lags_ms, voice_to_voice_ms, transcripts_ms: every lag and every latency.
    """

    load: Load
    lags_ms: list[float]
    voice_to_voice_ms: list[float]
    transcripts_ms: list[float]


def measure_load(
    sessions: int,
    seconds: float,
    *,
    talking: bool,
    partials: str | None = None,
    gateways: int = 1,
    **engines: str | None,
) -> LoadRun:
    """Measure a number of concurrent calls on a fresh service.

    Args:
        partials: how they are asked for (`GLOW_PARTIALS`), and counted by the service's metrics; None for neither.
        gateways: number of processes that share the calls; several have their recogniser in another one, or on Ray.
        engines: the service's engines; `stt="ray"` takes the replicas that are deployed on a Ray cluster of this
            machine.

    Raises:
        ClientError: the service does not start, the system does not report the resources of a process, or no
            recogniser runs on Ray.
    """
    ports = [free_port() for _ in range(gateways)] if partials is not None else []
    own = [{"GLOW_PARTIALS": str(partials), "GLOW_METRICS_PORT": str(port)} for port in ports] or [{}] * gateways
    with ExitStack() as stack:
        common = embedded(**engines) | {"GLOW_MAX_CALLS": str(sessions + 1), "GLOW_CALLS_PER_USER": "0"}
        fleet = _Fleet(metrics=[f"http://127.0.0.1:{port}/metrics" for port in ports])
        if engines.get("stt") == "ray":
            common |= ray_settings()
            fleet.replicas = recognisers_on_ray(common["GLOW_RAY_APP"])
        elif gateways > 1:
            server = stack.enter_context(own_service(common | {"GLOW_REQUESTS_PER_MINUTE": "100000"}, _models()))
            common |= {
                "GLOW_STT": "openai",
                "GLOW_STT_BASE_URL": f"{server.url}/v1",
                "GLOW_OPENAI_API_KEY": server.token,
            }
            fleet.servers.append(server)
        for settings in own:
            fleet.gateways.append(stack.enter_context(own_service(common | settings, _models())))
        for number in range(sessions):
            fleet.new_chat(number % gateways)
        run = asyncio.run(_run(fleet, seconds, talking=talking))
    return replace(run, load=replace(run.load, partials=partials))


async def measure_calls(service: OwnService, chats: list[str], seconds: float, *, talking: bool) -> Load:
    """Have a caller on each of these chats, and measure what they cost and get.

    Raises:
        ClientError: the system does not report the resources of a process.
    """
    fleet = _Fleet([service], chats=[(service, chat_id) for chat_id in chats])
    return (await _run(fleet, seconds, talking=talking)).load


@dataclass(slots=True)
class _Fleet:
    """What carries the calls: gateways, and a recogniser that they share, a server or replicas on Ray, if any."""

    gateways: list[OwnService] = field(default_factory=list)
    servers: list[OwnService] = field(default_factory=list)
    replicas: list[int] = field(default_factory=list)
    chats: list[tuple[OwnService, str]] = field(default_factory=list)
    metrics: list[str] = field(default_factory=list)

    def new_chat(self, gateway: int) -> None:
        service = self.gateways[gateway]
        with RemoteService(service.url, service.token) as http:
            self.chats.append((service, http.start_named()[1]))

    def cpu_s(self) -> float:
        return sum(_known(service.cpu_s()) for service in self.gateways + self.servers) + replicas_cpu_s(self.replicas)

    def engines_cpu_s(self) -> float:
        own = sum(_known(service.engines_cpu_s()) for service in self.gateways + self.servers)
        return own + replicas_cpu_s(self.replicas)

    def memory_mib(self) -> float:
        return sum(_known(service.memory_mib()) for service in self.gateways)

    async def partials(self) -> PartialCounts | None:
        if not self.metrics:
            return None
        counts = [await asyncio.to_thread(scraped_partials, url) for url in self.metrics]
        return sum(counts, PartialCounts())


async def _run(fleet: _Fleet, seconds: float, *, talking: bool) -> LoadRun:
    empty_mib = fleet.memory_mib()
    async with paced_callers(caller_script(talking=talking)) as calls:
        for service, chat_id in fleet.chats:
            await calls.call(service.url, service.token, chat_id)
        gc.freeze()
        await calls.speak(SETTLE_S)
        counted = await fleet.partials()
        calls.forget()
        before, engines_before = fleet.cpu_s(), fleet.engines_cpu_s()
        late = await calls.speak(seconds)
        after, engines_after, full_mib = fleet.cpu_s(), fleet.engines_cpu_s(), fleet.memory_mib()
        counted_after = await fleet.partials()
        callers = calls.callers
    latencies = [latency for caller in callers for latency in caller.latencies]
    voice = spread(latencies) if latencies else None
    transcripts = [transcript for caller in callers for transcript in caller.transcripts]
    words = spread(transcripts) if transcripts else None
    lags = [lag for caller in callers for lag in caller.lags]
    number = len(callers)
    load = Load(
        sessions=number,
        talking=talking,
        cores=(after - before) / seconds,
        core_per_session=(after - before) / seconds / number,
        recogniser_s=(engines_after - engines_before) * 60 / seconds / number,
        mib_per_session=(full_mib - empty_mib) / number,
        lag_p99_ms=p99(lags),
        answers=sum(caller.answered for caller in callers) if talking else 0,
        expected=sum(caller.spoken for caller in callers) if talking else 0,
        voice_to_voice_p50_ms=voice.median if voice else 0.0,
        voice_to_voice_p95_ms=voice.p95 if voice else 0.0,
        late_ms=p99(late),
        transcript_p50_ms=words.median if words else 0.0,
        transcript_p95_ms=words.p95 if words else 0.0,
        seconds=seconds,
        partial_counts=None if counted is None or counted_after is None else counted_after - counted,
    )
    return LoadRun(load, lags, latencies, transcripts)


def _models() -> Path:
    return Settings().models_dir


def _known(value: float | None) -> float:
    if value is None:
        raise ClientError("This system does not tell a process's time through /proc; run `glow bench load` on Linux.")
    return value
