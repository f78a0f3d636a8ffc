"""Content over HTTP: what the packs bring and what one makes oneself, who sees it; benchmarks that are run with it."""

import asyncio
from typing import Any

import pytest

from tests.api.doors.glow.test_chats import detail, ok, start
from tests.service import RunningService

ARTIFACTS = {
    "persona": "personas",
    "document": "documents",
    "scenario": "scenarios",
    "simulation": "simulations",
    "rubric": "rubrics",
    "question": "questions",
    "practice": "practices",
    "home": "homes",
    "cohort": "cohorts",
    "parameter": "parameters",
    "benchmark": "benchmarks",
}


def create(service: RunningService, artifact: str, user: str = "ada", **body: Any) -> dict[str, Any]:
    return ok(service.post(f"/{artifact}/create", body, user))


def found(service: RunningService, artifact: str, user: str = "ada", **body: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = ok(service.post(f"/{artifact}/search", body, user))[ARTIFACTS[artifact]]
    return items


@pytest.mark.parametrize("artifact", ARTIFACTS)
def test_what_the_packs_bring_can_be_found_and_got(service: RunningService, artifact: str) -> None:
    items = found(service, artifact)
    assert items
    item = next(item for item in items if artifact != "practice" or item["kind"] == "practice")
    ident = item[f"{artifact}_id"]
    assert ok(service.post(f"/{artifact}/get", {f"{artifact}_id": ident}))[f"{artifact}_id"] == ident
    assert ok(service.post(f"/{artifact}/get", {"id": ident}))[f"{artifact}_id"] == ident
    assert service.post(f"/{artifact}/get", {"id": "nowhere"}).status_code == 404
    assert found(service, artifact, search="xylophone") == []


def test_a_whole_practice_of_ones_own(service: RunningService) -> None:
    """From a persona with a parameter in its words to a graded call of one's cohort."""
    town = create(service, "parameter", name="town", values=["Leeds", "York"])
    persona = create(service, "persona", name="Kim", instructions="You live in {{town}}.", greeting="Hi.")
    paper = create(service, "document", name="House rules", text="# Rules\n\nNobody feeds the heron.")
    question = create(
        service,
        "question",
        question_text="May one feed it?",
        options=[{"option_text": "No", "is_correct": True}, {"option_text": "Yes"}],
    )
    scenario = create(
        service,
        "scenario",
        name="At the pond",
        problem_statement="Kim feeds the heron.",
        objectives=["Name the rule about the heron"],
        persona_ids=[persona["persona_id"]],
        document_ids=[paper["document_id"]],
        question_ids=[question["question_id"]],
        parameter_field_ids=[town["fields"][1]["field_id"]],
    )
    rubric = create(
        service,
        "rubric",
        name="Rule keeping",
        pass_points=5,
        standard_groups=[{"name": "Facts", "standards": [{"name": "The rule", "points": 10, "signs": ["heron|bird"]}]}],
    )
    simulation = create(
        service,
        "simulation",
        name="One morning",
        scenario_ids=[scenario["scenario_id"]],
        rubric_id=rubric["rubric_id"],
        time_limit_seconds=600,
    )
    cohort = create(service, "cohort", name="Bob alone", members=["bob"])
    home = create(
        service, "home", name="For Bob", simulation_id=simulation["simulation_id"], cohort_ids=[cohort["cohort_id"]]
    )
    started = ok(service.post("/attempt/start", {"home_id": home["home_id"]}, "bob"))
    refused = service.post("/attempt/start", {"home_id": home["home_id"]}, "eve")
    assert detail(refused) == (404, "Home entry not found.")
    got = ok(service.post("/attempt/chat_get", {"chat_entry_id": started["chat_id"]}, "bob"))
    assert [item["name"] for item in got["parameter_fields"]] == ["York"]
    assert got["timer"]["time_limit_seconds"] == 600
    assert [item["name"] for item in got["documents"]] == ["House rules"]
    said = {"chat_id": started["chat_id"], "text": "Please leave the bird alone.", "wait_for_complete": True}
    ok(service.post("/attempt/chat_message", said, "bob"))
    graded = ok(service.post("/attempt/chat_grade", {"chat_id": started["chat_id"]}, "bob"))
    assert (graded["score"], graded["passed"], graded["total_points"]) == (10, True, 10)
    assert "Kim" not in [item["name"] for item in found(service, "persona", "bob")]
    assert found(service, "document", "eve", search="heron") == []
    assert [item["snippet"] for item in found(service, "document", search="herons feeding")] != []


def test_what_objectives_and_standards_of_ones_own_are_judged_by(service: RunningService) -> None:
    never = {"any": ["i promise\\b", "guarantee\\b"], "tell": "You promised it.", "instead": "I will do what I can."}
    asks = {"any": ["what (happened|is it)\\b.*"], "do": "Ask what happened.", "say": "What happened?"}
    objectives = [
        "Be there.",
        {"text": "Promise nothing.", "never": [never]},
        {"text": "Let him tell it.", "needed": 2, "signs": [asks, "tell me\\b"]},
    ]
    kim = create(service, "persona", name="Kim", instructions="You wait.", greeting="Hi.")
    scenario = create(service, "scenario", name="Promises", persona_ids=[kim["persona_id"]], objectives=objectives)
    assert scenario["objectives"] == ["Be there.", "Promise nothing.", "Let him tell it."]
    pattern = "(?:i promise\\b)|(?:guarantee\\b)"
    assert scenario["criteria"][0] == {
        "text": "Promise nothing.",
        "signs": [],
        "needed": 1,
        "never": [{**never, "any": [pattern]}],
    }
    shown = ok(service.post("/scenario/get", {"id": scenario["scenario_id"]}))
    assert shown["criteria"] == scenario["criteria"]
    rubric = create(
        service,
        "rubric",
        name="Promises",
        pass_points=5,
        standard_groups=[
            {
                "name": "All",
                "standards": [
                    {"name": "Goals", "points": 9},
                    {
                        "name": "Thanks",
                        "points": 1,
                        "signs": [{"any": ["thank"], "do": "Thank him.", "say": "Thank you."}],
                    },
                ],
            }
        ],
    )
    simulation = create(
        service,
        "simulation",
        name="Promises",
        scenario_ids=[scenario["scenario_id"]],
        rubric_id=rubric["rubric_id"],
    )
    entry = create(service, "practice", name="Promises", simulation_id=simulation["simulation_id"])
    chat = ok(service.post("/attempt/start", {"practice_id": entry["practice_id"]}))["chat_id"]
    for text in ("What happened to it, Kim?", "I promise that it is ready today."):
        ok(service.post("/attempt/chat_message", {"chat_id": chat, "text": text, "wait_for_complete": True}))
    ok(service.post("/attempt/chat_grade", {"chat_id": chat}))
    goals, thanks = (
        item["feedback"] for item in ok(service.post("/attempt/chat_feedback", {"chat_id": chat}))["feedbacks"]
    )
    assert "Broken: Promise nothing. You promised it." in goals
    assert "say instead “I will do what I can.”" in goals
    assert "In part: Let him tell it." in goals
    assert "Thank him, as in “Thank you.”" in thanks


def test_only_its_author_sees_what_a_scenario_is_judged_by(service: RunningService) -> None:
    packaged = next(item for item in found(service, "scenario") if item["name"] == "The records office")
    assert ok(service.post("/scenario/get", {"id": packaged["scenario_id"]}))["criteria"] == []


def test_what_a_scenario_shows_beside_its_texts(service: RunningService) -> None:
    """Images, videos, flags and departments of one's own: made, found, filtered in a chat, and hidden from others."""
    picture = create(service, "image", name="The form", description="blue", url="https://example.org/form.png")
    film = create(service, "video", name="A tour", url="https://example.org/tour.mp4", length_seconds=90)
    flag = create(service, "flag", name="First call", type="channel", icon="phone", value=True)
    office = create(service, "department", name="Annex", description="behind the library")
    chosen = {
        "image_ids": [picture["image_id"]],
        "video_ids": [film["video_id"]],
        "flag_ids": [flag["id"]],
        "department_ids": [office["id"]],
    }
    dana = found(service, "persona", search="worried")[0]["persona_id"]
    scenario = create(service, "scenario", name="At the annex", persona_ids=[dana], **chosen)
    assert {name: scenario[name] for name in chosen} == chosen
    simulation = create(service, "simulation", name="The annex", scenario_ids=[scenario["scenario_id"]])
    practice = create(service, "practice", name="The annex", simulation_id=simulation["simulation_id"])
    chat = ok(service.post("/attempt/start", {"practice_id": practice["practice_id"]}))["chat_id"]

    got = ok(service.post("/attempt/chat_get", {"chat_entry_id": chat}))
    assert {name: got[name] for name in chosen} == chosen
    assert (got["images"][0]["url"], got["videos"][0]["length_seconds"]) == ("https://example.org/form.png", 90)
    assert (got["flags"][0]["value"], got["departments"][0]["description"]) == (True, "behind the library")
    for filters, section, names in (
        ({"image_search": "blue"}, "images", ["The form"]),
        ({"image_search": "moon"}, "images", []),
        ({"video_search": "tour"}, "videos", ["A tour"]),
        ({"flags": {"search": "call"}}, "flags", ["First call"]),
        ({"departments": {"search": "registrar", "selected": False}}, "departments", ["Office of the Registrar"]),
    ):
        shown = ok(service.post("/attempt/chat_get", {"chat_entry_id": chat, **filters}))[section]
        assert [item["name"] for item in shown] == names, filters

    assert ok(service.post("/image/get", {"image_id": picture["image_id"]}))["name"] == "The form"
    assert [item["name"] for item in ok(service.post("/department/search", {"search": "annex"}))["departments"]]
    assert ok(service.post("/video/search", {"search": "tour"}, "bob"))["videos"] == []
    assert service.post("/flag/get", {"flag_id": flag["id"]}, "bob").status_code == 404
    theirs = {"name": "x", "persona_ids": [dana], "image_ids": [picture["image_id"]]}
    assert service.post("/scenario/create", theirs, "bob").status_code == 404
    assert service.post("/image/create", {"name": "x", "url": "javascript:alert(1)"}).status_code == 422


def test_parameters_reach_the_personas_words(service: RunningService) -> None:
    town = create(service, "parameter", name="home town", values=["York"])
    persona = create(service, "persona", name="Kim", instructions="You live in {{home_town}}.", greeting="Hello.")
    draft = {
        "persona_ids": [persona["persona_id"]],
        "parameter_field_ids": [town["fields"][0]["field_id"]],
    }
    chat = start(service, draft_id=ok(service.post("/attempt/chat_draft", draft))["draft_id"])["chat_id"]
    asked = service.inside.store.context(chat)
    context = asyncio.run_coroutine_threadsafe(asked, service.loop).result(100)
    assert context.personas[0].instructions.startswith("You live in York."), "what else is so in the scenario follows"


@pytest.mark.parametrize(
    ("artifact", "body", "answer"),
    [
        ("scenario", {"name": "x", "persona_ids": ["nowhere"]}, (404, "Persona not found.")),
        ("scenario", {"name": "x", "document_ids": ["nowhere"]}, (404, "Document not found.")),
        ("scenario", {"name": "x", "question_ids": ["nowhere"]}, (404, "Question not found.")),
        (
            "scenario",
            {"name": "x", "objectives": [{"text": "Be kind."}]},
            (400, "The objective “Be kind.” needs signs or never; write it as a plain text otherwise."),
        ),
        (
            "scenario",
            {"name": "x", "objectives": [{"text": "Be kind.", "signs": ["kind"], "needed": 2}]},
            (400, "The objective “Be kind.” has needed 2, more than there are signs (1)."),
        ),
        (
            "scenario",
            {"name": "x", "objectives": [{"text": "Be kind.", "signs": ["kind|"]}]},
            (400, "A sign must not match everything: name at least one word."),
        ),
        ("simulation", {"name": "x", "scenario_ids": []}, (400, "At least one scenario is required")),
        ("simulation", {"name": "x", "scenario_ids": ["nowhere"]}, (404, "Scenario not found.")),
        ("practice", {"name": "x", "simulation_id": "nowhere"}, (404, "Simulation not found.")),
        ("question", {"question_text": "x"}, (400, "A question needs at least two options, and one of them right.")),
        (
            "rubric",
            {
                "name": "x",
                "pass_points": 1,
                "standard_groups": [{"name": "x", "standards": [{"name": "x", "points": 1, "signs": ["(a+"]}]}],
            },
            (400, "A sign is no regular expression: missing ): (a+."),
        ),
    ],
)
def test_what_cannot_be_made(
    service: RunningService, artifact: str, body: dict[str, Any], answer: tuple[int, str]
) -> None:
    assert detail(service.post(f"/{artifact}/create", body)) == answer


def test_what_one_makes_is_ones_own(service: RunningService) -> None:
    persona = create(service, "persona", "bob", name="Bob's own")["persona_id"]
    assert [item["persona_id"] for item in found(service, "persona", "bob", search="Bob's own")] == [persona]
    assert found(service, "persona", search="Bob's own") == []
    assert service.post("/persona/get", {"id": persona}).status_code == 404
    assert service.post("/scenario/create", {"name": "x", "persona_ids": [persona]}).status_code == 404


@pytest.mark.parametrize("words", ['"', "a OR", "NEAR(", "*", "'; DROP TABLE documents", "text:ferpa", "\\"])
def test_what_people_type_is_no_query_language(service: RunningService, words: str) -> None:
    assert isinstance(found(service, "document", search=words), list)


# ---------------------------------------------------------------- benchmarks


@pytest.mark.slow
def test_a_benchmark_replays_and_grades_every_run(service: RunningService) -> None:
    benchmark = found(service, "benchmark", search="two clerks")[0]
    test = ok(service.post("/test/start", {"benchmark_id": benchmark["benchmark_id"]}))["test_id"]
    scores = []
    while run := ok(service.post("/test/next", {"test_id": test}))["run_id"]:
        named = {"test_id": test, "invocation_id": ok(service.post("/test/get", {"test_id": test}))["invocation_id"]}
        ok(service.post("/test/run", named | {"run_id": run, "wait_for_complete": True}))
        assert service.post("/test/run", named | {"run_id": run}).status_code == 409
        ended = ok(service.post("/test/end", named | {"run_id": run}))
        scores.append(ended["score"])
        assert ended["feedback"]
    whole = ok(service.post("/test/get", {"test_id": test}))
    assert [(run["status"], run["score"]) for run in whole["runs"]] == [("graded", score) for score in scores]
    assert whole["ended"]
    assert scores[0] < scores[1], "the clerk who listens does better than the one who recites"
    assert service.lines(whole["runs"][0]["chat_id"])[0] == ("query", "Records office.")
    assert service.post("/test/get", {"test_id": test}, "bob").status_code == 404


def test_a_benchmark_from_ones_own_chats(service: RunningService) -> None:
    chat = start(service)["chat_id"]
    for text in ("Records office.", "What is your son's name?"):
        ok(service.post("/attempt/chat_message", {"chat_id": chat, "text": text, "wait_for_complete": True}))
    pack = found(service, "benchmark", search="two clerks")[0]
    named = {"simulation_id": pack["simulation_id"], "scenario_id": pack["scenario_id"]}
    made = create(service, "benchmark", name="Mine", chat_ids=[chat], **named)
    test = ok(service.post("/test/start", {"eval_id": made["benchmark_id"], "infinite_mode": True}))["test_id"]
    step = ok(service.post("/test/next", {"test_id": test}))
    body = {"test_id": test, "test_invocation_id": step["invocation_id"], "run_id": step["run_id"]}
    replayed = ok(service.post("/test/run", body | {"wait_for_complete": True}))
    assert service.lines(replayed["chat_id"]) == service.lines(chat), "the scripted persona says the same again"
    assert ok(service.post("/test/end", body | {"grade": False}))["score"] is None
    assert ok(service.post("/test/next", {"test_id": test}))["current_run"] == 2
    stopped = ok(service.post("/test/stop", {"invocation_id": step["invocation_id"]}))
    assert stopped["message"] == "Nothing was being replayed."
    assert ok(service.post("/test/join", {"invocation_id": step["invocation_id"]}))["success"]
    empty = create_status(service, name="None", **named)
    assert empty == (400, "At least one run is required: give runs, or chat_ids.")


def create_status(service: RunningService, **body: Any) -> tuple[int, Any]:
    return detail(service.post("/benchmark/create", body))
