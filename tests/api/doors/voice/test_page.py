"""The page of the voice websocket says what the messages are, and its two clients hold calls as they stand on it."""

import ast
import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from api.doors.reference import renewed
from api.doors.voice.examples import CLIENT, ERRORS, PONG, READY, SERVER
from api.doors.voice.messages import ClientMessage, parse
from api.doors.voice.page import parts
from models import errors as models_errors
from pipeline import errors as pipeline_errors
from pipeline.conversation.events import NothingSaid, ReplyStalled, SessionEvent, ToolsCalled
from tests.service import WAIT_S, RunningService
from tests.voice.sound import recording
from voice import errors as voice_errors

ROOT = Path(__file__).parents[4]
PAGE = ROOT / "docs" / "voice-websocket.md"
TEXT = PAGE.read_text("utf-8")
LINE, WORDS = "rms/turns/13", "can you repeat that please"

NEVER_TOLD = {
    "voice_error": "a base",
    "pipeline_error": "a base",
    "model_error": "a base",
    "cancelled": "nobody is left to tell",
    "not_owner": "told as not_found, so that nobody learns whose chats there are",
    "invalid": "calls write nothing that a client chose",
    "conflict": "calls write nothing that a client chose",
    "too_large": "calls write nothing that a client chose",
    "moved": "the call ends with restarting, and goes on in another process",
    "store_unavailable": "the service does not start",
    "invalid_pack": "the service does not start",
    "embedding_failed": "a search goes on by words",
    "unsupported_model": "told by requests that translate, of which a call is none",
    "too_many": "told by sockets and requests, of which a call is none",
}


# ------------------------------------------------------------------- the page


def test_the_tables_are_those_of_the_classes() -> None:
    assert renewed(TEXT, parts()) == TEXT, "run: python -m api.doors.voice.page docs/voice-websocket.md"


def test_every_message_of_a_client_has_an_example_that_parses() -> None:
    parsed = [parse(json.dumps(message)) for message in CLIENT]
    assert {type(message) for message in parsed} == set(get_args(ClientMessage))


def test_every_field_of_a_client_s_message_is_explained() -> None:
    mute = [
        f"{kind.__name__}.{name}"
        for kind in get_args(ClientMessage)
        for name, field in kind.model_fields.items()
        if name != "type" and not field.description
    ]
    assert mute == [], "give these fields a description"
    assert all(kind.__doc__ for kind in get_args(ClientMessage)), "say in a docstring what the message is for"


def test_every_event_of_a_call_has_an_example_and_all_its_fields_are_explained() -> None:
    shown = {type(shown.example) for shown in SERVER if not isinstance(shown.example, dict)}
    assert shown == set(get_args(SessionEvent)) - {ToolsCalled, NothingSaid, ReplyStalled}, (
        "put the event into SERVER of api/doors/voice/examples.py"
    )
    for one in SERVER:
        assert set(one.message) - {"type"} == set(one.fields), one.message["type"]


def test_every_block_of_json_on_the_page_is_a_message() -> None:
    blocks = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)]
    assert blocks == [
        *(message for kind in get_args(ClientMessage) for message in CLIENT if _is(kind, message)),
        *(shown.message for shown in SERVER),
    ]


def _is(kind: type, message: dict[str, Any]) -> bool:
    return isinstance(parse(json.dumps(message)), kind)


def test_what_the_service_really_sends_first_is_on_the_page(service: RunningService) -> None:
    async def story() -> None:
        async with service.call(service.chat()) as client:
            await client.send("ping")
            assert _shape(client.ready) == _shape(READY.message)
            assert await client.until("pong") == PONG.message
            await client.hang_up()

    asyncio.run(story())


def _shape(value: Any) -> Any:
    return {name: _shape(inner) for name, inner in value.items()} if isinstance(value, dict) else type(value)


def test_every_code_in_the_sources_of_a_call_is_on_the_page() -> None:
    listed = {error.code for error in ERRORS}
    assert set(_codes_in_sources()) <= listed | NEVER_TOLD.keys()
    assert not listed & NEVER_TOLD.keys()
    for module in (models_errors, pipeline_errors, voice_errors):
        codes = {kind.code for kind in vars(module).values() if isinstance(kind, type) and hasattr(kind, "code")}
        assert codes <= listed | NEVER_TOLD.keys()


def _codes_in_sources() -> Iterator[str]:
    """The literals that are given to errors and problems as their code."""
    for folder in ("api/doors/voice", "api/doors/line", "pipeline/call", "pipeline/hearing", "pipeline/speaking"):
        for path in (ROOT / folder).rglob("*.py"):
            if path.name == "examples.py":
                continue
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                match node:
                    case ast.Call(ast.Name("Problem" | "Refused" | "ProtocolError"), [code, *_]):
                        yield from _texts(code)
                    case ast.Call(ast.Attribute(attr="_problem" | "_report"), [code, *_]):
                        yield from _texts(code)
                    case ast.Assign([ast.Name("code")], value):
                        yield from _texts(value)


