"""Telemetry of the running service: follows every call, and exports the metrics and traces that settings ask for."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from opentelemetry.metrics import Meter
from opentelemetry.trace import NoOpTracer, Tracer

from api.service import Service
from api.settings import Settings
from api.telemetry.metrics import Metrics, observe_connection
from api.telemetry.tracing import TurnTraces
from api.telemetry.turns import TurnFollower, TurnRecord
from pipeline.call.call import Call
from pipeline.errors import PipelineError
from pipeline.tasks.clock import Clock, LoopClock

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource

log = logging.getLogger(__name__)

LAG_EVERY_S = 0.25
"""How often the lag of the event loop is measured."""

SCOPE = "glow_voice"

MODEL_SERVER = "openai"
"""The name of the responder whose model the settings name."""


class TelemetryUnavailable(PipelineError):
    """Metrics or traces are asked for, and cannot be given."""

    code = "telemetry_unavailable"
    http_status = 503


@dataclass(frozen=True, slots=True)
class Exporters:
    """What makes the instruments and the spans."""

    meter: Meter
    tracer: Tracer


@asynccontextmanager
async def open_exporters(settings: Settings) -> AsyncIterator[Exporters | None]:
    """Open the port of the metrics and the way to the collector of traces; None if the settings ask for neither.

    Raises:
        TelemetryUnavailable: the extra is not installed, or the port of the metrics is taken.
    """
    if not (settings.metrics_port or settings.traces_url):
        yield None
        return
    async with AsyncExitStack() as stack:
        try:
            exporters = Exporters(await _meter(settings, stack), await _tracer(settings, stack))
        except ImportError:
            raise TelemetryUnavailable(
                "metrics_port and traces_url need OpenTelemetry; install it with: pip install 'glow-voice[telemetry]'"
            ) from None
        yield exporters


@asynccontextmanager
async def telemetry(service: Service, exporters: Exporters | None, clock: Clock | None = None) -> AsyncIterator[None]:
    """Measure the service and every call while in the block, if there are exporters."""
    if exporters is None:
        yield
        return
    clock = clock or LoopClock()
    limit = service.settings.max_calls

    def writes() -> int:
        return max((len(call.session.writer) for call in service.calls.open_calls()), default=0)

    def engines() -> dict[str, str]:
        named = service.shared_engines.names
        model = f"{named['llm']}:{service.settings.llm_model}" if named["llm"] == MODEL_SERVER else named["llm"]
        return {**named, "llm": model}

    metrics = Metrics(exporters.meter, service.calls, limit, engines, writes)
    service.shared_engines.observe(metrics)
    service.store.measured = metrics.stored
    service.tokens.observer = metrics.counted
    service.calls.when_adopted(metrics.adopted)
    if service.bus is not None:
        service.bus.observer = metrics
        observe_connection(exporters.meter, service.bus)
    follow(service, metrics, exporters.tracer, clock)
    lag = asyncio.create_task(_measure_lag(metrics, clock), name="event loop lag")
    try:
        yield
    finally:
        service.store.measured = None
        service.tokens.observer = None
        lag.cancel()
        await asyncio.gather(lag, return_exceptions=True)


def follow(service: Service, metrics: Metrics, tracer: Tracer, clock: Clock) -> None:
    """Follow every call that is opened from now on."""
    offset_ns = time.time_ns() - round(clock.now() * 1e9)

    def epoch_ns(seconds: float) -> int:
        return offset_ns + round(seconds * 1e9)

    def opened(call: Call) -> None:
        session = call.session
        traces = TurnTraces(tracer, session.conversation_id, epoch_ns)

        def begin(record: TurnRecord) -> None:
            call.log_context.trace_id = traces.begin(record)

        def end(record: TurnRecord) -> None:
            traces.end(record)
            metrics.turn(record)

        follower = TurnFollower(clock, begin, end, metrics.interruption)
        session.subscribe(follower.hear)
        session.subscribe(metrics.hear)
        session.observe(follower.see)

    service.calls.when_opened(opened)


async def _measure_lag(metrics: Metrics, clock: Clock) -> None:
    while True:
        due = clock.now() + LAG_EVERY_S
        await clock.sleep(LAG_EVERY_S)
        metrics.lagged(max(0.0, clock.now() - due))


def _resource(settings: Settings) -> "Resource":
    from opentelemetry.sdk.resources import Resource

    return Resource.create(
        {"service.name": SCOPE, "service.version": version("glow-voice"), "service.instance.id": str(settings.port)}
    )


async def _meter(settings: Settings, stack: AsyncExitStack) -> Meter:
    if not settings.metrics_port:
        from opentelemetry.metrics import NoOpMeter

        return NoOpMeter(SCOPE)
    from opentelemetry.exporter.prometheus import PrometheusMetricReader
    from opentelemetry.sdk.metrics import MeterProvider
    from prometheus_client import CollectorRegistry, start_http_server

    registry = CollectorRegistry()
    reader = PrometheusMetricReader(scope_info_enabled=False, registry=registry)
    provider = MeterProvider([reader], _resource(settings), shutdown_on_exit=False)
    stack.push_async_callback(asyncio.to_thread, _quietly(provider.shutdown))
    try:
        server, thread = start_http_server(settings.metrics_port, settings.metrics_host, registry)
    except OSError as error:
        raise TelemetryUnavailable(
            f"The metrics cannot be served at {settings.metrics_host}, port {settings.metrics_port}: {error.strerror}. "
            "Choose another GLOW_METRICS_PORT."
        ) from None

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    stack.push_async_callback(asyncio.to_thread, stop)
    log.info("Metrics at http://%s:%d/metrics", settings.metrics_host, settings.metrics_port)
    return provider.get_meter(SCOPE)


async def _tracer(settings: Settings, stack: AsyncExitStack) -> Tracer:
    if not settings.traces_url:
        return NoOpTracer()
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=_resource(settings), shutdown_on_exit=False)
    # Its queue is bounded: at 2048 spans that wait further ones are dropped.
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=settings.traces_url)))
    stack.push_async_callback(asyncio.to_thread, _quietly(provider.shutdown))
    log.info("Traces of turns go to %s", settings.traces_url.partition("?")[0])
    return provider.get_tracer(SCOPE)


def _quietly(shutdown: Callable[[], Any]) -> Callable[[], None]:
    """Return a shutdown that does not fail: that a collector is away is no failure of the service."""

    def run() -> None:
        with suppress(Exception):
            shutdown()

    return run
