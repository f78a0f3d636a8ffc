"""One thing that `generate` makes: chosen among what is there, or written by a language model, and kept."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from models.records.core import Document, Persona, Scenario
from models.records.resources import Resource, derived_id
from pipeline.practice.authoring import Author, WrittenParts
from pipeline.practice.choosing import Choice
from pipeline.practice.content_library import ContentLibrary

DRAFTED = frozenset({"chat", "attempt"})
"""The artifacts that are drafts of a chat."""

WRITTEN = frozenset({"persona", "document", "scenario"})
"""The artifacts that are content."""

PARTS = ("name", "description", "problem_statement", "objective", "persona", "document", "parameter_field", "question")
"""The parts of a draft and of a scenario, in the order in which they are reported."""

_OF_SCENARIO = ("name", "description", "problem_statement", "objective", "persona", "document")
_NEEDED = ("name", "problem_statement", "persona")
"""The parts without which there is no scenario."""

_LISTED = {"persona": 3, "document": 3, "parameter_field": 8}
"""The parts that are chosen among what is there, and how many at most."""

_SHOWN = 8
"""How many of them a model may choose among."""

_FORMS = {"objective": "objectives", "question": "questions"}

NO_MODEL = "No language model is configured, so this can only choose from what is there."
NOTHING_FITS = (
    "No language model is configured, so this can only choose from what is there, and nothing fits the instructions; "
    "say more in them, or configure a model."
)

Save = Callable[[Mapping[str, Any]], Awaitable[str]]
"""Saves a draft by its fields; returns its id."""


@dataclass(frozen=True, slots=True)
class WantedContent:
    """A request to generate.

    Attributes:
        artifacts: the kinds of things, one after the other: "chat", "persona", "document" or "scenario".
        kinds: the parts of a draft or a scenario, such as "names" and "personas"; empty for all.
        linked: the parts of which nothing new is to be made.
        instructions: the subject.
        artifact_id: of one artifact: the chat that the draft is of, or the user's own content that is written anew.
        draft_id: the draft to continue.
        save: whether to keep it.
        run_id, group_id: ids of the run; None for new ones.
    """

    artifacts: Sequence[str]
    kinds: Sequence[str] = ()
    linked: frozenset[str] = frozenset()
    instructions: Sequence[str] = ()
    artifact_id: str | None = None
    draft_id: str | None = None
    save: bool = False
    run_id: str | None = None
    group_id: str | None = None


@dataclass
class ArtifactMaking:
    """One artifact of a run: chooses or writes its parts, then keeps it.

    Attributes:
        library: what is there, and where it is kept.
        author: the language model; None where there is none.
        tell: publishes a stage of it, with its payload.
        save: saves a draft.
        made: the fields of what was made.
        fresh: new content that it refers to.
    """

    library: ContentLibrary
    author: Author | None
    user_id: str
    wanted: WantedContent
    artifact: str
    tell: Callable[[str, Mapping[str, Any]], None]
    save: Save
    made: dict[str, Any] = field(default_factory=dict)
    fresh: list[Persona | Document] = field(default_factory=list)

    async def run(self) -> None:
        """Make everything, and publish the progress."""
        parts = self._parts()
        self.tell("started", {"resource_types": [f"{part}s" for part in parts]})
        author = self.author
        if author is None:
            message, artifact_id = await self._choose(parts), None
            if not self.made:
                self.tell("error", {"success": False, "message": NOTHING_FITS})
                return
        elif self.artifact in ("persona", "document"):
            there = await self.library.content(self.artifact, self.wanted.artifact_id)
            material = f"So it is now:\n{json.dumps(_shown(there), ensure_ascii=False)}" if there is not None else ""
            written = await author.write(
                f"a {self.artifact}", self._instructions(), [self.artifact], material, self._there
            )
            artifact_id = await self._keep_content(written)
            message = f"A {self.artifact} was written."
        else:
            written = await self._with_model(author, parts)
            message, artifact_id = f"{len(self.made)} parts were written.", None
        for done, part in enumerate(parts, 1):
            self.tell("progress", _progress(done, len(parts), part))
        draft_id = None
        if self.artifact in DRAFTED:
            draft_id = await self._keep_draft()
            artifact_id = self.wanted.artifact_id or draft_id
        elif self.artifact == "scenario" and author is not None:
            artifact_id = await self._keep_scenario()
        elif author is None:
            artifact_id = self.made.get(f"{self.artifact}_id")
        ended = {"success": True, "message": message, "resources": self.made}
        self.tell("complete", ended | {"artifact_id": artifact_id or self.wanted.artifact_id, "draft_id": draft_id})

    def _parts(self) -> list[str]:
        if self.artifact in ("persona", "document"):
            return [self.artifact]
        if self.artifact in DRAFTED:
            return list(self.wanted.kinds or PARTS)
        needed = () if self.wanted.artifact_id is not None else _NEEDED
        return [part for part in _OF_SCENARIO if not self.wanted.kinds or part in (*self.wanted.kinds, *needed)]

    def _instructions(self) -> list[str]:
        return [text.strip() for text in self.wanted.instructions if text.strip()]

    def _there(self, parts: Mapping[str, Any]) -> list[str]:
        return [] if self.artifact in parts else [f"'{self.artifact}' is missing; add it"]

    # ------------------------------------------------------------ without a model

    async def _choose(self, parts: Sequence[str]) -> str:
        """Choose what fits of each part: the texts are those of the best scenario."""
        library, instructions = self.library, self._instructions()
        if self.artifact in WRITTEN:
            found = await library.best(instructions, await library.choices(self.user_id, self.artifact), 1)
            if found:
                self.made = {f"{self.artifact}_id": found[0].id, "name": found[0].name}
            return f"{NO_MODEL} Chosen is the {self.artifact} “{found[0].name}”." if found else NOTHING_FITS
        texts = [part for part in parts if part in ("name", "description", "problem_statement", "objective")]
        named = []
        if texts:
            scenarios = await library.best(instructions, await library.choices(self.user_id, "scenario"), 1)
            if scenarios:
                named.append(f"the scenario “{scenarios[0].name}”")
                self._take_texts(texts, await library.scenario(scenarios[0].id))
        for part, limit in _LISTED.items():
            if part in parts:
                found = await library.best(instructions, await library.choices(self.user_id, part), limit)
                if found:
                    self.made[f"{part}_ids"] = [choice.id for choice in found]
                    named.append(f"the {part.replace('_', ' ')} “{found[0].name}”")
        return f"{NO_MODEL} Chosen is {', '.join(named)}."

    def _take_texts(self, texts: Sequence[str], scenario: Scenario) -> None:
        for part in texts:
            if part == "objective":
                ids = [derived_id(scenario.id, "objective", place) for place in range(len(scenario.objectives))]
                self.made["objective_ids"] = ids
            elif getattr(scenario, part):
                self.made[f"{part}_id"] = derived_id(scenario.id, part)

    # --------------------------------------------------------------- with a model

    async def _with_model(self, author: Author, parts: Sequence[str]) -> WrittenParts:
        """Have the texts written, and what exists chosen by its number in a list; new content where nothing fits."""
        forms = [_FORMS.get(part, part) for part in parts if part not in _LISTED]
        listed: dict[str, list[Choice]] = {}
        material = []
        for part in _LISTED:
            if part not in parts:
                continue
            everything = await self.library.choices(self.user_id, part)
            fitting = await self.library.best(self._instructions(), everything, _SHOWN)
            others = [choice for choice in everything if choice not in fitting]
            listed[part] = [*fitting, *others][:_SHOWN]
            forms += [f"{part}_numbers"] if listed[part] else []
            if part in ("persona", "document") and part not in self.wanted.linked:
                forms.append(part)
            material += _numbered(part, listed[part], new=part in forms)
        what = "a scenario to practise" if self.artifact == "scenario" else "a practice conversation"
        check = _NumbersIn(listed).problems
        written = await author.write(what, self._instructions(), forms, "\n".join(material), check)
        for part in parts:
            self._take(part, written, listed)
        return written

    def _take(self, part: str, written: WrittenParts, listed: Mapping[str, Sequence[Choice]]) -> None:
        """Take a part over into what was made: the fields of a draft."""
        parts, [scenario] = written.parts, written.pack.scenarios
        match part:
            case "name" | "description" | "problem_statement":
                self.made[part] = getattr(scenario, part)
            case "objective":
                self.made["objectives"] = list(scenario.objectives)
            case "question":
                self.made["questions"] = _questions(written.pack.resources)
            case _:
                numbers = list(dict.fromkeys(parts.get(f"{part}_numbers", ())))[: _LISTED[part]]
                chosen = [listed[part][number - 1].id for number in numbers]
                if part in parts:
                    made = written.pack.personas[0] if part == "persona" else written.pack.documents[0]
                    new = replace(made, id=self.library.new_id(), owner_id=self.user_id)
                    self.fresh.append(new)
                    self.made[part] = _shown(new)
                    chosen.insert(0, new.id)
                self.made[f"{part}_ids"] = chosen

    # ------------------------------------------------------------------- keeping

    async def _keep_content(self, written: WrittenParts) -> str | None:
        """Keep a persona or a document as the user's own; return its id, None if it is not to be kept."""
        made = written.pack.personas[0] if self.artifact == "persona" else written.pack.documents[0]
        item = replace(made, id=self.wanted.artifact_id or self.library.new_id(), owner_id=self.user_id)
        self.made = _shown(item)
        if not self.wanted.save:
            return None
        await self.library.keep(self.user_id, item)
        return item.id

    async def _keep_scenario(self) -> str | None:
        if not self.wanted.save:
            return None
        await self._keep_fresh()
        artifact_id = self.wanted.artifact_id
        there = await self.library.scenario(artifact_id) if artifact_id is not None else None
        scenario = there or Scenario(self.library.new_id(), "", owner_id=self.user_id)
        made = self.made
        scenario = replace(
            scenario,
            name=made.get("name", scenario.name),
            description=made.get("description", scenario.description),
            problem_statement=made.get("problem_statement", scenario.problem_statement),
            objectives=tuple(made.get("objectives", scenario.objectives)),
            persona_ids=tuple(made.get("persona_ids", scenario.persona_ids)),
            document_ids=tuple(made.get("document_ids", scenario.document_ids)),
        )
        await self.library.keep(self.user_id, scenario)
        return scenario.id

    async def _keep_draft(self) -> str | None:
        """Save what was made as a draft; return its id, None if none was requested."""
        if not self.wanted.save and self.wanted.draft_id is None:
            return None
        await self._keep_fresh()
        fields = {name: value for name, value in self.made.items() if name not in ("persona", "document")}
        return await self.save({"draft_id": self.wanted.draft_id, "chat_id": self.wanted.artifact_id, **fields})

    async def _keep_fresh(self) -> None:
        for item in self.fresh:
            await self.library.keep(self.user_id, item)


