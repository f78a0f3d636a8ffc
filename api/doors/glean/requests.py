"""The requests of Glean's clients, and the encoding in which they want the answer."""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from pipeline.grounded.applications import NOTHING
from pipeline.grounded.sources import SourceFilter

Answer = Literal["json", "lines", "text"]
"""One JSON object as application/json; a line of JSON for each part as text/plain; one JSON object as text/plain."""

MESSAGE_LIMIT = 500


class _Loose(BaseModel):
    # Clients of other versions send further fields.
    model_config = ConfigDict(extra="ignore")


class Fragment(_Loose):
    text: str | None = None


class GleanMessage(_Loose):
    author: str = "USER"
    messageType: str = "CONTENT"  # noqa: N815
    fragments: list[Fragment] | None = None
    uploadedFileIds: list[str] | None = None  # noqa: N815

    @property
    def text(self) -> str:
        """Its words."""
        return "".join(fragment.text or "" for fragment in self.fragments or ()).strip()


class AgentConfig(_Loose):
    agent: Literal["DEFAULT", "GPT", "UNIVERSAL", "FAST", "ADVANCED", "AUTO"] | None = None
    mode: Literal["DEFAULT", "QUICK"] | None = None


class Filters(_Loose):
    containerSpecs: list[dict[str, Any]] | None = None  # noqa: N815
    documentSpecs: list[dict[str, Any]] | None = None  # noqa: N815
    datasourceInstances: list[str] | None = None  # noqa: N815

    @property
    def documents(self) -> frozenset[str]:
        """Documents by id or address."""
        return _named(self.documentSpecs, ("id", "url", "contentId", "ugcId"))

    @property
    def datasources(self) -> frozenset[str]:
        """Datasources and containers, which are the same here."""
        containers = _named(self.containerSpecs, ("id", "datasource", "container", "url", "contentId", "ugcId"))
        return frozenset(name.lower() for name in [*(self.datasourceInstances or ()), *containers])


def _named(specs: Sequence[dict[str, Any]] | None, keys: Sequence[str]) -> frozenset[str]:
    named: set[str] = set()
    for spec in specs or ():
        # A filter without known keys must not widen what it was sent to narrow.
        named |= {str(spec[key]) for key in keys if spec.get(key)} or {NOTHING}
    return frozenset(named)


class ChatRequest(_Loose):
    messages: list[GleanMessage] = Field(min_length=1, max_length=MESSAGE_LIMIT)
    agentConfig: AgentConfig | None = None  # noqa: N815
    applicationId: str | None = None  # noqa: N815
    agentId: str | None = None  # noqa: N815
    chatId: str | None = None  # noqa: N815
    saveChat: bool | None = None  # noqa: N815
    inclusions: Filters | None = None
    exclusions: Filters | None = None
    stream: bool | None = None
    timeoutMillis: int | None = Field(default=None, ge=1, le=3_600_000)  # noqa: N815

    def applications(self, before: str | None) -> list[str]:
        """Return the ids of what configures the answer; an application that the chat had `before` stays."""
        return list(dict.fromkeys(one for one in (self.applicationId or before, self.agentId) if one))

    @property
    def allowed(self) -> SourceFilter:
        """The filter of the documents that the answer may use."""
        inside, outside = self.inclusions or Filters(), self.exclusions or Filters()
        return SourceFilter(
            document_ids=inside.documents,
            datasources=inside.datasources,
            without_documents=outside.documents,
            without_datasources=outside.datasources,
        )


def oldest_first(messages: Sequence[GleanMessage]) -> list[GleanMessage]:
    """Sort the messages into the order in which they were said.

    By the specification the most recent one is first. Some clients send it last, which is recognised by a conversation
    that would otherwise begin with an answer, or end in a question that is not the first message.
    """
    first, last = messages[0], messages[-1]
    if first.author == "GLEAN_AI" or (last.author == "USER" and first.author != "USER"):
        return list(messages)
    return list(reversed(messages))


def wanted(accept: str, stream: bool) -> Answer:
    """Choose the encoding of the answer by the Accept header and the request's `stream`."""
    kinds = [kind.partition(";")[0].strip().lower() for kind in accept.split(",")]
    if "application/json" in kinds:
        return "json"
    if stream or "text/plain" in kinds:
        return "lines"
    return "text"
