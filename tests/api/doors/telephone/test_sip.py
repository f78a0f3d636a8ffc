"""Calls by SIP over real UDP, with a telephone that is written from the RFCs."""

import asyncio
import ipaddress
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiosipua import SipDigestAuth, build_credentials, parse_auth, stringify_auth

from api.doors.telephone.desk import Desk
from api.doors.telephone.reception import HUMAN
from api.doors.telephone.sip import SipServer, SipSettings
from api.doors.telephone.sip_dialing import NotAnswered, begin_dialling
from api.doors.telephone.sip_registration import SipAccount
from api.doors.telephone.twilio.dialing import outgoing
from api.settings import Settings
from models.errors import Conflict, Invalid
from models.records.telephone import PhoneNumber
from models.store import Store
from pipeline.call.settings import Engines
from pipeline.conversation.tools import Transfer
from tests.api.doors.line.scene import PRACTICE, service_in
from tests.api.doors.telephone.scene import entry, recorded_calls
from tests.pipeline.call.test_leaving import Says
from tests.pipeline.scene import engines, steadily
from tests.servers.sip_phone import PATIENCE_S, SipPhone, SipText
from voice.audio.g711 import mulaw_encode

SETTINGS = SipSettings(
    bind=("127.0.0.1", 0), rtp_ports=(25_000, 25_199), allowed=(ipaddress.ip_network("127.0.0.1/32"),)
)
HANDS_OVER = engines(responder=Says("One moment.", Transfer(HUMAN)))


@dataclass
class Exchange:
    """A desk with a SIP server."""

    desk: Desk
    server: SipServer

    def phone(self, host: str = "127.0.0.1") -> Any:
        """A phone of this network, or of another host."""
        return SipPhone.at(self.server.address, host)

    async def free(self) -> None:
        """Wait until no call is left, here and there."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.server) or len(self.desk) or len(self.desk.service.calls):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert self.server._ports._allocated == set()
        assert self.server._uas.active_calls == {}

    async def texts(self, store: Store, wanted: str) -> None:
        """Wait until a message with these letters is in the call's chat."""
        (reception,) = self.desk._open.values()
        async with asyncio.timeout(PATIENCE_S):
            while True:
                if reception.call is not None:
                    messages = await store.messages(reception.call.session.conversation.chat_id)
                    if any(wanted in message.text.replace(" ", "") for message in messages):
                        return
                await asyncio.sleep(0.01)


@asynccontextmanager
async def exchange(
    store: Store, *entries: PhoneNumber, chosen: Engines | None = None, **changed: Any
) -> AsyncIterator[Exchange]:
    async with service_in(store, chosen) as service, Desk(service) as desk:
        service.ready.set()
        for one in entries or (entry(number="100"),):
            await store.add_phone_number(one)
        async with SipServer(replace(SETTINGS, **changed), desk) as server:
            yield Exchange(desk, server)


def told(story: Callable[[Store], Awaitable[None]]) -> None:
    steadily(story, asyncio.run)


