"""What clients do wrong on a port: each is told, or let go, and the others are served."""

import asyncio
import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from api.doors.wyoming import connection
from api.serving import prepare
from api.settings import Settings
from tests.api.doors.wyoming.peer import Peer, connected, rendered
from tests.api.doors.wyoming.test_services import by
from tests.service import WAIT_S, unhearing

PING = rendered("ping", {"text": "x"})


async def is_served(port: int) -> None:
    async with connected(port) as peer:
        await peer.send("describe")
        await peer.until("info")


def test_one_byte_at_a_time_is_read(port: int) -> None:
    async def story(peer: Peer) -> None:
        for byte in PING + rendered("describe"):
            await peer.raw(bytes([byte]))
        assert [event.type for event in await peer.until("info")] == ["pong", "info"]

    by(port, story)


def test_header_data_and_payload_may_come_apart(port: int) -> None:
    async def story(peer: Peer) -> None:
        payload = bytes(640)
        whole = rendered("audio-chunk", {"rate": 16_000, "width": 2, "channels": 1}, payload)
        head, body = whole[: whole.index(b"\n") + 1], whole[whole.index(b"\n") + 1 : -640]
        for part in (head[:9], head[9:], body, payload[:100], payload[100:], rendered("audio-stop")):
            await peer.raw(part)
            await asyncio.sleep(0)
        await peer.until("transcript-stop")

    by(port, story)


def test_data_may_stand_in_the_header_and_what_stands_apart_counts(port: int) -> None:
    async def story(peer: Peer) -> None:
        await peer.raw(b'{"type": "ping", "data": {"text": "in the header"}}\n')
        assert (await peer.until("pong"))[-1].data["text"] == "in the header"
        apart = b'{"text": "apart"}'
        header = {"type": "ping", "data": {"text": "in the header"}, "data_length": len(apart)}
        await peer.raw(json.dumps(header).encode() + b"\n" + apart)
        assert (await peer.until("pong"))[-1].data["text"] == "apart"

    by(port, story)


def test_unknown_events_are_ignored(port: int) -> None:
    async def story(peer: Peer) -> None:
        await peer.send("select-program", {"name": "x"})
        await peer.send("audio-stopped-yesterday", {"a": [1]}, b"abc")
        await peer.raw(PING)
        assert [event.type for event in await peer.until("pong")] == ["pong"]

    by(port, story)


def test_a_close_in_the_middle_of_a_payload_ends_that_connection_alone(port: int) -> None:
    async def story() -> None:
        async with connected(port) as peer:
            shape = {"rate": 16_000, "width": 2, "channels": 1}
            await peer.raw(rendered("audio-start", shape))
            await peer.raw(rendered("audio-chunk", shape, bytes(2048))[:-1000])
            peer.writer.write_eof()
            assert [event.type for event in await peer.rest()] == ["transcript-start"]
        await is_served(port)

    asyncio.run(story())


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        (b'{"type": "ping", "x": "' + b"x" * 65 * 1024 + b'"}\n', "65536 bytes"),
        (b'{"type": "ping", "data_length": -1}\n', "'data_length'"),
        (b'{"type": "ping", "payload_length": -5}\n', "'payload_length'"),
        (b'{"type": "ping", "data_length": 1048577}\n', "'data_length'"),
        (b'{"type": "audio-chunk", "payload_length": 99999999999999999999}\n', "'payload_length'"),
        (b'{"type": "ping", "data_length": true}\n', "'data_length'"),
        (b'{"type": "ping", "data_length": 1.5}\n', "'data_length'"),
        (b"hello\n", "no JSON"),
        (b"\xff\xfe\n", "no JSON"),
        (b"\n", "no JSON"),
        (b"[" * 5_000 + b"\n", "levels deep"),
        (b'["ping"]\n', "must be a JSON object"),
        (b'{"data": {}}\n', "'type'"),
        (b'{"type": 5}\n', "'type'"),
        (b'{"type": "ping", "data": []}\n', "'data'"),
        (b'{"type": "ping", "data_length": 4}\nnull', "must be a JSON object"),
        (b'{"type": "ping", "data_length": 4}\n{{{{', "no JSON"),
        (rendered("ping", {"text": 5}), "'text'"),
        (rendered("transcript", {"text": ["x"]}), "'text'"),
        (rendered("transcript", {"text": "hi", "context": 7}), "'context'"),
        (rendered("synthesize", {"text": "hi", "voice": "bob"}), "'voice'"),
        (rendered("synthesize-chunk", {"text": "hi"}), "synthesize-start"),
        (rendered("synthesize-start") * 2, "synthesize-stop"),
        (rendered("audio-start", {"rate": 16_000, "width": 3, "channels": 1}), "1, 2 or 4 bytes"),
        (rendered("audio-start", {"rate": 10**9, "width": 2, "channels": 1}), "8000 to 48000"),
        (rendered("audio-start", {"rate": "16k", "width": 2, "channels": 1}), "'rate'"),
        (rendered("audio-start", {"rate": 16_000, "width": 2, "channels": 6}), "channels"),
    ],
)
def test_what_cannot_be_read_is_told_and_ends_the_connection(port: int, sent: bytes, says: str) -> None:
    async def story(peer: Peer) -> None:
        await peer.raw(sent)
        events = [event for event in await peer.rest() if event.type != "audio-start"]
        assert [event.type for event in events] == ["error"]
        assert says in events[0].data["text"]
        assert events[0].data["code"]

    by(port, story)


