"""What the service begins by SIP: it registers, and makes calls."""

import asyncio
from typing import Any

import numpy as np
import pytest

from api.doors.telephone.sip_dialing import NotAnswered, begin_dialling
from api.doors.telephone.sip_registration import SipAccount
from api.doors.telephone.twilio.dialing import outgoing
from api.settings import Settings
from models.errors import Conflict, Invalid
from models.store import Store
from tests.api.doors.line.scene import PRACTICE
from tests.api.doors.telephone.scene import recorded_calls
from tests.api.doors.telephone.sip_exchange import Exchange, exchange, header, told
from tests.servers.sip_phone import PATIENCE_S, SipPhone, SipText
from voice.audio.g711 import mulaw_encode

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
