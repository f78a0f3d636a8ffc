"""Bodies and replies of content: searching, getting and creating what chats are made of."""
# ruff: noqa: RUF012 - pydantic copies the defaults of its fields

from typing import Annotated, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from api.doors.glow.operations.shapes import (
    LONGEST_LIST,
    Body,
    DocumentItem,
    Id,
    Ids,
    OptionItem,
    ParameterFieldItem,
    ParameterItem,
    PersonaItem,
    QuestionItem,
    Reply,
    RubricItem,
    ScenarioItem,
    Text,
    WriteBody,
    WriteReply,
)
from api.doors.glow.operations.shapes_chats import NewQuestion
from api.doors.glow.operations.shapes_criteria import CriterionItem, JudgedObjective, Signs

Name = Annotated[str, Field(min_length=1, max_length=200)]
Points = Annotated[int, Field(ge=0, le=10_000)]


class SearchBody(Body):
    """The search words; without any, everything is listed."""

    model_config = ConfigDict(json_schema_extra={"examples": [{}, {"search": "worried", "page_limit": 10}]})

    search: str | None = Field(default=None, max_length=500)
    ids: Ids | None = None
    page_limit: int = Field(default=50, ge=1, le=500)
    page_offset: int = Field(default=0, ge=0, le=1_000_000)


class GetBody(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"id": "an-id"}]})

    id: str = Field(
        min_length=1,
        max_length=200,
        validation_alias=AliasChoices(
            "id",
            "persona_id",
            "document_id",
            "scenario_id",
            "simulation_id",
            "rubric_id",
            "question_id",
            "practice_id",
            "home_id",
            "cohort_id",
            "parameter_id",
            "benchmark_id",
            "image_id",
            "video_id",
            "flag_id",
            "department_id",
        ),
    )


class Found(Reply):
    """A page, and the total."""

    total: int


class VoiceItem(BaseModel):
    """A persona's voice: one for each engine, and its pace and pitch."""

    names: dict[Literal["espeak", "piper", "openai"], Name] = {}
    rate: float = Field(default=1.0, ge=0.5, le=2)
    pitch: float = Field(default=1.0, ge=0.5, le=2)
    language: str = Field(default="en", max_length=35)


class NewPersona(WriteBody):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "Kim", "instructions": "You are Kim, a patient clerk."}]}
    )

    name: Name
    description: Text = ""
    instructions: Text = ""
    greeting: Text = ""
    icon: str = Field(default="", max_length=200)
    color: str = Field(default="", max_length=200)
    voice: VoiceItem = VoiceItem()


class PersonaDetail(PersonaItem, WriteReply):
    instructions: str = ""
    greeting: str = ""
    voice: VoiceItem = VoiceItem()


class PersonasFound(Found):
    personas: list[PersonaItem]


