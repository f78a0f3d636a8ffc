"""Calls in virtual time: what each of them asks of gateways, engines and the database, and when it is answered."""

from dataclasses import dataclass, field, replace
from math import ceil
from random import Random

import numpy as np

from api.bench.swarm.engines import CLAUSE_S, QueuedUtterance, Recognisers, SimulatedDatabase, Synthesizers
from api.bench.swarm.events import EventQueue, Processors
from api.bench.swarm.gateways import CallScript, GatewayLag, gateway_lag, talking_core
from api.bench.swarm.measured import Measured, at_quantile
from pipeline.hearing.pace import HearingPace
from voice.audio.formats import RATE_HZ
from voice.work.workers import Pressure

ENDPOINT_S = 0.5
"""Silence that ends a turn."""

EAGER_S = 0.18
"""Silence after which the transcript is asked for, unless the recogniser is so slow that it is asked earlier."""

SOONEST_S = 0.35
LISTENING_THREADS = 8
"""Threads of a gateway that wait for a recogniser, as in `api.engines`."""

TURNS = 40_000
"""Turns that a simulation plays in all, warming up included: the more calls there are, the shorter the time."""

SHORTEST_CYCLES, LONGEST_S = 2.0, 300.0
WARM_CYCLES = 1.2

CONVERSATION = CallScript(speech_s=4.0, reply_s=5.0, pause_s=2.5, varies=0.5)
"""A turn every 12 s, of 4 s by the caller and 5 s by the persona."""


@dataclass(frozen=True, slots=True)
class SwarmPlan:
    """What is simulated.

    Attributes:
        calls: how many at once.
        gateways, recognisers, synthesizers, databases: how many of each, in all cells.
        script: what the callers do.
        cores: all of it shares so many cores; None if each has cores of its own.
        elsewhere: cores that something else wants on that machine.
        engines: False for a recogniser and a synthesizer that take no time.
        llm_s: until the first words of a reply.
        gives_way: whether partials come seldomer the more the recogniser has to do.
        seed: of all chance.
    """

    calls: int
    gateways: int = 1
    recognisers: int = 1
    synthesizers: int = 2
    databases: int = 1
    script: CallScript = CONVERSATION
    cores: float | None = None
    elsewhere: float = 0.0
    engines: bool = True
    llm_s: float = 0.0
    gives_way: bool = True
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Swarm:
    """What came out.

    Attributes:
        plan: what was simulated.
        seconds: the virtual time.
        turns, answered: turns, and those of them that were answered in time.
        voice_to_voice_p50_ms, voice_to_voice_p95_ms: from the last speech to the first audio.
        lag_p50_ms, lag_p99_ms: of the frames, at the fullest gateway.
        transcript_wait_p95_ms: until a recogniser begins with a transcript.
        batch: utterances in a batch, in the mean.
        commit_p95_ms, commits_a_second: of the database.
        used: the share of each resource that is used; the fullest gateway's interpreter.
        cores: cores that gateways and engines use.
        sketching: the share of the recognisers' time that goes into partials.
        events: how many events there were.
    """

    plan: SwarmPlan
    seconds: float
    turns: int
    answered: int
    voice_to_voice_p50_ms: float
    voice_to_voice_p95_ms: float
    lag_p50_ms: float
    lag_p99_ms: float
    transcript_wait_p95_ms: float
    batch: float
    commit_p95_ms: float
    commits_a_second: float
    used: dict[str, float]
    cores: float
    sketching: float
    events: int

    @property
    def first(self) -> str:
        """The resource that is saturated first, if calls are added."""
        return max(self.used, key=lambda name: self.used[name])


@dataclass(slots=True)
class _Parts:
    events: EventQueue
    plan: SwarmPlan
    measured: Measured
    chance: Random
    recognisers: Recognisers
    synthesizers: Synthesizers
    database: SimulatedDatabase
    latencies_s: list[float] = field(default_factory=list)
    turns: int = 0
    answered: int = 0


class SimulatedGateway:
    """What the calls of one gateway share.

    Attributes:
        lag: of its frames.
        asked: utterances that its threads wait for.
    """

    def __init__(self, lag: GatewayLag) -> None:
        self.lag = lag
        self.asked = 0

    @property
    def pressure(self) -> Pressure:
        """How many of the threads wait."""
        return Pressure(min(1.0, self.asked / LISTENING_THREADS))


