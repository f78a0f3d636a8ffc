"""A whole call whose recogniser is on Ray, over the websocket: all replicas are killed between two of its turns."""

import asyncio
import os
import signal
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from api.client.call import Call
from api.client.http import RemoteService
from api.client.own_service import OwnService, embedded, own_service
from api.client.recordings import learner_recording
from api.client.voice import open_call
from tests.servers.ray_cluster import ray_cluster
from tests.voice.ray_engines import WORDS, Talking
from voice.ray_serve.deployments import RayPlan

pytestmark = pytest.mark.slow


def test_a_call_outlives_all_replicas(tmp_path: Path) -> None:
    with ray_cluster(RayPlan(partial(Talking, tmp_path), recognisers=2, cpus=0.1)) as cluster:
        settings = embedded(stt="ray", tts="fixed:0") | {
            "GLOW_RAY_ADDRESS": cluster.address,
            "GLOW_RAY_FALLBACK_S": "0",
            "GLOW_STT_TIMEOUT_S": "120",
            "GLOW_LOG_LEVEL": "info",
        }
        with own_service(settings, tmp_path / "models") as service, RemoteService(service.url, service.token) as http:
            chat_id = http.start_named()[1]
            heard = asyncio.run(_two_turns(service, chat_id, tmp_path))
    assert heard[0] == WORDS, "on Ray"
    assert heard[1], "here, or by new replicas"


async def _two_turns(service: OwnService, chat_id: str, folder: Path) -> list[str]:
    said = learner_recording("records-office", 1).samples
    heard = []
    async with open_call(service.url, Call(chat_id), token=service.token) as client:
        for turn in range(2):
            await client.say(said)
            message = await client.next("user.message", timeout_s=200)
            heard.append(str(message["text"]))
            await client.next("reply.started", timeout_s=100)
            await client.stop()
            if turn == 0:
                _kill_replicas(folder)
        await client.hang_up(timeout_s=100)
    return heard


def _kill_replicas(folder: Path) -> None:
    for replica in folder.glob("replica-*"):
        with suppress(ProcessLookupError):
            os.kill(int(replica.name.partition("-")[2]), signal.SIGKILL)
