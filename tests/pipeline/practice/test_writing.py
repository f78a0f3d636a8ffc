"""What `generate` makes: with a real server's model by the rules of packs, without one by a search of what is there."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from models.errors import Conflict, Invalid, NotFound
from models.records.core import Document, Persona, Scenario
from pipeline.llm.chat_model import ChatModel
from pipeline.practice.authoring import Author
from pipeline.practice.drafts import DraftChanges
from pipeline.practice.making import NO_MODEL, NOTHING_FITS, WantedContent
from tests.pipeline.practice.conftest import Run
from tests.pipeline.practice.place import Place, opened
from tests.servers.llm import LlmServer

PERSONA = {
    "name": "Ana Ruiz",
    "description": "A guest whose room is cold.",
    "instructions": "You are a guest. Your room has been cold since last night.",
    "greeting": "Good evening. My room is freezing.",
    "fallbacks": ["I am sorry, what do you mean?"],
}
COLD = ["A hotel guest complains about a cold room."]


async def written(
    place: Place, wanted: WantedContent, refuses: Exception | None = None
) -> tuple[list[tuple[str, Mapping[str, Any]]], list[Mapping[str, Any]]]:
    """What was told, stage by stage, and which drafts were saved."""
    told: list[tuple[str, Mapping[str, Any]]] = []
    saved: list[Mapping[str, Any]] = []
    over = asyncio.Event()

    async def save(made: Mapping[str, Any]) -> str:
        if refuses is not None:
            raise refuses
        saved.append(made)
        return "draft"

    def tell(artifact: str, stage: str, payload: Mapping[str, Any]) -> None:
        told.append((stage, payload))
        if stage == "error" or (stage == "complete" and artifact == wanted.artifacts[-1]):
            over.set()

    await place.practice.writing.begin(place.ada.id, wanted, tell, save)
    await over.wait()
    return told, saved


# ------------------------------------------------------------ without a model


async def stock(place: Place) -> None:
    """Have some more to choose among; each shares some word with most requests."""
    await place.store.install(
        personas=[
            Persona("hotel", "Ana", "A hotel guest whose room is cold", "You complain about the heating of your room."),
            Persona("bank", "Bo", "A bank's customer", "You want a loan for a cold store room of your shop."),
        ],
        documents=[Document("heat", "Heating", text="The heating of a cold room is repaired within the hour.")],
        scenarios=[
            Scenario("cold", "The cold room", "A complaint", "A guest's hotel room is cold.", ("Sorry.",), ("hotel",)),
            Scenario("loan", "A loan", "A customer asks", "A customer of the bank asks for a loan.", (), ("bank",)),
        ],
    )  # fmt: skip


def test_without_a_model_it_chooses_by_search_and_says_so(run: Run, place: Place) -> None:
    async def story() -> None:
        await stock(place)
        kinds = ["names", "objectives", "personas", "documents"]
        wanted = WantedContent(["chat"], kinds, frozenset(), COLD, save=True, run_id="r", group_id="g")
        told, [saved] = await written(place, wanted)
        assert [stage for stage, _ in told] == ["started", *["progress"] * 4, "complete"]
        assert all((payload["run_id"], payload["group_id"]) == ("r", "g") for _, payload in told)
        assert [payload["percentage"] for stage, payload in told if stage == "progress"] == [25, 50, 75, 100]
        done = told[-1][1]
        assert (done["success"], done["draft_id"], done["artifact_id"]) == (True, "draft", "draft")
        assert done["message"] == f"{NO_MODEL} Chosen is the scenario “The cold room”, the persona “Ana”."
        [name] = await place.store.resources([saved["name_id"]])
        [objective] = await place.store.resources(saved["objective_ids"])
        assert (name.name, objective.name, saved["persona_ids"]) == ("The cold room", "Sorry.", ["hotel"])
        assert "document_ids" not in saved, "a shared word is not enough"
        # What was chosen can be saved as a draft.
        ids = {key: value for key, value in saved.items() if key.endswith("_ids")}
        await place.practice.drafts.save(place.ada.id, DraftChanges(text_ids={"name": saved["name_id"]}, ids=ids))

    run(story())


@pytest.mark.parametrize(("artifact", "chosen"), [("persona", "hotel"), ("scenario", "cold"), ("document", "heat")])
def test_without_a_model_content_is_chosen(run: Run, place: Place, artifact: str, chosen: str) -> None:
    async def story() -> None:
        await stock(place)
        told, _ = await written(place, WantedContent([artifact], (), frozenset(), ["The heating of a cold hotel room"]))
        assert (told[-1][0], told[-1][1]["artifact_id"]) == ("complete", chosen)
        told, _ = await written(
            place, WantedContent([artifact], (), frozenset(), ["A dragon guards its room of gold."])
        )
        assert (told[-1][0], told[-1][1]["message"]) == ("error", NOTHING_FITS)

    run(story())


def test_what_cannot_be_generated(run: Run, place: Place) -> None:
    async def story() -> None:
        for wanted, reason in (
            (WantedContent(["rocket"]), "cannot be generated here; ask for one of"),
            (WantedContent(["chat"], ["names", "rockets"]), "rockets cannot be generated here; the parts are names, "),
            (WantedContent(["chat", "persona"], artifact_id="mo"), "belongs to one artifact"),
            (WantedContent(["persona"], artifact_id="mo"), "not your own to write anew"),
        ):
            with pytest.raises(Invalid, match=reason):
                await written(place, wanted)
        for unknown in (WantedContent(["chat"], draft_id="nowhere"), WantedContent(["chat"], artifact_id="nowhere")):
            with pytest.raises(NotFound):
                await written(place, unknown)

    run(story())


# --------------------------------------------------------------- with a model


def told_by(run: Run, tmp_path: Path, installed: Path, server: LlmServer, *wanted: WantedContent) -> list[Any]:
    """Generate with the model behind the server; returns of each the last event, the drafts, and the content kept."""

    async def story() -> list[Any]:
        model = ChatModel(model="script", base_url=server.url)
        found = []
        try:
            async with opened(tmp_path, installed, author=Author(model)) as place:
                for each in wanted:
                    told, saved = await written(place, each)
                    ident = told[-1][1].get("artifact_id")
                    kept = {
                        "persona": await place.store.find_personas(place.ada.id, ids=[ident or ""]),
                        "document": await place.store.find_documents(place.ada.id, ids=[ident or ""]),
                        "scenario": await place.store.find_scenarios(place.ada.id, ids=[ident or ""]),
                    }
                    found.append((*told[-1], saved, kept))
        finally:
            await model.close()
        return found

    result: list[Any] = run(story())
    return result


FENCED = (
    f"Of course! Here it is:\n\n```json\n{json.dumps({'persona': PERSONA}, indent=2)}\n```\nTell me what to change."
)


@pytest.mark.parametrize(
    ("answers", "asked"),
    [
        ([json.dumps({"persona": PERSONA})], 1),
        ([FENCED], 1),
        (["{'persona': }", "I will think {again}.", FENCED], 3),
        ([json.dumps({"persona": {**PERSONA, "greeting": ""}}), FENCED], 2),
        ([json.dumps({"persona": {**PERSONA, "age": 40}}), FENCED], 2),
        ([json.dumps({"persona": {**PERSONA, "fallbacks": ["{rocket}?"]}}), FENCED], 2),
    ],
    ids=["plain", "in a fence", "no json first", "an empty greeting", "an unknown key", "a placeholder"],
)
def test_a_persona_is_written_by_the_rules_of_packs(
    run: Run, tmp_path: Path, installed: Path, llm_server: LlmServer, answers: list[str], asked: int
) -> None:
    llm_server.replies["script"] = answers
    wanted = WantedContent(["persona"], (), frozenset(), COLD, save=True)
    [(stage, payload, _, kept)] = told_by(run, tmp_path, installed, llm_server, wanted)
    assert (stage, payload["message"]) == ("complete", "A persona was written.")
    [persona] = kept["persona"]
    assert (persona.name, persona.greeting, persona.fallbacks) == (
        "Ana Ruiz",
        PERSONA["greeting"],
        tuple(PERSONA["fallbacks"]),
    )
    assert persona.owner_id is not None
    assert len(llm_server.requests) == asked
    assert COLD[0] in llm_server.requests[0].messages[-1]["content"]
    if asked > 1:
        assert llm_server.requests[1].messages[-1]["content"].startswith("This cannot be used:\n- ")


@pytest.mark.parametrize(
    ("model", "answers", "reason"),
    [
        ("script", ["I'm sorry, I can't help with that."], "holds no JSON object of the form, but “I'm sorry, I can't"),
        ("script", ['{"persona": {"name": "Ana"}}'], "'greeting' is missing"),
        ("script", ["[1, 2]"], "holds no JSON object"),
        ("script", ["{" * 5000], "it is not JSON"),
        ("refuse-500", [], "refused or failed"),
        ("html", [], "does not answer in the chat completions protocol"),
    ],
)
def test_a_model_that_gives_nothing_useful_is_an_error(
    run: Run, tmp_path: Path, installed: Path, llm_server: LlmServer, model: str, answers: list[str], reason: str
) -> None:
    llm_server.replies["script"] = answers

    async def story() -> None:
        chat_model = ChatModel(model=model, base_url=llm_server.url)
        async with aclosing(_Closing(chat_model)), opened(tmp_path, installed, author=Author(chat_model)) as place:
            told, _ = await written(place, WantedContent(["persona"], (), frozenset(), COLD, save=True))
            assert told[-1][0] == "error"
            assert reason in told[-1][1]["message"]
            assert len(await place.store.find_personas(place.ada.id)) == 2, "nothing was kept"

    run(story())


class _Closing:
    """Closes a model with a block."""

    def __init__(self, model: ChatModel) -> None:
        self._model = model

    async def aclose(self) -> None:
        """Close it."""
        await self._model.close()


DRAFT = {
    "name": "The cold room",
    "description": "A guest is cold.",
    "problem_statement": "You are at the desk of a hotel.",
    "objectives": ["Apologise.", "Offer another room."],
    "questions": [
        {
            "text": "Who repairs it?",
            "options": [{"text": "The caretaker", "correct": True}, {"text": "The guest", "correct": False}],
        }
    ],
    "persona_numbers": [],
    "persona": PERSONA,
    "document_numbers": [1],
}


def test_a_whole_draft_is_written(run: Run, tmp_path: Path, installed: Path, llm_server: LlmServer) -> None:
    llm_server.replies["script"] = [
        json.dumps({**DRAFT, "document_numbers": [7]}),
        json.dumps(DRAFT),
        json.dumps({"objectives": ["Be kind."], "persona_numbers": [2]}),
    ]
    whole = WantedContent(["chat"], (), frozenset(), COLD, save=True)
    parts = WantedContent(["chat"], ["objectives", "personas"], frozenset({"persona"}), COLD)
    [(stage, payload, [saved], _), (_, some, nothing, _)] = told_by(run, tmp_path, installed, llm_server, whole, parts)
    assert stage == "complete"
    assert "'document_numbers' must be a list of numbers from 1 to 1" in llm_server.requests[1].messages[-1]["content"]
    assert (saved["name"], saved["objectives"], saved["document_ids"]) == (
        DRAFT["name"],
        DRAFT["objectives"],
        ["rules"],
    )
    assert saved["persona_ids"] == [payload["resources"]["persona"]["persona_id"]]
    [question] = saved["questions"]
    assert [option["is_correct"] for option in question["options"]] == [True, False]
    assert (some["resources"], nothing) == ({"objectives": ["Be kind."], "persona_ids": ["lee"]}, [])
    asked = llm_server.requests[2].messages[-1]["content"]
    assert "1. Ana Ruiz: " in asked, "what fits comes first"
    assert "2. Lee:" in asked
    assert "write one" not in asked, "it is to be linked only"


def test_what_is_there_is_written_anew(run: Run, tmp_path: Path, installed: Path, llm_server: LlmServer) -> None:
    paper = {"name": "Heating", "description": "", "text": "# Heating\n\nCall the caretaker."}
    scenario = {name: DRAFT[name] for name in ("name", "description", "problem_statement", "objectives")}
    llm_server.replies["script"] = [
        json.dumps({"document": paper}),
        json.dumps({"document": {**paper, "text": "Call Kim."}}),
        json.dumps({**scenario, "persona_numbers": [1], "document_numbers": [1]}),
    ]

    async def story() -> None:
        model = ChatModel(model="script", base_url=llm_server.url)
        async with aclosing(_Closing(model)), opened(tmp_path, installed, author=Author(model)) as place:
            made, _ = await written(place, WantedContent(["document"], (), frozenset(), ["Heating"], save=True))
            ident = made[-1][1]["artifact_id"]
            anew = WantedContent(["document"], (), frozenset(), ["Name Kim."], artifact_id=ident, save=True)
            told, _ = await written(place, anew)
            assert told[-1][1]["artifact_id"] == ident
            assert (await place.store.document(ident)).text == "Call Kim."
            assert "Call the caretaker." in llm_server.requests[1].messages[-1]["content"], "what is there was shown"
            told, _ = await written(place, WantedContent(["scenario"], (), frozenset(), COLD, save=True))
            kept = await place.store.scenario(told[-1][1]["artifact_id"])
            assert (kept.name, kept.objectives, kept.owner_id) == (
                "The cold room",
                tuple(DRAFT["objectives"]),
                place.ada.id,
            )
            assert len(kept.persona_ids) == len(kept.document_ids) == 1
            told, _ = await written(
                place, WantedContent(["chat"], ["names"], save=True), Conflict("Somebody was faster.")
            )
            assert told[-1][0] == "error"

    run(story())
