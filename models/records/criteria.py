"""Records of what meets an objective of a scenario, and what breaks it; stored as resources of kind "criterion"."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from models.records.resources import Resource


@dataclass(frozen=True, slots=True)
class Sign:
    """A sign that something was done.

    Attributes:
        pattern: searched in the learner's words as patterns of cues are.
        do: what to do, told to who did not ("Say who is speaking").
        say: an example of it, in the learner's words; empty for none.
    """

    pattern: str
    do: str = ""
    say: str = ""


@dataclass(frozen=True, slots=True)
class Prohibition:
    """What must not be said.

    Attributes:
        pattern: searched in the learner's words; a negated match is none.
        tell: what it is, told to the learner ("You gave out a grade").
        instead: what to say in its place.
    """

    pattern: str
    tell: str
    instead: str


@dataclass(frozen=True, slots=True)
class Criterion:
    """By what an objective is judged.

    Attributes:
        objective: its text; without signs it is met when nothing of `never` was said.
        needed: number of different signs that meet it.
    """

    objective: str
    signs: tuple[Sign, ...] = ()
    needed: int = 1
    never: tuple[Prohibition, ...] = ()


def criterion_of(resource: Resource) -> Criterion:
    """Convert a resource of kind "criterion"."""
    data: Mapping[str, Any] = resource.data
    return Criterion(
        resource.name,
        tuple(Sign(**sign) for sign in data["signs"]),
        int(data["needed"]),
        tuple(Prohibition(**item) for item in data["never"]),
    )


def criterion_resource(ident: str, criterion: Criterion) -> Resource:
    """Convert a criterion to a resource."""
    data = {key: value for key, value in asdict(criterion).items() if key != "objective"}
    return Resource(ident, "criterion", criterion.objective, data=data)
