"""Content for grading and configuration: rubrics, questions, cohorts, parameters and benchmarks."""

from api.doors.glow.operations.attempts import rubric_item
from api.doors.glow.operations.chats import question_value, shown
from api.doors.glow.operations.content import page
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
    NewStandard,
    ParameterDetail,
    ParametersFound,
    QuestionDetail,
    QuestionsFound,
    RubricDetail,
    RubricsFound,
    SearchBody,
)
from api.doors.glow.operations.shapes_criteria import signs_of
from api.service import Service
from models.records.core import User
from models.records.resources import Advice, Resource, Rubric, Standard, StandardGroup, rubric_of
from pipeline.practice.content import found_one

# -------------------------------------------- rubrics, questions, parameters


async def rubric_search(service: Service, user: User, body: SearchBody) -> RubricsFound:
    """Search the rubrics that the user may choose."""
    found = await service.store.find_resources(user.id, "rubric", body.search or "", body.ids)
    return RubricsFound(total=len(found), rubrics=[rubric_item(rubric_of(item)) for item in page(found, body)])


async def rubric_get(service: Service, user: User, body: GetBody) -> RubricDetail:
    """Get a rubric with its groups and standards."""
    found = await service.store.find_resources(user.id, "rubric", ids=[body.id])
    return RubricDetail(**rubric_item(rubric_of(found_one(found, "Rubric"))).model_dump())


async def rubric_create(service: Service, user: User, body: NewRubric) -> RubricDetail:
    """Create a rubric of the user's own."""
    new_id = service.practice.new_id
    groups = []
    for part in body.standard_groups:
        group_id = new_id()
        standards = tuple(_standard(new_id(), group_id, one) for one in part.standards)
        groups.append(StandardGroup(group_id, part.name, 0, part.description, part.pass_points, standards))
    rubric = Rubric(new_id(), body.name, 0, body.pass_points, body.description, tuple(groups))
    return RubricDetail(**rubric_item(await service.practice.content.add_rubric(user.id, rubric)).model_dump())


def _standard(ident: str, group_id: str, item: NewStandard) -> Standard:
    signs = signs_of(item.signs)
    return Standard(
        ident,
        group_id,
        item.name,
        item.points,
        item.description,
        item.measure,
        tuple(sign.pattern for sign in signs),
        item.needed,
        tuple(Advice(sign.do, sign.say) for sign in signs) if any(sign.do for sign in signs) else (),
    )


async def question_search(service: Service, user: User, body: SearchBody) -> QuestionsFound:
    """Search the questions that the user may choose."""
    found = await service.store.find_resources(user.id, "question", body.search or "", body.ids)
    return QuestionsFound(total=len(found), questions=[shown("question", item) for item in page(found, body)])


async def question_get(service: Service, user: User, body: GetBody) -> QuestionDetail:
    """Get a question with its options; only its author gets to know which of them are right."""
    item = found_one(await service.store.find_resources(user.id, "question", ids=[body.id]), "Question")
    items = [shown("option", option) for option in await service.store.options_of([item.id])]
    right = await service.practice.content.right_options(user.id, item)
    for option in items:
        option.is_correct = right.get(option.option_id)
    return QuestionDetail(**shown("question", item).model_dump(), options=items)


async def question_create(service: Service, user: User, body: NewQuestionBody) -> QuestionDetail:
    """Create a question of the user's own, with its options."""
    question_id = await service.practice.content.add_question(user.id, question_value(body))
    return await question_get(service, user, GetBody(id=question_id))


async def cohort_search(service: Service, user: User, body: SearchBody) -> CohortsFound:
    """Search the user's own cohorts and those of the packs."""
    found = await service.store.find_resources(user.id, "cohort", body.search or "", body.ids)
    return CohortsFound(total=len(found), cohorts=[_cohort(item) for item in page(found, body)])


async def cohort_get(service: Service, user: User, body: GetBody) -> CohortItem:
    """Get a cohort."""
    return _cohort(found_one(await service.store.find_resources(user.id, "cohort", ids=[body.id]), "Cohort"))


async def cohort_create(service: Service, user: User, body: NewCohort) -> CohortItem:
    """Create a cohort, a group of learners, by their user names."""
    item = Resource(
        service.practice.new_id(), "cohort", body.name, body.description, {"members": body.members}, user.id
    )
    await service.store.install(resources=[item])
    return _cohort(item)


def _cohort(item: Resource) -> CohortItem:
    members = list(item.data.get("members", []))
    return CohortItem(cohort_id=item.id, name=item.name, description=item.description, members=members)


async def parameter_search(service: Service, user: User, body: SearchBody) -> ParametersFound:
    """Search the parameters that the user may choose."""
    found = await service.store.find_resources(user.id, "parameter", body.search or "", body.ids)
    return ParametersFound(total=len(found), parameters=[shown("parameter", item) for item in page(found, body)])


async def parameter_get(service: Service, user: User, body: GetBody) -> ParameterDetail:
    """Get a parameter with its values."""
    item = found_one(await service.store.find_resources(user.id, "parameter", ids=[body.id]), "Parameter")
    fields = await service.store.find_resources(user.id, "parameter_field")
    own = [shown("parameter_field", field) for field in fields if field.data.get("parameter_id") == item.id]
    return ParameterDetail.model_validate(shown("parameter", item).model_dump() | {"fields": own})


async def parameter_create(service: Service, user: User, body: NewParameter) -> ParameterDetail:
    """Create a parameter of the user's own: `{{name}}` in a persona's instructions becomes the chosen value."""
    parameter_id = await service.practice.content.add_parameter(user.id, body.name, body.description, body.values)
    return await parameter_get(service, user, GetBody(id=parameter_id))


# ---------------------------------------------------------------- benchmarks


async def benchmark_search(service: Service, user: User, body: SearchBody) -> BenchmarksFound:
    """Search the benchmarks that the user may run."""
    found = await service.store.find_resources(user.id, "benchmark", body.search or "", body.ids)
    return BenchmarksFound(total=len(found), benchmarks=[_benchmark(item) for item in page(found, body)])


async def benchmark_get(service: Service, user: User, body: GetBody) -> BenchmarkItem:
    """Get a benchmark."""
    return _benchmark(found_one(await service.store.find_resources(user.id, "benchmark", ids=[body.id]), "Benchmark"))


async def benchmark_create(service: Service, user: User, body: NewBenchmark) -> BenchmarkItem:
    """Create a benchmark: recorded runs of a scenario, to be replayed with the personas as they are then."""
    item = await service.practice.content.add_benchmark(
        user.id,
        body.name,
        body.description,
        simulation_id=body.simulation_id,
        scenario_id=body.scenario_id,
        runs=[(run.name, run.lines) for run in body.runs],
        chat_ids=body.chat_ids,
    )
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
