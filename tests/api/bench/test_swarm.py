"""`glow bench swarm`: time that is shared, queues that batch, lag that grows, and one process as it was measured."""

import json
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from typer.testing import CliRunner

from api.bench.lag_chart import Curve
from api.bench.swarm.calls import CONVERSATION, SwarmPlan, simulate
from api.bench.swarm.engines import Recognisers, SimulatedDatabase, Synthesizers
from api.bench.swarm.events import EventQueue, Processors
from api.bench.swarm.gateways import gateway_lag, talking_core
from api.bench.swarm.lag_plot import lag_plot
from api.bench.swarm.measured import (
    DatabaseTimes,
    RecogniserTimes,
    SynthesizerTimes,
    at_quantile,
    on_curve,
    write_measured,
)
from api.bench.swarm.measured import read_measured as kept
from api.bench.swarm.report import most_carried, reproduce, sized
from api.cli.main import app

EVEN = RecogniserTimes("even", 1, [1.0, 2.0], [1.0, 1.0], [1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.2, 2.4], [1.0], 1.0, 0.5)


def test_jobs_share_the_cores_and_each_is_as_long_as_its_share() -> None:
    events, ended = EventQueue(), []
    processors = Processors(events, cores=1)
    processors.run(1.0, 1, lambda: ended.append(("long", events.now)))
    events.after(0.5, lambda: processors.run(0.25, 1, lambda: ended.append(("short", events.now))))
    events.run(10.0)
    assert ended == [("short", pytest.approx(1.0)), ("long", pytest.approx(1.25))]
    assert processors.busy_core_s() == pytest.approx(1.25)


def test_what_runs_in_the_background_slows_jobs_only_where_cores_are_short() -> None:
    events, ended = EventQueue(), []
    roomy, narrow = Processors(events, 2, background=1.0), Processors(events, 1, background=1.0)
    roomy.run(1.0, 1, lambda: ended.append(("roomy", events.now)))
    narrow.run(1.0, 1, lambda: ended.append(("narrow", events.now)))
    events.run(10.0)
    assert ended == [("roomy", pytest.approx(1.0)), ("narrow", pytest.approx(2.0))]
    assert roomy.used() == pytest.approx((10 + 1) / 20)


def recognisers(events: EventQueue, count: int = 1) -> Recognisers:
    return Recognisers(events, Processors(events, 8), EVEN, count, Random(1))


def test_what_waits_while_a_recogniser_decodes_is_its_next_batch() -> None:
    events, heard = EventQueue(), []
    pool = recognisers(events)
    for number in range(9):
        pool.ask(1.0, sketch=False, done=lambda _, number=number: heard.append((number, events.now)))
    events.run(10.0)
    assert heard[0] == (0, pytest.approx(1.0))
    assert [at for _, at in heard[1:]] == [pytest.approx(3.4)] * 8
    assert pool.batches == [1, 8]


def test_a_sketch_gives_way_to_a_transcript_between_encoding_and_decoding() -> None:
    events, heard = EventQueue(), []
    pool = recognisers(events)
    pool.ask(1.0, sketch=True, done=lambda words: heard.append(("sketch", words, events.now)))
    events.after(
        0.2, lambda: pool.ask(1.0, sketch=False, done=lambda words: heard.append(("final", words, events.now)))
    )
    events.run(10.0)
    assert heard == [("sketch", False, pytest.approx(0.5)), ("final", True, pytest.approx(1.5))]
    assert pool.dropped == 1


def test_a_cancelled_utterance_is_not_decoded_and_nobody_hears_of_it() -> None:
    events, heard = EventQueue(), []
    pool = recognisers(events)
    pool.ask(1.0, sketch=False, done=lambda _: heard.append("first"))
    unwanted = pool.ask(1.0, sketch=False, done=lambda _: heard.append("unwanted"))
    unwanted.cancelled = True
    events.run(10.0)
    assert heard == ["first"]
    assert pool.used(10.0) == pytest.approx(0.1)


def test_an_utterance_goes_to_the_recogniser_with_the_least_to_do() -> None:
    events, heard = EventQueue(), []
    pool = recognisers(events, count=2)
    for _ in range(2):
        pool.ask(1.0, sketch=False, done=lambda _: heard.append(events.now))
    events.run(10.0)
    assert heard == [pytest.approx(1.0)] * 2


def test_clauses_wait_for_a_thread_and_sound_before_they_are_whole() -> None:
    events, log = EventQueue(), []
    voices = Synthesizers(events, Processors(events, 8), SynthesizerTimes("even", 0.1, 0.2), 1)
    for name in "ab":
        voices.say(
            2.0, lambda name=name: log.append((name, "sounds", round(events.now, 3))),
            lambda name=name: log.append((name, "whole", round(events.now, 3))),
        )  # fmt: skip
    events.run(10.0)
    assert log == [("a", "sounds", 0.1), ("a", "whole", 0.4), ("b", "sounds", 0.5), ("b", "whole", 0.8)]


