"""Bodies and replies of benchmarks: tests that replay recorded runs with the current persona."""

from pydantic import AliasChoices, BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from api.doors.glow.operations.shapes import Body, Reply, WriteBody, WriteReply

_TEST: JsonDict = {"examples": [{"test_id": "a-test"}]}


class TestStartBody(WriteBody):
    model_config = ConfigDict(json_schema_extra={"examples": [{"benchmark_id": "a-benchmark"}]})
    __test__ = False

    benchmark_id: str = Field(
        min_length=1,
        max_length=200,
        validation_alias=AliasChoices("benchmark_id", "eval_id"),
        description="What to run.",
    )
    infinite_mode: bool = False


class TestStartReply(WriteReply):
    __test__ = False

    test_id: str


class TestNextBody(WriteBody):
    __test__ = False
    model_config = ConfigDict(json_schema_extra=_TEST)

    test_id: str = Field(min_length=1, max_length=200)


class TestNextReply(WriteReply):
    """The next recorded run; `run_id` is null when none is left."""

    __test__ = False

    invocation_id: str
    run_id: str | None = None
    original_run_resource_id: str | None = None
    current_run: int
    total_runs: int
    created_at: str | None = None
    success: bool = True


class TestRunBody(WriteBody):
    __test__ = False
    model_config = ConfigDict(json_schema_extra={"examples": [{"test_id": "a-test", "invocation_id": "an-invocation"}]})

    test_id: str = Field(min_length=1, max_length=200)
    invocation_id: str = Field(
        min_length=1, max_length=200, validation_alias=AliasChoices("test_invocation_id", "invocation_id")
    )
    run_id: str | None = Field(default=None, max_length=200)
    wait_for_complete: bool = False


class TestRunReply(WriteReply):
    __test__ = False

    test_id: str
    invocation_id: str
    run_id: str
    chat_id: str | None = None


class TestEndBody(WriteBody):
    __test__ = False
    model_config = ConfigDict(json_schema_extra={"examples": [{"test_id": "a-test", "invocation_id": "an-invocation"}]})

    test_id: str = Field(min_length=1, max_length=200)
    invocation_id: str = Field(
        min_length=1, max_length=200, validation_alias=AliasChoices("test_invocation_id", "invocation_id")
    )
    run_id: str | None = Field(default=None, max_length=200)
    grade: bool = True


class TestEndReply(WriteReply):
    __test__ = False

    invocation_id: str
    grade_id: str | None = None
    score: int | None = None
    passed: bool | None = None
    feedback: str | None = None


class InvocationBody(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"invocation_id": "an-invocation"}]})

    invocation_id: str = Field(
        min_length=1, max_length=200, validation_alias=AliasChoices("invocation_id", "test_invocation_id")
    )


class InvocationReply(Reply):
    invocation_id: str
    success: bool = True
    message: str | None = None


class TestGetBody(Body):
    __test__ = False
    model_config = ConfigDict(json_schema_extra=_TEST)

    test_id: str = Field(min_length=1, max_length=200)


class TestRunItem(BaseModel):
    __test__ = False

    run_id: str
    invocation_id: str
    position: int
    status: str
    chat_id: str | None = None
    score: int | None = None
    passed: bool | None = None
    feedback: str | None = None


class TestGetReply(Reply):
    __test__ = False

    test_id: str
    benchmark_id: str
    invocation_id: str
    created_at: str
    ended: bool
    runs: list[TestRunItem]
