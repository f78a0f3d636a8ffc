"""Loader of a pack's resources: rubrics, questions, parameters, cohorts, benchmarks, media, flags, departments."""

from collections.abc import Callable, Mapping
from typing import Any, cast

from models.packs.criteria_loader import load_signs
from models.packs.located import Section
from models.records.resources import (
    WEB_ADDRESS,
    Advice,
    Measure,
    Resource,
    ResourceKind,
    Rubric,
    Standard,
    StandardGroup,
    resource_of,
)

MEDIA = ("images", "videos", "flags", "departments")
"""What a scenario shows beside its texts."""

SECTIONS = ("rubrics", "questions", "parameters", "cohorts", "benchmarks", *MEDIA)

_MEASURES = ("objectives", "questions", "turns", "balance", "signs", "quiz")
_MOST_POINTS = 10_000

Ident = Callable[[str, str], str]
"""Derives the id of a record from its kind and key."""


def load_resources(
    parts: Mapping[str, Mapping[str, Section]],
    ident: Ident,
    scenarios: Mapping[str, Section],
    simulations: Mapping[str, Section],
) -> tuple[Resource, ...]:
    """Load all resources of a pack, in the order of its files.

    Args:
        parts: the sections by kind and key, one mapping for each of `SECTIONS`.
        ident: derives ids.
        scenarios, simulations: those that a benchmark may refer to.
    """
    found: list[Resource] = []
    for key, section in parts["rubrics"].items():
        found.append(resource_of(_rubric(key, section, ident)))
    for key, section in parts["questions"].items():
        found += _question(key, section, ident)
    for key, section in parts["parameters"].items():
        found += _parameter(key, section, ident)
    for key, section in parts["cohorts"].items():
        members = [member.value for member in section.texts("members")]
        name, description = section.text("name", required=True), section.text("description")
        found.append(Resource(ident("cohort", key), "cohort", name, description, {"members": members}))
    for key, section in parts["benchmarks"].items():
        found.append(_benchmark(key, section, ident, scenarios, simulations))
    for kind in MEDIA:
        found += [_shown(kind[:-1], key, section, ident) for key, section in parts[kind].items()]
    return tuple(found)


def parameter_fields(section: Section, parameters: Mapping[str, Section], ident: Ident) -> tuple[str, ...]:
    """Resolve a scenario's `parameters: {location: dayton}` to the ids of those parameter fields."""
    chosen = []
    for parameter, value in section.pairs("parameters").items():
        known = parameters[parameter].pairs("values") if parameter in parameters else {}
        if parameter not in parameters:
            section.problem(
                f"unknown parameter '{parameter}'; the pack has {', '.join(parameters) or 'none'}",
                section.line_at("parameters"),
            )
        elif value not in known:
            section.problem(
                f"parameter '{parameter}' has no value '{value}'; it has {', '.join(known) or 'none'}",
                section.line_at("parameters"),
            )
        chosen.append(ident("parameter-field", f"{parameter}/{value}"))
    return tuple(chosen)


