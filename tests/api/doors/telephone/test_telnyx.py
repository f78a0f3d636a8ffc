"""Telnyx at the running service: signed webhooks, tickets, codecs of both directions, and its REST interface."""

import asyncio
import base64
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.exceptions import InvalidStatus

from api.doors.line import Digit, Hear, LineRefused, ProtocolError
from api.doors.telephone.calling import Incoming
from api.doors.telephone.telnyx import REORDER, RINGS_S, ChunkOrder, TelnyxDialect, format_of, swapped
from api.doors.telephone.webhooks import LARGEST_WEBHOOK
from models.store import Store
from pipeline.replay.virtual_time import run_virtually
from tests.api.doors.telephone.leaks import leaves_nothing
from tests.api.doors.telephone.scene import desk_in, entry
from tests.pipeline.scene import steadily
from tests.servers.carriers import PATIENCE_S, RestRecorder, TelnyxAccount, TelnyxStream
from tests.servers.in_thread import serving
from tests.service import RunningService, http, unhearing
from voice.audio.formats import AudioFormat

NUMBERS = (
    'numbers:\n  - {number: "+15551230000", practice: The worried parent, block: ["+1900*"], human: "+15557770000"}\n'
)
_IDS = count(1)


@dataclass
class Telnyx:
    """The service with Telnyx around it."""

    service: RunningService
    account: TelnyxAccount
    rest: RestRecorder

    def webhook(self, event: str, headers: dict[str, str] | None = None, **payload: Any) -> int:
        """Post an event, signed unless headers say otherwise."""
        body = json.dumps({"data": {"event_type": event, "payload": payload}}).encode()
        signed = self.account.signed(body) if headers is None else headers
        return http.post(f"{self.service.url}/phone/telnyx", content=body, headers=signed).status_code

    def initiated(self, call_id: str, **changed: Any) -> int:
        """Post the webhook of a call that comes in."""
        names = {"from": "+15559990000", "to": "+15551230000", "direction": "incoming", **changed}
        return self.webhook("call.initiated", call_control_id=call_id, **names)

    def asked(self, ending: str) -> dict[str, Any]:
        """Wait for a request to the REST interface."""
        deadline = time.monotonic() + PATIENCE_S
        while not (found := self.rest.of(ending)):
            assert time.monotonic() < deadline, self.rest.requests
            time.sleep(0.01)
        return found[-1]

    def answered(self) -> tuple[str, str]:
        """Announce a call; returns its id, and the ticket of its answer."""
        call_id = f"v2:{next(_IDS)}"
        assert self.initiated(call_id) == 200
        return call_id, str(self.asked(f"{call_id}/actions/answer")["stream_auth_token"])

    @property
    def stream(self) -> str:
        return self.service.url.replace("http", "ws") + "/phone/telnyx/stream"


@pytest.fixture(scope="module")
def telnyx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Telnyx]:
    folder, account, rest = tmp_path_factory.mktemp("telnyx"), TelnyxAccount(), RestRecorder()
    (folder / "numbers.yaml").write_text(NUMBERS)
    with (
        serving(rest.config()) as port,
        unhearing(
            folder,
            phone_numbers=folder / "numbers.yaml",
            phone_url="https://phone.example.org",
            telnyx_api_key="KEY123",
            telnyx_public_key=account.public_key,
            telnyx_base_url=f"http://127.0.0.1:{port}",
        ) as service,
    ):
        yield Telnyx(service, account, rest)


