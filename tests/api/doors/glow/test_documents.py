"""The Glow chat document's own curl lines, verbatim, run by curl against the real service."""

import json
import os
import re
import subprocess

import pytest

from tests.service import TOKENS, RunningService

# As they stand in the public page; only the ids in them are put in place of the page's placeholders.
CURLS = {
    "get": r"""curl -X POST $GLOW_INSTANCE_URL/attempt/chat_get \
-H "Content-Type: application/json" \
-H "Authorization: Bearer $GLOW_TOKEN" \
-d '{
"chat_entry_id": "your-chat-entry-uuid",
"attempt_id": "parent-attempt-uuid"
}'""",
    "export": r"""curl -X POST $GLOW_INSTANCE_URL/attempt/chat_export \
-H "Content-Type: application/json" \
-H "Authorization: Bearer $GLOW_TOKEN" \
-d '{
"chat_entry_id": "your-chat-entry-uuid",
"attempt_id": "parent-attempt-uuid"
}'""",
    "filters": r"""curl -X POST $GLOW_INSTANCE_URL/attempt/chat_get \
-H "Content-Type: application/json" \
-H "Authorization: Bearer $GLOW_TOKEN" \
-d '{
"chat_entry_id": "your-chat-entry-uuid",
"persona_search": "confused",
"document_search": "FERPA",
"persona_show_selected": true,
"document_show_selected": false
}'""",
    "draft": r"""curl -X POST $GLOW_INSTANCE_URL/attempt/chat_draft \
-H "Content-Type: application/json" \
-H "Authorization: Bearer $GLOW_TOKEN" \
-d '{
"name": "Custom FERPA Chat",
"description": "Modified chat with additional documents",
"persona_ids": ["concerned-student-uuid"],
"document_ids": ["ferpa-policy-uuid", "supplemental-guide-uuid"]
}'""",
    "drafts": r"""curl -X POST $GLOW_INSTANCE_URL/attempt/chat_drafts \
-H "Content-Type: application/json" \
-H "Authorization: Bearer $GLOW_TOKEN\"""",
}


@pytest.fixture(scope="module")
def ids(service: RunningService) -> dict[str, str]:
    started = service.post("/attempt/start", {"practice_id": service.practice()}).json()
    said = {"chat_id": started["chat_id"], "text": "Good morning.", "generate": False}
    assert service.post("/attempt/chat_message", said).status_code == 200
    personas = service.post("/persona/search", {}).json()["personas"]
    papers = service.post("/document/search", {}).json()["documents"]
    return {
        "your-chat-entry-uuid": started["chat_id"],
        "parent-attempt-uuid": started["attempt_id"],
        "concerned-student-uuid": personas[0]["persona_id"],
        "ferpa-policy-uuid": papers[0]["document_id"],
        "supplemental-guide-uuid": papers[1]["document_id"],
    }


@pytest.mark.parametrize("name", CURLS)
def test_the_documents_lines_work_as_they_stand(service: RunningService, ids: dict[str, str], name: str) -> None:
    line = CURLS[name].replace('TOKEN\\"', 'TOKEN"')
    for placeholder, own in ids.items():
        line = line.replace(placeholder, own)
    line = re.sub(r"^curl ", "curl --silent --show-error --fail-with-body ", line)
    environment = {**os.environ, "GLOW_INSTANCE_URL": service.url, "GLOW_TOKEN": TOKENS["ada"], "NO_PROXY": "*"}
    done = subprocess.run(["bash", "-c", line], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    answer = json.loads(done.stdout)
    if name == "get":
        assert answer["attempt_id"] == ids["parent-attempt-uuid"]
        assert [message["contents"][0]["content"] for message in answer["messages"]] == ["Good morning."]
    elif name == "export":
        assert (answer["row_count"], answer["mime_type"]) == (1, "text/csv")
        assert answer["content"].splitlines()[1].split(",")[1:4] == ["query", "ada", "Good morning."]
    elif name == "filters":
        assert answer["personas"] == []
        assert "FERPA in one page" in [document["name"] for document in answer["documents"]]
    elif name == "draft":
        assert answer["success"]
        assert answer["form_state"]["name"] == "Custom FERPA Chat"
        assert answer["form_state"]["document_ids"] == [ids["ferpa-policy-uuid"], ids["supplemental-guide-uuid"]]
    else:
        assert {"id", "version", "created_at"} <= set(answer["entries"][0])
