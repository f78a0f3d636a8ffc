"""Content that others are judged and set up with: rubrics, questions, cohorts, parameters and benchmarks."""

import re
from collections.abc import Sequence

from api.doors.glow.operations.attempts import rubric_item
from api.doors.glow.operations.chats import shown
from api.doors.glow.operations.content import page, the
from api.doors.glow.operations.shapes_content import (
    BenchmarkItem,
    BenchmarksFound,
    CohortItem,
    CohortsFound,
    GetBody,
    NewBenchmark,
    NewCohort,
    NewParameter,
    NewQuestionBody,
    NewRubric,
    ParameterDetail,
    ParametersFound,
    QuestionDetail,
    QuestionsFound,
    RubricDetail,
    RubricsFound,
    SearchBody,
)
from api.doors.glow.operations.writing import Values
from api.service import Service, new_id
from models.errors import Invalid
from models.records.core import User
from models.records.resources import Resource, Rubric, Standard, StandardGroup, resource_of, rubric_of

# -------------------------------------------- rubrics, questions, parameters


async def rubric_search(service: Service, user: User, body: SearchBody) -> RubricsFound:
    """Rubrics that one may choose."""
    found = await service.store.find_resources(user.id, "rubric", body.search or "", body.ids)
    return RubricsFound(total=len(found), rubrics=[rubric_item(rubric_of(item)) for item in page(found, body)])


async def rubric_get(service: Service, user: User, body: GetBody) -> RubricDetail:
    """One rubric with its groups and standards."""
    found = await service.store.find_resources(user.id, "rubric", ids=[body.id])
    return RubricDetail(**rubric_item(rubric_of(the(found, "Rubric"))).model_dump())


async def rubric_create(service: Service, user: User, body: NewRubric) -> RubricDetail:
    """A rubric of one's own."""
    groups = []
    for part in body.standard_groups:
        group_id = new_id()
        standards = []
        for one in part.standards:
            _check_signs(one.signs)
            measure = "signs" if one.signs else one.measure
            standards.append(
                Standard(
                    new_id(), group_id, one.name, one.points, one.description, measure, tuple(one.signs), one.needed
                )
            )
        points = sum(standard.points for standard in standards)
        groups.append(StandardGroup(group_id, part.name, points, part.description, part.pass_points, tuple(standards)))
    total = sum(group.points for group in groups)
    if body.pass_points > total:
        raise Invalid(f"pass_points is {body.pass_points}, more than all points ({total}): lower it.")
    rubric = Rubric(new_id(), body.name, total, body.pass_points, body.description, tuple(groups))
    await service.store.install(resources=[resource_of(rubric, user.id)])
    return RubricDetail(**rubric_item(rubric).model_dump())


def _check_signs(signs: Sequence[str]) -> None:
    for sign in signs:
        # A pattern of a stranger's may run for ever on our machine: plain words and simple marks only.
        if not re.fullmatch(r"[\w '|()?\\b.-]+", sign) or re.search(r"[)?.]\s*[+*{]|\.\*|\.\+", sign):
            raise Invalid("A sign may hold words, spaces, |, ( ), ? and \\b only.")
        try:
            empty = re.compile(sign).search("")
        except re.error as error:
            raise Invalid(f"A sign is no regular expression: {error}.") from None
        if empty:
            raise Invalid("A sign must not match everything: name at least one word.")


async def question_search(service: Service, user: User, body: SearchBody) -> QuestionsFound:
    """Questions that one may choose."""
    found = await service.store.find_resources(user.id, "question", body.search or "", body.ids)
    return QuestionsFound(total=len(found), questions=[shown("question", item) for item in page(found, body)])


async def question_get(service: Service, user: User, body: GetBody) -> QuestionDetail:
    """One question with its options; which of them are right is told only to whoever wrote it."""
    item = the(await service.store.find_resources(user.id, "question", ids=[body.id]), "Question")
    options = await service.store.options_of([item.id])
    items = [shown("option", option) for option in options]
    if item.owner_id == user.id:
        for shown_option, option in zip(items, options, strict=True):
            shown_option.is_correct = bool(option.data.get("is_correct"))
    return QuestionDetail(**shown("question", item).model_dump(), options=items)


async def question_create(service: Service, user: User, body: NewQuestionBody) -> QuestionDetail:
    """A question of one's own, with its options."""
    if len(body.options) < 2 or not any(option.is_correct for option in body.options):
        raise Invalid("A question needs at least two options, and one of them right.")
    values = Values(user)
    question_id = values.question(body)
    await values.keep(service)
    return await question_get(service, user, GetBody(id=question_id))


