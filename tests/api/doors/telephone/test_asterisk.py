"""Asterisk at the running service: its dialplan's requests, and chan_websocket in both notations."""

import asyncio
import base64
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from api.doors.line import Digit, Hear, LineRefused, ProtocolError
from api.doors.telephone.asterisk_ws import LONGEST_TEXT, AsteriskDialect, parse_control
from models.store import Store
from pipeline.replay.virtual_time import run_virtually
from tests.api.doors.line.scene import MemoryWire
from tests.api.doors.telephone.leaks import leaves_nothing
from tests.api.doors.telephone.scene import desk_in, entry
from tests.pipeline.scene import steadily
from tests.servers.asterisk import AudioSocketCall, ChanWebSocketCall
from tests.service import RunningService, http, unhearing

SECRET = "the-secret-of-the-dialplan"
NUMBERS = 'numbers:\n  - {number: "100", practice: The worried parent}\n'


@pytest.fixture(scope="module")
def phone_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    folder = tmp_path_factory.mktemp("asterisk")
    (folder / "numbers.yaml").write_text(NUMBERS)
    with unhearing(
        folder, phone_numbers=folder / "numbers.yaml", phone_asterisk_secret=SECRET, phone_audiosocket="127.0.0.1:0"
    ) as started:
        yield started


def url(service: RunningService, call_id: str = "", called: str = "100") -> str:
    address = service.url.replace("http://", "ws://")
    return f"{address}/phone/asterisk?uuid={call_id or uuid.uuid4()}&from=%2B15559990000&to={called}"


# -------------------------------------------------------------- chan_websocket


@pytest.mark.parametrize("as_json", [False, True], ids=["plain", "json"])
def test_a_call_over_chan_websocket(phone_service: RunningService, as_json: bool) -> None:
    """It is greeted, its marks say what was heard, and speech empties its queue."""

    async def story() -> None:
        address = url(phone_service)
        async with ChanWebSocketCall.connected(address, SECRET, as_json=as_json) as asterisk:
            await asterisk.until(lambda: asterisk.loud() > 60)
            assert "MARK_MEDIA" in asterisk.commands
            assert asterisk.faults == []
            await asterisk.event("DTMF_END", digit="4", duration_ms=120)
            await asterisk.event("DTMF_END", digit="#", duration_ms=120)
            await asterisk.until(lambda: "FLUSH_MEDIA" in asterisk.commands)
            assert asterisk.faults == []
            assert asterisk.socket.subprotocol == "media"
        await phone_service.until(lambda service: not len(service.calls))

    asyncio.run(story())


def test_without_the_password_the_handshake_is_refused(phone_service: RunningService) -> None:
    async def refused(header: str | None) -> None:
        headers = {"Authorization": header} if header else {}
        with pytest.raises(InvalidStatus) as refusal:
            async with connect(url(phone_service), additional_headers=headers, proxy=None):
                raise AssertionError
        assert refusal.value.response.status_code == 403

    async def story() -> None:
        for credentials in (None, "glow:wrong", "glow:", SECRET):
            header = f"Basic {base64.b64encode(credentials.encode()).decode()}" if credentials else None
            await refused(header)
        await refused("Basic !!!")
        await refused(f"Bearer {SECRET}")

    asyncio.run(story())


def test_there_are_no_pings(phone_service: RunningService) -> None:
    """Some versions hang up at one; the server's own come every 20 s elsewhere."""
    rules = phone_service.app.state.socket_rules["/phone/asterisk"]
    assert rules.ping_every_s is None


@pytest.mark.parametrize(
    "sent",
    ["MEDIA_START connection_id:1 format:opus", "MEDIA_START", '{"event":"MEDIA_START","format":7}', "{", "{}", "[]"],
)
def test_a_start_that_cannot_be_used_ends_the_connection(phone_service: RunningService, sent: str) -> None:
    async def story() -> None:
        async with ChanWebSocketCall.connected(url(phone_service), SECRET, starts=False) as asterisk:
            await asterisk.socket.send(sent)
            if sent == "[]":
                await asterisk.event("MEDIA_START", format="vp8")
            await asterisk.until(asterisk.over.is_set)
            assert asterisk.loud() == 0

    asyncio.run(story())