def _rubric(key: str, section: Section, ident: Ident) -> Rubric:
    groups = tuple(_group(key, part, ident) for part in section.sections("groups"))
    total = sum(group.points for group in groups)
    if not groups:
        section.problem(f"rubric '{key}' has no 'groups'; write at least one with its standards")
    elif not total:
        section.problem(f"rubric '{key}' has no points; give its standards some")
    pass_points = _points(section, "pass_points", default=(total * 6 + 9) // 10)
    if pass_points > total:
        section.problem(f"'pass_points' is {pass_points}, more than all points ({total}); lower it")
    return Rubric(
        ident("rubric", key),
        section.text("name", required=True),
        total,
        pass_points,
        section.text("description"),
        groups,
    )


def _group(rubric: str, section: Section, ident: Ident) -> StandardGroup:
    key = section.text("id", required=True)
    group_id = ident("standard-group", f"{rubric}/{key}")
    standards = tuple(_standard(f"{rubric}/{key}", group_id, part, ident) for part in section.sections("standards"))
    if not standards:
        section.problem(f"group '{key}' has no 'standards'; write at least one")
    group = StandardGroup(
        group_id,
        section.text("name", required=True),
        sum(standard.points for standard in standards),
        section.text("description"),
        _points(section, "pass_points"),
        standards,
    )
    section.finish()
    return group


def _standard(group: str, group_id: str, section: Section, ident: Ident) -> Standard:
    key = section.text("id", required=True)
    signs = load_signs(section)
    standard = Standard(
        ident("standard", f"{group}/{key}"),
        group_id,
        section.text("name", required=True),
        _points(section, "points", default=10),
        section.text("description"),
        cast(Measure, section.choice("measure", _MEASURES, "signs" if signs else "objectives")),
        tuple(sign.pattern for sign in signs),
        round(section.number("needed", low=1, high=100, default=1)),
        tuple(Advice(sign.do, sign.say) for sign in signs),
    )
    section.finish()
    return standard


def _question(key: str, section: Section, ident: Ident) -> list[Resource]:
    question_id = ident("question", key)
    options = []
    for place, part in enumerate(section.sections("options")):
        data = {"question_id": question_id, "is_correct": part.flag("correct"), "position": place}
        text = part.text("text", required=True)
        options.append(Resource(ident("option", f"{key}/{place}"), "option", text, data=data))
        part.finish()
    if len(options) < 2:
        section.problem(f"question '{key}' needs at least two 'options'")
    elif not any(option.data["is_correct"] for option in options):
        section.problem(f"question '{key}' has no right answer; write 'correct: true' at one of its options")
    seconds = round(section.number("seconds", low=0, high=86_400, default=0))
    data = {"allow_multiple": section.flag("multiple"), "time": seconds or None}
    return [Resource(question_id, "question", section.text("text", required=True), data=data), *options]


def _parameter(key: str, section: Section, ident: Ident) -> list[Resource]:
    parameter_id = ident("parameter", key)
    name = section.text("name", required=True)
    fields = [
        Resource(
            ident("parameter-field", f"{key}/{value}"),
            "parameter_field",
            text,
            data={"parameter_id": parameter_id, "parameter_name": name},
        )
        for value, text in section.pairs("values").items()
    ]
    return [Resource(parameter_id, "parameter", name, section.text("description")), *fields]


def _benchmark(
    key: str, section: Section, ident: Ident, scenarios: Mapping[str, Section], simulations: Mapping[str, Section]
) -> Resource:
    for kind, known in (("scenario", scenarios), ("simulation", simulations)):
        name = section.text(kind, required=True)
        if name and name not in known:
            section.problem(
                f"unknown {kind} '{name}'; the pack has {', '.join(known) or 'none'}", section.line_at(kind)
            )
    runs = []
    for part in section.sections("runs"):
        name = part.text("name", required=True)
        lines = [line.value for line in part.texts("lines", required=True)]
        runs.append({"id": ident("benchmark-run", f"{key}/{name}"), "name": name, "lines": lines})
        part.finish()
    if not runs:
        section.problem(f"benchmark '{key}' has no 'runs'; write at least one with its lines")
    data = {
        "scenario_id": ident("scenario", section.text("scenario")),
        "simulation_id": ident("simulation", section.text("simulation")),
        "runs": runs,
    }
    name = section.text("name", required=True)
    return Resource(ident("benchmark", key), "benchmark", name, section.text("description"), data)


def _shown(kind: str, key: str, section: Section, ident: Ident) -> Resource:
    """Read an image, a video, a flag or a department."""
    data: dict[str, Any] = {}
    if kind in ("image", "video"):
        data["url"] = section.text("url")
        if data["url"] and not WEB_ADDRESS.fullmatch(data["url"]):
            section.problem("'url' is no address of the web; begin it with https://", section.line_at("url"))
    if kind == "video":
        data["length_seconds"] = round(section.number("seconds", low=0, high=1_000_000, default=0)) or None
    if kind == "flag":
        data |= {"type": section.text("type"), "icon": section.text("icon"), "value": section.flag("value")}
    name, description = section.text("name", required=True), section.text("description")
    return Resource(ident(kind, key), cast(ResourceKind, kind), name, description, data)


def _points(section: Section, key: str, default: int = 0) -> int:
    return round(section.number(key, low=0, high=_MOST_POINTS, default=default))
