"""Satellites: they are dialled, kept, and a whole conversation is held on them."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from api.cli.main import app
from api.doors.wyoming import dialer, follow_up, link
from api.doors.wyoming.satellite_dialect import LEAD_MS
from api.doors.wyoming.satellites import Satellite, add_satellite, read_satellites
from api.service import Service
from models.errors import Invalid
from tests.api.doors.wyoming.peer import Event, FakeSatellite, Peer
from tests.service import WAIT_S, RunningService, quiet, unhearing
from tests.voice.sound import noise, recording

SAID = recording("slt/clinic/01")
ROOM = noise(30 * 16_000, level_db=-75)

# How late a busy machine may read what arrived: an answer that is not paced is a whole second early.
READ_LATE_MS = 600

Story = Callable[[FakeSatellite, Peer], Coroutine[Any, Any, None]]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is waited for takes less time."""
    monkeypatch.setattr(dialer, "REDIAL_S", 0.2)
    monkeypatch.setattr(dialer, "LOOK_S", 0.2)


@pytest.fixture
def hearing(tmp_path: Path, quick: None) -> Iterator[RunningService]:
    """A service that hears the same words in everything, and dials whatever `add_satellite` names."""
    with unhearing(tmp_path) as service:
        yield service


def on(service: RunningService, satellite: FakeSatellite, story: Story, **named: str) -> None:
    """Hold a conversation on a satellite."""

    async def run() -> None:
        async with satellite.listening():
            address = f"tcp://127.0.0.1:{satellite.port}"
            add_satellite(service.inside.settings.data_dir, Satellite(address, **named))
            await story(satellite, await satellite.dialled())

    asyncio.run(run())


def kinds(events: list[Event]) -> list[str]:
    """The kinds of events, audio once only."""
    return list(dict.fromkeys(event.type for event in events))


def open_calls(service: Service) -> list[str]:
    """The conversations under way."""
    return [call.session.conversation_id for call in service.calls.open_calls()]


async def wakes(peer: Peer) -> None:
    await peer.send("detection", {"name": "ok_nabu"})
    await peer.send("run-pipeline", {"start_stage": "asr", "end_stage": "tts", "restart_on_end": False})


@pytest.mark.slow
def test_a_woken_satellite_holds_a_whole_turn(hearing: RunningService) -> None:
    async def story(satellite: FakeSatellite, peer: Peer) -> None:
        await wakes(peer)
        speaking = asyncio.create_task(satellite.stream(peer, np.concatenate([SAID, ROOM[: 3 * 16_000]])))
        heard = await satellite.until(peer, "transcript")
        assert kinds(heard) == ["transcribe", "voice-started", "voice-stopped", "transcript"]
        assert heard[-1].data["text"] == "good morning what seems to be the problem"
        speaking.cancel()  # it stops streaming at a transcript
        answer = await satellite.until(peer, "audio-stop")
        assert kinds(answer) == ["synthesize", "audio-start", "audio-chunk", "audio-stop"]
        assert answer[0].data["voice"] == {"name": "Ruth Penhallow"}
        assert answer[1].data["rate"] == 22_050
        sound = b"".join(event.payload for event in answer)
        assert len(sound) > 22_050
        assert len(sound) // 2 * 1000 // 22_050 == pytest.approx(answer[-1].data["timestamp"], abs=100)

    on(hearing, FakeSatellite(), story, persona="ruth penhallow")


@pytest.mark.slow
def test_audio_is_sent_little_ahead_of_time(hearing: RunningService) -> None:
    async def story(satellite: FakeSatellite, peer: Peer) -> None:
        await wakes(peer)
        speaking = asyncio.create_task(satellite.stream(peer, np.concatenate([SAID, ROOM[: 3 * 16_000]])))
        await satellite.until(peer, "transcript")
        loop, sent_ms = asyncio.get_running_loop(), 0.0
        began = loop.time()
        await satellite.until(peer, "audio-start")
        speaking.cancel()
        assert LEAD_MS <= 300
        async with asyncio.timeout(WAIT_S):
            while (event := (await satellite.until(peer, "audio-chunk"))[-1]) is not None and sent_ms < 1500:
                sent_ms += len(event.payload) / 2 / 22.05
                assert sent_ms <= (loop.time() - began) * 1000 + LEAD_MS + READ_LATE_MS

    on(hearing, FakeSatellite(), story)