def descriptors() -> int:
    """How many this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def header(message: SipText, name: str) -> str:
    return message.headers.get(name, "")


# ----------------------------------------------------------------------- calls


def test_a_call_is_answered_greeted_and_over_when_the_phone_hangs_up() -> None:
    async def story(store: Store) -> None:
        async with exchange(store) as here, here.phone() as phone:
            answer = await phone.invite()
            assert answer.status == 200
            assert [one.status for one in phone.responses if one.status < 200] == [100, 180]
            assert "m=audio" in answer.body
            assert "RTP/AVP 0 101" in answer.body
            await phone.until(lambda: phone.loud() > 50)
            assert {len(payload) for payload in phone.heard} == {160}
            assert (await phone.bye()).status == 200
            await here.free()
            (call,) = await recorded_calls(store)
            assert (call.line, call.caller, call.called, call.reason) == ("sip", "+15559990000", "100", "caller")

    told(story)


@pytest.mark.slow
def test_speech_and_keys_reach_the_persona() -> None:
    """Keys come as RFC 4733 has them, and by INFO in both of its forms."""

    async def story(store: Store) -> None:
        async with exchange(store) as here, here.phone() as phone:
            await phone.invite()
            await phone.until(lambda: phone.loud() > 5)
            phone.speak([mulaw_encode(np.zeros(160, np.int16))] * 5)
            for key in (4, 2, 11):
                phone.press(key)
            await here.texts(store, "42")
            phone.send(phone.request("INFO", "Signal=7\r\nDuration=160\r\n", kind="application/dtmf-relay"))
            phone.send(phone.request("INFO", "8", kind="application/dtmf"))
            phone.send(phone.request("INFO", "Signal=11\r\n", kind="application/dtmf-relay"))
            await here.texts(store, "78")
            phone.send(phone.request("INFO", "whatever", kind="text/plain"))
            assert (await phone.final("INFO", phone._sequence)).status == 200

    told(story)


@pytest.mark.slow
def test_hold_silences_both_sides_until_it_ends() -> None:
    async def story(store: Store) -> None:
        async with exchange(store) as here, here.phone() as phone:
            await phone.invite()
            await phone.until(lambda: phone.loud() > 5)
            held = await phone.invite(phone.offer("sendonly"))
            assert (held.status, "a=recvonly" in held.body) == (200, True)
            before = len(phone.heard)
            phone.speak([mulaw_encode(np.full(160, 9_000, np.int16))] * 20)
            phone.send(phone.request("INFO", "5", kind="application/dtmf"))
            await here.texts(store, "5")
            assert len(phone.heard) <= before + 2, "what was on its way"
            again = await phone.invite(phone.offer("sendrecv"))
            assert "a=sendrecv" in again.body
            versions = [re.search(r"o=\S+ \S+ (\d+)", one.body)[1] for one in (held, again)]  # type: ignore[index]
            assert int(versions[1]) == int(versions[0]) + 1
            await phone.until(lambda: len(phone.heard) > before + 20)
            assert (await phone.invite(phone.offer(formats="8"))).status == 488, "the codec stays"
            assert (await phone.invite("")).status == 200, "a refresh without an offer"
            assert (await phone.bye()).status == 200
            await here.free()

    told(story)


@pytest.mark.slow
def test_the_service_hangs_up_and_says_so_until_it_is_heard() -> None:
    async def story(store: Store) -> None:
        async with (
            exchange(store, entry(number="100", silence_s=[1, 1])) as here,
            here.phone() as phone,
        ):
            await phone.invite()
            phone.answers = 0
            await phone.until(lambda: len(phone.of("BYE")) == 3)
            phone.answers = 200
            assert len({header(one, "cseq") for one in phone.of("BYE")}) == 1
            await here.free()
            assert [call.reason for call in await recorded_calls(store)] == ["silence"]

    told(story)


def test_an_invite_that_comes_twice_is_one_call() -> None:
    async def story(store: Store) -> None:
        async with exchange(store) as here, here.phone() as phone:
            invite = phone.request("INVITE", phone.offer())
            phone.send(invite)
            phone.send(invite)
            answer = await phone.final("INVITE", 1)
            phone.send(invite)
            await phone.until(lambda: sum(one.status == 200 for one in phone.responses) >= 2)
            tags = {header(one, "to") for one in phone.responses if one.status == 200}
            assert tags == {header(answer, "to")}
            assert len(here.server) == 1
            phone.to_tag = header(answer, "to").partition("tag=")[2]
            phone.send(phone.request("ACK", sequence=1))
            await phone.bye()
            await here.free()

    told(story)


def test_a_call_that_is_cancelled_leaves_nothing() -> None:
    async def story(store: Store) -> None:
        async with exchange(store) as here, here.phone() as phone:
            invite = phone.request("INVITE", phone.offer(), branch="z9hG4bKcancelled")
            here.server._socket.receive(invite, phone.sip.get_extra_info("sockname"))
            cancel = phone.request("CANCEL", branch="z9hG4bKcancelled", sequence=1)
            here.server._socket.receive(cancel, phone.sip.get_extra_info("sockname"))
            assert (await phone.final("INVITE", 1)).status == 487
            assert (await phone.final("CANCEL", 1)).status == 200
            await here.free()
            assert phone.heard == []

    told(story)


@pytest.mark.slow
def test_leaving_hangs_every_call_up() -> None:
    async def story(store: Store) -> None:
        async with SipPhone.at(("127.0.0.1", 0)) as phone:
            async with exchange(store) as here:
                phone.server = here.server.address
                await phone.invite()
                await phone.until(lambda: phone.loud() > 0)
            await phone.until(lambda: bool(phone.of("BYE")))

    told(story)


# -------------------------------------------------------------------- transfers


@pytest.mark.slow
@pytest.mark.parametrize("answered", [True, False])
def test_a_transfer_is_a_refer(answered: bool) -> None:
    """The phone calls whom it is told to; if nobody answers there, the persona goes on."""

    async def story(store: Store) -> None:
        entries = (entry(number="100", human="+15557770000"),)
        async with exchange(store, *entries, chosen=HANDS_OVER) as here, here.phone() as phone:
            await phone.invite()
            await phone.until(lambda: phone.loud() > 5)
            phone.send(phone.request("INFO", "5", kind="application/dtmf"))
            await phone.until(lambda: bool(phone.of("REFER")))
            assert header(phone.of("REFER")[0], "refer-to").startswith("<sip:+15557770000@")
            phone.notify("100 Trying")
            phone.notify("180 Ringing")
            phone.notify("200 OK" if answered else "486 Busy Here")
            if answered:
                await phone.until(lambda: bool(phone.of("BYE")))
                await here.free()
                assert [call.reason for call in await recorded_calls(store)] == ["transfer"]
            else:
                said = phone.loud()
                await phone.until(lambda: phone.loud() > said + 20)
                assert phone.of("BYE") == []

    told(story)


@pytest.mark.slow
def test_a_phone_that_cannot_transfer_keeps_its_call() -> None:
    async def story(store: Store) -> None:
        entries = (entry(number="100", human="+15557770000"),)
        async with exchange(store, *entries, chosen=HANDS_OVER) as here, here.phone() as phone:
            await phone.invite()
            await phone.until(lambda: phone.loud() > 5)
            phone.answers = 501
            phone.send(phone.request("INFO", "5", kind="application/dtmf"))
            await phone.until(lambda: bool(phone.of("REFER")))
            phone.answers = 200
            said = phone.loud()
            await phone.until(lambda: phone.loud() > said + 20)
            assert phone.of("BYE") == []

    told(story)


# ------------------------------------------------------------------- bad input


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


# --------------------------------------------------------------- session timers


@pytest.mark.slow
@pytest.mark.parametrize("refresher", ["uac", "uas"])
def test_a_bye_that_never_comes(refresher: str) -> None:
    """The caller does not refresh the session, or knows it no more when the service does."""

    async def story(store: Store) -> None:
        async with exchange(store, shortest_session_s=1) as here, here.phone() as phone:
            timer = (f"Session-Expires: 3;refresher={refresher}", "Supported: timer")
            answer = await phone.invite(headers=timer)
            assert header(answer, "session-expires") == f"3;refresher={refresher}"
            phone.answers = 481
            await here.free()
            assert [call.reason for call in await recorded_calls(store)] == ["caller"]

    told(story)


def test_too_short_a_session_is_refused() -> None:
    async def story(store: Store) -> None:
        async with exchange(store) as here, here.phone() as phone:
            answer = await phone.invite(headers=("Session-Expires: 10", "Supported: timer"))
            assert (answer.status, header(answer, "min-se")) == (422, "90")
            await here.free()

    told(story)


# ---------------------------------------------------------------- registration


class Registrar(asyncio.DatagramProtocol):
    """Answers REGISTER, at first with a challenge."""

    def __init__(self) -> None:
        self.came: list[SipText] = []
        self.news = asyncio.Event()
        self.status = 200

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        message = SipText.of(data)
        self.came.append(message)
        status = self.status if "authorization" in message.headers else 401
        lines = [
            f"SIP/2.0 {status} whatever",
            *(f"Via: {via}" for via in message.vias),
            *(f"{name}: {message.headers[name.lower()]}" for name in ("From", "To", "Call-ID", "CSeq", "Contact")),
            "Expires: 60",
            *(['WWW-Authenticate: Digest realm="pbx", nonce="n", algorithm=MD5, qop="auth"'] if status == 401 else []),
            "Content-Length: 0",
        ]
        self.transport.sendto(("\r\n".join(lines) + "\r\n\r\n").encode(), addr)  # type: ignore[attr-defined]
        self.news.set()


def test_the_service_registers_and_takes_the_registrars_calls() -> None:
    async def story(store: Store) -> None:
        loop = asyncio.get_running_loop()
        transport, registrar = await loop.create_datagram_endpoint(Registrar, local_addr=("127.0.0.3", 0))
        port = transport.get_extra_info("sockname")[1]
        account = SipAccount(f"sip:glow@127.0.0.3:{port}", "secret")
        async with exchange(store, account=account) as here:
            async with asyncio.timeout(PATIENCE_S):
                while here.server._account is None or not here.server._account.registered:
                    registrar.news.clear()
                    await asyncio.sleep(0.01)
            contact = f"<sip:glow@127.0.0.1:{here.server.address[1]}>"
            assert [header(one, "contact") for one in registrar.came] == [contact] * 2
            async with here.phone("127.0.0.3") as phone:
                assert (await phone.invite()).status == 200
                await phone.bye()
            async with here.phone("127.0.0.4") as phone:
                assert (await phone.invite()).status == 403
            await here.free()
        async with asyncio.timeout(PATIENCE_S):
            while header(registrar.came[-1], "expires") != "0":  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        transport.close()

    told(story)


def test_a_registrar_that_refuses_is_asked_again_later() -> None:
    async def story(store: Store) -> None:
        loop = asyncio.get_running_loop()
        transport, registrar = await loop.create_datagram_endpoint(Registrar, local_addr=("127.0.0.3", 0))
        registrar.status = 403
        account = SipAccount(f"sip:glow@127.0.0.3:{transport.get_extra_info('sockname')[1]}", "secret")
        async with exchange(store, account=account) as here, asyncio.timeout(PATIENCE_S):
            while here.server._account is None or here.server._account._again is None:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            assert not here.server._account.registered
        transport.close()

    told(story)


# --------------------------------------------------------------------- dialling


async def outgoing_record(here: Exchange, called: str = "+15557654321") -> str:
    settings: Any = Settings(_env_file=None, phone_dial_prefixes=("+1",), phone_sip_account="sip:glow@127.0.0.1:1")  # type: ignore[call-arg]
    call = outgoing(called, "+15551230000", practice=PRACTICE)
    return (await begin_dialling(settings, here.desk.service.store, call)).id


def account_at(phone: SipPhone) -> SipAccount:
    """An account whose provider is a phone."""
    return SipAccount("sip:glow@127.0.0.1:{}".format(phone.sip.get_extra_info("sockname")[1]), "secret")


def test_a_call_that_we_make_is_carried_until_its_end() -> None:
    async def story(store: Store) -> None:
        async with (
            SipPhone.at(("127.0.0.1", 0)) as phone,
            exchange(store, account=account_at(phone), registers=False) as here,
        ):
            phone.server = here.server.address
            record = await outgoing_record(here)
            async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
                calling = tasks.create_task(here.server.dial("+15557654321", "+15551230000", record))
                await phone.until(lambda: len(phone.heard) > 2)
                phone.speak([mulaw_encode(np.zeros(160, np.int16))] * 140)  # nobody says a word
                await phone.until(lambda: phone.loud() > 20)
                (invite,) = phone.of("INVITE")
                assert header(invite, "to").startswith("<sip:+15557654321@")
                assert "opus/48000/2" in invite.body
                assert phone.of("ACK")[0].first.startswith("ACK sip:phone@"), "where the phone says that it is"
                phone.speak([mulaw_encode(np.zeros(160, np.int16))] * 5)
                phone.send(phone.request("BYE"))
                await calling
            await here.free()
            (call,) = await recorded_calls(store)
            assert (call.direction, call.called, call.line, call.reason) == ("out", "+15557654321", "sip", "caller")

    told(story)


def test_a_challenge_is_answered_and_a_refusal_is_told() -> None:
    async def story(store: Store) -> None:
        async with (
            SipPhone.at(("127.0.0.1", 0)) as phone,
            exchange(store, account=account_at(phone), registers=False) as here,
        ):
            phone.server, phone.answers = here.server.address, 401
            phone.challenge = ('WWW-Authenticate: Digest realm="trunk", nonce="n", algorithm=MD5, qop="auth"',)
            with pytest.raises(NotAnswered, match="401"):
                await here.server.dial("+15557654321", "", await outgoing_record(here))
            assert [bool(header(one, "authorization")) for one in phone.of("INVITE")] == [False, True]
            phone.answers = 486
            with pytest.raises(NotAnswered, match="486"):
                await here.server.dial("+15557654321", "", await outgoing_record(here))
            await phone.until(lambda: len(phone.of("ACK")) >= 3)
            assert here.server._ports._allocated == set()

    told(story)


def test_only_allowed_prefixes_are_dialled_and_only_so_many() -> None:
    async def story(store: Store) -> None:
        async with exchange(store) as here:
            with pytest.raises(Invalid, match="GLOW_PHONE_DIAL_PREFIXES"):
                await outgoing_record(here, "+4930123")
            for _ in range(6):
                await outgoing_record(here)
            with pytest.raises(Conflict):
                await outgoing_record(here)
            with pytest.raises(NotAnswered, match="GLOW_PHONE_SIP_ACCOUNT"):
                await here.server.dial("+15557654321", "", "record")

    told(story)


# ----------------------------------------------------------------------- leaks


@pytest.mark.slow
def test_two_hundred_calls_leave_no_descriptor_port_or_task() -> None:
    async def story(store: Store) -> None:
        async with exchange(store) as here, here.phone() as phone:
            counted = []
            for number in range(200):
                phone.call_id, phone.to_tag = f"leak-{number}", ""
                assert (await phone.invite()).status == 200
                heard = len(phone.heard)
                await phone.until(lambda heard=heard: len(phone.heard) > heard)  # type: ignore[misc]
                if number % 3:
                    phone.press(number % 10)
                if number % 2:
                    await phone.bye()
                else:
                    phone.send(phone.request("BYE"))
                await here.free()
                if number in (9, 199):
                    await asyncio.sleep(0.5)
                    counted.append((descriptors(), len(asyncio.all_tasks())))
            assert counted[1][0] <= counted[0][0] + 1
            assert counted[1][1] <= counted[0][1] + 1
            assert here.server._socket._unanswered == {}
            assert len(await recorded_calls(store)) == 50, "as many as are listed"

    told(story)
