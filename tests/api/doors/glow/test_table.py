"""One table: a row more is a route, an event, a post of Socket V5 and a command, with no other place to touch."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from inspect import iscoroutinefunction
from typing import Any

import pytest
from pydantic import AliasChoices
from typer.testing import CliRunner

from api.cli.attempts import commands
from api.doors.glow.operation import Command, EventRow, Field, Operation
from api.doors.glow.operations.shapes import Body, ChatId, Reply, WriteBody, WriteReply
from api.doors.glow.table import ATTEMPTS, CHATS, OPERATIONS
from api.service import Service
from models.records.core import User
from tests.service import TOKENS, RunningService, http, unhearing
from tests.socket_client import socket_of


class ChatCountBody(WriteBody):
    chat_id: ChatId
    least: int = 0


class ChatCountReply(WriteReply):
    chat_id: str
    messages: int


async def chat_count(service: Service, user: User, body: ChatCountBody) -> ChatCountReply:
    """Count what was said in a chat."""
    chat = await service.practice.own.find(user.id, body.chat_id)
    found = len(await service.store.messages(chat.id))
    return ChatCountReply(chat_id=chat.id, messages=max(found, body.least))


TABLE = (
    *OPERATIONS,
    Operation(
        "chat_count",
        chat_count,
        command=Command(
            "Count what was said.",
            (Field("chat_id", "The chat."), Field("least", "At the least.", int, "--least")),
        ),
        events=(EventRow(v5=True, order="chat", kind="count"),),
    ),
)


@pytest.fixture(scope="module")
def counting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service with one operation more."""
    with unhearing(tmp_path_factory.mktemp("counting"), operations=TABLE) as started:
        yield started


def counted(chat: str, messages: int = 0) -> dict[str, Any]:
    return {"idempotency_key": None, "chat_id": chat, "messages": messages}


def test_it_is_a_route(counting: RunningService) -> None:
    chat = counting.chat()
    answer = counting.post("/attempt/chat_count", {"chat_entry_id": chat})
    assert answer.json() == counted(chat)
    assert counting.post("/attempt/chat_count", {"chat_id": chat, "least": "many"}).status_code == 422
    document = http.get(f"{counting.url}/openapi.json").json()["paths"]["/attempt/chat_count"]["post"]
    assert document["summary"] == "Count what was said in a chat"


def test_it_has_keys_and_can_be_staged(counting: RunningService) -> None:
    chat = counting.chat()
    body = {"chat_id": chat, "idempotency_key": "count-once"}
    first = counting.post("/attempt/chat_count", body).json()
    assert (
        counting.post("/attempt/chat_message", {"chat_id": chat, "text": "Hi.", "generate": False}).status_code == 200
    )
    assert (
        counting.post("/attempt/chat_count", body).json() == first == counted(chat) | {"idempotency_key": "count-once"}
    )
    assert counting.post("/attempt/chat_count", body | {"least": 2}).status_code == 409
    assert counting.post("/attempt/chat_count", {"chat_id": chat, "least": 5, "soft": True}).json()["pending"]
    assert counting.post("/attempt/chat_count", {"chat_id": chat, "accept": True}).json() == counted(chat, 5)


@pytest.mark.parametrize("name", ["attempt_chat_count", "attempt.chat_count", "attempt.chat.count"])
def test_it_is_an_event(counting: RunningService, name: str) -> None:
    async def story() -> None:
        chat = counting.chat()
        async with socket_of(counting, operations=TABLE) as socket:
            assert await socket.ask(name, chat_id=chat, least=2) == counted(chat, 2)
            assert (await socket.until("attempt.chat_count.started"))["least"] == 2
            assert (await socket.until("attempt.chat_count.completed"))["messages"] == 2
            refused = await socket.ask(name, chat_id="nowhere")
            told = await socket.until("attempt_error")
            assert (told["type"], told["message"]) == ("count", refused["error"])

    asyncio.run(story())


def test_it_is_a_post_of_socket_v5(counting: RunningService) -> None:
    chat = counting.chat()
    answer = counting.post("/socket/v5/client/attempt/chat_count", {"chat_id": chat})
    assert answer.json() == {"success": True, **counted(chat)}


def test_it_is_a_command(counting: RunningService) -> None:
    chat = counting.chat()
    app, options = commands(TABLE), ["--url", counting.url, "--token", TOKENS["ada"], "--json"]
    ran = CliRunner().invoke(app, ["chat", "count", chat, "--least", "3", *options])
    assert json.loads(ran.output) == counted(chat, 3)
    assert "Count what was said." in CliRunner().invoke(app, ["chat", "--help"]).output


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.key)
def test_every_row_names_a_function_and_its_shapes(operation: Operation) -> None:
    assert iscoroutinefunction(operation.function)
    assert issubclass(operation.body, Body)
    assert issubclass(operation.reply, Reply)
    assert operation.function.__doc__
    typed = {field.name for field in operation.command.fields} if operation.command else set()
    assert typed <= taken(operation.body), "what is typed is a field of the body"


def taken(body: type[Body]) -> set[str]:
    """Every name that a body's fields go by."""
    aliases = {name: field.validation_alias for name, field in body.model_fields.items()}
    return {
        str(known)
        for name, alias in aliases.items()
        for known in (alias.choices if isinstance(alias, AliasChoices) else [alias or name])
    }


def test_no_two_rows_are_one_operation_and_only_attempts_are_typed() -> None:
    assert len({operation.key for operation in OPERATIONS}) == len(OPERATIONS)
    assert all(operation.command is None for operation in set(OPERATIONS) - {*ATTEMPTS, *CHATS})


def test_help_loads_no_service() -> None:
    script = (
        "import sys; from typer.main import get_command; from api.cli.main import app; get_command(app)\n"
        "heavy = {'fastapi', 'pydantic', 'sqlalchemy', 'numpy', 'socketio', 'api.service'}\n"
        "print(*sorted(heavy & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout.strip(), ran.stderr) == (0, "", "")