class NewDocument(WriteBody):
    """A text or Markdown file."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "House rules", "text": "# Be on time"}]})

    name: Name
    description: Text = ""
    text: str = Field(max_length=1_000_000)


class DocumentDetail(DocumentItem, WriteReply):
    text: str = ""


class DocumentFound(DocumentItem):
    snippet: str = Field(default="", description="Where the words stand in it.")


class DocumentsFound(Found):
    documents: list[DocumentFound]


class NewScenario(WriteBody):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "At the counter",
                    "problem_statement": "Sell something.",
                    "objectives": [
                        "Find out what they need.",
                        {
                            "text": "Promise nothing that you cannot keep.",
                            "never": [
                                {
                                    "any": ["i (promise|guarantee)\\b"],
                                    "tell": "You promised it.",
                                    "instead": "I will do what I can.",
                                }
                            ],
                        },
                    ],
                }
            ]
        }
    )

    name: Name
    description: Text = ""
    problem_statement: Text = ""
    objectives: list[Text | JudgedObjective] = Field(
        default=[], max_length=LONGEST_LIST, description="Texts, or texts with what meets and what breaks them."
    )
    persona_ids: Ids = []
    document_ids: Ids = []
    question_ids: Ids = []
    parameter_field_ids: Ids = []
    image_ids: Ids = []
    video_ids: Ids = []
    flag_ids: Ids = []
    department_ids: Ids = []


class ScenarioDetail(ScenarioItem, WriteReply):
    problem_statement: str = ""
    objectives: list[str] = []
    criteria: list[CriterionItem] = Field(default=[], description="Shown to the scenario's author alone.")
    persona_ids: list[str] = []
    document_ids: list[str] = []
    question_ids: list[str] = []
    parameter_field_ids: list[str] = []
    image_ids: list[str] = []
    video_ids: list[str] = []
    flag_ids: list[str] = []
    department_ids: list[str] = []


class ScenariosFound(Found):
    scenarios: list[ScenarioItem]


class NewSimulation(WriteBody):
    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "One day", "scenario_ids": ["a-scenario"]}]})

    name: Name
    description: Text = ""
    scenario_ids: Ids
    rubric_id: Id | None = None
    time_limit_seconds: int | None = Field(default=None, ge=1, le=86_400)


class SimulationDetail(WriteReply):
    simulation_id: str
    name: str
    description: str = ""
    scenario_ids: list[str] = []
    rubric_id: str | None = None
    time_limit_seconds: int | None = None


class SimulationsFound(Found):
    simulations: list[SimulationDetail]


class NewStandard(BaseModel):
    """One standard; `signs` are regular expressions that the offline rule searches for."""

    name: Name
    description: Text = ""
    points: Points
    measure: Literal["objectives", "questions", "turns", "balance", "signs", "quiz"] = "objectives"
    signs: Signs = []
    needed: int = Field(default=1, ge=1, le=50)


class NewStandardGroup(BaseModel):
    name: Name
    description: Text = ""
    pass_points: Points = 0
    standards: list[NewStandard] = Field(min_length=1, max_length=LONGEST_LIST)


class NewRubric(WriteBody):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "Care",
                    "pass_points": 6,
                    "standard_groups": [{"name": "Manner", "standards": [{"name": "Warmth", "points": 10}]}],
                }
            ]
        }
    )

    name: Name
    description: Text = ""
    pass_points: Points
    standard_groups: list[NewStandardGroup] = Field(min_length=1, max_length=50)


class RubricDetail(RubricItem, WriteReply):
    pass


class RubricsFound(Found):
    rubrics: list[RubricItem]


class NewQuestionBody(WriteBody, NewQuestion):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "question_text": "Who may sign?",
                    "options": [{"option_text": "The student", "is_correct": True}, {"option_text": "A parent"}],
                }
            ]
        }
    )


class QuestionDetail(QuestionItem, WriteReply):
    options: list[OptionItem] = []


class QuestionsFound(Found):
    questions: list[QuestionItem]


class NewEntry(WriteBody):
    """A practice or a home."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Monday", "simulation_id": "a-simulation"}]})

    name: Name
    simulation_id: Id
    cohort_ids: Ids = []


class PracticeItem(WriteReply):
    practice_id: str
    name: str
    simulation_id: str
    kind: Literal["practice", "home"]
    cohort_ids: list[str] = []


class HomeItem(WriteReply):
    home_id: str
    name: str
    simulation_id: str
    kind: Literal["practice", "home"]
    cohort_ids: list[str] = []


class PracticesFound(Found):
    practices: list[PracticeItem]


class HomesFound(Found):
    homes: list[HomeItem]


class NewCohort(WriteBody):
    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Tuesday group", "members": ["ada"]}]})

    name: Name
    description: Text = ""
    members: list[Name] = Field(default=[], max_length=10_000, description="User names; none means everybody.")


class CohortItem(WriteReply):
    cohort_id: str
    name: str
    description: str = ""
    members: list[str] = []


class CohortsFound(Found):
    cohorts: list[CohortItem]


class NewParameter(WriteBody):
    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "location", "values": ["Dayton", "Columbus"]}]})

    name: Name
    description: Text = ""
    values: list[Text] = Field(min_length=1, max_length=LONGEST_LIST)


class ParameterDetail(ParameterItem, WriteReply):
    fields_: list[ParameterFieldItem] = Field(default=[], serialization_alias="fields", validation_alias="fields")


class ParametersFound(Found):
    parameters: list[ParameterItem]


class RecordedRun(BaseModel):
    """The learner's messages in one recorded run."""

    name: Name
    lines: list[Annotated[str, Field(min_length=1, max_length=5_000)]] = Field(min_length=1, max_length=LONGEST_LIST)


class NewBenchmark(WriteBody):
    """Recorded runs of a scenario: written here, or taken from the user's own chats."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "The worried parent",
                    "simulation_id": "a-simulation",
                    "scenario_id": "a-scenario",
                    "runs": [{"name": "short", "lines": ["Records office."]}],
                }
            ]
        }
    )

    name: Name
    description: Text = ""
    simulation_id: Id
    scenario_id: Id
    runs: list[RecordedRun] = Field(default=[], max_length=50)
    chat_ids: Ids = []


class BenchmarkItem(WriteReply):
    benchmark_id: str
    name: str
    description: str = ""
    simulation_id: str
    scenario_id: str
    run_ids: list[str] = []


class BenchmarksFound(Found):
    benchmarks: list[BenchmarkItem]
