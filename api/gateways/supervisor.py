"""`glow serve --workers N`: a supervisor of N gateways, each a process on a port of its own."""

import asyncio
import logging
import signal
import ssl
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import httpx

from api.addresses import own_url
from api.settings import Settings

log = logging.getLogger(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
"""The first and the longest pause before a gateway that has ended is started again."""

CALM_S = 60.0
"""A gateway that ran for this long is started again without a long pause."""

ASK_EVERY_S = 0.25
"""Seconds between two questions whether a gateway is ready."""

START_S = 180.0
"""How long a gateway may take to be ready; a rolling restart goes no further then."""


@dataclass(slots=True)
class Gateway:
    """One of the processes.

    Attributes:
        process: the running one; None before the first.
        ready: it takes calls.
        replaced: it was told to stop, and is started again at once.
    """

    number: int
    port: int
    process: Process | None = None
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    replaced: bool = False

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process, if it runs."""
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(number)


class Supervisor:
    """Runs gateways until it is stopped; one that ends is started again.

    SIGTERM and SIGINT stop all of them, each in its own way; SIGHUP replaces one after the other, while the others
    take the calls.

    Args:
        settings: of all gateways; each has its own port, from `first_port` on.
        command: makes the command of a gateway, by its number.
        environment: of the gateways.
        started: is called once, when all are ready.
    """

    def __init__(
        self,
        settings: Settings,
        command: Callable[[int], Sequence[str]],
        environment: Mapping[str, str],
        started: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._command = command
        self._environment = dict(environment)
        self._started = started
        self._gateways = [Gateway(number, settings.first_port + number) for number in range(settings.workers)]
        self._stopping = asyncio.Event()
        self._status = 0

    async def run(self) -> int:
        """Run until stopped; return the exit status: 1 if the gateways cannot start, otherwise 0."""
        loop = asyncio.get_running_loop()
        rolls = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop, number)
        loop.add_signal_handler(signal.SIGHUP, rolls.set)
        async with asyncio.TaskGroup() as tasks:
            helpers = [
                tasks.create_task(self._announce(), name="announcement"),
                tasks.create_task(self._roll_when(rolls), name="rolling restart"),
            ]
            keepers = [
                tasks.create_task(self._keep(gateway), name=f"gateway {gateway.number}") for gateway in self._gateways
            ]
            await asyncio.wait(keepers)
            for helper in helpers:
                helper.cancel()
        return self._status

    def _stop(self, number: signal.Signals) -> None:
        self._stopping.set()
        for gateway in self._gateways:
            gateway.send(number)

    async def _announce(self) -> None:
        for gateway in self._gateways:
            await gateway.ready.wait()
        self._started()

    async def _keep(self, gateway: Gateway) -> None:
        """Run one gateway, again and again, until all are stopped."""
        loop, pause_s = asyncio.get_running_loop(), FIRST_PAUSE_S
        while not self._stopping.is_set():
            began = loop.time()
            status, was_ready = await self._run_once(gateway)
            if self._stopping.is_set():
                return
            if gateway.replaced:
                gateway.replaced, pause_s = False, FIRST_PAUSE_S
                continue
            if not was_ready and not any(other.ready.is_set() for other in self._gateways):
                log.error("Gateway %d ended with status %d before any was ready.", gateway.number, status)
                self._status = 1
                self._stop(signal.SIGTERM)
                return
            if loop.time() - began > CALM_S:
                pause_s = FIRST_PAUSE_S
            log.warning(
                "Gateway %d ended with status %d; it is started again in %g s.", gateway.number, status, pause_s
            )
            await self._stopped_within(pause_s)
            pause_s = min(LONGEST_PAUSE_S, 2 * pause_s)

    async def _run_once(self, gateway: Gateway) -> tuple[int, bool]:
        """Run a gateway once; return its exit status, and whether it was ready."""
        # It ends when its standard input does, so that none is left over if this process is killed. Its session is its
        # own, so that a Ctrl-C comes to it from here alone.
        gateway.process = process = await asyncio.create_subprocess_exec(
            *self._command(gateway.number), env=self._environment, stdin=PIPE, start_new_session=True
        )
        if self._stopping.is_set():  # while it was being made
            gateway.send(signal.SIGTERM)
        asking = asyncio.create_task(self._until_ready(gateway), name=f"readiness of gateway {gateway.number}")
        try:
            status = await process.wait()
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        was_ready = gateway.ready.is_set()
        gateway.ready.clear()
        return status, was_ready

    async def _until_ready(self, gateway: Gateway) -> None:
        url = own_url(self._settings.scheme, self._settings.host, gateway.port) + "/ready"
        unchecked = ssl.create_default_context()
        unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE  # nothing secret is sent
        async with httpx.AsyncClient(verify=unchecked, trust_env=False) as client:
            while True:
                try:
                    answer = await client.get(url)
                    if answer.is_success or answer.json().get("state") == "full":
                        break
                except (httpx.HTTPError, ValueError):
                    pass
                await asyncio.sleep(ASK_EVERY_S)
        gateway.ready.set()

    async def _roll_when(self, wanted: asyncio.Event) -> None:
        while True:
            await wanted.wait()
            wanted.clear()
            log.warning("The gateways are replaced, one after the other.")
            await self._roll()

    async def _roll(self) -> None:
        for gateway in self._gateways:
            if self._stopping.is_set():
                return
            gateway.replaced = True
            gateway.ready.clear()
            gateway.send(signal.SIGTERM)
            try:
                async with asyncio.timeout(self._settings.drain_s + START_S):
                    await gateway.ready.wait()
            except TimeoutError:
                log.error("Gateway %d is not ready; the others are not replaced.", gateway.number)
                return
        log.warning("All gateways are replaced.")

    async def _stopped_within(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            pass
