"""The page of the events says what they are: its tables, its example, and every name in the sources."""

import ast
import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from api.doors.glow.socketio.page import EVENTS, V5, acknowledgement, parts
from api.doors.glow.socketio.server_events import BY_NAME, FAMILIES, FIELDS, STAGES, undocumented
from api.doors.glow.socketio.table import names_of
from api.doors.glow.table import OPERATIONS
from api.doors.reference import renewed
from tests.service import RunningService
from tests.socket_client import socket_of

ROOT = Path(__file__).parents[5]
PAGE = ROOT / "docs" / "socketio.md"
TEXT = PAGE.read_text("utf-8")

SERVER_EVENT = re.compile(r"(attempt|test|connection)_[a-z_]+|attempt\.[a-z_]+\.[a-z_.]+")

CLIENT_EVENTS = {other for name in EVENTS.by_name for other in names_of(name)}
"""Every name of every event that a client sends."""

OPERATION_KEYS = {operation.key for operation in OPERATIONS}

NO_PUBLISHING = {"AliasChoices", "Event", "Operation", "_of", "_of_test", "carry_out", "getattr"}
"""Calls whose texts are names of fields or of what a client sends."""


def test_the_tables_are_those_of_the_code() -> None:
    assert renewed(TEXT, parts()) == TEXT, "run: python -m api.doors.glow.socketio.page docs/socketio.md"


def test_every_event_of_a_client_is_on_the_page() -> None:
    for name in EVENTS.by_name:
        assert f"### `{name}`" in TEXT or f"| `{name}` |" in TEXT or f"`{name}`" in parts()["frames"]


def test_every_field_of_the_v5_events_is_explained() -> None:
    for name in V5:
        section = TEXT.partition(f"### `{name}`\n")[2].partition("\n#")[0]
        assert not re.findall(r"\|  \|$", section, re.MULTILINE), name


def test_every_field_that_an_event_carries_is_explained_and_nothing_else() -> None:
    carried = {field for event in BY_NAME.values() for field in event.possible}
    assert carried <= FIELDS.keys()
    taken = {field for name in V5 for field in EVENTS.by_name[name].body.model_fields}
    other_names = {"test_invocation_id"}
    assert FIELDS.keys() <= carried | taken | other_names


def test_every_event_that_the_sources_publish_is_on_the_page() -> None:
    published = set(_published())
    assert len(published) > 40
    assert published <= BY_NAME.keys(), "write it down in api/doors/glow/socketio/server_events.py"
    generated = {name for name in BY_NAME if name.startswith("chat_generation_")}
    asked_too = BY_NAME.keys() & CLIENT_EVENTS
    assert BY_NAME.keys() - generated - asked_too <= published, "nobody publishes this any more"
    for name in BY_NAME:
        assert f"| `{name}` |" in TEXT


def _published() -> Iterator[str]:
    """Names of events that stand in a call as text."""
    for folder in ("api/doors/glow", "pipeline/chats", "pipeline/practice", "pipeline/call"):
        for path in (ROOT / folder).rglob("*.py"):
            if path.name == "server_events.py":
                continue
            for call in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(call, ast.Call) and _callee(call) not in NO_PUBLISHING:
                    yield from (text for text in _texts(call) if SERVER_EVENT.fullmatch(text))


def _callee(call: ast.Call) -> str:
    match call.func:
        case ast.Name(name) | ast.Attribute(attr=name):
            return name
    return ""


def _texts(call: ast.Call) -> Iterator[str]:
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    # A name and its payload may stand together, as what is told of a failure.
    inner = [part for one in given for part in (one.elts if isinstance(one, ast.Tuple) else [one])]
    for one in inner:
        if isinstance(one, ast.Constant) and isinstance(one.value, str):
            known_otherwise = one.value in CLIENT_EVENTS or one.value in OPERATION_KEYS
            if not known_otherwise and one.value not in FIELDS:
                yield one.value


def test_what_is_not_as_it_is_written_down_is_found() -> None:
    joined = {"chat_id": "c", "success": True}
    assert list(undocumented("attempt_joined", joined)) == []
    assert list(undocumented("attempt_joined", {**joined, "new": 1})) == ["attempt_joined has the field new"]
    assert list(undocumented("attempt_joined", {"success": True})) == ["attempt_joined lacks the field chat_id"]
    failed = {"run_id": None, "group_id": None, "success": False, "message": "No."}
    assert list(undocumented("rocket_generation_error", failed)) == []
    assert list(undocumented("attempt_sang", {})) == ["the event attempt_sang is not written down"]
    assert list(undocumented("attempt.chat_grade.completed", {"call_id": "c", "score": 5})) == []
    assert list(undocumented("attempt.chat_grade.sang", {"call_id": "c"})) != []


def test_events_are_acknowledged_as_the_page_says(service: RunningService) -> None:
    async def story() -> None:
        async with socket_of(service) as socket:

            async def ask(event: str, **fields: object) -> dict[str, object]:
                answer = await socket.ask(event, **fields)
                assert answer.keys() - {"idempotency_key"} == set(acknowledgement(event)), event
                return answer

            started = await ask("attempt_start", practice_id=service.practice("All three desks"))
            attempt, chat = started["attempt_id"], started["chat_id"]
            await ask("attempt_join", chat_id=chat)
            await ask("attempt_message", attempt_id=attempt, chat_id=chat, message="Hello.", generate=False)
            await ask("attempt_audio_start", chat_id=chat)
            await ask("attempt_audio_mute", chat_id=chat, muted=True)
            await ask("attempt_audio_stop", chat_id=chat)
            await ask("attempt_stop", chat_id=chat)
            await ask("attempt_grade", attempt_id=attempt, chat_id=chat)
            await ask("attempt_end", attempt_id=attempt, chat_id=chat)
            await ask("attempt_next", attempt_id=attempt)
            await ask("attempt_end_all", attempt_id=attempt)
            await ask("attempt_leave", chat_id=chat)
            await ask("generate", artifact_types=[{"name": "chat"}], resource_types=["names"])
            await socket.until("chat_generation_complete")

    asyncio.run(story())


def test_the_stages_of_an_operation_are_on_the_page() -> None:
    for stage in STAGES:
        assert f"| `attempt.chat_grade.{stage}` |" in TEXT
    assert set(FAMILIES) == {title for title in re.findall(r"^### (.*)$", TEXT, re.MULTILINE) if title in FAMILIES}


def test_every_block_of_json_on_the_page_is_a_payload() -> None:
    for name, block in re.findall(r"### `(\w+)`\n(?:(?!###).)*?```json\n(.*?)```", TEXT, re.DOTALL):
        EVENTS.by_name[name].body.model_validate(json.loads(block))


def test_the_example_runs(service: RunningService, tmp_path: Path) -> None:
    (source,) = re.findall(r'```python title="listen.py"\n(.*?)```', TEXT, re.DOTALL)
    (tmp_path / "listen.py").write_text(source)
    token = service.headers()["Authorization"].removeprefix("Bearer ")
    ran = subprocess.run(
        [sys.executable, str(tmp_path / "listen.py"), service.url, token, service.practice("The worried parent")],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
        env={name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
    )
    assert ran.returncode == 0, ran.stderr
    texts = ran.stdout.splitlines()
    assert texts[-1].startswith("Finally, a human being.")
    assert all(longer.startswith(shorter) for shorter, longer in pairwise(texts))
