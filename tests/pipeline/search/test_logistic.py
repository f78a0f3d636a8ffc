"""Fitting weights: what the examples say comes out, and a constant sort of evidence breaks nothing."""

import math

import pytest

from pipeline.search.logistic import Logistic, fit


def test_what_speaks_for_it_gets_weight() -> None:
    rows = [{"wet": float(n % 2), "loud": float(n % 3), "same": 1.0} for n in range(120)]
    model = fit(rows, [row["wet"] > 0 for row in rows], ["wet", "loud", "same"], ridge=1.0)
    assert model.weights["wet"] > 5
    assert abs(model.weights["loud"]) < 0.5
    assert model.log_odds({"wet": 1.0, "same": 1.0}) > 2
    assert model.log_odds({"same": 1.0, "unheard of": 9.0}) < -2


def test_without_evidence_the_odds_are_those_of_the_examples() -> None:
    model = fit([{}] * 100, [n < 20 for n in range(100)], ["nothing"], ridge=1.0)
    assert model.log_odds({}) == pytest.approx(math.log(20 / 80), abs=1e-3)


def test_the_odds_are_the_sum() -> None:
    model = Logistic({"a": 2.0, "b": -1.0}, bias=0.5, threshold=0.0)
    assert model.log_odds({"a": 1.0, "b": 3.0}) == pytest.approx(-0.5)