class SimulatedCall:
    """One caller, who speaks, listens, and speaks again."""

    def __init__(self, parts: _Parts, gateway: SimulatedGateway) -> None:
        self._parts = parts
        self._gateway = gateway
        self._turn = 0
        self._speech_s = 0.0
        self._began = self._ended = 0.0
        self._hearing = False
        self._sketch: QueuedUtterance | None = None
        self._transcript: QueuedUtterance | None = None
        self._pace = HearingPace(every=RATE_HZ * 3 // 10, eager=_samples(EAGER_S), soonest=_samples(SOONEST_S))

    def speak(self) -> None:
        """Begin an utterance, and interrupt what is left of the reply."""
        parts, script = self._parts, self._parts.plan.script
        self._turn += 1
        if self._transcript is not None:
            self._drop(self._transcript)
        self._speech_s = script.speech_s * (1 + script.varies * parts.chance.uniform(-1, 1))
        self._began = parts.events.now
        self._ended = self._began + self._speech_s
        self._hearing = True
        parts.turns += 1
        if parts.plan.engines:
            parts.events.after(0.3, self._partial, self._turn)
        look = self._pace.look_after
        asked_s = EAGER_S if look is None else look / RATE_HZ
        parts.events.after(self._speech_s + asked_s + self._late_s(), self._pause, self._turn)
        if script.cycle_s:
            parts.events.after(script.cycle_s, self.speak)

    def _late_s(self) -> float:
        lags = self._gateway.lag.lags_ms
        return float(lags[self._parts.chance.randrange(len(lags))]) / 1000

    def _partial(self, turn: int) -> None:
        if turn != self._turn or not self._hearing:
            return
        parts, asked_at = self._parts, self._parts.events.now

        def came(words: bool) -> None:
            self._gateway.asked -= 1
            if turn != self._turn or not self._hearing:
                return
            if words:
                self._pace.partial_took(parts.events.now - asked_at)
            pressure = self._gateway.pressure if parts.plan.gives_way else Pressure()
            after = self._pace.partial_after(first=False, pressure=pressure)
            if after is not None:
                parts.events.after(asked_at + after / RATE_HZ - parts.events.now, self._partial, turn)

        self._gateway.asked += 1
        self._sketch = parts.recognisers.ask(asked_at - self._began + 0.3, sketch=True, done=came)

    def _pause(self, turn: int) -> None:
        if turn != self._turn:
            return
        parts = self._parts
        self._hearing = False
        if self._sketch is not None:
            self._drop(self._sketch)
        if not parts.plan.engines:
            self._heard(turn, parts.events.now)
            return
        asked_at = parts.events.now
        self._gateway.asked += 1
        self._transcript = parts.recognisers.ask(
            self._speech_s + 0.5, sketch=False, done=lambda _: self._came(turn, asked_at)
        )

    def _drop(self, asked: QueuedUtterance) -> None:
        if not asked.cancelled and not asked.over:
            asked.cancelled = True
            self._gateway.asked -= 1

    def _came(self, turn: int, asked_at: float) -> None:
        self._gateway.asked -= 1
        self._heard(turn, asked_at)

    def _heard(self, turn: int, asked_at: float) -> None:
        if turn != self._turn:
            return
        parts = self._parts
        self._transcript = None
        if parts.plan.engines:
            self._pace.transcript_took(parts.events.now - asked_at)
        parts.events.after(self._late_s() + parts.plan.llm_s, self._reply, turn)

    def _reply(self, turn: int) -> None:
        if turn != self._turn:
            return
        script, chance = self._parts.plan.script, self._parts.chance
        length = script.reply_s * (1 + script.varies * chance.uniform(-1, 1))
        if self._parts.plan.engines:
            self._clause(turn, length, length)
        else:
            self._sounds(turn, length)

    def _clause(self, turn: int, length: float, left: float) -> None:
        if turn != self._turn or left <= 0:
            return
        clause, begins = min(CLAUSE_S, left), left == length
        self._parts.synthesizers.say(
            clause,
            lambda: self._sounds(turn, length) if begins else None,
            lambda: self._clause(turn, length, left - clause),
        )

    def _sounds(self, turn: int, length: float) -> None:
        if turn != self._turn:
            return
        parts, script = self._parts, self._parts.plan.script
        over = max(parts.events.now, self._ended + ENDPOINT_S) - self._ended
        idle_ms = at_quantile(parts.measured.gateway.overhead_ms, parts.chance.random())
        queue_s = max(0.0, self._late_s() - at_quantile(parts.measured.gateway.lag_ms, 0.5) / 1000)
        latency = over + idle_ms / 1000 + queue_s
        parts.latencies_s.append(latency)
        parts.answered += latency <= script.answer_s
        begins = self._ended + latency - parts.events.now
        database = parts.measured.database
        for _ in range(database.a_turn):
            parts.events.after(begins, parts.database.commit)
        played = min(length, script.mean_played_s) if script.cycle_s else length
        if database.checkpoint_every_s:
            for number in range(1, int(played / database.checkpoint_every_s) + 1):
                parts.events.after(begins + number * database.checkpoint_every_s, parts.database.commit)
        if not script.cycle_s:
            pause = script.pause_s * (1 + script.varies * parts.chance.uniform(-1, 1))
            parts.events.after(begins + length + pause, self.speak)


def simulate(plan: SwarmPlan, measured: Measured) -> Swarm:
    """Let calls happen in virtual time.

    Of several databases each has calls, gateways and engines of its own, a cell: one cell happens, for all of them.

    Args:
        plan: how many, with what.
        measured: the service times.
    """
    cells = plan.databases
    if cells > 1:
        cell = replace(
            plan, calls=ceil(plan.calls / cells), gateways=ceil(plan.gateways / cells), databases=1,
            recognisers=ceil(plan.recognisers / cells), synthesizers=ceil(plan.synthesizers / cells),
        )  # fmt: skip
        one = simulate(cell, measured)
        return replace(one, plan=plan, cores=one.cores * cells, commits_a_second=one.commits_a_second * cells)
    events, chance = EventQueue(), Random(plan.seed)
    core = talking_core(measured.gateway, plan.script)
    per_gateway = ceil(plan.calls / plan.gateways)
    lags = {
        n: gateway_lag(measured.gateway, plan.script, n) for n in {per_gateway, max(1, plan.calls // plan.gateways)}
    }
    if plan.cores is None:
        own = plan.recognisers * measured.recogniser.threads + plan.synthesizers
        processors, background = Processors(events, own), 0.0
    else:
        background = plan.calls * core + plan.elsewhere
        processors = Processors(events, plan.cores, background)
    parts = _Parts(
        events, plan, measured, chance,
        Recognisers(events, processors, measured.recogniser, plan.recognisers, chance),
        Synthesizers(events, processors, measured.synthesizer, plan.synthesizers),
        SimulatedDatabase(events, measured.database),
    )  # fmt: skip
    cycle = plan.script.mean_cycle_s
    gateways: list[SimulatedGateway] = []
    for number in range(plan.calls):
        gateway = number % plan.gateways
        there = plan.calls // plan.gateways + (gateway < plan.calls % plan.gateways)
        while len(gateways) <= gateway:
            gateways.append(SimulatedGateway(lags[max(1, there)]))
        call = SimulatedCall(parts, gateways[gateway])
        events.after(chance.uniform(0, cycle), call.speak)
    warm = WARM_CYCLES * cycle
    seconds = min(LONGEST_S, max(SHORTEST_CYCLES * cycle, TURNS * cycle / plan.calls - warm))
    events.run(warm)
    before = _Counted(parts, processors)
    parts.latencies_s, parts.turns, parts.answered = [], 0, 0
    parts.recognisers.waits_s, parts.recognisers.batches, parts.database.took_s = [], [], []
    events.run(warm + seconds)
    return _outcome(parts, processors, before, lags[per_gateway], seconds, core)


class _Counted:
    """What was used until now."""

    def __init__(self, parts: _Parts, processors: Processors) -> None:
        self.transcript_s = parts.recognisers.transcript_s
        self.sketch_s = parts.recognisers.sketch_s
        self.speech_s = parts.synthesizers.busy_s
        self.commits = parts.database.done
        self.core_s = processors.busy_core_s()


def _outcome(
    parts: _Parts, processors: Processors, before: _Counted, lag: GatewayLag, seconds: float, core: float
) -> Swarm:
    plan = parts.plan
    parts.recognisers.transcript_s -= before.transcript_s
    parts.recognisers.sketch_s -= before.sketch_s
    parts.synthesizers.busy_s -= before.speech_s
    parts.database.done -= before.commits
    engines = (processors.busy_core_s() - before.core_s) / seconds
    used = {
        "a gateway's interpreter": lag.used,
        "the recognisers": parts.recognisers.used(seconds),
        "the synthesizers": parts.synthesizers.used(seconds),
        "the database": parts.database.used(seconds),
    }
    cores = plan.calls * core + engines
    if plan.cores is not None:
        used["the processor"] = (cores + plan.elsewhere) / plan.cores
    latencies = np.array(parts.latencies_s or [float("inf")]) * 1000
    waits = parts.recognisers.waits_s or [0.0]
    commits = parts.database.took_s or [0.0]
    return Swarm(
        plan=plan,
        seconds=seconds,
        turns=parts.turns,
        answered=parts.answered,
        voice_to_voice_p50_ms=float(np.percentile(latencies, 50)),
        voice_to_voice_p95_ms=float(np.percentile(latencies, 95)),
        lag_p50_ms=lag.percentile(50),
        lag_p99_ms=lag.percentile(99),
        transcript_wait_p95_ms=float(np.percentile(waits, 95)) * 1000,
        batch=float(np.mean(parts.recognisers.batches or [0])),
        commit_p95_ms=float(np.percentile(commits, 95)) * 1000,
        commits_a_second=parts.database.done / seconds,
        used=used,
        cores=cores,
        sketching=parts.recognisers.sketching(seconds),
        events=parts.events.happened,
    )


def _samples(seconds: float) -> int:
    return round(seconds * RATE_HZ)
