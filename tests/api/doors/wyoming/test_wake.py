"""A satellite that streams always, behind a wake word service: only what follows the word is heard."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from api.doors.wyoming import dialer, wake
from api.doors.wyoming.satellites import Satellite, add_satellite
from tests.api.doors.wyoming.peer import FakeSatellite, Peer
from tests.service import WAIT_S, RunningService, unhearing
from tests.voice.sound import noise, recording

SAID = recording("slt/clinic/01")
ROOM = noise(30 * 16_000, level_db=-75)


class WakeService:
    """A wake word service on a port of its own, which detects when the test says so."""

    def __init__(self) -> None:
        self.calls: asyncio.Queue[Peer] = asyncio.Queue()
        self.port = 0

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["WakeService"]:
        async def dialled(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            known.append(Peer(reader, writer))
            await self.calls.put(known[-1])

        known: list[Peer] = []
        server = await asyncio.start_server(dialled, "127.0.0.1", self.port, limit=1 << 20)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for peer in known:
                await peer.close()

    async def dialled(self) -> Peer:
        async with asyncio.timeout(WAIT_S):
            return await self.calls.get()


@pytest.mark.slow
def test_a_streaming_satellite_is_heard_from_the_wake_word_to_the_end_of_the_conversation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialer, "LOOK_S", 0.2)
    monkeypatch.setattr(wake, "REDIAL_S", 0.2)
    monkeypatch.setattr(wake, "OPEN_S", 1.0)

    async def story() -> None:
        satellite, words = FakeSatellite(), WakeService()
        async with words.listening(), satellite.listening():
            with unhearing(tmp_path, wyoming_wake=f"tcp://127.0.0.1:{words.port}") as service:
                address = f"tcp://127.0.0.1:{satellite.port}"
                add_satellite(service.inside.settings.data_dir, Satellite(address))
                await held(service, satellite, words)

    async def held(service: RunningService, satellite: FakeSatellite, words: WakeService) -> None:
        peer = await satellite.dialled()
        await peer.send("run-pipeline", {"start_stage": "wake", "end_stage": "tts"})
        detector = await words.dialled()
        speaking = asyncio.create_task(satellite.stream(peer, np.concatenate([SAID, ROOM[: 2 * 16_000]])))
        assert [event.type for event in await detector.until("audio-chunk")] == ["detect", "audio-start", "audio-chunk"]
        await speaking
        assert service.ask(lambda inside: len(inside.calls)) == 0, "nobody has said the word"
        await detector.send("detection", {"name": "ok_nabu", "timestamp": 0})
        assert (await satellite.until(peer, "detection"))[-1].data == {"name": "ok_nabu"}
        speaking = asyncio.create_task(satellite.stream(peer, np.concatenate([SAID, ROOM])))
        heard = await satellite.until(peer, "transcript")
        assert heard[-1].data["text"]
        await satellite.until(peer, "audio-stop")
        await detector.until("audio-chunk")  # after a while of silence the word is listened for again
        speaking.cancel()

    asyncio.run(story())


@pytest.mark.slow
def test_a_wake_word_service_that_is_away_is_dialled_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialer, "LOOK_S", 0.2)
    monkeypatch.setattr(wake, "REDIAL_S", 0.2)

    async def story() -> None:
        satellite, words = FakeSatellite(), WakeService()
        async with words.listening(), satellite.listening():
            with unhearing(tmp_path, wyoming_wake=f"tcp://127.0.0.1:{words.port}") as service:
                address = f"tcp://127.0.0.1:{satellite.port}"
                add_satellite(service.inside.settings.data_dir, Satellite(address))
                await satellite.dialled()
                first = await words.dialled()
                await first.send("detection", {"name": "early"})
                await first.raw(b"this is no frame\n")
                await first.close()
                assert await words.dialled()

    asyncio.run(story())
