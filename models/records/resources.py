"""Resources that scenarios, simulations and drafts refer to: questions, rubrics, parameters, media, cohorts.

All are stored as `Resource`s of a kind; this module also converts the kinds that have a structure of their own.
"""

import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from models.records.core import Persona, Scenario

ResourceKind = Literal[
    "name",
    "description",
    "problem_statement",
    "objective",
    "question",
    "option",
    "image",
    "video",
    "flag",
    "department",
    "parameter",
    "parameter_field",
    "rubric",
    "cohort",
    "benchmark",
    "criterion",
]

Measure = Literal["objectives", "questions", "turns", "balance", "signs", "quiz"]

_NAMESPACE = uuid.UUID("0d9d2bb1-7c9c-54d3-9f0e-6d1b4f7f2a10")
WEB_ADDRESS = re.compile(r"https?://[^\s\"'<>]{1,1990}")
"""The address of an image or a video: clients load it, so nothing but the web's own schemes."""

_PLACEHOLDER = re.compile(r"\{\{\s*([\w -]{1,80}?)\s*(?:\|([^{}]{0,500}))?\}\}")


@dataclass(frozen=True, slots=True)
class Resource:
    """A piece of content.

    Attributes:
        name: its text: of a question, an option or an objective, or the value of a parameter field.
        data: further fields of its kind.
        owner_id: the user who owns it; None for public content.
    """

    id: str
    kind: ResourceKind
    name: str
    description: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    owner_id: str | None = None


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do, told to who did not, and an example of it in the learner's words; both may be empty."""

    do: str = ""
    say: str = ""


@dataclass(frozen=True, slots=True)
class Standard:
    """A criterion of a rubric.

    Attributes:
        measure: how the rule-based coach measures it.
        signs: regular expressions; a match in what the learner said is a sign that the standard was met.
        needed: number of different signs that earn all its points.
        advice: for each sign, where there is any.
    """

    id: str
    group_id: str
    name: str
    points: int
    description: str = ""
    measure: Measure = "objectives"
    signs: tuple[str, ...] = ()
    needed: int = 1
    advice: tuple[Advice, ...] = ()


@dataclass(frozen=True, slots=True)
class StandardGroup:
    id: str
    name: str
    points: int
    description: str = ""
    pass_points: int = 0
    standards: tuple[Standard, ...] = ()


@dataclass(frozen=True, slots=True)
class Rubric:
    id: str
    name: str
    total_points: int
    pass_points: int
    description: str = ""
    groups: tuple[StandardGroup, ...] = ()

    @property
    def standards(self) -> tuple[Standard, ...]:
        """The standards of all groups, in order."""
        return tuple(standard for group in self.groups for standard in group.standards)


GENERAL_RUBRIC = Rubric(
    "general-rubric",
    "General conversation",
    100,
    60,
    "What any conversation is graded by that has no rubric of its own.",
    (
        StandardGroup(
            "general-purpose",
            "Purpose",
            60,
            pass_points=30,
            standards=(
                Standard(
                    "general-objectives", "general-purpose", "Objectives", 40, "Every objective of the scenario is met."
                ),
                Standard(
                    "general-questions",
                    "general-purpose",
                    "Questions",
                    20,
                    "The learner asks, and asks openly, before telling.",
                    "questions",
                ),
            ),
        ),
        StandardGroup(
            "general-manner",
            "Manner",
            40,
            pass_points=20,
            standards=(
                Standard(
                    "general-turns",
                    "general-manner",
                    "Engagement",
                    20,
                    "The conversation is carried on to an end.",
                    "turns",
                ),
                Standard(
                    "general-balance", "general-manner", "Balance", 20, "Neither side does all the talking.", "balance"
                ),
            ),
        ),
    ),
)


def rubric_of(resource: Resource) -> Rubric:
    """Convert a resource of kind "rubric" to a rubric."""
    data = resource.data
    return Rubric(
        resource.id,
        resource.name,
        int(data["total_points"]),
        int(data["pass_points"]),
        resource.description,
        tuple(
            StandardGroup(
                group["id"],
                group["name"],
                int(group["points"]),
                group.get("description", ""),
                int(group.get("pass_points", 0)),
                tuple(
                    Standard(
                        standard["id"],
                        group["id"],
                        standard["name"],
                        int(standard["points"]),
                        standard.get("description", ""),
                        standard.get("measure", "objectives"),
                        tuple(standard.get("signs", ())),
                        int(standard.get("needed", 1)),
                        tuple(Advice(*item) for item in standard.get("advice", ())),
                    )
                    for standard in group["standards"]
                ),
            )
            for group in data["groups"]
        ),
    )