class _NumbersIn:
    """Checks the numbers by which a model chooses."""

    def __init__(self, listed: Mapping[str, Sequence[Choice]]) -> None:
        self._listed = listed

    def problems(self, parts: Mapping[str, Any]) -> list[str]:
        """Return what is wrong with them."""
        found = []
        for part, choices in self._listed.items():
            numbers = parts.get(f"{part}_numbers", [])
            wrong = not isinstance(numbers, list) or any(
                isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= len(choices)
                for number in numbers
            )
            if wrong:
                found.append(f"'{part}_numbers' must be a list of numbers from 1 to {len(choices)}")
            elif part == "persona" and not numbers and "persona" not in parts:
                found.append("there is no persona; choose one by its number, or write one")
        return found


def _numbered(part: str, choices: Sequence[Choice], *, new: bool) -> list[str]:
    name = part.replace("_", " ")
    lines = [
        f"{number}. {choice.name}: {' '.join(choice.description.split())[:200]}"
        for number, choice in enumerate(choices, 1)
    ]
    rule = f"choose in {part}_numbers those that fit, as few as needed" if choices else "there is none yet"
    if new:
        rule += f"; write one as '{part}' only if none fits, otherwise leave '{part}' out"
    return [f"The {name}s that are there ({rule}):", *lines]


def _questions(resources: Sequence[Resource]) -> list[dict[str, Any]]:
    options: dict[str, list[dict[str, Any]]] = {}
    for item in resources:
        if item.kind == "option":
            option = {"option_text": item.name, "is_correct": bool(item.data["is_correct"])}
            options.setdefault(str(item.data["question_id"]), []).append(option)
    return [
        {
            "question_text": item.name,
            "allow_multiple": bool(item.data["allow_multiple"]),
            "options": options.get(item.id, []),
        }
        for item in resources
        if item.kind == "question"
    ]


def _shown(item: Persona | Document) -> dict[str, Any]:
    if isinstance(item, Persona):
        return {
            "persona_id": item.id,
            "name": item.name,
            "description": item.description,
            "instructions": item.instructions,
            "greeting": item.greeting,
            "fallbacks": list(item.fallbacks),
        }
    return {"document_id": item.id, "name": item.name, "description": item.description, "text": item.text}


def _progress(done: int, total: int, part: str) -> dict[str, Any]:
    return {
        "completed_resources": done,
        "total_resources": total,
        "percentage": round(100 * done / total),
        "last_completed_resource": f"{part}s",
    }