def test_a_call_is_answered_greeted_interrupted_and_hung_up(telnyx: Telnyx) -> None:
    async def story() -> None:
        call_id, ticket = await asyncio.to_thread(telnyx.answered)
        answer = telnyx.rest.of(f"{call_id}/actions/answer")[0]
        assert answer["stream_url"] == "wss://phone.example.org/phone/telnyx/stream"
        assert answer["stream_bidirectional_mode"] == "rtp"
        assert answer["stream_bidirectional_codec"] == "PCMU"
        assert telnyx.rest.requests[-1][3] == "Bearer KEY123"
        async with TelnyxStream.connected(telnyx.stream, ticket, call_id) as stream:
            await stream.until(lambda: stream.loud() > 50)
            await stream.send({"event": "dtmf", "occurred_at": "now", "sequence_number": "5", "dtmf": {"digit": "1"}})
            await stream.send({"event": "dtmf", "dtmf": {"digit": "#"}})
            await stream.until(lambda: stream.cleared > 0)
            assert stream.faults == []
            assert await asyncio.to_thread(telnyx.webhook, "call.hangup", None, call_control_id=call_id) == 200
            await stream.until(stream.over.is_set)
        await asyncio.to_thread(telnyx.asked, f"{call_id}/actions/hangup")
        await telnyx.service.until(lambda service: not len(service.calls))

    asyncio.run(story())


@pytest.mark.parametrize("answered", [True, False])
def test_a_transfer_calls_the_human_and_comes_back_if_nobody_answers(telnyx: Telnyx, answered: bool) -> None:
    async def story() -> None:
        call_id, ticket = await asyncio.to_thread(telnyx.answered)
        async with TelnyxStream.connected(telnyx.stream, ticket, call_id) as stream:
            await stream.until(lambda: stream.loud() > 10)
            await stream.send({"event": "dtmf", "dtmf": {"digit": "0"}})
            await stream.send({"event": "dtmf", "dtmf": {"digit": "#"}})
            body = await asyncio.to_thread(telnyx.asked, f"{call_id}/actions/transfer")
            state = base64.b64encode(call_id.encode()).decode()
            assert body == {"to": "+15557770000", "target_leg_client_state": state, "timeout_secs": RINGS_S}
            assert 5 <= RINGS_S <= 600, "as Telnyx takes it"
            heard = stream.loud()
            leg = {"call_control_id": f"{call_id}-b", "client_state": state, "hangup_cause": "timeout"}
            event = "call.bridged" if answered else "call.hangup"
            assert await asyncio.to_thread(telnyx.webhook, event, None, **leg) == 200
            if answered:
                await stream.until(stream.over.is_set)
            else:
                await stream.until(lambda: stream.loud() > heard + 10)
                assert not stream.over.is_set()
        await telnyx.service.until(lambda service: not len(service.calls))

    asyncio.run(story())


def test_a_call_that_is_not_taken_is_rejected(telnyx: Telnyx) -> None:
    assert telnyx.initiated("v2:unknown", to="+4930") == 200
    assert telnyx.asked("v2:unknown/actions/reject") == {"cause": "CALL_REJECTED"}
    assert telnyx.initiated("v2:blocked", **{"from": "+19005550000"}) == 200
    telnyx.asked("v2:blocked/actions/reject")
    assert telnyx.initiated("v2:ours", direction="outgoing") == 200
    assert telnyx.rest.of("v2:ours/actions/answer") == []


@pytest.mark.parametrize("status", [404, 422, 429, 500])
def test_a_refusal_by_telnyx_is_no_fault_of_the_webhook(telnyx: Telnyx, status: int) -> None:
    call_id = f"v2:refused-{status}"
    telnyx.rest.status = status
    try:
        assert telnyx.initiated(call_id) == 200
        telnyx.asked(f"{call_id}/actions/answer")
    finally:
        telnyx.rest.status = 200


