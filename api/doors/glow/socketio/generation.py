"""`generate`: make a persona, a document, a scenario or a chat's draft from a few instructions.

Source: docs/socketio.md, `generate`.
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.doors.glow.operations.shapes import LONGEST_LIST, Body, Id, Text
from api.doors.glow.socketio.events import Asker, Payload
from models.errors import Invalid
from pipeline.practice.making import WantedContent


class _Item(BaseModel):
    model_config = ConfigDict(extra="ignore")


class ArtifactTypeItem(_Item):
    name: Id
    operation: Literal["get", "list", "duplicate", "delete", "draft", "save", "docs", "export", "refresh"] = "draft"


class ResourceTypeItem(_Item):
    name: Id
    operation: Literal["get", "create", "link", "search", "docs"] = "create"


class EntryTypeItem(_Item):
    name: Id
    operation: Literal["get", "search", "docs", "create", "refresh"] = "get"


class DraftBody(Body):
    """What to make: "chat" (a draft), "persona", "document" or "scenario", and of a draft or a scenario which parts."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "artifact_types": [{"name": "chat", "operation": "draft"}],
                    "resource_types": ["names", "descriptions", {"name": "personas", "operation": "link"}],
                    "user_instructions": ["A parent asks for their son's grades."],
                    "save": True,
                }
            ]
        }
    )

    artifact_types: list[ArtifactTypeItem] = Field(min_length=1, max_length=LONGEST_LIST)
    artifact_id: str | None = Field(default=None, max_length=200)
    draft_id: str | None = Field(default=None, max_length=200)
    resource_types: list[ResourceTypeItem | Id] = Field(max_length=LONGEST_LIST)
    entry_types: list[EntryTypeItem] | None = Field(default=None, max_length=LONGEST_LIST)
    user_instructions: list[Text] | None = Field(default=None, max_length=LONGEST_LIST)
    save: bool = False
    run_id: str | None = Field(default=None, max_length=200)
    group_id: str | None = Field(default=None, max_length=200)
    modality: Literal["call", "audio"] = "call"
    extra_messages: list[dict[str, Any]] | None = Field(default=None, max_length=LONGEST_LIST)
    metadata: dict[str, Any] | None = None


async def generate(asker: Asker, body: DraftBody) -> Payload:
    """Begin to write; progress is published in events."""
    artifacts = [item for item in body.artifact_types if item.operation in ("draft", "save")]
    if not artifacts:
        raise Invalid("Nothing is to be made: ask for an artifact with the operation 'draft' or 'save'.")
    kinds = [ResourceTypeItem(name=kind) if isinstance(kind, str) else kind for kind in body.resource_types]
    kinds = [kind for kind in kinds if kind.operation in ("create", "link", "search")]
    new = {kind.name for kind in kinds if kind.operation == "create"}
    wanted = WantedContent(
        list(dict.fromkeys(item.name for item in artifacts)),
        list(dict.fromkeys(kind.name for kind in kinds)),
        frozenset(kind.name.removesuffix("s") for kind in kinds if kind.name not in new),
        body.user_instructions or (),
        artifact_id=body.artifact_id,
        draft_id=body.draft_id,
        save=body.save or any(item.operation == "save" for item in artifacts),
        run_id=body.run_id,
        group_id=body.group_id,
    )

    async def save(made: Mapping[str, Any]) -> str:
        return str((await asker.ask("attempt.chat_draft", made))["draft_id"])

    def send(artifact: str, stage: str, payload: Mapping[str, Any]) -> None:
        asker.send(f"{artifact}_generation_{stage}", payload)

    run = await asker.service.practice.writing.begin(asker.user.id, wanted, send, save)
    return {"group_id": run.group_id, "run_id": run.run_id, "success": True}
