"""`glow bench telemetry`: what metrics and traces cost a talking call, by three services in turn.

All run at once and carry the same calls one after the other, in another order each round: who is measured last on a
busy machine has more to catch up on. One of them has metrics, which are scraped, and traces, which are collected. What
is compared is processor time; by how much the two without differ tells how far the comparison can be trusted.
"""

import asyncio
import json
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median

import httpx
from rich.console import Console
from rich.table import Table
from rich.text import Text

from api.bench.load import Load, measure_calls
from api.bench.turn import busy_note
from api.client.http import RemoteService
from api.client.own_service import OwnService, embedded, free_port, own_service
from api.settings import Settings

SCRAPE_EVERY_S = 5.0
"""As often as Prometheus would, with the configuration in deploy/."""

LIMIT = 0.05
"""Highest share of a talking call's processor time that telemetry may take."""


@dataclass(frozen=True, slots=True)
class TelemetryCost:
    """One round: the same calls without telemetry, twice, and with it."""

    without: Load
    again: Load
    with_it: Load

    @property
    def share(self) -> float:
        """Processor time that telemetry adds, as a share of that without."""
        return 2 * self.with_it.core_per_session / (self.without.core_per_session + self.again.core_per_session) - 1

    @property
    def noise(self) -> float:
        """By what share the two without telemetry differ."""
        return abs(self.again.core_per_session / self.without.core_per_session - 1)


class Collector:
    """An OpenTelemetry collector and a scraper of metrics.

    Attributes:
        traces_url: takes traces.
        traces: the requests that it took, encoded.
        scrapes: the metrics, in Prometheus's text form, oldest first.
    """

    def __init__(self) -> None:
        self.traces: list[bytes] = []
        self.scrapes: list[str] = []
        taken = self.traces

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                taken.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.traces_url = f"http://127.0.0.1:{self._server.server_address[1]}/v1/traces"

    async def scrape(self, url: str) -> None:
        """Scrape metrics until cancelled."""
        async with httpx.AsyncClient(trust_env=False) as client:
            while True:
                await asyncio.sleep(SCRAPE_EVERY_S)
                self.scrapes.append((await client.get(url)).text)

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Take traces for as long as the block lasts."""
        thread = threading.Thread(target=self._server.serve_forever, name="collector", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()


def bench_telemetry(
    console: Console,
    *,
    sessions: int,
    seconds: float,
    rounds: int,
    out: Path | None,
    as_json: bool,
    **engines: str | None,
) -> None:
    """Measure so many rounds of so many calls each, and print the results.

    Args:
        out: folder for the metrics that were scraped and the traces that were collected.

    Raises:
        ClientError: a service does not start, or the system does not report the resources of a process.
    """
    note = busy_note(os.getloadavg()[0], os.cpu_count() or 1)
    collector = Collector()
    with collector.serving():
        costs = _measured(collector, sessions, seconds, rounds, **engines)
    if out is not None:
        _keep(collector, out)
    share, noise = median(cost.share for cost in costs), median(cost.noise for cost in costs)
    if as_json:
        found = [asdict(cost) | {"share": cost.share, "noise": cost.noise} for cost in costs]
        said = {"note": note, "share": share, "noise": noise, "limit": LIMIT, "rounds": found}
        console.print_json(json.dumps(said))
        return
    console.print(_table(costs))
    verdict = "within" if share <= LIMIT else "ABOVE"
    console.print(Text(f"Telemetry takes {share:+.1%} of a talking call (median), {verdict} the limit of {LIMIT:.0%}."))
    console.print(Text(f"Two services without it differ by {noise:.1%}."))
    console.print(Text(note))


def _measured(
    collector: Collector, sessions: int, seconds: float, rounds: int, **engines: str | None
) -> list[TelemetryCost]:
    common = embedded(**engines) | {"GLOW_MAX_CALLS": str(sessions * (rounds + 1)), "GLOW_CALLS_PER_USER": "0"}
    port = free_port()
    telling = common | {"GLOW_METRICS_PORT": str(port), "GLOW_TRACES_URL": collector.traces_url}
    with ExitStack() as stack:
        models = Settings().models_dir
        services = [stack.enter_context(own_service(one, models)) for one in (common, common, telling)]

        async def in_turn(number: int) -> TelemetryCost:
            scraping = asyncio.create_task(collector.scrape(f"http://127.0.0.1:{port}/metrics"))
            try:
                loads = {}
                for place in range(len(services)):
                    which = (place + number) % len(services)
                    chats = _chats(services[which], sessions)
                    loads[which] = await measure_calls(services[which], chats, seconds, talking=True)
                return TelemetryCost(loads[0], loads[1], loads[2])
            finally:
                scraping.cancel()
                await asyncio.gather(scraping, return_exceptions=True)

        return [asyncio.run(in_turn(number)) for number in range(rounds)]


def _chats(service: OwnService, sessions: int) -> list[str]:
    with RemoteService(service.url, service.token) as http:
        return [http.start_named()[1] for _ in range(sessions)]


def _keep(collector: Collector, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for number, scrape in enumerate(collector.scrapes):
        (out / f"metrics-{number:03}.txt").write_text(scrape, "utf-8")
    for number, traces in enumerate(collector.traces):
        (out / f"traces-{number:03}.pb").write_bytes(traces)


def _table(costs: list[TelemetryCost]) -> Table:
    table = Table(
        "round", "core each without", "again", "with", "added", "lag p99 ms without", "again", "with", "answered",
        title=f"{costs[0].without.sessions} talking sessions on each of three services", title_justify="left",
    )  # fmt: skip
    for number, cost in enumerate(costs, 1):
        loads = (cost.without, cost.again, cost.with_it)
        table.add_row(
            str(number),
            *(f"{load.core_per_session:.4f}" for load in loads),
            f"{cost.share:+.1%}",
            *(f"{load.lag_p99_ms:.1f}" for load in loads),
            f"{sum(load.answers for load in loads)}/{sum(load.expected for load in loads)}",
        )
    return table
