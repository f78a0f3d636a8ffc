"""Loader of content packs: returns every record, or reports every problem."""

import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from models.errors import InvalidPack
from models.packs.criteria_loader import load_objectives
from models.packs.located import Problems, Section, read_mapping, read_yaml
from models.packs.persona_loader import read_persona_section
from models.packs.practice_loader import MEDIA, SECTIONS, load_resources, parameter_fields
from models.packs.question_loader import read_questions
from models.records.core import Document, Persona, Practice, Scenario, Simulation
from models.records.resources import Resource, unfilled

_NAMESPACE = uuid.UUID("6b1f0a52-6f0f-5c1e-9a56-0d6a4f0f7c11")
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_MAX_DOCUMENT_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Pack:
    """The content of one pack; ids are deterministic."""

    slug: str
    name: str
    personas: tuple[Persona, ...] = ()
    scenarios: tuple[Scenario, ...] = ()
    simulations: tuple[Simulation, ...] = ()
    practices: tuple[Practice, ...] = ()
    documents: tuple[Document, ...] = ()
    resources: tuple[Resource, ...] = ()


def pack_id(slug: str, kind: str, key: str) -> str:
    """Return the deterministic id of a pack's record."""
    return str(uuid.uuid5(_NAMESPACE, f"{slug}/{kind}/{key}"))


def load_pack(path: Path | str) -> Pack:
    """Load a pack from one YAML file, or from all YAML files of one folder.

    Raises:
        InvalidPack: lists every problem as "file:line: reason".
    """
    problems = Problems()
    files = _files(Path(path), problems)
    parts = [part for file in files if (part := read_yaml(file, problems)) is not None]
    pack = _Loader(complete=len(parts) == len(files)).load(parts)
    if problems.found:
        raise InvalidPack(problems.lines())
    return pack


def load_pack_text(text: str) -> Pack:
    """Load a pack from YAML or JSON that is in no file, by the same rules; its documents have their text in it.

    Raises:
        InvalidPack: lists every problem as "text:line: reason".
    """
    problems = Problems()
    part = read_mapping(text, Path("text"), problems, "a pack", "'pack:' and 'name:'")
    pack = _Loader(complete=part is not None).load([part] if part is not None else [])
    if problems.found:
        raise InvalidPack(problems.lines())
    return pack


def read_persona(section: Section, slug: str) -> Persona:
    """Read a persona that is defined outside a pack, such as in a call file; problems are added to the section's."""
    persona = read_persona_section(section, pack_id("", "persona", slug))
    section.finish()
    return persona


def _files(path: Path, problems: Problems) -> list[Path]:
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix in (".yaml", ".yml"))
        if not files:
            problems.add(path, 1, "the folder holds no .yaml file; name the folder of a pack")
        return files
    if not path.is_file():
        problems.add(path, 1, "there is no such file or folder; check the path")
        return []
    return [path]