def test_too_long_a_message_ends_the_connection(phone_service: RunningService) -> None:
    async def story() -> None:
        async with ChanWebSocketCall.connected(url(phone_service), SECRET) as asterisk:
            await asterisk.until(lambda: asterisk.loud() > 0)
            await asterisk.socket.send(b"\xff" * 65_501)
            await asterisk.until(asterisk.over.is_set)
            assert asterisk.socket.close_code == 1009

    asyncio.run(story())


def test_audio_before_the_start_is_kept() -> None:
    """Two seconds of it: audio may come before MEDIA_START."""

    async def story(store: Store) -> None:
        async with desk_in(store, entry()) as desk:
            wire, dialect = MemoryWire(), AsteriskDialect(desk, {"from": "1", "to": "2", "uuid": "u"})
            wire.say(*[b"\xff" * 160] * 150)
            wire.say("MEDIA_START connection_id:c channel:x format:ulaw optimal_frame_size:160 ptime:20")
            incoming = await dialect.start(wire)
            assert (incoming.call_id, incoming.caller, incoming.called) == ("u", "1", "2")
            assert sum(len(one.data) for one in dialect._early) == 2 * 8_000

    steadily(story, run_virtually)


def test_the_channels_variables_name_the_call_where_the_address_does_not() -> None:
    async def story(store: Store) -> None:
        async with desk_in(store, entry()) as desk:
            wire, dialect = MemoryWire(), AsteriskDialect(desk, {})
            wire.say(
                '{"event":"MEDIA_START","connection_id":"c-7","format":"slin16","optimal_frame_size":640,'
                '"channel_variables":{"CALLERID(num)":"+1555","EXTEN":"100"},"passthrough":false}'
            )
            incoming = await dialect.start(wire)
            assert (incoming.call_id, incoming.caller, incoming.called) == ("c-7", "+1555", "100")
            assert (dialect.input.encoding, dialect.input.rate_hz) == ("pcm16", 16_000)
            assert dialect.output == dialect.input

    steadily(story, run_virtually)


@pytest.mark.parametrize(
    ("message", "heard"),
    [
        (b"\xff" * 160, Hear(b"\xff" * 160)),
        ("DTMF_END digit:5 duration_ms:100", Digit("5")),
        ('{"event":"DTMF_END","digit":"#"}', Digit("#")),
        ("DTMF_END digit:x", None),
        ("MEDIA_XOFF", None),
        ('{"event":"STATUS","queue_length":43}', None),
        ("MEDIA_MARK_PROCESSED correlation_id:unknown", None),
        ("A_LATER_EVENT with words", None),
        ("", None),
    ],
)
def test_what_an_event_means(message: str | bytes, heard: object) -> None:
    async def story(store: Store) -> None:
        async with desk_in(store, entry()) as desk:
            assert AsteriskDialect(desk, {}).read(message) == heard

    steadily(story, run_virtually)


def test_an_error_of_asterisk_is_told() -> None:
    async def story(store: Store) -> None:
        async with desk_in(store, entry()) as desk:
            with pytest.raises(ProtocolError, match="queue"):
                AsteriskDialect(desk, {}).read('{"event":"ERROR","error_text":"the queue is full"}')
            wire = MemoryWire()
            wire.say("MEDIA_START format:nothing")
            with pytest.raises(LineRefused, match="ulaw"):
                await AsteriskDialect(desk, {}).start(wire)

    steadily(story, run_virtually)


def test_our_texts_are_short_enough() -> None:
    async def story(store: Store) -> None:
        async with desk_in(store, entry()) as desk:
            dialect = AsteriskDialect(desk, {})
            longest = f"{2**31}:{86_400_000}:{2**31}"
            for dialect._json in (False, True):
                assert all(len(text) <= LONGEST_TEXT for text in (*dialect.mark(longest), *dialect.flush()))

    steadily(story, run_virtually)


