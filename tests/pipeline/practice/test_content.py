"""Content of one's own: what it may refer to, and what a rubric, a question or a benchmark needs."""

import pytest

from models.errors import Invalid, NotFound
from models.records.core import Persona, Practice, Scenario, Simulation
from models.records.resources import Rubric, Standard, StandardGroup, rubric_of
from pipeline.practice.content import check_sign
from pipeline.practice.values import OptionValue, QuestionValue
from tests.pipeline.practice.conftest import Run
from tests.pipeline.practice.place import Place


def test_only_what_one_may_choose_is_referred_to(run: Run, place: Place) -> None:
    async def story() -> None:
        content, ada = place.practice.content, place.ada.id
        await place.store.install(personas=[Persona("own", "Own", owner_id=place.bob.id)])
        for refused, name in (
            (content.add_scenario(ada, Scenario("s", "S", persona_ids=("own",))), "Persona"),
            (content.add_scenario(ada, Scenario("s", "S", document_ids=("nowhere",))), "Document"),
            (content.add_scenario(ada, Scenario("s", "S", resources={"question": ("o1",)})), "Question"),
            (
                content.add_scenario(ada, Scenario("s", "S", resources={"parameter_field": ("nowhere",)})),
                "Parameter field",
            ),
            (content.add_simulation(ada, Simulation("s", "S", scenario_ids=("nowhere",))), "Scenario"),
            (content.add_simulation(ada, Simulation("s", "S", scenario_ids=("late",), rubric_id="b1")), "Rubric"),
            (content.add_entry(ada, Practice("p", "P", "nowhere")), "Simulation"),
            (content.add_entry(ada, Practice("p", "P", "desk", cohort_ids=("nowhere",))), "Cohort"),
            (content.add_benchmark(ada, "B", simulation_id="nowhere", scenario_id="late"), "Simulation"),
            (content.add_benchmark(ada, "B", simulation_id="desk", scenario_id="nowhere"), "Scenario"),
        ):
            with pytest.raises(NotFound, match=f"{name} not found."):
                await refused
        with pytest.raises(Invalid, match="At least one scenario is required"):
            await content.add_simulation(ada, Simulation("s", "S"))
        await content.add_scenario(place.bob.id, Scenario("s", "S", persona_ids=("own",), owner_id=place.bob.id))
        assert [item.id for item in await place.store.find_scenarios(place.bob.id, ids=["s"])] == ["s"]

    run(story())


def test_a_rubrics_points_are_added_up(run: Run, place: Place) -> None:
    async def story() -> None:
        groups = (
            StandardGroup("g1", "One", 0, standards=(Standard("s1", "g1", "A", 10), Standard("s2", "g1", "B", 5))),
            StandardGroup("g2", "Two", 0, standards=(Standard("s3", "g2", "C", 20, signs=("heron|bird",)),)),
        )
        rubric = await place.practice.content.add_rubric(place.ada.id, Rubric("r", "R", 0, 30, groups=groups))
        assert (rubric.total_points, [group.points for group in rubric.groups]) == (35, [15, 20])
        assert [standard.measure for standard in rubric.standards] == ["objectives", "objectives", "signs"]
        assert rubric_of(await place.store.resource("rubric", "r")) == rubric
        with pytest.raises(Invalid, match=r"more than all points \(35\)"):
            await place.practice.content.add_rubric(place.ada.id, Rubric("r", "R", 0, 36, groups=groups))
        for groups in ((), (StandardGroup("g", "G", 0, standards=(Standard("s", "g", "A", 0),)),)):
            with pytest.raises(Invalid, match="give at least one standard, and at least one of them points"):
                await place.practice.content.add_rubric(place.ada.id, Rubric("r", "R", 0, 0, groups=groups))

    run(story())


@pytest.mark.parametrize(
    ("sign", "sentence"),
    [
        ("(a{100}){10}".replace("a", "[a-zé]{9}"), "(too large|no regular expression)"),
        (r"(\pL{30}){30}", "too large"),
        ("(a)?+*", "no regular expression"),
        ("(a", "no regular expression"),
        (r"(a)\1", "no regular expression"),
        ("a|", "must not match everything"),
        ("(a)?", "must not match everything"),
    ],
)
def test_a_sign_that_cannot_be_used_is_refused(sign: str, sentence: str) -> None:
    with pytest.raises(Invalid, match=sentence):
        check_sign(sign)


@pytest.mark.parametrize(
    "sign", ["sorry", r"\bherons?\b", "(i|we) understand", "it's", "well-known", "a.*b", "[a-z]", "(a+)+b"]
)
def test_a_sign_as_packs_have_it_is_taken(sign: str) -> None:
    check_sign(sign)


def test_a_question_has_options_and_a_right_one_that_only_its_author_knows(run: Run, place: Place) -> None:
    async def story() -> None:
        content, ada = place.practice.content, place.ada.id
        for options in ((), (OptionValue("Yes", True),), (OptionValue("Yes"), OptionValue("No"))):
            with pytest.raises(Invalid, match="at least two options"):
                await content.add_question(ada, QuestionValue("May I?", options=options))
        ident = await content.add_question(
            ada, QuestionValue("May I?", options=(OptionValue("Yes", True), OptionValue("No")))
        )
        [question] = await place.store.resources([ident])
        assert sorted((await content.right_options(ada, question)).values()) == [False, True]
        assert await content.right_options(place.bob.id, question) == {}

    run(story())


def test_a_benchmark_is_made_of_what_was_said(run: Run, place: Place) -> None:
    async def story() -> None:
        content, ada = place.practice.content, place.ada.id
        spoken, silent = (await place.start()).chats
        await place.say(spoken.id, "Good morning.", "Why are you late?")

        async def add(**of: object) -> list[tuple[str, list[str]]]:
            item = await content.add_benchmark(ada, "B", simulation_id="desk", scenario_id="late", **of)  # type: ignore[arg-type]
            return [(run["name"], run["lines"]) for run in item.data["runs"]]

        said = ["Good morning.", "Why are you late?"]
        assert await add(runs=[("short", ["Hello."])], chat_ids=[spoken.id]) == [
            ("short", ["Hello."]),
            ("Mo is late", said),
        ]
        with pytest.raises(Invalid, match="At least one run is required"):
            await add()
        with pytest.raises(Invalid, match="nothing was said"):
            await add(chat_ids=[silent.id])

    run(story())


def test_a_parameter_has_its_values(run: Run, place: Place) -> None:
    async def story() -> None:
        ident = await place.practice.content.add_parameter(place.ada.id, "town", "", ["Leeds", "York"])
        fields = await place.store.find_resources(place.ada.id, "parameter_field")
        assert [(item.name, item.data["parameter_name"]) for item in fields if item.data["parameter_id"] == ident] == [
            ("Leeds", "town"),
            ("York", "town"),
        ]

    run(story())