def test_webhooks_of_others_are_refused(telnyx: Telnyx) -> None:
    body = b'{"data":{"event_type":"call.initiated","payload":{}}}'
    good = telnyx.account.signed(body)
    old = telnyx.account.signed(body, at=int(time.time()) - 301)
    early = telnyx.account.signed(body, at=int(time.time()) + 400)
    other = TelnyxAccount().signed(body)
    cases: list[dict[str, str]] = [
        {},
        {**good, "telnyx-signature-ed25519": ""},
        {**good, "telnyx-signature-ed25519": "!!!"},
        {**good, "telnyx-signature-ed25519": base64.b64encode(bytes(64)).decode()},
        {**good, "telnyx-timestamp": "0"},
        {**good, "telnyx-timestamp": "soon"},
        old,
        early,
        other,
    ]
    for headers in cases:
        assert http.post(f"{telnyx.service.url}/phone/telnyx", content=body, headers=headers).status_code == 403
    changed = http.post(f"{telnyx.service.url}/phone/telnyx", content=body + b" ", headers=good)
    assert changed.status_code == 403
    large = b" " * (LARGEST_WEBHOOK + 1)
    assert (
        http.post(f"{telnyx.service.url}/phone/telnyx", content=large, headers=telnyx.account.signed(large)).status_code
        == 413
    )


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"[" * 3_000, b'"data"'])
def test_a_signed_webhook_that_says_nothing(telnyx: Telnyx, body: bytes) -> None:
    answer = http.post(f"{telnyx.service.url}/phone/telnyx", content=body, headers=telnyx.account.signed(body))
    assert answer.status_code == 422


@pytest.mark.parametrize("body", [b"{}", b'{"data":1}', b'{"data":{"event_type":7,"payload":[]}}'])
def test_a_signed_webhook_of_another_shape_is_passed_over(telnyx: Telnyx, body: bytes) -> None:
    answer = http.post(f"{telnyx.service.url}/phone/telnyx", content=body, headers=telnyx.account.signed(body))
    assert answer.status_code == 200


@pytest.mark.slow
def test_a_ticket_opens_one_stream(telnyx: Telnyx) -> None:
    async def refused(ticket: str) -> int:
        with pytest.raises(InvalidStatus) as refusal:
            async with TelnyxStream.connected(telnyx.stream, ticket, "v2:x"):
                raise AssertionError
        return refusal.value.response.status_code

    async def story() -> None:
        assert await refused("") == 403
        assert await refused("guessed") == 403
        call_id, ticket = await asyncio.to_thread(telnyx.answered)
        async with TelnyxStream.connected(telnyx.stream, ticket, call_id) as stream:
            assert await refused(ticket) == 403
            await stream.send({"event": "stop", "stop": {}})
            await stream.until(stream.over.is_set)
        call_id, ticket = await asyncio.to_thread(telnyx.answered)
        async with TelnyxStream.connected(telnyx.stream, ticket, "v2:another") as stream:
            await stream.until(stream.over.is_set)
            assert stream.loud() == 0

    asyncio.run(story())


# ----------------------------------------------------------------- the dialect


def with_dialect(work: Any, spoken: AudioFormat | None = None) -> Any:
    async def story(store: Store) -> Any:
        async with desk_in(store, entry()) as desk:
            rest: Any = None
            return work(TelnyxDialect(desk, Incoming("telnyx", "v2:1"), spoken or AudioFormat("mulaw", 8_000), rest))

    return steadily(story, run_virtually)


RAMP = np.arange(-16_000, 16_000, 100, dtype="<i2")


def test_l16_is_big_endian_both_ways() -> None:
    """RFC 2586; Vonage's is little-endian. A ramp tells them apart."""

    def work(dialect: TelnyxDialect) -> None:
        dialect.input = dialect.output = AudioFormat("pcm16", 16_000)
        payload = base64.b64encode(RAMP.astype(">i2").tobytes()).decode()
        heard = dialect.read(json.dumps({"event": "media", "media": {"payload": payload, "timestamp": "40"}}))
        assert heard == Hear(RAMP.tobytes(), 40.0)
        (sent,) = dialect.media(RAMP.tobytes())
        assert base64.b64decode(json.loads(sent)["media"]["payload"]) == RAMP.astype(">i2").tobytes()
        assert set(json.loads(sent)) == {"event", "media"}, "no stream id"

    with_dialect(work, AudioFormat("pcm16", 16_000))
    assert swapped(b"\x01\x02\x03") == b"\x02\x01", "half a sample is dropped"