@pytest.mark.parametrize("text", ["{", "{}", '{"event":1}', '{"event"'])
def test_json_without_an_event_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError):
        parse_control(text)


# ------------------------------------------------------------------ the dialplan


def post(service: RunningService, path: str = "", **fields: str) -> tuple[int, str]:
    answer = http.post(f"{service.url}/phone/asterisk{path}", data=fields)
    return answer.status_code, answer.text


def test_a_dialplan_announces_its_call_and_audiosocket_brings_it(phone_service: RunningService) -> None:
    async def story() -> None:
        call_id = uuid.uuid4()
        announced = {"secret": SECRET, "uuid": str(call_id).upper(), "from": "+15559990000", "to": "100"}
        assert post(phone_service, **announced) == (200, "OK")
        address = phone_service.app.state.phone_listeners.audiosocket
        async with AudioSocketCall.connected(address, call_id) as asterisk:
            await asterisk.until(lambda: asterisk.loud() > 0)
            assert post(phone_service, "/next", secret=SECRET, uuid=str(call_id)) == (200, "")
            assert post(phone_service, "/over", secret=SECRET, uuid=str(call_id)) == (200, "OK")
            await asterisk.until(asterisk.over.is_set)
            assert asterisk.faults == []

    asyncio.run(story())


@pytest.mark.parametrize("path", ["", "/next", "/over"])
def test_a_request_of_somebody_else_is_refused(phone_service: RunningService, path: str) -> None:
    known = str(uuid.uuid4())
    assert post(phone_service, path, uuid=known)[0] == 403
    assert post(phone_service, path, uuid=known, secret="wrong")[0] == 403
    assert post(phone_service, path, uuid=known, secret=SECRET + "x")[0] == 403
    assert post(phone_service, path, secret=SECRET)[0] == 422
    assert post(phone_service, path, secret=SECRET, uuid="no uuid")[0] == 422
    assert post(phone_service, path, secret=SECRET, uuid=known, filler="x" * 10_000)[0] == 413


@pytest.mark.parametrize(
    "body", [b"", b"\xff\xfe\x00", b"{", b"[1]", b"{}", b"[" * 5_000, b"{" + b'"a":{' * 1_000, b"&" * 500]
)
def test_a_damaged_request_is_refused(phone_service: RunningService, body: bytes) -> None:
    answer = http.post(f"{phone_service.url}/phone/asterisk", content=body)
    assert answer.status_code in (403, 422)
    assert SECRET not in answer.text


def test_json_does_as_well(phone_service: RunningService) -> None:
    body = {"secret": SECRET, "uuid": str(uuid.uuid4()), "from": "1", "to": 100}
    assert http.post(f"{phone_service.url}/phone/asterisk", json=body).text == "OK"


def test_nothing_is_taken_without_a_secret(tmp_path: Path) -> None:
    with unhearing(tmp_path) as service:
        assert post(service, uuid=str(uuid.uuid4()), secret="")[0] == 403
        assert service.app.state.phone_listeners.audiosocket is None


@pytest.mark.slow
@pytest.mark.parametrize("line", ["chan_websocket", "audiosocket"])
def test_two_hundred_calls_leave_no_descriptor_and_no_task(phone_service: RunningService, line: str) -> None:
    address = phone_service.ask(lambda _: phone_service.app.state.phone_listeners.audiosocket)

    async def websocket() -> None:
        async with ChanWebSocketCall.connected(url(phone_service), SECRET) as asterisk:
            await asterisk.until(lambda: asterisk.loud() > 3)

    async def audiosocket() -> None:
        call_id = uuid.uuid4()
        body = {"secret": SECRET, "uuid": str(call_id), "from": "+15559990000", "to": "100"}
        announced = await asyncio.to_thread(http.post, f"{phone_service.url}/phone/asterisk", data=body)
        assert announced.is_success
        async with AudioSocketCall.connected(address, call_id) as asterisk:
            await asterisk.until(lambda: asterisk.loud() > 3)

    asyncio.run(leaves_nothing(phone_service, websocket if line == "chan_websocket" else audiosocket))
