"""The recogniser's process is killed in the middle of twenty calls, and nobody's turn is lost."""

import asyncio
import os
import signal
from pathlib import Path

import numpy as np
import pytest

from api.engines import LISTENING_THREADS
from tests.service import SILENCE_MS, WAIT_S, Client, RunningService, quiet, running
from tests.voice.corpus import corpus
from tests.voice.sound import recording
from voice.stt.process.process import ProcessTranscriber

pytestmark = pytest.mark.slow

CALLS = 20
SAID = ["slt/turns/07", "slt/turns/12", "slt/turns/13", "slt/records-office/07"]
WORDS = {line.name: line.text for line in corpus()}


async def kill_at_work(service: RunningService, pid: int, at_work: int) -> int:
    """Kill the recogniser's process while so many questions are in it; returns the id of the one that follows it."""
    transcriber = recogniser(service)
    os.kill(pid, signal.SIGSTOP)  # until then nothing gets out of it
    await service.until(lambda _: transcriber.pending >= at_work)
    os.kill(pid, signal.SIGCONT)
    os.kill(pid, signal.SIGKILL)
    await service.until(lambda _: transcriber.pid != pid)
    assert transcriber.pid is not None
    return transcriber.pid


def recogniser(service: RunningService) -> ProcessTranscriber:
    transcriber = service.inside.shared_engines.transcriber
    assert isinstance(transcriber, ProcessTranscriber)
    return transcriber


async def one_turn(service: RunningService, chat: str, name: str) -> Client:
    async with service.call(chat, hurries=True) as client:
        # In one message: between two of them a busy machine may take longer than the service waits for frames.
        await client.raw(np.concatenate([quiet(200), recording(name), quiet(SILENCE_MS)]).astype("<i2").tobytes())
        await client.until("user.message")
        await client.until("reply.ended")
        await client.hang_up()
    return client


@pytest.mark.parametrize(
    "kills", [[LISTENING_THREADS], [LISTENING_THREADS, 1]], ids=["once", "and the next while it starts"]
)
def test_twenty_calls_lose_no_turn_when_the_recogniser_is_killed(tmp_path: Path, kills: list[int]) -> None:
    with running(tmp_path, stt="whisper:nano", stt_process=True, stt_timeout_s=WAIT_S) as service:
        asyncio.run_coroutine_threadsafe(service.inside.ready.wait(), service.loop).result(60)
        chats = [service.chat() for _ in range(CALLS)]
        spoken = [SAID[n % len(SAID)] for n in range(CALLS)]
        first = recogniser(service).pid

        async def story() -> list[Client]:
            everybody = asyncio.gather(
                *(one_turn(service, chat, name) for chat, name in zip(chats, spoken, strict=True))
            )
            pid = first
            assert pid is not None
            for at_work in kills:
                pid = await kill_at_work(service, pid, at_work)
            return await everybody

        clients = asyncio.run(story())
        assert recogniser(service).pid != first
        for client, chat, name in zip(clients, chats, spoken, strict=True):
            assert not client.of("error")
            assert [event["text"] for event in client.of("user.message")] == [WORDS[name]]
            (query, answer, *_) = service.lines(chat)
            assert query == ("query", WORDS[name])
            assert answer[0] == "response"
            assert answer[1]
            assert client.sound()
