"""The service's telemetry, seen from outside: metrics scraped, traces collected, JSON logs read."""

import asyncio
import json
import logging
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client.parser import text_string_to_metric_families

from api.client.call import Call
from api.client.http import RemoteService
from api.client.voice import open_call
from api.serving import log_config
from api.telemetry import TelemetryUnavailable
from api.telemetry.json_logs import WithCall, json_formatter
from pipeline.tasks.log_context import CURRENT, LogContext
from tests.servers.llm import LlmServer
from tests.servers.process import service_process
from tests.servers.redis import redis_running
from tests.service import TOKENS, RunningService, http, unhearing


def free_port() -> int:
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        return int(server.server_address[1])


@contextmanager
def collector() -> Iterator[tuple[str, list[ExportTraceServiceRequest]]]:
    """An OpenTelemetry collector: its address, and what it got."""
    got: list[ExportTraceServiceRequest] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                import gzip

                body = gzip.decompress(body)
            got.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1/traces", got
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def one_call(service: RunningService) -> str:
    """A spoken turn and its whole answer; the conversation's id."""

    async def call() -> str:
        async with service.call(service.chat(), hurries=True) as client:
            await client.say("slt/turns/01")
            await client.until("reply.ended")
            await client.hang_up()
            return str(client.ready["conversation_id"])

    return asyncio.run(call())


def samples_at(port: int) -> dict[str, list[Any]]:
    answer = http.get(f"http://127.0.0.1:{port}/metrics")
    found: dict[str, list[Any]] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample)
    return found


def test_a_turn_is_measured_and_no_label_names_anybody(tmp_path: Path) -> None:
    port = free_port()
    with unhearing(tmp_path, metrics_port=port) as service:
        before = samples_at(port)
        conversation = one_call(service)
        after = samples_at(port)
        text = http.get(f"http://127.0.0.1:{port}/metrics").text
    assert before["glow_calls_active"][0].value == 0
    assert before["glow_calls_limit"][0].value > 0
    for name in ("voice_to_voice", "endpoint", "stt", "llm_first_token", "tts_first_audio"):
        (count,) = after[f"glow_turn_{name}_seconds_count"]
        assert count.value == 1, name
    durations = after["gen_ai_client_operation_duration_seconds_count"]
    operations = {sample.labels["gen_ai_operation_name"] for sample in durations}
    assert operations == {"transcribe", "chat", "speech"}
    assert [sample.labels["reason"] for sample in after["glow_calls_ended_total"]] == ["caller"]
    assert {sample.labels["priority"] for sample in after["glow_engine_queue_wait_seconds_count"]} >= {"final", "reply"}
    assert after["glow_event_loop_lag_seconds_count"][0].value > 0
    uses = {sample.labels["use"]: sample.value for sample in after["glow_store_duration_seconds_count"]}
    assert uses["reading"] > 0
    assert uses["writing"] > 0
    assert after["glow_writer_queue"][0].value == 0
    adopted = {(one.labels["reason"], one.labels["by"]): one.value for one in after["glow_call_adopted_total"]}
    assert adopted == dict.fromkeys(product(("deploy", "crash", "moved"), ("resumed", "asked")), 0)
    dropped = {sample.labels["reason"]: sample.value for sample in before["glow_partials_dropped_total"]}
    assert dropped == {"refused": 0, "unwanted": 0, "gave_way": 0}
    for name in ("call_lost", "engine_restarts", "bus_dropped"):
        assert after[f"glow_{name}_total"][0].value == 0, name
    assert before["glow_audio_underruns_total"][0].value == 0
    labels = {value for samples in after.values() for sample in samples for value in sample.labels.values()}
    assert not labels & {conversation, "ada"}
    assert conversation not in text
    assert TOKENS["ada"] not in text