def _texts(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Constant(str(text)):
            yield text
        case ast.IfExp(_, body, orelse):
            yield from _texts(body)
            yield from _texts(orelse)


def test_the_codes_that_close_are_those_of_a_running_service(service: RunningService) -> None:
    """Before the call is open every error closes; these are the ones that a client can bring about."""

    async def story(first: dict[str, Any] | bytes, user: str | None) -> tuple[str, int]:
        async with service.connection(user) as client:
            await client.raw(first if isinstance(first, bytes) else json.dumps(first))
            return (await client.until("error"))["code"], await client.until_closed()

    closes = {error.code: error.closes for error in ERRORS}
    for first, user in (
        (bytes(640), "ada"),
        ({"type": "chat_voice", "chat_id": "c"}, None),
        ({"type": "chat_voice", "chat_id": "c"}, "ada"),
        ({"type": "chat_voice", "chat_id": "c", "input": {"rate": 5}}, "ada"),
    ):
        code, closed = asyncio.run(story(first, user))
        assert closed == (closes[code] or 1008)


# ---------------------------------------------------------------- the clients


def client_of(page: str, language: str, name: str) -> str:
    """The client as it stands on the page."""
    (source,) = re.findall(rf'```{language} title="{re.escape(name)}"\n(.*?)```', page, re.DOTALL)
    return str(source)


@pytest.fixture
def question(tmp_path: Path) -> Path:
    """A packaged recording as the clients read it."""
    path = tmp_path / "question.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(recording(LINE).astype("<i2").tobytes())
    return path


class Tunnel:
    """A proxy between a client and the service that loses its first voice websocket in the middle of a reply.

    Attributes:
        calls: voice websockets that were asked for.
        lost: how many of them were lost.
    """

    LOSES_AFTER = 100_000

    def __init__(self, url: str) -> None:
        self._port = int(url.rpartition(":")[2])
        self.calls = 0
        self.lost = 0

    async def __aenter__(self) -> str:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _carry(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        service, to_service = await asyncio.open_connection("127.0.0.1", self._port)
        ways = [asyncio.create_task(self._up(client, to_service)), asyncio.create_task(self._down(service, to_client))]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        to_client.close()
        to_service.transport.abort()

    async def _up(self, client: asyncio.StreamReader, to_service: asyncio.StreamWriter) -> None:
        while data := await client.read(65_536):
            self.calls += b"GET /attempt/chat_voice" in data
            to_service.write(data)
            await to_service.drain()

    async def _down(self, service: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        carried = 0
        while data := await service.read(65_536):
            carried += len(data)
            if carried > self.LOSES_AFTER and not self.lost:
                self.lost += 1
                to_client.transport.abort()
                return
            to_client.write(data)
            await to_client.drain()


def run_client(service: RunningService, command: list[str], *more: str) -> tuple[str, Tunnel]:
    """Run a client against the service through the tunnel; returns what it printed."""
    tunnel = Tunnel(service.url)
    token = service.headers()["Authorization"].removeprefix("Bearer ")
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}

    async def story() -> str:
        async with tunnel as url:
            client = await asyncio.create_subprocess_exec(
                *command, url, token, *more, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            )
            try:
                async with asyncio.timeout(WAIT_S):
                    output, _ = await client.communicate()
            finally:
                if client.returncode is None:
                    client.kill()
                    await client.wait()
            assert client.returncode == 0, output.decode()
            return output.decode()

    return asyncio.run(story()), tunnel


def spoken(output: str) -> tuple[str, str]:
    """What the client printed of both sides."""
    said = re.search(r"^You: (.*)$", output, re.MULTILINE)
    answered = re.search(r"^Persona: (.*)$", output, re.MULTILINE)
    assert said is not None, output
    assert answered is not None, output
    return said[1], answered[1]


@pytest.mark.slow
def test_the_client_in_python_holds_a_call_and_resumes_it(
    service: RunningService, tmp_path: Path, question: Path
) -> None:
    program, answer = tmp_path / "client.py", tmp_path / "answer.wav"
    program.write_text(client_of(TEXT, "python", "client.py"))
    output, tunnel = run_client(service, [sys.executable, str(program)], str(question), str(answer))
    said, answered = spoken(output)
    assert said == WORDS
    assert answered
    assert (tunnel.lost, tunnel.calls) == (1, 2), "it resumed the call that was lost on the way"
    with wave.open(str(answer), "rb") as file:
        heard = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    assert len(heard) > Tunnel.LOSES_AFTER // 2
    assert np.abs(heard.astype(int)).max() > 3_000


@pytest.mark.slow
def test_the_client_in_javascript_holds_a_call_and_resumes_it(
    service: RunningService, tmp_path: Path, question: Path
) -> None:
    node = _node()
    program = tmp_path / "client.mjs"
    program.write_text(client_of(TEXT, "js", "client.mjs"))
    output, tunnel = run_client(service, [*node, str(program)], str(question))
    said, answered = spoken(output)
    assert said == WORDS
    assert answered
    assert (tunnel.lost, tunnel.calls) == (1, 2), "it resumed the call that was lost on the way"


def _node() -> list[str]:
    """How to run Node with a websocket."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no node on this machine")
    shown = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    version = tuple(int(part) for part in shown.strip().removeprefix("v").split(".")[:2])
    if version < (20, 10):
        pytest.skip(f"node {shown.strip()} has no websocket")
    return [node] if version >= (22, 0) else [node, "--experimental-websocket", "--no-warnings"]