def test_transactions_take_the_longer_the_more_of_them_there_are() -> None:
    events = EventQueue()
    database = SimulatedDatabase(events, DatabaseTimes("even", [1, 2], [0.01, 0.015], 1, 0.0))
    for _ in range(3):
        database.commit()
    events.run(1.0)
    assert database.took_s == [pytest.approx(0.01), pytest.approx(0.015), pytest.approx(0.025)]
    assert database.used(1.0) == pytest.approx(3 * 0.015 / 2)


def test_curves_and_quantiles_are_read_between_their_points() -> None:
    assert on_curve([1, 2, 4], [1.0, 2.0, 3.0], 3) == pytest.approx(2.5)
    assert on_curve([1, 2, 4], [1.0, 2.0, 3.0], 6) == pytest.approx(4.0)
    assert at_quantile([0.0, 10.0, 30.0], 0.75) == pytest.approx(20.0)
    assert at_quantile([7.0], 0.3) == 7.0


def test_a_gateways_lag_grows_with_its_calls_until_the_interpreter_can_no_more() -> None:
    times = kept().gateway
    lags = [gateway_lag(times, CONVERSATION, calls, seconds=10.0) for calls in (1, 30, 60, 200)]
    assert [lag.percentile(99) for lag in lags] == sorted(lag.percentile(99) for lag in lags)
    assert lags[0].used < 0.05
    assert lags[-1].used > 1
    assert lags[0].used == pytest.approx(talking_core(times, CONVERSATION), rel=0.5)


def test_chance_has_a_seed_and_more_recognisers_wait_less() -> None:
    few = SwarmPlan(60, gateways=2, recognisers=1, synthesizers=4)
    figures = kept()
    one = simulate(few, figures)
    assert simulate(few, figures) == one
    more = simulate(replace(few, recognisers=4), figures)
    assert more.transcript_wait_p95_ms < one.transcript_wait_p95_ms
    assert more.voice_to_voice_p95_ms < one.voice_to_voice_p95_ms
    assert one.first == "the recognisers"


@pytest.mark.slow
def test_one_process_comes_out_as_it_was_measured() -> None:
    checks = reproduce(kept())
    assert {check.what.split(",")[0] for check in checks} >= {"cores", "lag p99 ms", "calls carried by one process"}
    assert [check for check in checks if not check.holds] == []


@pytest.mark.slow
def test_two_gateways_carry_twice_as_many_calls() -> None:
    times = kept()
    one = most_carried(times, CONVERSATION)
    lag = gateway_lag(times.gateway, CONVERSATION, one)
    two = simulate(SwarmPlan(2 * one, gateways=2, engines=False), times)
    assert two.lag_p99_ms == pytest.approx(lag.percentile(99))


@pytest.mark.slow
def test_a_hundred_thousand_calls_are_cells_and_take_a_bounded_number_of_events() -> None:
    figures = kept()
    swarm = simulate(sized(100_000, figures), figures)
    assert swarm.plan.databases == 20
    assert swarm.events < 3_000_000
    assert swarm.turns > 5_000
    assert swarm.voice_to_voice_p95_ms < 1200


def test_the_figures_survive_their_file(tmp_path: Path) -> None:
    write_measured(kept(), tmp_path / "figures.json")
    assert kept(tmp_path / "figures.json") == kept()


def test_the_chart_is_an_image_with_its_curves_and_points() -> None:
    curves = [Curve("one gateway", [(10.0, 5.0), (60.0, 90.0)]), Curve("two gateways", [(10.0, 4.0), (60.0, 6.0)])]
    image = ElementTree.fromstring(lag_plot(curves, [(30.0, 14.0, True), (50.0, 15.0, False)], 20.0))
    assert len(image.findall("{*}polyline")) == 2
    assert len(image.findall("{*}circle")) == 3
    assert "two gateways, simulated" in {text.text for text in image.findall("{*}text")}


@pytest.mark.slow
def test_the_command_reports_and_draws(tmp_path: Path) -> None:
    chart = tmp_path / "lag.svg"
    given = ["bench", "swarm", "--calls", "60", "--recognisers", "1", "--json", "--svg", str(chart)]
    result = CliRunner().invoke(app, given)
    assert result.exit_code == 0, result.output
    report = json.loads(result.output)
    assert report["reproduces"] is True
    assert report["swarms"][0]["first"] == "the recognisers"
    assert chart.read_text("utf-8").startswith("<svg")


def test_a_part_that_nobody_measures_is_refused() -> None:
    result = CliRunner().invoke(app, ["bench", "swarm", "--measure", "everything"])
    assert result.exit_code == 2
