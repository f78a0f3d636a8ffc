"""`glow bench gateways`: what is carried at equal lag, the picture, and the command with two real gateways."""

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.bench.cpu_quota import cpu_group
from api.bench.gateways import GatewaysLoad
from api.bench.gateways_report import carried, costs, gateways_chart, steps
from api.cli.main import app


def load(
    gateways: int, calls: int, *lags_ms: float, quota: float | None = 0.3, answers: int = 20, broken: bool = False
) -> GatewaysLoad:
    return GatewaysLoad(gateways, calls, quota, 0.02, 0.1, list(lags_ms), answers, 20, 1.0, broken)


MEASURED = [
    load(1, 4, 10.0), load(1, 6, 30.0), load(1, 8, 90.0), load(1, 10, 300.0),
    load(2, 8, 12.0), load(2, 12, 20.0), load(2, 16, 60.0), load(2, 20, 260.0),
]  # fmt: skip


def test_rounds_are_put_together_with_all_of_their_lags() -> None:
    (step,) = steps([load(1, 4, *range(100)), load(1, 4, *range(100, 200)), load(1, 20, 5.0, quota=None)])
    assert (step.gateways, step.calls, step.answered) == (1, 4, 1.0)
    assert step.lags_p99_ms == [98, 198]
    assert step.lag_p99_ms == 197


def test_what_is_carried_at_equal_lag_lies_between_two_steps() -> None:
    found = carried(steps(MEASURED), 60.0)
    assert found.calls == {1: pytest.approx(7.0), 2: pytest.approx(16.0)}
    assert found.bounded == {1: True, 2: True}
    assert found.ratio == pytest.approx(16 / 7)
    assert found.holds is True


@pytest.mark.parametrize(("two", "holds"), [(11.0, False), (13.0, True)])
def test_twice_minus_a_tenth_is_what_is_asked(two: float, holds: bool) -> None:
    lags = [load(1, 7, 60.0), load(1, 8, 90.0), load(2, int(two), 60.0), load(2, 20, 90.0)]
    assert carried(steps(lags), 60.0).holds is holds


def test_a_later_step_below_the_limit_does_not_count_after_one_above() -> None:
    assert carried(steps([load(1, 4, 10.0), load(1, 6, 110.0), load(1, 8, 20.0)]), 60.0).calls == {1: 5.0}


def test_turns_that_are_not_answered_are_not_carried_whatever_the_lag() -> None:
    assert carried(steps([load(1, 4, 10.0), load(1, 6, 12.0, answers=10)]), 60.0).calls == {1: 4.0}


def test_a_gateway_that_closed_a_connection_carries_no_more() -> None:
    assert carried(steps([load(1, 4, 10.0), load(1, 6, broken=True)]), 60.0).calls == {1: 4.0}


def test_nothing_follows_where_the_first_step_is_too_much_or_one_never_had_enough() -> None:
    assert carried(steps(MEASURED), 5.0).holds is None
    never = carried(steps(MEASURED[:2] + MEASURED[4:]), 100.0)
    assert never.bounded[1] is False
    assert never.holds is None


def test_processor_time_is_compared_without_a_quota_only() -> None:
    assert costs([*MEASURED, load(1, 20, 3.0, quota=None), load(2, 20, 4.0, quota=None)]) == {1: [0.02], 2: [0.02]}


def test_the_picture_has_both_curves_twice_the_first_and_every_round() -> None:
    loads = [*MEASURED, *MEASURED[:-1]]
    image = ElementTree.fromstring(gateways_chart(steps(loads), 60.0))
    one, two, twice = [line.attrib["points"].split() for line in image.findall("{*}polyline")]
    assert (len(one), len(two), len(twice)) == (4, 3, 4), "the last step of two gateways was measured once"
    assert {text.text for text in image.findall("{*}text")} >= {"one gateway", "two gateways", "300"}
    circles = image.findall("{*}circle")
    assert len(circles) == len(loads) + 2, "and two in the legend"


@pytest.mark.slow
def test_the_command_measures_two_gateways_on_one_database(tmp_path: Path) -> None:
    chart = tmp_path / "lag.svg"
    given = "--calls 1 --calls 2 --rounds 1 --seconds 1 --cost-calls 2 --quota 1 --limit-ms 100000 --json".split()
    result = CliRunner().invoke(app, ["bench", "gateways", *given, "--chart", str(chart)])
    report = json.loads(result.stdout)
    assert set(report["core_per_call"]) == {"1", "2"}
    assert all(value > 0 for each in report["core_per_call"].values() for value in each)
    with cpu_group() as group:
        quotas = group is not None
    assert report["quotas"] is quotas
    assert [(step["gateways"], step["calls"]) for step in report["steps"]] == (
        [(1, 1), (1, 2), (2, 2), (2, 4)] * quotas
    )
    assert all(step["lag_p99_ms"] > 0 for step in report["steps"])
    assert chart.exists() is quotas
