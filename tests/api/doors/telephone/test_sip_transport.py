"""Transactions over UDP: nothing is lost when a datagram is, and nothing happens twice when one comes twice."""

import asyncio
from itertools import pairwise

import pytest
from aiosipua import SipRequest, SipResponse

from api.doors.telephone.sip_transport import KEPT_ANSWERS, SipSocket, refusal_of
from tests.api.doors.telephone.sip_messages import PHONE, Datagrams, parsed, request, with_socket


def accepting(socket: SipSocket) -> list[SipRequest]:
    """Answer every request with 200."""
    seen: list[SipRequest] = []

    def answer(message: SipRequest | SipResponse, _address: object) -> None:
        if isinstance(message, SipRequest):
            seen.append(message)
            socket.send_reply(refusal_of(message, 200, "OK"))

    socket.on_message = answer
    return seen


def test_a_request_that_comes_twice_is_carried_out_once_and_answered_twice_alike() -> None:
    async def story(socket: SipSocket, datagrams: Datagrams) -> None:
        seen = accepting(socket)
        for _ in range(3):
            socket.receive(request("INFO"), PHONE)
        assert len(seen) == 1
        assert [(message.status_code, address) for _, message, address in datagrams.sent] == [(200, PHONE)] * 3  # type: ignore[union-attr]

    with_socket(story)


def test_a_request_is_sent_again_until_it_is_answered() -> None:
    async def story(socket: SipSocket, datagrams: Datagrams) -> None:
        accepting(socket)
        ours = parsed(request("BYE", branch="z9hG4bKours"))
        socket.send(ours, PHONE)
        await asyncio.sleep(4)
        times = [at for at, _, _ in datagrams.sent]
        assert [round(later - earlier, 1) for earlier, later in pairwise(times)] == [0.5, 1.0, 2.0]
        socket.receive(bytes(refusal_of(ours, 200, "OK")), PHONE)
        await asyncio.sleep(60)
        assert len(datagrams.sent) == len(times)

    with_socket(story)


def test_a_request_that_nobody_answers_is_given_up_after_32_seconds() -> None:
    async def story(socket: SipSocket, datagrams: Datagrams) -> None:
        given_up: list[str] = []
        socket.on_timeout = lambda one: given_up.append(one.method)
        socket.send(parsed(request("UPDATE", branch="z9hG4bKours")), PHONE)
        await asyncio.sleep(31)
        assert given_up == []
        await asyncio.sleep(5)
        assert given_up == ["UPDATE"]
        assert socket._unanswered == {}

    with_socket(story)


def test_the_refusal_of_our_invite_is_acknowledged_in_its_transaction() -> None:
    async def story(socket: SipSocket, datagrams: Datagrams) -> None:
        accepting(socket)
        ours = parsed(request("INVITE", branch="z9hG4bKours", sequence=7))
        socket.send(ours, PHONE)
        socket.receive(bytes(refusal_of(ours, 486, "Busy Here")), PHONE)
        ack = datagrams.sent[-1][1]
        assert isinstance(ack, SipRequest)
        assert ack.method == "ACK"
        assert ack.via[0].branch == "z9hG4bKours"
        assert ack.cseq is not None
        assert ack.cseq.seq == 7
        assert ack.headers.get_first("To") == "<sip:100@127.0.0.1>;tag=refused"

    with_socket(story)


def test_a_refused_invite_reaches_nobody() -> None:
    async def story(socket: SipSocket, datagrams: Datagrams) -> None:
        seen = accepting(socket)
        socket.gate = lambda one, _address: refusal_of(one, 503, "Service Unavailable")
        socket.receive(request(), PHONE)
        socket.receive(request(branch="z9hG4bK2", to_tag="known"), PHONE)  # a re-INVITE is not asked about
        assert [one.via[0].branch for one in seen] == ["z9hG4bK2"]
        assert [message.status_code for _, message, _ in datagrams.sent] == [503, 200]  # type: ignore[union-attr]

    with_socket(story)


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        b"\r\n\r\n",
        b"\x00" * 100,
        b"\xff\xfe" * 500,
        b"INVITE",
        b"INVITE sip:100@127.0.0.1 SIP/2.0\r\n\r\n",
        b"SIP/2.0 200\r\n\r\n",
        b"SIP/2.0 abc OK\r\nVia: x\r\n\r\n",
        request("INVITE").replace(b"CSeq: 1 INVITE", b"CSeq: one INVITE"),
        request("INVITE").replace(b"Via: SIP/2.0/UDP", b"Via: nonsense"),
        request("INVITE").replace(b"Content-Length: 0", b"Content-Length: 99999"),
        request("INVITE").replace(b"From: <sip:alice", b"From: <<<<sip:alice"),
        request("BYE").replace(b"Call-ID: call-1\r\n", b""),
        b"A" * 60_000,
    ],
    ids=range(14),
)
def test_what_is_no_message_changes_nothing(datagram: bytes) -> None:
    async def story(socket: SipSocket, datagrams: Datagrams) -> None:
        seen = accepting(socket)
        socket.receive(datagram, PHONE)
        before = len(seen)
        socket.receive(request("OPTIONS", branch="z9hG4bKlater", call_id="call-2"), PHONE)
        assert len(seen) == before + 1

    with_socket(story)


def test_answers_are_kept_for_a_bounded_number_of_requests() -> None:
    async def story(socket: SipSocket, datagrams: Datagrams) -> None:
        accepting(socket)
        for number in range(KEPT_ANSWERS + 500):
            socket.receive(request("OPTIONS", branch=f"z9hG4bK{number}"), PHONE)
        assert len(socket._answered) == KEPT_ANSWERS
        await asyncio.sleep(40)
        socket.receive(request("OPTIONS", branch="z9hG4bKlate"), PHONE)
        assert len(socket._answered) == 1

    with_socket(story)
