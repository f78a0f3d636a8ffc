"""`glow bench gateways`: what one gateway carries and what two do, each with the same small share of a processor.

The gateways are processes with one database, as `glow serve --workers` makes them, and the callers are spread evenly
over their ports. Each gateway is in a cgroup of its own with the same quota, so that a machine of two cores has room
for two whole gateways, the database and the callers. The number of calls is raised step by step, by turns with one
gateway and with two. The engines are fixed, so that only the gateways are measured.
"""

import asyncio
import gc
import secrets
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from websockets.exceptions import ConnectionClosed

from api.bench.cpu_quota import CpuGroup, cpu_group
from api.bench.paced_callers import PacedCallers, caller_script, p99, paced_callers
from api.client.call import ClientError
from api.client.http import RemoteService
from api.client.own_service import OwnService, embedded, own_service
from api.settings import Settings

SETTLE_S = 3.0
PING_EVERY = 10
"""Frames between two pings of a caller: more than in `glow bench load`, as a percentile is wanted of few calls."""

HOPELESS_MS = 400.0
"""Lag at which no more calls are added."""


@dataclass(frozen=True, slots=True)
class GatewaysPlan:
    """What to measure.

    Attributes:
        gateways: numbers of gateways, such as (1, 2); measured by turns.
        calls: calls of each gateway, rising.
        rounds: how often everything is measured.
        seconds: duration of each measurement.
        quota, period_ms: cores of each gateway, and the period in which they are accounted.
        cost_calls: calls altogether at which the processor time of a call is compared, without a quota; 0 for none.
        database_url: SQLAlchemy URL of an empty database; SQLite in a temporary folder without it.
    """

    gateways: Sequence[int]
    calls: Sequence[int]
    rounds: int
    seconds: float
    quota: float
    period_ms: float
    cost_calls: int
    database_url: str | None


@dataclass(frozen=True, slots=True)
class GatewaysLoad:
    """One measurement.

    Attributes:
        gateways, calls: how many gateways, and calls altogether.
        quota: cores of each gateway; None without a quota.
        core_per_call: processor time of the gateways, in cores a call.
        throttled: share of the periods in which a gateway used up its quota, in the mean.
        lags_ms: every round trip of a ping; one that has not come back counts for as long as it has taken.
        answers, expected: turns answered in time, and turns whose answer was due.
        late_ms: lateness of the callers' own frames, 99th percentile.
        broken: a gateway closed a connection.
    """

    gateways: int
    calls: int
    quota: float | None
    core_per_call: float
    throttled: float
    lags_ms: list[float]
    answers: int
    expected: int
    late_ms: float
    broken: bool = False

    @property
    def lag_p99_ms(self) -> float:
        """99th percentile of the lag of incoming frames."""
        return p99(self.lags_ms)


@dataclass(frozen=True, slots=True)
class _Fleet:
    """Running gateways, their groups where the system has such, and the chats for their callers, in turn."""

    services: list[OwnService]
    groups: list[CpuGroup]
    chats: Iterator[tuple[OwnService, str]]

    def limit(self, cores: float | None, period_ms: float) -> None:
        for group in self.groups:
            group.limit(cores, period_ms)

    def cpu_s(self) -> float:
        spent = [service.cpu_s() for service in self.services]
        if None in spent:
            raise ClientError("This system does not tell a process's time through /proc; measure on Linux.")
        return sum(second for second in spent if second is not None)


def has_quotas() -> bool:
    """Return whether processes can be given a quota here."""
    with cpu_group() as group:
        return group is not None


def measure_gateways(plan: GatewaysPlan, say: Callable[[str], None]) -> list[GatewaysLoad]:
    """Measure every number of gateways in every round; first without a quota, then, where there are cgroups, with it.

    Args:
        say: gets a sentence about each measurement.

    Raises:
        ClientError: a gateway does not start, or the system does not report the resources of a process.
    """
    found: list[GatewaysLoad] = []
    for _ in range(plan.rounds):
        for number in plan.gateways:
            with _fleet(number, plan) as fleet:
                gc.freeze()
                for load in asyncio.run(_measured(fleet, plan)):
                    say(_sentence(load))
                    found.append(load)
    return found