def test_a_turn_is_a_trace_with_its_stages(tmp_path: Path) -> None:
    with collector() as (url, got), unhearing(tmp_path, traces_url=url) as service:
        conversation = one_call(service)
    resources = [resource for request in got for resource in request.resource_spans]
    spans = [span for resource in resources for scope in resource.scope_spans for span in scope.spans]
    roots = [span for span in spans if span.name == "turn"]
    answered = next(span for span in roots if any(a.key == "glow.voice_to_voice_ms" for a in span.attributes))
    inside = [span for span in spans if span.parent_span_id == answered.span_id]
    assert {span.name for span in inside} >= {"listen", "endpoint", "transcribe", "invoke_llm", "speech", "play"}
    assert {span.trace_id for span in inside} == {answered.trace_id}
    assert all(answered.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano for span in inside)
    assert {a.value.string_value for a in answered.attributes if a.key == "gen_ai.conversation.id"} == {conversation}


def test_the_alert_rules_and_the_dashboard_name_what_is_measured(tmp_path: Path) -> None:
    port = free_port()
    with unhearing(tmp_path, metrics_port=port) as service:
        one_call(service)
        measured = set(samples_at(port))
    deploy = Path("deploy")
    rules = (deploy / "prometheus" / "glow-voice.rules.yml").read_text()
    dashboard = (deploy / "grafana" / "glow-voice.json").read_text()
    panels = json.loads(dashboard)["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    named = set(re.findall(r"\b(?:glow|gen_ai)_[a-z_]+", rules + dashboard)) - {
        "gen_ai_operation_name",
        "gen_ai_token_type",
    }
    assert len(named) > 8
    # Nobody spoke over a reply in this call, nothing failed, no batches were decoded; there is no bus and no model.
    assert named - measured == {
        "glow_interruptions_total", "glow_problems_total", "glow_engine_batch_size_sum", "glow_engine_batch_size_count",
        "glow_bus_connected", "glow_bus_lag_seconds_bucket", "gen_ai_client_token_usage_sum",
    }  # fmt: skip


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool of Debian's package prometheus is not here")
def test_the_alerts_fire_when_they_should() -> None:
    folder = Path("deploy/prometheus")
    for arguments in (["check", "config", "prometheus.yml"], ["test", "rules", "glow-voice.rules.test.yml"]):
        checked = subprocess.run(["promtool", *arguments], cwd=folder, capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.slow
def test_the_bus_is_measured(tmp_path: Path) -> None:
    port = free_port()
    with redis_running() as redis, unhearing(tmp_path, metrics_port=port, bus_url=redis.url) as service:
        asyncio.run(service.until(lambda _: samples_at(port).get("glow_bus_lag_seconds_count")))
        (connected,) = samples_at(port)["glow_bus_connected"]
        assert connected.value == 1
        redis.kill()
        asyncio.run(service.until(lambda inside: inside.bus is not None and not inside.bus.connected))
        (connected,) = samples_at(port)["glow_bus_connected"]
        assert connected.value == 0


@pytest.mark.slow
def test_a_resumed_call_of_an_earlier_process_is_counted(tmp_path: Path) -> None:
    port = free_port()
    with (
        service_process(tmp_path, metrics_port=str(port)) as service,
        RemoteService(service.url, service.token) as http,
    ):
        _, chat = http.start_named()

        async def call() -> None:
            async with open_call(service.url, Call(chat), token=service.token) as caller:
                await caller.type_text("Hello.")
                await caller.next("user.message")
                service.send(signal.SIGKILL)
                await asyncio.to_thread(service.ended)
                await asyncio.to_thread(service.start)
                while caller.reconnects == 0:
                    await caller.next("chat_voice")

        asyncio.run(call())
        counted = samples_at(port)["glow_call_adopted_total"]
    assert {(one.labels["reason"], one.labels["by"]): one.value for one in counted if one.value} == {
        ("crash", "resumed"): 1,
    }  # fmt: skip


@pytest.mark.slow
def test_why_a_call_goes_on_elsewhere_is_counted(tmp_path: Path) -> None:
    """A client moves its call to a gateway beside, which then stops; a request takes a third one up."""
    ports = [free_port(), free_port()]
    secret = {"gateway_secret": "secret-of-the-neighbours-0123456789"}

    def adopted(port: int) -> dict[tuple[str, str], float]:
        counted = samples_at(port)["glow_call_adopted_total"]
        return {(one.labels["reason"], one.labels["by"]): one.value for one in counted if one.value}

    async def story(first: RunningService, second: RunningService) -> None:
        moved, stopped, left = (first.chat() for _ in range(3))
        async with first.call(moved) as here, second.call(moved, resume=here.ready["resume"]):
            assert await asyncio.to_thread(adopted, ports[1]) == {("moved", "resumed"): 1}
        for chat in (stopped, left):
            assert (await asyncio.to_thread(first.post, "/attempt/chat_voice", {"chat_id": chat})).status_code == 200
        first.inside.presence.draining = True
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(first.inside.presence.say(), first.loop))
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(first.inside.calls.drain(5), first.loop))
        asked = await asyncio.to_thread(second.post, "/attempt/chat_mute", {"chat_id": left, "muted": True})
        assert asked.status_code == 200, asked.text
        assert await asyncio.to_thread(adopted, ports[1]) == {("moved", "resumed"): 1, ("deploy", "asked"): 1}

    with (
        unhearing(tmp_path, metrics_port=ports[0], **secret) as first,
        unhearing(tmp_path, metrics_port=ports[1], **secret) as second,
    ):
        asyncio.run(story(first, second))


