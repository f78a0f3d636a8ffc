"""Partials as a service counts them: how many its engines began, and how many were dropped, by reason."""

from dataclasses import dataclass

import httpx
from prometheus_client.parser import text_string_to_metric_families


@dataclass(frozen=True, slots=True)
class PartialCounts:
    """Partials of a service.

    Attributes:
        begun: those that a thread of the engines took.
        gave_way: those that stopped for a transcript of another call.
        unwanted: those whose own utterance was over, or asked for its transcript.
        refused: those for which there was no room in the queue.
    """

    begun: int = 0
    gave_way: int = 0
    unwanted: int = 0
    refused: int = 0

    def __add__(self, other: "PartialCounts") -> "PartialCounts":
        return self._with(other, 1)

    def __sub__(self, earlier: "PartialCounts") -> "PartialCounts":
        return self._with(earlier, -1)

    def _with(self, other: "PartialCounts", sign: int) -> "PartialCounts":
        return PartialCounts(
            self.begun + sign * other.begun,
            self.gave_way + sign * other.gave_way,
            self.unwanted + sign * other.unwanted,
            self.refused + sign * other.refused,
        )


def partial_counts(metrics: str) -> PartialCounts:
    """Read the counts of a service from its metrics, in Prometheus's text form."""
    counts = {"begun": 0, "gave_way": 0, "unwanted": 0, "refused": 0}
    for family in text_string_to_metric_families(metrics):
        for sample in family.samples:
            if sample.name == "glow_engine_queue_wait_seconds_count" and sample.labels["priority"] == "partial":
                counts["begun"] += int(sample.value)
            elif sample.name == "glow_partials_dropped_total":
                counts[sample.labels["reason"]] += int(sample.value)
    return PartialCounts(**counts)


def scraped_partials(url: str) -> PartialCounts:
    """Ask a service's metrics."""
    return partial_counts(httpx.get(url, trust_env=False).raise_for_status().text)
