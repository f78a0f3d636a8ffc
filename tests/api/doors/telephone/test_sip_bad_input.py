"""What is no call by SIP, and is refused: offers, strangers, floods, requests of no call."""

import asyncio
from typing import Any

import pytest
from aiosipua import SipDigestAuth, build_credentials, parse_auth, stringify_auth

from models.store import Store
from tests.api.doors.telephone.scene import entry, recorded_calls
from tests.api.doors.telephone.sip_exchange import exchange, header, told


@pytest.mark.parametrize(
    ("offer", "status"),
    [
        ("m=audio 21000 RTP/AVP 18 3\r\n", 488),
        ("m=audio 21000 RTP/SAVP 0\r\n", 488),
        ("m=video 21000 RTP/AVP 96\r\n", 488),
        ("", 488),
        ("m=audio none RTP/AVP 0\r\n", 400),
    ],
    ids=["unknown codecs only", "encrypted", "no audio", "no offer", "damaged"],
)
def test_an_offer_that_cannot_be_answered_is_refused(offer: str, status: int) -> None:
    async def story(store: Store) -> None:
        async with exchange(store) as here, here.phone() as phone:
            body = f"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n{offer}" if offer else ""
            assert (await phone.invite(body)).status == status
            await here.free()
            assert await recorded_calls(store) == []

    told(story)


@pytest.mark.parametrize(
    ("fields", "called", "status", "reason"),
    [({}, "999", 404, "unknown-number"), ({"block": ["+1555*"]}, "100", 603, "blocked")],
)
def test_a_call_that_is_not_taken_is_never_picked_up(
    fields: dict[str, Any], called: str, status: int, reason: str
) -> None:
    async def story(store: Store) -> None:
        async with exchange(store, entry(number="100", **fields)) as here, here.phone() as phone:
            assert (await phone.invite(called=called)).status == status
            await here.free()
            assert phone.heard == []
            assert [call.reason for call in await recorded_calls(store)] == [reason]

    told(story)


def test_a_stranger_needs_a_password() -> None:
    async def story(store: Store) -> None:
        async with (
            exchange(store, users={"ada": "correct-horse"}) as here,
            here.phone("127.0.0.2") as phone,
        ):
            asked = await phone.invite()
            assert asked.status == 401
            for password, status in (("wrong", 403), ("correct-horse", 200)):
                again = await phone.invite()
                challenge = parse_auth(header(again, "www-authenticate"))
                uri = f"sip:100@{phone.server[0]}:{phone.server[1]}"
                made = build_credentials(SipDigestAuth("ada", password), challenge, "INVITE", uri)
                assert made is not None
                answer = await phone.invite(headers=(f"Authorization: {stringify_auth(made)}",))
                assert answer.status == status
            await phone.bye()
            await here.free()

    told(story)


def test_a_flood_gets_503_and_leaves_nothing() -> None:
    async def story(store: Store) -> None:
        async with exchange(store) as here, here.phone() as phone:
            gate: Any = getattr(here.server._socket.gate, "__self__", None)
            gate._now = lambda: 0.0  # a loaded machine is slower than the flood
            for number in range(300):
                phone.call_id = f"flood-{number}"
                phone.send(phone.request("INVITE", phone.offer(), called="999", sequence=1))
                await asyncio.sleep(0)
            # A socket's buffer holds fewer than are sent: what is lost would be sent again.
            await phone.until(lambda: sum(one.status in (404, 503) for one in phone.responses) >= 100)
            refused = [one for one in phone.responses if one.status == 503]
            assert len(refused) >= 30
            assert all(header(one, "retry-after") == "5" for one in refused)
            await here.free()

    told(story)


def test_no_more_calls_than_there_may_be() -> None:
    async def story(store: Store) -> None:
        async with exchange(store, most_calls=1) as here, here.phone() as first, here.phone() as second:
            assert (await first.invite()).status == 200
            assert (await second.invite()).status == 503
            await first.bye()
            await here.free()
            assert (await second.invite()).status == 200
            await second.bye()
            await here.free()

    told(story)


def test_requests_of_no_call_get_481() -> None:
    async def story(store: Store) -> None:
        async with exchange(store) as here, here.phone() as phone:
            for method in ("BYE", "INFO", "UPDATE", "NOTIFY"):
                phone.send(phone.request(method))
                assert (await phone.final(method, phone._sequence)).status == 481
            phone.send(phone.request("OPTIONS"))
            assert (await phone.final("OPTIONS", phone._sequence)).status == 200
            phone.send(phone.request("SUBSCRIBE"))
            assert (await phone.final("SUBSCRIBE", phone._sequence)).status == 405
            assert len(here.server) == 0

    told(story)


def test_another_phone_cannot_end_the_call() -> None:
    async def story(store: Store) -> None:
        async with exchange(store) as here, here.phone() as phone, here.phone() as other:
            await phone.invite()
            other.call_id, other.to_tag = phone.call_id, "guessed"
            assert (await other.bye()).status == 481
            other.to_tag = ""
            assert (await other.invite()).status == 482
            assert len(here.server) == 1
            await phone.bye()
            await here.free()

    told(story)