def test_the_tokens_of_the_model_are_measured(tmp_path: Path, llm_server: LlmServer) -> None:
    port = free_port()
    chosen = {"llm": "openai", "openai_base_url": llm_server.url, "llm_model": "usage"}
    with unhearing(tmp_path, metrics_port=port, **chosen) as service:
        chat = service.chat()
        body = {"chat_id": chat, "message": "Good morning.", "wait_for_complete": True}
        assert service.post("/attempt/chat_message", body).status_code == 200
        after = samples_at(port)
    counted = {one.labels["gen_ai_token_type"]: one for one in after["gen_ai_client_token_usage_sum"]}
    assert {kind: one.value for kind, one in counted.items()} == {"input": 11, "output": 5}
    assert {
        name: counted["input"].labels[name]
        for name in ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model")
    } == {"gen_ai_operation_name": "chat", "gen_ai_provider_name": "openai", "gen_ai_request_model": "usage"}


@pytest.mark.slow
def test_a_collector_that_is_away_stops_no_call(tmp_path: Path) -> None:
    with unhearing(tmp_path, traces_url=f"http://127.0.0.1:{free_port()}/v1/traces") as service:
        assert one_call(service)


def test_a_taken_port_is_told_in_a_sentence(tmp_path: Path) -> None:
    from api.app import create_app
    from api.settings import Settings

    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        port = int(server.server_address[1])
        engines = {"stt": "fixed:0", "tts": "espeak", "llm": "scripted"}
        settings = Settings(_env_file=None, data_dir=tmp_path, metrics_port=port, **engines)
        app = create_app(settings)

        async def start() -> None:
            async with app.router.lifespan_context(app):
                pass

        with pytest.raises(TelemetryUnavailable, match=f"port {port}.*Choose another GLOW_METRICS_PORT"):
            asyncio.run(start())


def test_a_log_record_in_json_has_the_ids_of_its_call() -> None:
    record = logging.LogRecord("pipeline.call", logging.INFO, __file__, 1, "A transcript took %d ms.", (12,), None)
    CURRENT.set(LogContext("conversation-1", 3, "ab" * 16))
    try:
        assert WithCall().filter(record)
    finally:
        CURRENT.set(None)
    written = json.loads(json_formatter().format(record))
    assert written.pop("timestamp")
    assert written == {
        "level": "INFO",
        "logger": "pipeline.call",
        "message": "A transcript took 12 ms.",
        "conversation_id": "conversation-1",
        "turn": 3,
        "trace_id": "ab" * 16,
    }


@pytest.mark.parametrize("form", ["line", "json"])
def test_the_log_is_configured_in_either_form(form: str) -> None:
    chosen = log_config("info", form)
    assert set(chosen["handlers"]["stderr"]["filters"]) <= set(chosen["filters"])
    assert ("call" in chosen["handlers"]["stderr"]["filters"]) == (form == "json")
