"""What no carrier should send, and strangers do: at each the service says no, loses nothing, and goes on."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from xml.etree import ElementTree

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from api.client.carrier import ringing, signature
from tests.api.doors.telephone.twilio.scene import CALLER, NUMBER, PUBLIC, PhoneService, phone_service, spoken
from tests.servers.twilio import TOKEN
from tests.service import WAIT_S, http, running

SOCKET = PUBLIC.replace("https", "wss") + "/phone/twilio"
QUIET = base64.b64encode(b"\xff" * 160).decode()


@pytest.fixture(scope="module")
def phone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PhoneService]:
    with phone_service(tmp_path_factory.mktemp("phone"), stt="fixed") as running:
        yield running


@pytest.fixture(autouse=True)
def _number(phone: PhoneService) -> None:
    phone.twilio.requests.clear()
    phone.twilio.answers = ""
    phone.number()


def form(call_sid: str, **fields: str) -> dict[str, str]:
    return {"CallSid": call_sid, "From": CALLER, "To": NUMBER, "CallStatus": "ringing", **fields}


def ticket(phone: PhoneService, call_sid: str) -> str:
    answer = phone.post("voice", form(call_sid))
    parameter = ElementTree.fromstring(answer.text).find("Connect/Stream/Parameter")
    assert parameter is not None
    return parameter.attrib["value"]


@asynccontextmanager
async def stream(phone: PhoneService, sign: str = SOCKET, secret: str = TOKEN) -> AsyncIterator[ClientConnection]:
    async with connect(
        phone.service.url.replace("http", "ws", 1) + "/phone/twilio",
        additional_headers={"X-Twilio-Signature": signature(secret, sign)},
        ping_interval=None,
        close_timeout=1,
        proxy=None,
    ) as socket:
        yield socket


async def send(socket: ClientConnection, event: str, **fields: Any) -> None:
    await socket.send(json.dumps({"event": event, "streamSid": "MZ1", **fields}))


async def start(socket: ClientConnection, call_sid: str, one: str, **fields: Any) -> None:
    await send(socket, "start", start={"callSid": call_sid, "customParameters": {"ticket": one}, **fields})


async def first(socket: ClientConnection, event: str = "media") -> dict[str, Any]:
    async with asyncio.timeout(WAIT_S):
        while (message := json.loads(await socket.recv()))["event"] != event:
            pass
    found: dict[str, Any] = message
    return found


async def close_code(socket: ClientConnection) -> int:
    """Read to the end; the code."""
    async with asyncio.timeout(WAIT_S):
        try:
            while True:
                await socket.recv()
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 1006


@pytest.mark.parametrize("path", ["voice", "after", "status", "transferred", "answered", "machine", "recording"])
@pytest.mark.parametrize("sign", [False, "AAAA", signature("another secret", f"{PUBLIC}/phone/twilio/voice")])
def test_a_webhook_without_a_valid_signature_is_refused(phone: PhoneService, path: str, sign: bool | str) -> None:
    answer = phone.post(path, form("CA-unsigned"), sign=sign)
    assert answer.status_code == 403
    assert TOKEN not in answer.text
    assert phone.record("CA-unsigned") is None


def test_a_webhook_that_is_no_form_or_far_too_large(phone: PhoneService) -> None:
    url = f"{phone.service.url}/phone/twilio/voice"
    assert http.post(url, content=b"\xff\xfe=\xff").status_code == 400
    assert http.post(url, content=b"a=" + b"b" * 70_000).status_code == 413
    assert http.post(url, content=b"&".join(b"a%d=1" % number for number in range(300))).status_code == 400


@pytest.mark.parametrize(
    ("sign", "secret"),
    [(SOCKET, "another secret"), (SOCKET + "/", TOKEN), (SOCKET.replace("wss", "https"), TOKEN), ("", TOKEN)],
)
def test_a_stream_without_a_valid_signature_gets_403_before_it_is_accepted(
    phone: PhoneService, sign: str, secret: str
) -> None:
    async def story() -> None:
        with pytest.raises(InvalidStatus) as refused:
            async with stream(phone, sign, secret):
                pass
        assert refused.value.response.status_code == 403

    asyncio.run(story())


def test_a_ticket_is_good_once_and_for_its_own_call(phone: PhoneService) -> None:
    async def story() -> None:
        one = ticket(phone, "CA-once")
        async with stream(phone) as socket:
            await start(socket, "CA-once", one)
            await first(socket)
            for call_sid, other in (("CA-once", one), ("CA-else", ticket(phone, "CA-more")), ("CA-x", "none")):
                async with stream(phone) as second:
                    await start(second, call_sid, other)
                    assert await close_code(second) == 1008
            async with stream(phone) as second:
                await start(second, "CA-once", ticket(phone, "CA-once"))
                assert await close_code(second) == 1008, "two streams for one call"
            await send(socket, "stop", stop={})
            await close_code(socket)
        assert (await phone.ended("CA-once")).reason == "caller"
        again = ElementTree.fromstring(phone.post("after", form("CA-once")).text)
        assert [verb.tag for verb in again] == ["Hangup"]

    asyncio.run(story())


def test_an_unknown_number_and_a_blocked_caller_are_rejected_and_recorded(phone: PhoneService) -> None:
    phone.number(block=["+1555666*"])
    for call_sid, fields, reason, recorded in (
        ("CA-unknown", {"To": "+49300"}, "rejected", "unknown-number"),
        ("CA-blocked", {"From": "+15556667777"}, "busy", "blocked"),
    ):
        verbs = ElementTree.fromstring(phone.post("voice", form(call_sid, **fields)).text)
        assert [(verb.tag, verb.get("reason")) for verb in verbs] == [("Reject", reason)]
        record = phone.record(call_sid)
        assert record is not None
        assert record.reason == recorded


def test_media_before_the_start_in_disorder_twice_and_nonsense(phone: PhoneService) -> None:
    async def story() -> None:
        async with stream(phone) as socket:
            await send(socket, "media", media={"payload": QUIET})
            await start(socket, "CA-odd", ticket(phone, "CA-odd"))
            await first(socket)
            for message in (
                "no json",
                "[]",
                '{"event": 7}',
                '{"event":"media","media":7}',
                '{"event":"media","streamSid":"MZ1","media":{"payload":"not base64!"}}',
                '{"event":"media","streamSid":"MZ2","media":{"payload":"AAAA"}}',
                '{"event":"media","streamSid":"MZ1","media":{"track":"outbound","payload":"AAAA"}}',
                '{"event":"dtmf","streamSid":"MZ1","dtmf":{"digit":"77"}}',
                '{"event":"mark","streamSid":"MZ1","mark":{"name":"never sent"}}',
                '{"event":"mark","streamSid":"MZ1"}',
                '{"event":"telepathy","streamSid":"MZ1"}',
                b"\x00\x01",
                "[" * 20_000,
            ):
                await socket.send(message)
            speech = spoken("slt/turns/01")
            for number, chunk in enumerate([3, 1, 2, 2, 9, 8]):
                payload = base64.b64encode(speech[number * 160 : number * 160 + 160]).decode()
                await send(socket, "media", media={"chunk": str(chunk), "timestamp": "-5", "payload": payload})
            assert (await first(socket))["streamSid"] == "MZ1", "the call goes on"
            await send(socket, "stop", stop={})
            await send(socket, "media", media={"payload": QUIET})
            assert await close_code(socket) == 1000
        assert (await phone.ended("CA-odd")).reason == "caller"

    asyncio.run(story())


def test_ten_thousand_frames_at_once_end_the_stream(phone: PhoneService) -> None:
    async def story() -> None:
        async with stream(phone) as socket:
            await start(socket, "CA-flood", ticket(phone, "CA-flood"))
            await first(socket)
            message = json.dumps({"event": "media", "streamSid": "MZ1", "media": {"payload": QUIET}})

            async def flood() -> None:
                try:
                    for _ in range(10_000):
                        await socket.send(message)
                except ConnectionClosed:
                    pass

            sending = asyncio.create_task(flood())
            assert await close_code(socket) == 1008
            await sending

    asyncio.run(story())


@pytest.mark.parametrize(("size", "code"), [(70_000, 1009), (300_000, 1009)])
def test_a_message_that_is_too_large(phone: PhoneService, size: int, code: int) -> None:
    async def story() -> None:
        async with stream(phone) as socket:
            await start(socket, f"CA-{size}", ticket(phone, f"CA-{size}"))
            await first(socket)
            await socket.send("x" * size)
            assert await close_code(socket) == code

    asyncio.run(story())


@pytest.mark.slow
def test_a_start_that_never_comes(phone: PhoneService) -> None:
    async def story() -> None:
        async with stream(phone) as socket:
            await send(socket, "connected")
            assert await close_code(socket) == 1008

    asyncio.run(story())


@pytest.mark.slow
@pytest.mark.parametrize("answers", [404, 429, 500, "hang"])
def test_a_rest_interface_that_fails_costs_no_goodbye(phone: PhoneService, answers: Any) -> None:
    async def story() -> None:
        phone.number(silence_s=[1], greeting="Hello.")
        phone.twilio.answers = answers
        call = phone.call()
        async with ringing(call):
            assert await call.until(lambda: call.over.is_set())
        assert phone.said(call.call_sid)[-1][1].endswith("Goodbye.")
        assert (await phone.ended(call.call_sid)).reason == "silence"
        assert call.verbs == ["Connect", "Redirect", "Hangup"]

    asyncio.run(story())


@pytest.mark.slow
@pytest.mark.parametrize("answers", [404, 429, 500, "hang"])
def test_a_transfer_that_the_carrier_refuses_is_said(phone: PhoneService, answers: Any) -> None:
    async def story() -> None:
        phone.number(human="+15557770000", greeting="Hello.")
        phone.twilio.answers = answers
        call = phone.call()
        async with ringing(call):
            assert await call.until(lambda: bool(call.speaker.marks))
            call.press("0")
            assert await call.until(lambda: bool(phone.twilio.requests))
            assert await call.quiet(2.5)
            call.hang_up()
        await phone.ended(call.call_sid)
        assert any("could not put you through" in text for _, text in phone.said(call.call_sid))

    asyncio.run(story())


def test_without_an_account_there_is_no_twilio(tmp_path_factory: pytest.TempPathFactory) -> None:
    with running(tmp_path_factory.mktemp("bare"), stt="fixed") as service:
        assert http.post(f"{service.url}/phone/twilio/voice", data={"CallSid": "CA1"}).status_code == 403

        async def story() -> None:
            with pytest.raises(InvalidStatus):
                async with connect(service.url.replace("http", "ws", 1) + "/phone/twilio", proxy=None):
                    pass

        asyncio.run(story())
