"""A backup of a service that is being written to, put back elsewhere: what was acknowledged is there."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.client.call import Call
from api.client.voice import open_call
from tests.models.test_backup import modes
from tests.servers.postgres import Postgres, postgres_running
from tests.servers.process import TOKEN, WAIT_S, ServiceProcess, service_process

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with postgres_running() as server:
        yield server


def glow(service: ServiceProcess, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command on the service's settings, as its operator does."""
    return subprocess.run(
        [sys.executable, "-m", "api.cli.main", *arguments],
        cwd=service._folder,
        env=service._environment | {"PYTHONPATH": str(Path.cwd())},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


class Writer:
    """Somebody who writes and uploads without a pause, each thing once the one before is acknowledged.

    Attributes:
        said: the acknowledged messages in order.
        uploads: the bytes of the acknowledged uploads by id.
    """

    def __init__(self, service: ServiceProcess) -> None:
        self.said: list[str] = []
        self.uploads: dict[str, bytes] = {}
        self.failure: Exception | None = None
        self._stopped = threading.Event()
        self._more = threading.Condition()
        self._asks = asker(service)
        self.chat = start(self._asks)
        self._thread = threading.Thread(target=self._write)

    def __enter__(self) -> "Writer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join(WAIT_S)
        self._asks.close()

    def wait_for(self, more: int) -> None:
        """Wait until so many messages more are acknowledged."""
        goal = len(self.said) + more
        with self._more:
            assert self._more.wait_for(lambda: len(self.said) >= goal or self.failure is not None, WAIT_S)
        assert self.failure is None

    def _write(self) -> None:
        try:
            while not self._stopped.is_set():
                text = f"word {len(self.said)}"
                post(self._asks, "/attempt/chat_message", {"chat_id": self.chat, "text": text, "generate": False})
                content = os.urandom(3000)
                answer = self._asks.post("/attempt/audio_upload", files={"file": ("said.wav", content, "audio/wav")})
                audio = answer.raise_for_status().json()["audio_id"]
                post(self._asks, "/attempt/chat_audio", {"chat_id": self.chat, "audios_id": audio})
                self.uploads[audio] = content
                with self._more:
                    self.said.append(text)
                    self._more.notify_all()
        except Exception as error:  # noqa: BLE001  # the test says so
            self.failure = error
            with self._more:
                self._more.notify_all()


def asker(service: ServiceProcess) -> httpx.Client:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    return httpx.Client(base_url=service.url, headers=headers, timeout=WAIT_S, trust_env=False)


def post(asks: httpx.Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = asks.post(path, json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def start(asks: httpx.Client) -> str:
    (practice, *_) = post(asks, "/practice/search", {})["practices"]
    return str(post(asks, "/attempt/start", {"practice_id": practice["practice_id"]})["chat_id"])


def history(asks: httpx.Client, chat: str) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = post(asks, "/attempt/chat_get", {"chat_entry_id": chat})["messages"]
    return messages


async def call(service: ServiceProcess, chat: str) -> None:
    """A spoken call that is recorded."""
    async with open_call(service.url, Call(chat), token=TOKEN) as caller:
        await caller.type_text("Hello, who is there?")
        message = await caller.next("user.message")
        await caller.next("reply.audio", turn=message["turn"])
        await caller.hang_up()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_service_is_backed_up_while_it_is_written_to_and_put_back_elsewhere(
    tmp_path: Path, postgres: Postgres, kind: str
) -> None:
    def database() -> dict[str, str]:
        return {"database_url": postgres.new_database()} if kind == "postgresql" else {}

    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    copy = tmp_path / "backup"
    with service_process(here, record_calls="true", **database()) as service:
        with asker(service) as asks:
            called = start(asks)
        asyncio.run(call(service, called))
        recording = here / "audio" / f"call-{called}"
        until(recording.exists)
        secret = glow(service, "token", "create", "bob").stdout.split()[-1]
        with Writer(service) as writer:
            writer.wait_for(20)
            before = list(writer.said)
            made = glow(service, "backup", str(copy))
            assert made.returncode == 0, made.stderr
            written_meanwhile = len(writer.said) - len(before)
            writer.wait_for(5)
        assert writer.failure is None
        assert written_meanwhile, "nobody waited for the backup"
        spoken = recording.read_bytes()
        service.send(signal.SIGKILL)
        service.ended()
    assert modes(copy) == {"0o700d", "0o600"}

    lost = ServiceProcess(there, **database())
    (there / "service.log").write_text("an old log")
    refused = glow(lost, "restore", str(copy))
    assert (refused.returncode, "--force" in refused.stderr) == (1, True)
    (there / "service.log").unlink()
    put = glow(lost, "restore", str(copy))
    assert put.returncode == 0, put.stderr
    assert modes(there) == {"0o700d", "0o600"}

    lost.start()
    try:
        with asker(lost) as asks:
            messages = history(asks, writer.chat)
            texts = [message["contents"][0]["content"] for message in messages]
            # One moment: all that was acknowledged before, and what came after it in order and without a gap.
            assert texts == [*writer.said, f"word {len(writer.said)}"][: len(texts)]
            assert len(texts) >= len(before)
            audios = [message["audios_id"] for message in messages if message.get("audios_id")]
            assert len(audios) >= len(before)
            for audio in audios:
                got = asks.post("/attempt/audio_download", json={"audio_id": audio})
                assert (got.status_code, got.content) == (200, writer.uploads[audio])
            assert len(history(asks, called)) >= 2
            bob = asks.post("/practice/search", json={}, headers={"Authorization": f"Bearer {secret}"})
            assert bob.status_code == 200, "tokens open what they opened"
            asyncio.run(call(lost, called))
        assert (there / "audio" / f"call-{called}").read_bytes()[44:].startswith(spoken[44:2000])
        again = glow(lost, "restore", str(copy), "--force")
        assert (again.returncode, "stop them first" in again.stderr) == (1, True)
    finally:
        lost.send(signal.SIGTERM)
        assert lost.ended() == 0


def until(happened: Callable[[], bool]) -> None:
    """Wait for something that another process does."""
    began = time.monotonic()
    while not happened():
        assert time.monotonic() - began < WAIT_S
        time.sleep(0.05)


def test_one_service_becomes_one_of_many_and_nothing_is_lost(tmp_path: Path, postgres: Postgres) -> None:
    target = postgres.new_database()
    with service_process(tmp_path) as service:
        with Writer(service) as writer:
            writer.wait_for(10)
            refused = glow(service, "migrate", "--to", target)
            assert (refused.returncode, "stop them first" in refused.stderr) == (1, True)
            writer.wait_for(1)
        assert writer.failure is None
        service.send(signal.SIGTERM)
        assert service.ended() == 0
        moved = glow(service, "migrate", "--to", target)
        assert moved.returncode == 0, moved.stderr
        assert "each as it was" in moved.stdout
        again = glow(service, "migrate", "--to", target)
        assert (again.returncode, "has tables already" in again.stderr) == (1, True)
    with service_process(tmp_path, database_url=target) as service, asker(service) as asks:
        messages = history(asks, writer.chat)
        assert [message["contents"][0]["content"] for message in messages] == writer.said
        for message in messages:
            got = asks.post("/attempt/audio_download", json={"audio_id": message["audios_id"]})
            assert got.content == writer.uploads[message["audios_id"]]
        post(asks, "/attempt/chat_message", {"chat_id": writer.chat, "text": "Still there?", "wait_for_complete": True})
        assert len(history(asks, writer.chat)) == len(messages) + 2