@pytest.mark.parametrize(
    ("encoding", "rate", "format_"),
    [
        ("PCMU", 8_000, AudioFormat("mulaw", 8_000)),
        ("PCMA", 8_000, AudioFormat("alaw", 8_000)),
        ("pcma", 16_000, AudioFormat("alaw", 8_000)),
        ("L16", 24_000, AudioFormat("pcm16", 24_000)),
    ],
)
def test_what_comes_has_the_codec_of_the_callers_leg(encoding: str, rate: int, format_: AudioFormat) -> None:
    assert format_of(encoding, rate) == format_


@pytest.mark.parametrize("encoding", ["OPUS", "AMR-WB", "", "x" * 1_000])
def test_a_codec_that_is_not_spoken(encoding: str) -> None:
    with pytest.raises(LineRefused):
        format_of(encoding, 8_000)


def test_a_call_from_europe_comes_in_a_law(telnyx: Telnyx) -> None:
    async def story() -> None:
        call_id, ticket = await asyncio.to_thread(telnyx.answered)
        async with TelnyxStream.connected(telnyx.stream, ticket, call_id, encoding="PCMA") as stream:
            await stream.until(lambda: stream.loud() > 20)
            assert stream.faults == []

    asyncio.run(story())


@pytest.mark.parametrize(
    ("message", "heard"),
    [
        ({"event": "dtmf", "dtmf": {"digit": "5"}}, Digit("5")),
        ({"event": "dtmf", "dtmf": {"digit": "55"}}, None),
        ({"event": "dtmf"}, None),
        ({"event": "mark", "mark": {"name": "unknown"}}, None),
        ({"event": "connected"}, None),
        ({"event": "later", "with": "fields"}, None),
        ({"event": "media", "media": {"track": "outbound", "payload": "AAAA"}}, None),
    ],
)
def test_what_a_message_means(message: dict[str, Any], heard: object) -> None:
    assert with_dialect(lambda dialect: dialect.read(json.dumps(message))) == heard


@pytest.mark.parametrize(
    "message",
    [
        "{",
        "[]",
        "7",
        '{"event":1}',
        '{"event":"media","media":{"payload":"%%%"}}',
        '{"event":"error","payload":{"title":"x"}}',
    ],
)
def test_a_message_that_is_none(message: str) -> None:
    def work(dialect: TelnyxDialect) -> None:
        with pytest.raises(ProtocolError):
            dialect.read(message)

    with_dialect(work)


def test_chunks_are_put_in_order_and_a_missing_one_is_given_up() -> None:
    def heard(*chunks: int) -> list[int]:
        order, out = ChunkOrder(), list[int]()
        for chunk in chunks:
            out += [one.data[0] for one in order.add(chunk, Hear(bytes((chunk,))))]
        return out

    assert heard(1, 2, 3) == [1, 2, 3]
    assert heard(1, 3, 2, 4) == [1, 2, 3, 4]
    assert heard(1, 3, 4) == [1], "waited for"
    assert heard(1, 3, 4, 5, 6) == [1, 3, 4, 5, 6]
    assert heard(1, 2, 2, 1, 3) == [1, 2, 3], "twice, and too late"
    assert REORDER == 3


def test_nothing_is_taken_without_a_key(tmp_path: Path) -> None:
    with unhearing(tmp_path) as service:
        body = b"{}"
        answer = http.post(f"{service.url}/phone/telnyx", content=body, headers=TelnyxAccount().signed(body))
        assert answer.status_code == 403


@pytest.mark.slow
def test_two_hundred_calls_leave_no_descriptor_and_no_task(telnyx: Telnyx) -> None:
    async def call() -> None:
        call_id, ticket = await asyncio.to_thread(telnyx.answered)
        async with TelnyxStream.connected(telnyx.stream, ticket, call_id) as stream:
            await stream.until(lambda: stream.loud() > 3)
            await stream.send({"event": "stop"})
            await stream.until(stream.over.is_set)

    asyncio.run(leaves_nothing(telnyx.service, call))