@pytest.mark.slow
def test_the_loudspeaker_s_rate_is_that_of_the_satellite(hearing: RunningService) -> None:
    async def story(satellite: FakeSatellite, peer: Peer) -> None:
        await wakes(peer)
        await satellite.stream(peer, np.concatenate([SAID, ROOM[: 2 * 16_000]]))
        assert (await satellite.until(peer, "audio-start"))[-1].data["rate"] == 16_000

    snd = [{"name": "snd", "snd_format": {"rate": 16_000, "width": 2, "channels": 1}}]
    on(hearing, FakeSatellite({"snd": snd}), story)


@pytest.mark.slow
def test_speech_over_the_reply_stops_it(hearing: RunningService) -> None:
    async def story(satellite: FakeSatellite, peer: Peer) -> None:
        await peer.send("run-pipeline", {"start_stage": "wake", "end_stage": "tts"})
        microphone = np.concatenate([SAID, ROOM[: 2 * 16_000], SAID, SAID, ROOM[: 6 * 16_000]])
        speaking = asyncio.create_task(satellite.stream(peer, microphone))
        await satellite.until(peer, "transcript")
        first = await satellite.until(peer, "audio-stop")
        said = next(event.data["text"] for event in first if event.type == "synthesize")
        assert said
        second = await satellite.until(peer, "transcript")
        assert "voice-stopped" in kinds(second)
        speaking.cancel()

        def messages(service: Any) -> Any:
            return service.store

        store = hearing.ask(messages)

        async def cut() -> bool:
            chat = await store.last_chat((await store.user_named("home")).id)
            return any(line.interrupted for line in await store.messages(chat.id))

        assert asyncio.run_coroutine_threadsafe(cut(), hearing.loop).result(WAIT_S)

    on(hearing, FakeSatellite(), story, persona="ruth-penhallow")


@pytest.mark.slow
def test_a_satellite_that_can_goes_on_listening_after_the_reply(
    hearing: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow_up, "OPEN_S", 1.0)

    async def story(satellite: FakeSatellite, peer: Peer) -> None:
        await wakes(peer)
        speaking = asyncio.create_task(satellite.stream(peer, np.concatenate([SAID, ROOM[: 3 * 16_000]])))
        await satellite.until(peer, "transcript")
        speaking.cancel()
        await satellite.until(peer, "audio-stop")
        trigger = (await satellite.until(peer, "run-pipeline"))[-1]
        assert trigger.data["start_stage"] == "asr"
        # Nobody speaks, so its microphone is closed again.
        assert (await satellite.until(peer, "transcript"))[-1].data["text"] == ""

    can = {"satellite": {"name": "kitchen", "installed": True, "supports_trigger": True}}
    on(hearing, FakeSatellite(can), story)


def test_who_wakes_it_and_says_nothing_is_not_listened_to_for_ever(
    hearing: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow_up, "OPEN_S", 0.5)

    async def story(satellite: FakeSatellite, peer: Peer) -> None:
        await wakes(peer)
        await satellite.stream(peer, quiet(300))
        assert (await satellite.until(peer, "transcript"))[-1].data["text"] == ""

    on(hearing, FakeSatellite(), story)


def test_pings_go_both_ways(hearing: RunningService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "PING_S", 0.1)

    async def story(satellite: FakeSatellite, peer: Peer) -> None:
        await peer.send("ping", {"text": "and you?"})
        assert (await satellite.until(peer, "pong"))[-1].data["text"] == "and you?"
        while satellite.pings < 2:
            await peer.send("ping", {"text": "again"})
            await satellite.until(peer, "pong")

    on(hearing, FakeSatellite(answers_pings=True), story)


