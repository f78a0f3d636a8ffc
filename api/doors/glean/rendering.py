"""Rendering of Glean's objects."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from models.records.core import User
from models.records.external import ChatFile, ExternalChat, ExternalMessage
from pipeline.grounded.prose import quoted

DEFAULT_AGENT = {"agent": "DEFAULT", "mode": "DEFAULT"}


def seconds(time: datetime) -> int:
    """Render a time as the interface does: in whole seconds."""
    return int(time.timestamp())


def citation(source: Mapping[str, Any], answer: str) -> dict[str, Any]:
    """Render a source as a citation, with the ranges of the answer that quote it, if any."""
    ranges: list[dict[str, Any]] = [
        {"textRange": {"startIndex": start, "endIndex": end}, "snippets": [{"text": answer[start:end]}]}
        for start, end in quoted(str(source["snippet"]), answer)
    ]
    ranges = ranges or [{"snippets": [{"text": source["snippet"]}]}]
    if source["datasource"] == "upload":
        return {"sourceFile": {"id": source["id"], "name": source["title"]}, "referenceRanges": ranges}
    document = {"id": source["id"], "title": source["title"], "datasource": source["datasource"]}
    if source["url"]:
        document["url"] = source["url"]
    return {"sourceDocument": document, "referenceRanges": ranges}


def fragments(text: str, sources: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Render an answer's fragments: its text first, then its citations."""
    return [{"text": text}, *({"citation": citation(source, text)} for source in sources)]


def answer(parts: list[dict[str, Any]], agent: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """Render a message of Glean's."""
    return {
        "author": "GLEAN_AI",
        "messageType": "CONTENT",
        "hasMoreFragments": False,
        "agentConfig": dict(agent),
        "fragments": parts,
        **more,
    }


def kept_message(item: ExternalMessage) -> dict[str, Any]:
    """Render a message of a stored chat."""
    common = {"messageId": item.id, "ts": item.created_at.isoformat()}
    if item.role == "user":
        message = {"author": "USER", "messageType": "CONTENT", "fragments": [{"text": item.text}], **common}
        return message | ({"uploadedFileIds": item.data["files"]} if item.data.get("files") else {})
    agent = item.data.get("agentConfig", DEFAULT_AGENT)
    return answer(fragments(item.text, item.data.get("sources", ())), agent, **common)


def chat(item: ExternalChat, user: User) -> dict[str, Any]:
    """Render a chat, without its messages."""
    found = {
        "id": item.id,
        "name": item.title,
        "createTime": seconds(item.created_at),
        "updateTime": seconds(item.updated_at),
        "createdBy": {"name": user.name, "obfuscatedId": user.id},
    }
    return found | ({"applicationId": item.subject_id} if item.subject_id else {})


def file(item: ChatFile) -> dict[str, Any]:
    """Render a file, and whether it could be read."""
    metadata = {
        "status": "FAILED" if item.failure else "PROCESSED",
        "uploadTime": seconds(item.created_at),
        "processedSize": len(item.text.encode()),
        "mimeType": item.mime_type,
    }
    if item.failure:
        metadata["failureReason"] = item.failure
    return {"id": item.id, "name": item.name, "metadata": metadata}
