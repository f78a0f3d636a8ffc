"""Logistic regression: how likely something is, by evidence with weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

_STEPS, _CHANGE = 50, 1e-6


@dataclass(frozen=True, slots=True)
class Logistic:
    """A fitted model.

    Attributes:
        weights: of each sort of evidence; others are not read.
        bias: the log odds without any.
        threshold: log odds from which it counts as true.
    """

    weights: Mapping[str, float]
    bias: float
    threshold: float

    def log_odds(self, evidence: Mapping[str, float]) -> float:
        """Return the logarithm of the odds."""
        return self.bias + sum(weight * evidence.get(name, 0.0) for name, weight in self.weights.items())


def fit(rows: Sequence[Mapping[str, float]], labels: Sequence[bool], names: Sequence[str], ridge: float) -> Logistic:
    """Fit the weights by Newton's method, each sort of evidence scaled to the same spread; the threshold is 0.

    Args:
        rows: the evidence of each example.
        labels: whether it is true.
        names: the evidence that is read.
        ridge: penalty of large weights (L2).
    """
    raw = np.array([[row.get(name, 0.0) for name in names] for row in rows])
    mean, spread = raw.mean(0), raw.std(0) + 1e-9
    x = np.column_stack([np.ones(len(raw)), (raw - mean) / spread])
    y = np.array(labels, float)
    penalty = np.full(x.shape[1], ridge)
    penalty[0] = 1e-6
    weights = np.zeros(x.shape[1])
    for _ in range(_STEPS):
        likely = 1 / (1 + np.exp(-np.clip(x @ weights, -30, 30)))
        slope = x.T @ (likely - y) + penalty * weights
        bend = (x.T * (likely * (1 - likely))) @ x + np.diag(penalty)
        step = np.linalg.solve(bend, slope)
        weights = weights - step
        if np.abs(step).max() < _CHANGE:
            break
    scaled = weights[1:] / spread
    return Logistic(
        {name: float(value) for name, value in zip(names, scaled, strict=True)},
        float(weights[0] - scaled @ mean),
        0.0,
    )
