"""The recogniser's process is killed in the middle of twenty calls, and nobody's turn is lost."""

import asyncio
import os
import signal
from pathlib import Path

import numpy as np
import pytest

from tests.service import WAIT_S, Client, RunningService, quiet, running
from tests.voice.corpus import corpus
from tests.voice.sound import recording
from voice.stt.process import ProcessTranscriber

pytestmark = pytest.mark.slow

CALLS = 20
SAID = ["slt/turns/07", "slt/turns/12", "slt/turns/13", "slt/records-office/07"]
WORDS = {line.name: line.text for line in corpus()}


async def kill_at_work(service: RunningService, at_work: int) -> None:
    """Kill the recogniser's process while so many utterances are in it at once."""
    transcriber = recogniser(service)
    while True:
        await service.until(lambda _: transcriber.at_work >= at_work)
        pid = transcriber.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)  # what is in it now stays in it
        if transcriber.at_work >= at_work:
            os.kill(pid, signal.SIGKILL)
            return
        os.kill(pid, signal.SIGCONT)


def recogniser(service: RunningService) -> ProcessTranscriber:
    transcriber = service.inside.room.transcriber
    assert isinstance(transcriber, ProcessTranscriber)
    return transcriber


async def one_turn(service: RunningService, chat: str, name: str) -> Client:
    async with service.call(chat, hurries=True) as client:
        # In one message: between two of them a busy machine may take longer than the service waits for frames.
        await client.raw(np.concatenate([quiet(200), recording(name), quiet(700)]).astype("<i2").tobytes())
        await client.until("user.message")
        await client.until("reply.ended")
        await client.hang_up()
    return client


@pytest.mark.parametrize("kills", [1, 2], ids=["once", "again as soon as the next one works"])
def test_twenty_calls_lose_no_turn_when_the_recogniser_is_killed(tmp_path: Path, kills: int) -> None:
    with running(tmp_path, stt="whisper:nano", stt_process=True, stt_timeout_s=WAIT_S) as service:
        asyncio.run_coroutine_threadsafe(service.inside.ready.wait(), service.loop).result(WAIT_S)
        chats = [service.chat() for _ in range(CALLS)]
        spoken = [SAID[n % len(SAID)] for n in range(CALLS)]
        first = recogniser(service).pid

        async def story() -> list[Client]:
            everybody = asyncio.gather(
                *(one_turn(service, chat, name) for chat, name in zip(chats, spoken, strict=True))
            )
            for _ in range(kills):
                await kill_at_work(service, 2)
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
