"""The filters of `chat_get`: ten flat ones, and objects that do the same section by section."""

from collections.abc import Mapping
from typing import Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError, model_validator

from api.doors.glow.operations.shapes import Body, Ids
from models.errors import Invalid

_SEARCH = "_search"
_SHOW_SELECTED = "_show_selected"


class SectionFilter(BaseModel):
    """The filter of one section: `{"personas": {"search": "confused", "selected": false}}`.

    Attributes:
        search: words to search for.
        selected: false shows what is available, too.
        suggested: true shows only what is available and not selected.
        include: false leaves the section out.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    search: str | None = Field(default=None, max_length=500)
    limit: int | None = Field(default=None, ge=0, le=1000)
    selected: bool | None = None
    suggested: bool | None = None
    include: bool | None = None
    parameter_ids: Ids | None = None


def _section(one: str, many: str) -> SectionFilter | None:
    return Field(default=None, validation_alias=AliasChoices(many, one))


class FilteredBody(Body):
    """A body with filters. A filter that does not exist would silently show everything, so it is refused."""

    description_search: str | None = Field(default=None, max_length=500)
    persona_search: str | None = Field(default=None, max_length=500)
    document_search: str | None = Field(default=None, max_length=500)
    problem_statement_search: str | None = Field(default=None, max_length=500)
    image_search: str | None = Field(default=None, max_length=500)
    video_search: str | None = Field(default=None, max_length=500)
    question_search: str | None = Field(default=None, max_length=500)
    option_search: str | None = Field(default=None, max_length=500)
    persona_show_selected: bool | None = None
    document_show_selected: bool | None = None

    names: SectionFilter | None = _section("name", "names")
    descriptions: SectionFilter | None = _section("description", "descriptions")
    problem_statements: SectionFilter | None = _section("problem_statement", "problem_statements")
    objectives: SectionFilter | None = _section("objective", "objectives")
    personas: SectionFilter | None = _section("persona", "personas")
    documents: SectionFilter | None = _section("document", "documents")
    scenarios: SectionFilter | None = _section("scenario", "scenarios")
    parameters: SectionFilter | None = _section("parameter", "parameters")
    parameter_fields: SectionFilter | None = _section("parameter_field", "parameter_fields")
    questions: SectionFilter | None = _section("question", "questions")
    options: SectionFilter | None = _section("option", "options")
    images: SectionFilter | None = _section("image", "images")
    videos: SectionFilter | None = _section("video", "videos")
    flags: SectionFilter | None = _section("flag", "flags")
    departments: SectionFilter | None = _section("department", "departments")

    @model_validator(mode="before")
    @classmethod
    def _only_known_filters(cls, body: Any) -> Any:
        """Check the filters.

        Raises:
            Invalid: one is unknown, or its value is of the wrong type.
        """
        for name, value in body.items() if isinstance(body, Mapping) else ():
            if name.endswith((_SEARCH, _SHOW_SELECTED)):
                _check_flat(name, value, cls.model_fields)
            elif isinstance(value, Mapping) or name in _SECTIONS:
                _check_nested(name, value)
        return body


_SECTIONS = frozenset(
    name
    for section, field in FilteredBody.model_fields.items()
    if isinstance(field.validation_alias, AliasChoices)
    for name in (section, *map(str, field.validation_alias.choices))
)


def _check_flat(name: str, value: Any, fields: Mapping[str, Any]) -> None:
    known = [field for field in fields if field.endswith((_SEARCH, _SHOW_SELECTED))]
    if name not in known:
        raise Invalid(f"There is no filter {name!r}: the filters are {', '.join(known)}.")
    kind, called = (str, "a text") if name.endswith(_SEARCH) else (bool, "true or false")
    if value is not None and not isinstance(value, kind):
        raise Invalid(f"{name} takes {called}: write it as {_EXAMPLES[kind]}.")


_EXAMPLES = {str: '"words to search for"', bool: "true or false, without quotation marks"}


def _check_nested(name: str, value: Any) -> None:
    if name not in _SECTIONS:
        raise Invalid(f"There is no section {name!r} to filter: the sections are {', '.join(sorted(_SECTIONS))}.")
    if value is None:
        return
    if not isinstance(value, Mapping):
        raise Invalid(f'{name} takes an object: write it as {{"search": "words to search for"}}.')
    try:
        SectionFilter.model_validate(value)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            raise Invalid(f"{name} has no filter {place!r}: it has {', '.join(SectionFilter.model_fields)}.") from None
        raise Invalid(f"{name}.{place}: {problem['msg']}.") from None
