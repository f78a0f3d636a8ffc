"""Offer and answer, the codecs, and which packets are the caller's."""

import asyncio
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from aiortp import RtpPacket
from aiosipua import parse_sdp, serialize_sdp

from api.doors.telephone.sip_media import (
    CODECS,
    Agreed,
    NoCommonCodec,
    NoFreePort,
    RtpAudio,
    agree,
    offer,
    rtp_audio,
    rtp_port,
)
from tests.api.doors.telephone.sip_messages import OFFER
from voice.audio.g711 import mulaw_encode
from voice.audio.outlet import AudioOutlet

ALL = tuple(CODECS)


def answer_to(text: str, names: tuple[str, ...] = ALL) -> Agreed:
    return agree(parse_sdp(text), "127.0.0.1", 20_000, names)


# ------------------------------------------------------------ offer and answer


@pytest.mark.parametrize(
    ("formats", "maps", "codec", "number"),
    [
        ("0 8", (), "PCMU", 0),
        ("8 0", (), "PCMA", 8),
        ("18 9 0", (), "G722", 9),
        ("107 0", ("107 opus/48000/2",), "OPUS", 107),
        ("3 18 110 0", ("110 speex/16000",), "PCMU", 0),
    ],
)
def test_the_first_offered_codec_that_we_know_is_taken(
    formats: str, maps: tuple[str, ...], codec: str, number: int
) -> None:
    lines = [f"m=audio 21000 RTP/AVP {formats} 101", *(f"a=rtpmap:{one}" for one in maps)]
    text = "v=0\r\nc=IN IP4 192.0.2.9\r\n" + "\r\n".join([*lines, "a=rtpmap:101 telephone-event/8000", ""])
    agreed = answer_to(text)
    assert (agreed.codec, agreed.payload_type, agreed.remote) == (codec, number, ("192.0.2.9", 21_000))
    audio = parse_sdp(serialize_sdp(agreed.sdp)).audio
    assert audio is not None
    assert audio.formats == [str(number), "101"]
    assert audio.attributes["ptime"] == ["20"]


def test_the_payload_type_of_keys_is_that_of_the_offer() -> None:
    agreed = answer_to(OFFER.replace("101", "96"))
    assert agreed.keys == 96
    assert "96 telephone-event/8000" in agreed.sdp.media[0].attributes["rtpmap"]


@pytest.mark.parametrize(
    ("line", "held", "answered"),
    [
        ("a=sendrecv", False, "sendrecv"),
        ("a=sendonly", True, "recvonly"),
        ("a=inactive", True, "inactive"),
        ("a=recvonly", False, "sendonly"),
    ],
)
def test_hold_is_read_from_the_direction(line: str, held: bool, answered: str) -> None:
    agreed = answer_to(OFFER.replace("a=sendrecv", line))
    assert (agreed.hold, agreed.sdp.media[0].direction) == (held, answered)


def test_hold_as_old_phones_write_it() -> None:
    assert answer_to(OFFER.replace("c=IN IP4 127.0.0.1", "c=IN IP4 0.0.0.0")).hold


@pytest.mark.parametrize(
    "text",
    [
        OFFER.replace("0 8 101", "18 3").replace("a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n", ""),
        OFFER.replace("RTP/AVP", "RTP/SAVP"),
        OFFER.replace("m=audio 21000", "m=audio 0"),
        OFFER.replace("m=audio", "m=video"),
        "v=0\r\n",
    ],
    ids=["unknown codecs only", "encrypted", "port 0", "video only", "nothing"],
)
def test_an_offer_without_anything_for_us_is_refused(text: str) -> None:
    with pytest.raises(NoCommonCodec):
        answer_to(text)


def test_an_invite_without_an_offer_is_refused() -> None:
    with pytest.raises(NoCommonCodec):
        agree(None, "127.0.0.1", 20_000, ALL)


def test_what_we_offer_we_could_answer() -> None:
    agreed = agree(parse_sdp(serialize_sdp(offer("127.0.0.1", 30_000, ALL))), "127.0.0.1", 20_000, ("G722",))
    assert (agreed.codec, agreed.keys, agreed.remote) == ("G722", 101, ("127.0.0.1", 30_000))


# --------------------------------------------------------------------- codecs


