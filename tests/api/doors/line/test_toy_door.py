"""A door of one's own on the Line: a raw TCP stream, in fewer than a hundred lines and without one private name."""

import ast
import asyncio
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pytest

from api.service import running_service
from api.settings import Settings
from pipeline.call.call import Call
from tests.service import WAIT_S, Int16, quiet
from tests.voice.sound import recording

REPOSITORY = Path(__file__).parents[4]
EXAMPLE = REPOSITORY / "examples" / "toy-door" / "toy_door.py"
SETTINGS = {"stt": "fixed:0", "tts": "espeak", "llm": "scripted", "stt_process": False, "log_level": "warning"}
SPEECH = recording("slt/records-office/07")
LEAST = 24_000 * 2 // 5
"""Bytes of 200 ms of the persona."""


class Caller:
    """Somebody at the far end of the stream."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def say(self, samples: Int16) -> None:
        """Send 16 kHz samples, 20 ms in a message, as fast as they are taken."""
        for start in range(0, len(samples), 320):
            await self.send(samples[start : start + 320].astype("<i2").tobytes())

    async def send(self, message: bytes) -> None:
        """Send any message."""
        self._writer.write(len(message).to_bytes(4, "big") + message)
        await self._writer.drain()

    async def receive(self) -> bytes | None:
        """The next message; None at the end."""
        try:
            size = int.from_bytes(await self._reader.readexactly(4), "big")
        except asyncio.IncompleteReadError:
            return None
        return await self._reader.readexactly(size)

    async def hear(self) -> None:
        """Listen until the persona has spoken for a while."""
        heard = 0
        while heard < LEAST:
            message = await self.receive()
            assert message is not None, "the call ended"
            heard += len(message)

    async def until_cleared(self) -> None:
        """Listen until the persona is interrupted."""
        while (message := await self.receive()) != b"":
            assert message is not None, "the call ended"

    async def until_closed(self) -> None:
        """Listen until the door closes."""
        while await self.receive() is not None:
            pass


@asynccontextmanager
async def calling(port: int) -> AsyncIterator[Caller]:
    """A connection to the door."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(WAIT_S):
            yield Caller(reader, writer)
    finally:
        writer.close()


async def whole_call(port: int) -> None:
    """Be greeted, interrupt the greeting, be answered, hang up."""
    async with calling(port) as caller:
        await caller.hear()
        await caller.say(SPEECH)
        await caller.until_cleared()
        await caller.say(quiet(1_500))
        await caller.hear()
        await caller.send(b"")
        await caller.until_closed()


def example() -> Any:
    """The example program as a module."""
    spec = importlib.util.spec_from_file_location("toy_door", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_holds_a_whole_call_with_an_interruption(tmp_path: Path) -> None:
    async def story() -> None:
        settings = Settings(_env_file=None, data_dir=tmp_path, **SETTINGS)  # type: ignore[call-arg, arg-type]
        calls: list[Call] = []
        async with running_service(settings) as service, await example().open_door(service, 0) as door:
            service.calls.when_opened(calls.append)
            await whole_call(door.sockets[0].getsockname()[1])
            (call,) = calls
            await call.session.finished()
            assert call.user_id == (await service.store.user_by_name("toy:127.0.0.1")).id
            greeting, said, answer = await service.store.messages(call.session.conversation.chat_id)
            assert (greeting.role, greeting.interrupted) == ("assistant", True)
            assert (greeting.full_text or "").startswith(greeting.text)
            assert (said.role, answer.role) == ("user", "assistant")

    asyncio.run(story())


def test_a_caller_who_goes_without_a_word_leaves_a_call_that_waits(tmp_path: Path) -> None:
    async def story() -> None:
        settings = Settings(_env_file=None, data_dir=tmp_path, resume_s=0.05, **SETTINGS)  # type: ignore[call-arg, arg-type]
        calls: list[Call] = []
        async with running_service(settings) as service, await example().open_door(service, 0) as door:
            service.calls.when_opened(calls.append)
            async with calling(door.sockets[0].getsockname()[1]) as caller:
                await caller.hear()
            await calls[0].session.finished()
            assert not calls[0].attended

    asyncio.run(story())


def test_it_needs_fewer_than_a_hundred_lines_and_no_private_name() -> None:
    source = EXAMPLE.read_text()
    assert len(source.splitlines()) < 100
    named = [node.attr for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Attribute)]
    imported = [
        alias.name for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom) for alias in node.names
    ]
    assert not [name for name in (*named, *imported) if name.startswith("_")]


# ------------------------------------------------------- outside the repository


@pytest.mark.slow
def test_a_program_outside_the_repository_runs_it_on_the_installed_wheel(tmp_path: Path) -> None:
    python = installed(wheel(tmp_path), tmp_path / "environment")
    program = Path(shutil.copy(EXAMPLE, tmp_path))
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GLOW_", "PYTHON"))}
    chosen = {f"GLOW_{name.upper()}": str(value) for name, value in SETTINGS.items()}
    environment |= {**chosen, "GLOW_DATA_DIR": str(tmp_path / "data")}

    def run(*arguments: str) -> "subprocess.Popen[str]":
        command = [str(python), "-I", *arguments]
        return subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True)

    found, _ = run("-c", "import api.doors.line as line; print(line.__file__)").communicate(timeout=WAIT_S)
    assert Path(found.strip()).is_relative_to(tmp_path / "environment"), "it is the wheel that runs, not this tree"
    door = run(str(program), "0")
    try:
        assert door.stdout is not None
        asyncio.run(whole_call(int(door.stdout.readline().split()[-1])))
    finally:
        door.terminate()
        door.communicate(timeout=WAIT_S)


def wheel(folder: Path) -> Path:
    """Build the wheel from a copy of what it is made of."""
    source = folder / "source"
    source.mkdir()
    for name in ("api", "pipeline", "voice", "models"):
        shutil.copytree(REPOSITORY / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "glow_voice_pytest.py"):
        shutil.copy(REPOSITORY / name, source)
    # A build environment of its own where this one has no setuptools that knows the project's license field.
    found = next(iter(distributions(name="setuptools")), None)
    alone = ["--no-isolation"] if found and int(found.version.partition(".")[0]) >= 77 else []
    command = [sys.executable, "-m", "build", "--wheel", *alone, "--outdir", str(folder), str(source)]
    built = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, check=False)
    assert built.returncode == 0, built.stdout[-3000:] + built.stderr[-3000:]
    (made,) = folder.glob("*.whl")
    return made


def installed(made: Path, folder: Path) -> Path:
    """The Python of a new environment with the wheel in it, and with the packages of this one behind it."""
    venv.create(folder, with_pip=False)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index", str(made)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    variables = {"base": str(folder), "platbase": str(folder)}
    packages = Path(sysconfig.get_path("purelib", "venv", variables))
    # Only its folder: what this environment's own .pth files add, such as this very tree, stays out.
    (packages / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python
