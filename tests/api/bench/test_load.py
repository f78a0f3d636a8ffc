"""`glow bench load`: what partials cost by pairs, and the command with a real recogniser."""

import json
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.bench.load import Load, LoadRun, measure_load
from api.bench.load_report import partials_costs
from api.bench.partials import PartialCounts, partial_counts
from api.bench.turn import Spread
from api.cli.main import app
from api.client.call import ClientError
from tests.servers.ray_cluster import ray_cluster
from voice.ray_serve.deployments import RayPlan
from voice.stt.choose import choose_transcriber

METRICS = """\
# TYPE glow_engine_queue_wait_seconds histogram
glow_engine_queue_wait_seconds_bucket{le="+Inf",priority="partial"} 41.0
glow_engine_queue_wait_seconds_count{priority="partial"} 41.0
glow_engine_queue_wait_seconds_sum{priority="partial"} 2.5
glow_engine_queue_wait_seconds_count{priority="final"} 9.0
# TYPE glow_partials_dropped counter
glow_partials_dropped_total{reason="refused"} 0.0
glow_partials_dropped_total{reason="unwanted"} 7.0
glow_partials_dropped_total{reason="gave_way"} 4.0
"""


def run(
    sessions: int, way: str | None, recogniser_s: float, begun: int = 0, gave_way: int = 0, ms: float = 90
) -> LoadRun:
    counts = None if way is None else PartialCounts(begun, gave_way)
    load = Load(
        sessions=sessions, talking=True, cores=1.0, core_per_session=1 / sessions, recogniser_s=recogniser_s,
        mib_per_session=1.0, lag_p99_ms=5.0, answers=4, expected=5, voice_to_voice_p50_ms=500,
        voice_to_voice_p95_ms=600, late_ms=0.0, transcript_p50_ms=ms, transcript_p95_ms=ms, seconds=30.0, partials=way,
        partial_counts=counts,
    )  # fmt: skip
    return LoadRun(load, [5.0], [500.0], [ms, ms + 1])


def test_partials_are_read_from_the_metrics() -> None:
    assert partial_counts(METRICS) == PartialCounts(begun=41, gave_way=4, unwanted=7)


def test_what_is_counted_before_the_measurement_does_not_count() -> None:
    assert PartialCounts(41, 4, 7, 1) - PartialCounts(40, 4, 5) == PartialCounts(1, 0, 2, 1)
    assert PartialCounts(41, 4, 7, 1) + PartialCounts(1, 2, 3) == PartialCounts(42, 6, 10, 1)


def test_the_ways_are_compared_at_the_same_number_of_calls() -> None:
    rounds = [
        run(2, "never", 4.0, ms=50), run(2, "always", 20.0, 80, 6), run(2, "paced", 11.0, 40, 2),
        run(2, "never", 6.0, ms=70), run(2, "always", 30.0, 100, 4), run(2, "paced", 9.0, 50, 0),
        run(1, "never", 1.0), run(1, "paced", 4.0, 10),
    ]  # fmt: skip
    costs = {(cost.sessions, cost.partials): cost for cost in partials_costs(rounds)}
    assert len(costs) == 5
    always, paced, never = (costs[2, way] for way in ("always", "paced", "never"))
    assert (never.recogniser_s, paced.recogniser_s, always.recogniser_s) == (5.0, 10.0, 25.0)
    assert (never.times_finals, paced.times_finals, always.times_finals) == (0.0, 1.0, 4.0)
    assert (always.begun, paced.begun, paced.skipped, always.skipped) == (90.0, 45.0, 45.0, 0.0)
    assert (always.gave_way, paced.gave_way) == (5.0, 1.0)
    assert never.transcript_ms == Spread(51.0, 71.0)
    assert (never.answers, never.expected) == (8, 10)
    assert costs[1, "paced"].times_finals == 3.0
    assert costs[1, "paced"].skipped is None


def test_nothing_is_compared_that_was_not_measured() -> None:
    assert partials_costs([run(1, None, 1.0)]) == []
    (alone,) = partials_costs([run(1, "always", 3.0, 10)])
    assert alone.times_finals is None
    (streams,) = partials_costs([run(1, "never", 0.0)])
    assert streams.times_finals is None


@pytest.mark.slow
def test_the_command_measures_partials_of_a_real_recogniser() -> None:
    given = "--sessions 1 --seconds 12 --partials always --partials never --stt whisper:nano --tts fixed:0 --json"
    report = json.loads(CliRunner().invoke(app, ["bench", "load", *given.split()]).stdout)
    always, never = report["partials"]
    assert (always["partials"], never["partials"]) == ("always", "never")
    assert always["begun"] > 0
    assert never["begun"] == 0
    assert always["recogniser_s"] > never["recogniser_s"] > 0
    assert always["times_finals"] > 0
    assert [load["partials"] for load in report["loads"]] == ["always", "never"]
    assert all(load["transcript_p50_ms"] > 0 for load in report["loads"])


@pytest.mark.slow
def test_the_command_measures_partials_of_replicas_on_ray(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hear = partial(choose_transcriber, "whisper:nano", models_dir=tmp_path)
    with ray_cluster(RayPlan(hear, cpus=0.1)) as cluster:
        monkeypatch.setenv("GLOW_RAY_ADDRESS", cluster.address)
        given = (
            "--sessions 2 --gateways 2 --seconds 12 --partials always --partials never --stt ray --tts fixed:0 --json"
        )
        report = json.loads(CliRunner().invoke(app, ["bench", "load", *given.split()]).stdout)
    always, never = report["partials"]
    assert always["begun"] > 0
    assert never["begun"] == 0
    assert always["recogniser_s"] > never["recogniser_s"] > 0
    assert all(load["answers"] > 0 for load in report["loads"])


def test_a_measurement_without_replicas_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLOW_RAY_APP", "nobodys")
    with pytest.raises(ClientError, match="No recogniser of the application nobodys runs on Ray"):
        measure_load(1, 5.0, talking=True, stt="ray")