async def _measured(fleet: _Fleet, plan: GatewaysPlan) -> list[GatewaysLoad]:
    found = []
    script = caller_script(talking=True)
    number = len(fleet.services)
    if plan.cost_calls:
        async with paced_callers(script) as callers:
            await _more(callers, fleet, plan.cost_calls)
            found.append(await _load(callers, fleet, plan.seconds, None))
            await callers.hang_up()
    if not fleet.groups:
        return found
    fleet.limit(plan.quota, plan.period_ms)
    async with paced_callers(script) as callers:
        for each in plan.calls:
            await _more(callers, fleet, each * number)
            load = await _load(callers, fleet, plan.seconds, plan.quota)
            found.append(load)
            if load.broken or load.lag_p99_ms > HOPELESS_MS:
                break
        fleet.limit(None, plan.period_ms)
    return found


async def _more(callers: PacedCallers, fleet: _Fleet, calls: int) -> None:
    """Open calls, each at the next gateway, until there are so many."""
    while len(callers.callers) < calls:
        service, chat_id = next(fleet.chats)
        await callers.call(service.url, service.token, chat_id)


async def _load(callers: PacedCallers, fleet: _Fleet, seconds: float, quota: float | None) -> GatewaysLoad:
    late: list[float] = []
    broken = False
    before, throttling, began = fleet.cpu_s(), [group.throttling() for group in fleet.groups], perf_counter()
    try:
        await callers.speak(SETTLE_S, PING_EVERY)
        callers.forget()
        before, throttling, began = fleet.cpu_s(), [group.throttling() for group in fleet.groups], perf_counter()
        late = await callers.speak(seconds, PING_EVERY)
    except ConnectionClosed:
        broken = True
    took, now = perf_counter() - began, perf_counter()
    shares = [group.throttling().share_since(earlier) for group, earlier in zip(fleet.groups, throttling, strict=True)]
    waiting = [(now - sent) * 1000 for caller in callers.callers for sent in caller.pinged[:1]]
    lags = [lag for caller in callers.callers for lag in caller.lags]
    number = len(callers.callers)
    return GatewaysLoad(
        gateways=len(fleet.services),
        calls=number,
        quota=quota,
        core_per_call=(fleet.cpu_s() - before) / took / number,
        throttled=sum(shares) / len(shares) if shares and quota is not None else 0.0,
        lags_ms=sorted(lags + [one for one in waiting if one > max(lags, default=0.0)]),
        answers=sum(caller.answered for caller in callers.callers),
        expected=sum(caller.spoken for caller in callers.callers),
        late_ms=p99(late),
        broken=broken,
    )


@contextmanager
def _fleet(number: int, plan: GatewaysPlan) -> Iterator[_Fleet]:
    """Run gateways on one database, with chats enough for the whole plan."""
    most = plan.cost_calls + number * max(plan.calls, default=0)
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="glow-gateways-"))
        token = secrets.token_urlsafe(24)
        common = embedded(stt="fixed:0", tts="fixed:0") | {
            "GLOW_DATA_DIR": folder,
            "GLOW_DATABASE_URL": plan.database_url or f"sqlite+aiosqlite:///{Path(folder) / 'glow.db'}",
            "GLOW_GATEWAY_SECRET": secrets.token_urlsafe(24),
            "GLOW_MAX_CALLS": str(most + 1),
            "GLOW_CALLS_PER_USER": "0",
        }
        groups, services = [], []
        for place in range(number):
            group = stack.enter_context(cpu_group())
            own = common | {"GLOW_GATEWAY_NUMBER": str(place)}
            service = stack.enter_context(own_service(own, Settings().models_dir, token))
            services.append(service)
            if group is not None:
                group.limit(None, plan.period_ms)
                group.take(service.pids())
                groups.append(group)
        with RemoteService(services[0].url, token) as http:
            ids = [http.start_named()[1] for _ in range(most)]
        chats = ((services[place % number], chat_id) for place, chat_id in enumerate(ids))
        yield _Fleet(services, groups if len(groups) == number else [], chats)


def _sentence(load: GatewaysLoad) -> str:
    bound = "no quota" if load.quota is None else f"{load.quota:g} of a core each"
    return (
        f"{load.gateways} gateway(s), {load.calls} calls, {bound}: lag p99 {load.lag_p99_ms:.0f} ms, "
        f"{load.answers}/{load.expected} answered, {load.core_per_call:.4f} core a call, "
        f"callers late by {load.late_ms:.1f} ms{', broken off' if load.broken else ''}"
    )
