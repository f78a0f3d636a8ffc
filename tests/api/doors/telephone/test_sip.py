"""Calls by SIP over real UDP, with a telephone that is written from the RFCs."""

import asyncio
import re

import numpy as np
import pytest

from models.store import Store
from tests.api.doors.telephone.scene import entry, recorded_calls
from tests.api.doors.telephone.sip_exchange import HANDS_OVER, descriptors, exchange, header, told
from tests.servers.sip_phone import SipPhone
from voice.audio.g711 import mulaw_encode

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
                if number in (99, 199):  # by the first, the database's connections have all been opened
                    await asyncio.sleep(0.5)
                    counted.append((descriptors(), len(asyncio.all_tasks())))
            assert counted[1][0] <= counted[0][0] + 1
            assert counted[1][1] <= counted[0][1] + 1
            assert here.server._socket._unanswered == {}
            assert len(await recorded_calls(store)) == 50, "as many as are listed"

    told(story)
