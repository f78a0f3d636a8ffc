"""The README keeps its word: its websocket example runs as it stands."""

import asyncio
import json
import re
import textwrap
from pathlib import Path
from typing import Any

import pytest
import websockets
from websockets.asyncio.server import ServerConnection, serve

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    *sorted({*ROOT.glob("[A-Z]*.md")} - {ROOT / "README.md"}),
    *sorted((ROOT / "docs").rglob("*.md")),
]
README = PAGES[0].read_text(encoding="utf-8")


def test_the_websocket_in_ten_lines_of_python() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(example.splitlines()) == 10
    source = f"async def example(url, token, chat_id, frames, reply):\n{textwrap.indent(example, '    ')}"
    names: dict[str, Any] = {"json": json, "websockets": websockets}
    exec(compile(source, "README.md", "exec"), names)
    reply, frames = bytearray(), [bytes([number]) * 640 for number in range(3)]

    async def service(connection: ServerConnection) -> None:
        assert connection.request is not None
        assert connection.request.path == "/attempt/chat_voice"
        assert connection.request.headers["Authorization"] == "Bearer secret"
        assert json.loads(await connection.recv()) == {"type": "chat_voice", "chat_id": "c1"}
        for frame in [*frames, *[bytes(640)] * 50]:
            assert await connection.recv() == frame
        announced = {"type": "reply.audio", "turn": 1, "seq": 0, "at_ms": 0, "duration_ms": 20, "text": "yes"}
        await connection.send(json.dumps(announced))
        await connection.send(b"\1" * 960)
        await connection.send(json.dumps({"type": "reply.ended", "turn": 1}))

    async def story() -> None:
        async with serve(service, "127.0.0.1", 0) as server:
            url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            await names["example"](url, "secret", "c1", frames, reply)

    asyncio.run(story())
    assert reply == b"\1" * 960


def test_the_two_commands_come_first() -> None:
    commands = re.search(r"```sh\n(.*?)```", README, re.DOTALL)
    assert commands is not None
    assert [line.split()[:2] for line in commands[1].splitlines()] == [["make", "demo"], ["make", "test"]]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_file_finds_it(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#\s]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_page_that_the_sources_cite_is_there() -> None:
    sources = [path for room in ("api", "pipeline", "voice", "models", "tests") for path in (ROOT / room).rglob("*.py")]
    cited = {page for path in sources for page in re.findall(r"docs/[\w-]+\.md", path.read_text("utf-8"))}
    assert {"docs/voice-websocket.md", "docs/socketio.md"} <= cited
    assert [page for page in sorted(cited) if not (ROOT / page).exists()] == []