async def cohort_search(service: Service, user: User, body: SearchBody) -> CohortsFound:
    """Cohorts of one's own, and those of the packs."""
    found = await service.store.find_resources(user.id, "cohort", body.search or "", body.ids)
    return CohortsFound(total=len(found), cohorts=[_cohort(item) for item in page(found, body)])


async def cohort_get(service: Service, user: User, body: GetBody) -> CohortItem:
    """One cohort."""
    return _cohort(the(await service.store.find_resources(user.id, "cohort", ids=[body.id]), "Cohort"))


async def cohort_create(service: Service, user: User, body: NewCohort) -> CohortItem:
    """A group of learners, by their user names."""
    item = Resource(new_id(), "cohort", body.name, body.description, {"members": body.members}, user.id)
    await service.store.install(resources=[item])
    return _cohort(item)


def _cohort(item: Resource) -> CohortItem:
    members = list(item.data.get("members", []))
    return CohortItem(cohort_id=item.id, name=item.name, description=item.description, members=members)


async def parameter_search(service: Service, user: User, body: SearchBody) -> ParametersFound:
    """Parameters that one may choose."""
    found = await service.store.find_resources(user.id, "parameter", body.search or "", body.ids)
    return ParametersFound(total=len(found), parameters=[shown("parameter", item) for item in page(found, body)])


async def parameter_get(service: Service, user: User, body: GetBody) -> ParameterDetail:
    """One parameter with its values."""
    item = the(await service.store.find_resources(user.id, "parameter", ids=[body.id]), "Parameter")
    fields = await service.store.find_resources(user.id, "parameter_field")
    own = [shown("parameter_field", field) for field in fields if field.data.get("parameter_id") == item.id]
    return ParameterDetail.model_validate(shown("parameter", item).model_dump() | {"fields": own})


async def parameter_create(service: Service, user: User, body: NewParameter) -> ParameterDetail:
    """A parameter of one's own: `{{name}}` in a persona's instructions becomes the value that is chosen."""
    item = Resource(new_id(), "parameter", body.name, body.description, owner_id=user.id)
    data = {"parameter_id": item.id, "parameter_name": body.name}
    fields = [Resource(new_id(), "parameter_field", value, data=data, owner_id=user.id) for value in body.values]
    await service.store.install(resources=[item, *fields])
    return await parameter_get(service, user, GetBody(id=item.id))


# ---------------------------------------------------------------- benchmarks


async def benchmark_search(service: Service, user: User, body: SearchBody) -> BenchmarksFound:
    """Benchmarks that one may run."""
    found = await service.store.find_resources(user.id, "benchmark", body.search or "", body.ids)
    return BenchmarksFound(total=len(found), benchmarks=[_benchmark(item) for item in page(found, body)])


async def benchmark_get(service: Service, user: User, body: GetBody) -> BenchmarkItem:
    """One benchmark."""
    return _benchmark(the(await service.store.find_resources(user.id, "benchmark", ids=[body.id]), "Benchmark"))


async def benchmark_create(service: Service, user: User, body: NewBenchmark) -> BenchmarkItem:
    """Recorded runs of a scenario, to be replayed with the personas as they are then."""
    store = service.store
    the(await store.find_simulations(user.id, ids=[body.simulation_id]), "Simulation")
    the(await store.find_scenarios(user.id, ids=[body.scenario_id]), "Scenario")
    runs = [{"id": new_id(), "name": run.name, "lines": run.lines} for run in body.runs]
    for chat_id in body.chat_ids:
        chat = await store.chat(user.id, chat_id)
        said = [item.text for item in await store.messages(chat_id) if item.role == "user" and item.text.strip()]
        if not said:
            raise Invalid("A chat in which nothing was said cannot be replayed: leave it out.")
        runs.append({"id": new_id(), "name": chat.name, "lines": said})
    if not runs:
        raise Invalid("At least one run is required: give runs, or chat_ids.")
    data = {"simulation_id": body.simulation_id, "scenario_id": body.scenario_id, "runs": runs}
    item = Resource(new_id(), "benchmark", body.name, body.description, data, user.id)
    await store.install(resources=[item])
    return _benchmark(item)


def _benchmark(item: Resource) -> BenchmarkItem:
    return BenchmarkItem(
        benchmark_id=item.id,
        name=item.name,
        description=item.description,
        simulation_id=str(item.data.get("simulation_id", "")),
        scenario_id=str(item.data.get("scenario_id", "")),
        run_ids=[run["id"] for run in item.data.get("runs", [])],
    )