def resource_of(rubric: Rubric, owner_id: str | None = None) -> Resource:
    """Convert a rubric to a resource."""
    groups = [
        {
            "id": group.id,
            "name": group.name,
            "points": group.points,
            "description": group.description,
            "pass_points": group.pass_points,
            "standards": [
                {
                    "id": standard.id,
                    "name": standard.name,
                    "points": standard.points,
                    "description": standard.description,
                    "measure": standard.measure,
                    "signs": list(standard.signs),
                    "needed": standard.needed,
                    "advice": [[item.do, item.say] for item in standard.advice],
                }
                for standard in group.standards
            ],
        }
        for group in rubric.groups
    ]
    data = {"total_points": rubric.total_points, "pass_points": rubric.pass_points, "groups": groups}
    return Resource(rubric.id, "rubric", rubric.name, rubric.description, data, owner_id)


def one_of_each_parameter(fields: Iterable[Resource]) -> list[Resource]:
    """Return the last field of each parameter: a chat's own value takes the place of its scenario's."""
    last = {str(item.data.get("parameter_id") or item.id): item for item in fields}
    return list(last.values())


def derived_id(owner: str, kind: str, position: int = 0) -> str:
    """Return the deterministic id of a text inside a scenario or a chat."""
    return str(uuid.uuid5(_NAMESPACE, f"{owner}/{kind}/{position}"))


def texts_of(scenario: Scenario) -> tuple[Resource, ...]:
    """Convert a scenario's own texts to resources, so that a draft can refer to them."""
    owner = scenario.owner_id
    found = [Resource(derived_id(scenario.id, "name"), "name", scenario.name, owner_id=owner)]
    if scenario.description:
        found.append(
            Resource(derived_id(scenario.id, "description"), "description", scenario.description, owner_id=owner)
        )
    if scenario.problem_statement:
        ident = derived_id(scenario.id, "problem_statement")
        found.append(Resource(ident, "problem_statement", scenario.problem_statement, owner_id=owner))
    found += [
        Resource(derived_id(scenario.id, "objective", place), "objective", text, owner_id=owner)
        for place, text in enumerate(scenario.objectives)
    ]
    return tuple(found)


def with_parameters(persona: Persona, fields: Iterable[Resource]) -> Persona:
    """Substitute a chat's parameter values in its persona.

    `{{location}}` in instructions, greeting and all that a script says becomes the value of the parameter "location",
    and `{{location|here}}` becomes "here" where the chat has none; other placeholders stay. Values that the
    instructions do not mention are appended to them.
    """
    values = {str(item.data.get("parameter_name", "")): item.name for item in fields}
    if not values and all(filled(text) == text for text in _texts(persona)):
        return persona
    by_key = {_key(name): value for name, value in values.items()}
    mentioned = {_key(found[1]) for found in _PLACEHOLDER.finditer(persona.instructions)}

    def fill(text: str) -> str:
        return filled(text, by_key)

    def fill_all(texts: Iterable[str]) -> tuple[str, ...]:
        return tuple(fill(text) for text in texts)

    rest = [f"- {name}: {value}" for name, value in values.items() if _key(name) not in mentioned]
    facts = "\n".join(["", "", "What is so in this conversation:", *rest]) if rest else ""
    return replace(
        persona,
        instructions=fill(persona.instructions) + facts,
        greeting=fill(persona.greeting),
        cues=tuple(
            replace(cue, say=fill_all(cue.say), kind=fill_all(cue.kind), rude=fill_all(cue.rude))
            for cue in persona.cues
        ),
        fallbacks=fill_all(persona.fallbacks),
        reactions={said: fill_all(lines) for said, lines in persona.reactions.items()},
        steers=tuple(replace(steer, say=fill(steer.say)) for steer in persona.steers),
    )


def filled(text: str, values: Mapping[str, str] | None = None) -> str:
    """Replace each `{{name}}` of `values` by its value, and `{{name|text}}` without one by the text."""

    def value(found: re.Match[str]) -> str:
        known = (values or {}).get(_key(found[1]))
        return known if known is not None else found[0] if found[2] is None else found[2].strip()

    return _PLACEHOLDER.sub(value, text) if "{{" in text else text


def unfilled(persona: Persona, names: Iterable[str]) -> list[str]:
    """Return the placeholders of a persona that have no default and are none of these parameters."""
    known = {_key(name) for name in names}
    found = (one for text in _texts(persona) for one in _PLACEHOLDER.finditer(text))
    return sorted({one[1] for one in found if one[2] is None and _key(one[1]) not in known})


def _texts(persona: Persona) -> Iterable[str]:
    yield from (persona.instructions, persona.greeting, *persona.fallbacks, *(steer.say for steer in persona.steers))
    for cue in persona.cues:
        yield from (*cue.say, *cue.kind, *cue.rude)
    for lines in persona.reactions.values():
        yield from lines


def _key(name: str) -> str:
    return re.sub(r"[\s_-]+", " ", name).strip().lower()