def test_fifty_connections_that_say_nothing_are_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert connection.FIRST_FRAME_S == 10
    monkeypatch.setattr(connection, "FIRST_FRAME_S", 1.0)

    async def story(port: int) -> None:
        silent = [await Peer.connect(port) for _ in range(50)]
        await silent[0].raw(PING[:5])  # a beginning is nothing yet
        await is_served(port)
        for peer in silent:
            assert [event.data["code"] for event in await peer.rest()] == ["timeout"]
            await peer.close()

    with unhearing(tmp_path, wyoming="0") as service:
        asyncio.run(story(service.app.state.wyoming_ports[0].number))


def test_more_connections_than_a_port_carries_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.doors.wyoming.server.CONNECTIONS", 2)

    async def story(port: int) -> None:
        async with connected(port) as one, connected(port) as two:
            for peer in (one, two):
                await peer.raw(PING)
                await peer.until("pong")
            async with connected(port) as third:
                assert [event.data["code"] for event in await third.rest()] == ["busy"]

    with unhearing(tmp_path, wyoming="0") as service:
        asyncio.run(story(service.app.state.wyoming_ports[0].number))


def test_who_does_not_read_is_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.doors.wyoming.peer.SEND_S", 0.5)

    async def story(port: int) -> None:
        async with connected(port) as peer:
            await peer.send("synthesize", {"text": "This goes on and on and on, for ever. " * 3_000})
            peer.reader._transport.pause_reading()  # type: ignore[attr-defined]
            async with asyncio.timeout(WAIT_S):
                while not peer.writer.transport.is_closing():
                    peer.writer.write(PING)
                    await asyncio.sleep(0.1)
        await is_served(port)

    with unhearing(tmp_path, wyoming="0") as service:
        asyncio.run(story(service.app.state.wyoming_ports[0].number))


def test_a_busy_port_is_told_before_anything_is_loaded(tmp_path: Path, port: int) -> None:
    settings = Settings(_env_file=None, data_dir=tmp_path, port=0, wyoming=f"{port}=ruth-penhallow")  # type: ignore[call-arg]
    with pytest.raises(OSError, match=f"port {port} of 127.0.0.1; stop it, or choose another port with GLOW_WYOMING"):
        prepare(settings)


def test_a_port_with_an_unknown_persona_stays_closed_and_says_why(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with unhearing(tmp_path, wyoming="0=nobody,0") as service:
        assert len(service.app.state.wyoming_ports) == 1
    assert "no persona or practice 'nobody'; there are: Dana Whitfield" in capfd.readouterr().err


@pytest.mark.parametrize("value", ["x", "70000", "10300;10301", "bob=10300"])
def test_a_setting_that_names_no_ports_is_refused(value: str) -> None:
    with pytest.raises(ValidationError, match="Each must be a port"):
        Settings(_env_file=None, wyoming=value)  # type: ignore[call-arg]
