"""Glean's `listchats` when there are more chats than one answer holds."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from api.doors.glean import chats
from tests.api.doors.glean.test_glean import WARRANTY, call, chat
from tests.service import unhearing


def token_of(place: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


def test_a_cursor_leads_through_all_chats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chats, "PAGE_SIZE", 2)
    with unhearing(tmp_path) as service:
        kept = [chat(service, WARRANTY, saveChat=True)["chatId"] for _ in range(4)]
        theirs = call(service, "listchats", of="bob").json()
        first = call(service, "listchats").json()
        second = call(service, "listchats", {"cursor": first["cursor"]}).json()
        last = call(service, "getchat", {"id": kept[0]}).json()["chatResult"]["chat"]
        of_bob = call(service, "listchats", {"cursor": first["cursor"]}, "bob").json()
    assert theirs == of_bob == {"chatResults": []}, "a cursor shows nobody else's chats"
    listed = [item["chat"] for page in (first, second) for item in page["chatResults"]]
    assert [item["id"] for item in listed] == kept[::-1]
    assert listed[-1]["createTime"] == last["createTime"]
    assert "cursor" not in second, "that was all"


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "nonsense",
        "é",
        7,
        ["a"],
        token_of([]),
        token_of(["yesterday", "id"]),
        token_of([3, "id"]),
        token_of(["0001-01-01T00:00:00+23:59", "id"]),
        token_of("ab"),
    ],
)
def test_a_cursor_that_is_none_is_refused(service: Any, cursor: Any) -> None:
    answer = call(service, "listchats", {"cursor": cursor})
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text.startswith("Invalid request: cursor is not one of listchats")