class _Loader:
    """Builds records from sections and collects their problems."""

    def __init__(self, *, complete: bool) -> None:
        # A missing reference may be defined in a file that could not be read: do not report it as a second problem.
        self._complete = complete
        self._slug = ""
        self._criteria: list[Resource] = []

    def load(self, parts: list[Section]) -> Pack:
        self._slug, name = self._heading(parts)
        documents = self._keyed("documents", parts)
        personas = self._keyed("personas", parts)
        scenarios = self._keyed("scenarios", parts)
        simulations = self._keyed("simulations", parts)
        practices = self._keyed("practices", parts)
        others = {kind: self._keyed(kind, parts) for kind in SECTIONS}
        pack = Pack(
            slug=self._slug,
            name=name,
            documents=tuple(self._document(key, section) for key, section in documents.items()),
            personas=tuple(
                read_persona_section(section, self._id("persona", key)) for key, section in personas.items()
            ),
            scenarios=tuple(self._scenario(k, s, personas, documents, others) for k, s in scenarios.items()),
            simulations=tuple(self._simulation(k, s, scenarios, others) for k, s in simulations.items()),
            practices=tuple(self._practice(k, s, simulations, others) for k, s in practices.items()),
            resources=(*load_resources(others, self._id, scenarios, simulations), *self._criteria),
        )
        self._check_placeholders(pack, personas)
        for section in [*parts, *_all(documents, personas, scenarios, simulations, practices, *others.values())]:
            section.finish()
        return pack

    def _check_placeholders(self, pack: Pack, sections: Mapping[str, Section]) -> None:
        parameters = [item.name for item in pack.resources if item.kind == "parameter"]
        for persona, section in zip(pack.personas, sections.values(), strict=True):
            for name in unfilled(persona, parameters) if self._complete else ():
                section.problem(
                    f"'{{{{{name}}}}}' is no parameter here ({', '.join(parameters) or 'it has none'}); define it "
                    f"or write a default, '{{{{{name}|some text}}}}'"
                )

    def _heading(self, parts: list[Section]) -> tuple[str, str]:
        """Return the pack's slug and name, which exactly one file of the folder must define."""
        headed = [part for part in parts if part.has("pack")]
        for part in parts:
            slug, name = part.text("pack"), part.text("name")
            if name and not slug:
                part.problem("'name' stands without 'pack'; move it to the file with 'pack'", part.line_at("name"))
        if not headed:
            if parts and self._complete:
                parts[0].problem("'pack' is missing; add the pack's short name, such as 'pack: front-desk'")
            return "", ""
        for extra in headed[1:]:
            extra.problem(f"'pack' stands in {headed[0].file.name} already; keep one", extra.line_at("pack"))
        slug, name = headed[0].text("pack", required=True), headed[0].text("name", required=True)
        if slug and not _SLUG.fullmatch(slug):
            headed[0].problem(
                f"'pack' is '{slug}'; use lower-case letters, digits and hyphens", headed[0].line_at("pack")
            )
        return slug, name

    def _keyed(self, kind: str, parts: list[Section]) -> dict[str, Section]:
        keyed: dict[str, Section] = {}
        for key, section in (entry for part in parts for entry in part.entries(kind)):
            if key.value in keyed:
                first = keyed[key.value]
                section.problem(f"duplicate id '{key.value}' in {kind}; {first.file.name}:{first.line} has it already")
            elif not _SLUG.fullmatch(key.value):
                section.problem(f"'{key.value}' is not an id; use lower-case letters, digits and hyphens")
            keyed.setdefault(key.value, section)
        return keyed

    def _id(self, kind: str, key: str) -> str:
        return pack_id(self._slug, kind, key)

    def _document(self, key: str, section: Section) -> Document:
        text, file, asked = section.text("text"), section.text("file"), section.text("questions")
        if bool(text) == bool(file):
            section.problem(f"document '{key}' needs either 'text' or 'file'; write exactly one of them")
        elif file:
            text = self._beside(section, file)
        return Document(
            id=self._id("document", key),
            name=section.text("name", required=True),
            description=section.text("description"),
            text=text,
            questions=read_questions(section, asked, self._beside(section, asked, "questions"), text) if asked else (),
        )

    def _beside(self, section: Section, name: str, key: str = "file") -> str:
        """Read a file beside the pack; files outside the pack's folder are rejected."""
        line, folder = section.line_at(key), section.file.parent.resolve()
        path = (folder / name).resolve()
        if not path.is_relative_to(folder):
            section.problem(f"'{key}' is '{name}', outside the pack's folder; move the document beside the pack", line)
        elif path.suffix not in (".md", ".txt"):
            section.problem(f"'{key}' is '{name}'; name a .md or .txt file", line)
        elif not path.is_file():
            section.problem(f"the document file '{name}' is missing; put it beside {section.file.name}", line)
        elif path.stat().st_size > _MAX_DOCUMENT_BYTES:
            section.problem(f"the document file '{name}' is larger than 1 MB; shorten it", line)
        else:
            try:
                return path.read_text(encoding="utf-8").strip()
            except UnicodeDecodeError:
                section.problem(f"the document file '{name}' is not UTF-8 text; save it as UTF-8", line)
        return ""

    def _scenario(
        self,
        key: str,
        section: Section,
        personas: Mapping[str, Section],
        documents: Mapping[str, Section],
        others: Mapping[str, Mapping[str, Section]],
    ) -> Scenario:
        objectives, criteria = load_objectives(key, section, self._id)
        self._criteria += criteria
        resources = {
            "question": self._references(section, "questions", "question", others["questions"]),
            "parameter_field": parameter_fields(section, others["parameters"], self._id),
            **{kind[:-1]: self._references(section, kind, kind[:-1], others[kind]) for kind in MEDIA},
            "criterion": tuple(criterion.id for criterion in criteria),
        }
        return Scenario(
            id=self._id("scenario", key),
            name=section.text("name", required=True),
            description=section.text("description"),
            problem_statement=section.text("problem_statement", required=True),
            objectives=objectives,
            persona_ids=self._references(section, "personas", "persona", personas, required=True),
            document_ids=self._references(section, "documents", "document", documents),
            resources={kind: ids for kind, ids in resources.items() if ids},
        )

    def _simulation(
        self,
        key: str,
        section: Section,
        scenarios: Mapping[str, Section],
        others: Mapping[str, Mapping[str, Section]],
    ) -> Simulation:
        rubrics = self._references(section, "rubric", "rubric", others["rubrics"])
        minutes = section.number("time_limit_minutes", low=0, high=1440, default=0)
        return Simulation(
            id=self._id("simulation", key),
            name=section.text("name", required=True),
            description=section.text("description"),
            scenario_ids=self._references(section, "scenarios", "scenario", scenarios, required=True),
            rubric_id=rubrics[0] if rubrics else None,
            time_limit_s=round(minutes * 60) or None,
        )

    def _practice(
        self,
        key: str,
        section: Section,
        simulations: Mapping[str, Section],
        others: Mapping[str, Mapping[str, Section]],
    ) -> Practice:
        simulation = section.text("simulation", required=True)
        if simulation and simulation not in simulations and self._complete:
            section.problem(
                f"unknown simulation '{simulation}'; {_known(simulations)}",
                section.line_at("simulation"),
            )
        return Practice(
            id=self._id("practice", key),
            name=section.text("name", required=True),
            simulation_id=self._id("simulation", simulation),
            kind=cast(Literal["practice", "home"], section.choice("kind", ("practice", "home"), "practice")),
            cohort_ids=self._references(section, "cohorts", "cohort", others["cohorts"]),
        )

    def _references(
        self, section: Section, key: str, kind: str, known: Mapping[str, Section], *, required: bool = False
    ) -> tuple[str, ...]:
        references = section.texts(key, required=required)
        for reference in references:
            if reference.value not in known and self._complete:
                section.problem(f"unknown {kind} '{reference.value}'; {_known(known)}", reference.line)
        return tuple(self._id(kind, reference.value) for reference in references)


def _known(known: Iterable[str]) -> str:
    names = ", ".join(known)
    return f"the pack has {names}" if names else "the pack has none"


def _all(*groups: Mapping[str, Section]) -> list[Section]:
    return [section for group in groups for section in group.values()]