@pytest.mark.parametrize("name", ALL)
def test_each_codec_carries_a_tone(name: str) -> None:
    """What the line sends in `spoken` comes out in `heard` as the same tone."""
    codec = CODECS[name]
    rate = codec.spoken.rate_hz
    tone = (8_000 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)).astype(np.int16)
    outlet, sender, receiver = AudioOutlet(codec.spoken, rate, 20), codec.coder(), codec.coder()
    packets = outlet.packets(tone)
    assert len(packets) == 50
    pcm = b"".join(receiver.decode(sender.encode(packet)) for packet in packets)
    heard = np.frombuffer(pcm, "<i2")[codec.heard.rate_hz // 5 :].astype(float)
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
    assert abs(np.argmax(spectrum) * codec.heard.rate_hz / len(heard) - 440) < 3
    assert 0.5 < np.sqrt(np.mean(heard**2)) / (8_000 / np.sqrt(2)) < 1.5
    assert sender.samples_per_frame == sender.sample_rate // 50


# ------------------------------------------------------------------------- RTP


class Phone(asyncio.DatagramProtocol):
    """A phone's RTP socket."""

    def __init__(self) -> None:
        self.came: asyncio.Queue[RtpPacket] = asyncio.Queue()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.came.put_nowait(RtpPacket.parse(data))

    def send(self, to: tuple[str, int], sequence: int, payload: bytes = b"", *, kind: int = 0, ts: int = -1) -> None:
        stamp = sequence * 160 if ts < 0 else ts
        packet = RtpPacket(
            payload_type=kind, sequence_number=sequence & 0xFFFF, timestamp=stamp & 0xFFFFFFFF, ssrc=7,
            payload=payload or bytes((sequence & 0xFF,)) * 160,
        )  # fmt: skip
        self.transport.sendto(packet.serialize(), to)  # type: ignore[attr-defined]


async def phone(host: str = "127.0.0.1") -> Phone:
    loop = asyncio.get_running_loop()
    _, made = await loop.create_datagram_endpoint(Phone, local_addr=(host, 0))
    return made


class Ear:
    """What an `RtpAudio` has heard."""

    def __init__(self, rtp: RtpAudio) -> None:
        self.audio: asyncio.Queue[tuple[bytes, float]] = asyncio.Queue()
        self.keys: asyncio.Queue[str] = asyncio.Queue()
        rtp.heard = lambda pcm, at_ms: self.audio.put_nowait((pcm, at_ms))
        rtp.key = self.keys.put_nowait

    async def next(self) -> tuple[bytes, float]:
        async with asyncio.timeout(20):
            return await self.audio.get()


AGREED = answer_to(OFFER)


def mulaw(level: int) -> bytes:
    return mulaw_encode(np.full(160, level, np.int16))


def levels(pcm: bytes) -> int:
    return int(np.frombuffer(pcm, "<i2")[80])


def test_packets_that_come_in_another_order_are_heard_in_theirs() -> None:
    async def story() -> None:
        caller = await phone()
        async with rtp_audio(AGREED, ("127.0.0.1", 0), "127.0.0.1") as rtp:
            ear, to = Ear(rtp), rtp._rtp_transport._transport.get_extra_info("sockname")  # type: ignore[union-attr]
            for number in (1, 3, 2, 4, 5, 6, 7, 8):
                caller.send(to, number, mulaw(number * 1000))
            heard = [await ear.next() for _ in range(5)]
        assert [round(levels(pcm), -3) for pcm, _ in heard] == [1000, 2000, 3000, 4000, 5000]
        steps = [later - earlier for (_, earlier), (_, later) in pairwise(heard)]
        assert steps == [20.0] * 4
        caller.transport.close()  # type: ignore[attr-defined]

    asyncio.run(story())


def test_a_lost_packet_is_concealed_and_its_time_kept() -> None:
    async def story() -> None:
        caller = await phone()
        async with rtp_audio(AGREED, ("127.0.0.1", 0), "127.0.0.1") as rtp:
            ear, to = Ear(rtp), rtp._rtp_transport._transport.get_extra_info("sockname")  # type: ignore[union-attr]
            for number in (1, 2, 3, 5, 6, 7, 8, 9, 10):
                caller.send(to, number, mulaw(5000))
            heard = [await ear.next() for _ in range(6)]
        assert [at_ms for _, at_ms in heard] == [20.0 * number for number in range(1, 7)]
        assert all(np.abs(np.frombuffer(pcm, "<i2")).max() > 1000 for pcm, _ in heard), "no hole in the sound"
        caller.transport.close()  # type: ignore[attr-defined]

    asyncio.run(story())


def test_only_the_caller_is_heard() -> None:
    """Another host is dropped, and so is another port of the same host once the caller has sent something."""

    async def story() -> None:
        stranger, caller, other = await phone("127.0.0.2"), await phone(), await phone()
        async with rtp_audio(AGREED, ("127.0.0.1", 0), "127.0.0.1") as rtp:
            ear, to = Ear(rtp), rtp._rtp_transport._transport.get_extra_info("sockname")  # type: ignore[union-attr]
            for number in range(1, 5):
                stranger.send(to, number, mulaw(-9000))
            for number in range(1, 5):
                caller.send(to, number, mulaw(3000))
            await ear.next()
            for number in range(5, 9):
                other.send(to, number, mulaw(-9000))
                caller.send(to, number, mulaw(3000))
            heard = [await ear.next() for _ in range(4)]
            rtp.send(mulaw(0))
            async with asyncio.timeout(20):
                await caller.came.get()
        assert {round(levels(pcm), -3) for pcm, _ in heard} == {3000}
        assert other.came.empty()
        for one in (stranger, caller, other):
            one.transport.close()  # type: ignore[attr-defined]

    asyncio.run(story())


def test_keys_are_told_once_and_are_no_sound() -> None:
    async def story() -> None:
        caller = await phone()
        async with rtp_audio(AGREED, ("127.0.0.1", 0), "127.0.0.1") as rtp:
            ear, to = Ear(rtp), rtp._rtp_transport._transport.get_extra_info("sockname")  # type: ignore[union-attr]
            caller.send(to, 1)
            for number, end in enumerate((0, 0, 0x80, 0x80, 0x80), 2):
                caller.send(to, number, bytes((5, end | 10, 0, 160)), kind=101, ts=320)
            for number in (7, 8, 9, 10):
                caller.send(to, number, mulaw(0))
            async with asyncio.timeout(20):
                assert await ear.keys.get() == "5"
            await ear.next()
            await ear.next()
        assert ear.keys.empty()
        caller.transport.close()  # type: ignore[attr-defined]

    asyncio.run(story())


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        b"\x80",
        b"\x80\x00" + bytes(9),
        b"\x80\x00" + bytes(10),
        b"\xff" * 40,
        b"\x80\x65" + bytes(10),
        b"\x80\x7d" + bytes(200),
    ],
    ids=range(7),
)
def test_damaged_packets_are_dropped(datagram: bytes) -> None:
    async def story() -> None:
        caller = await phone()
        async with rtp_audio(AGREED, ("127.0.0.1", 0), "127.0.0.1") as rtp:
            ear, to = Ear(rtp), rtp._rtp_transport._transport.get_extra_info("sockname")  # type: ignore[union-attr]
            caller.transport.sendto(datagram, to)  # type: ignore[attr-defined]
            for number in range(100, 106):
                caller.send(to, number, mulaw(3000))
            heard = [await ear.next() for _ in range(2)]
        assert any(round(levels(pcm), -3) == 3000 for pcm, _ in heard)
        caller.transport.close()  # type: ignore[attr-defined]

    asyncio.run(story())