@pytest.mark.slow
def test_a_satellite_that_answers_no_more_is_dialled_again_and_its_call_goes_on(
    hearing: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "PING_S", 0.2)
    monkeypatch.setattr(link, "SILENT_S", 1.0)

    async def story(satellite: FakeSatellite, peer: Peer) -> None:
        await peer.send("run-pipeline", {"start_stage": "wake", "end_stage": "tts"})
        await satellite.stream(peer, np.concatenate([SAID, ROOM[: 2 * 16_000]]))
        await satellite.until(peer, "transcript")
        calls = hearing.ask(open_calls)
        assert len(calls) == 1
        # Silence on the wire: it was unplugged.
        again = await satellite.dialled()
        await again.send("run-pipeline", {"start_stage": "wake", "end_stage": "tts"})
        await satellite.stream(again, np.concatenate([ROOM[: 2 * 16_000]]))
        assert hearing.ask(open_calls) == calls

    on(hearing, FakeSatellite(), story)


def test_a_dropped_connection_is_dialled_again(hearing: RunningService) -> None:
    async def story(satellite: FakeSatellite, peer: Peer) -> None:
        await peer.close()
        await satellite.dialled()

    on(hearing, FakeSatellite(), story)


def test_a_satellite_that_sends_rubbish_disturbs_nobody(hearing: RunningService) -> None:
    async def story(satellite: FakeSatellite, peer: Peer) -> None:
        await peer.raw(b"rubbish\n")
        again = await satellite.dialled()
        await again.send("audio-chunk", {"rate": 16_000, "width": 4, "channels": 1}, bytes(4096))
        third = await satellite.dialled()
        await third.send("ping", {"text": "still"})
        await satellite.until(third, "pong")

    on(hearing, FakeSatellite(), story)


def test_a_removed_satellite_is_left_with_a_word(hearing: RunningService) -> None:
    async def story(satellite: FakeSatellite, peer: Peer) -> None:
        file = hearing.inside.settings.data_dir / "satellites.json"
        file.write_text("[]")
        assert "pause-satellite" in kinds(await satellite.until(peer, "pause-satellite"))
        assert await peer.receive() is None

    on(hearing, FakeSatellite(), story)


# -------------------------------------------------------------- the commands


def glow(monkeypatch: pytest.MonkeyPatch, folder: Path, *arguments: str) -> Any:
    monkeypatch.setenv("GLOW_DATA_DIR", str(folder))
    return CliRunner().invoke(app, ["satellite", *arguments])


def test_satellites_are_added_listed_and_removed(hearing: RunningService, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = hearing.inside.settings.data_dir
    added = glow(monkeypatch, folder, "add", "tcp://127.0.0.1:1", "--persona", "ruth-penhallow")
    assert added.output == "Ruth Penhallow answers at tcp://127.0.0.1:1.\n"
    assert type(glow(monkeypatch, folder, "add", "tcp://127.0.0.1:1").exception).__name__ == "Conflict"
    monkeypatch.setenv("GLOW_SATELLITES", "tcp://hall:10700=Dana Whitfield")
    listed = json.loads(glow(monkeypatch, folder, "list", "--json").output)["satellites"]
    assert [(one["address"], one["persona"]) for one in listed] == [
        ("tcp://127.0.0.1:1", "ruth-penhallow"),
        ("tcp://hall:10700", "Dana Whitfield"),
    ]
    assert "not dialled any more" in glow(monkeypatch, folder, "remove", "tcp://127.0.0.1:1").output
    assert read_satellites(folder) == []
    assert type(glow(monkeypatch, folder, "remove", "tcp://127.0.0.1:1").exception).__name__ == "NotFound"


@pytest.mark.parametrize("address", ["kitchen", "tcp://kitchen", "udp://kitchen:1", "tcp://kitchen:99999", "tcp://:1"])
def test_what_is_no_address_is_refused(tmp_path: Path, address: str) -> None:
    with pytest.raises(Invalid, match="tcp://HOST:PORT"):
        add_satellite(tmp_path, Satellite(address))
    assert read_satellites(tmp_path) == []


def test_a_damaged_list_says_so(tmp_path: Path) -> None:
    (tmp_path / "satellites.json").write_text("{")
    with pytest.raises(Invalid, match="is damaged"):
        read_satellites(tmp_path)