def test_nothing_is_sent_or_heard_on_hold() -> None:
    async def story() -> None:
        caller = await phone()
        remote = caller.transport.get_extra_info("sockname")  # type: ignore[attr-defined]
        async with rtp_audio(replace(AGREED, remote=remote), ("127.0.0.1", 0), "127.0.0.1") as rtp:
            ear, to = Ear(rtp), rtp._rtp_transport._transport.get_extra_info("sockname")  # type: ignore[union-attr]
            rtp.held = True
            rtp.send(mulaw(0))
            for number in range(1, 6):
                caller.send(to, number, mulaw(3000))
            for number in range(6, 8):
                caller.send(to, number, bytes((7, 0x80, 0, 160)), kind=101, ts=960)
            async with asyncio.timeout(20):
                assert await ear.keys.get() == "7", "the packets before have come"
            assert ear.audio.empty()
            rtp.held = False
            rtp.send(mulaw(0))
            async with asyncio.timeout(20):
                assert (await caller.came.get()).timestamp == 320, "time has gone on"
        caller.transport.close()  # type: ignore[attr-defined]

    asyncio.run(story())


def test_ports_are_given_back() -> None:
    async def story() -> None:
        import aiortp

        ports = aiortp.PortAllocator((24_000, 24_004))
        async with rtp_port(ports) as one, rtp_port(ports) as two:
            assert one != two
            with pytest.raises(NoFreePort):
                async with rtp_port(ports):
                    raise AssertionError
        async with rtp_port(ports) as again:
            assert again == one

    asyncio.run(story())
