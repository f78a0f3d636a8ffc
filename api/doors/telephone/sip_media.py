"""RTP of one call: codecs, the offer and its answer, and a session that hears one address.

aiortp reorders, conceals what is lost, tells keys (RFC 4733) from audio and sends; here are the codecs, by the coders
that the other doors use, and which packets are the caller's.
"""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from fractions import Fraction

import aiortp
import av
import numpy as np
from aiosipua import SdpMessage, SdpNegotiationError, build_sdp, negotiate_sdp

from api.doors.telephone.sip_transport import Address
from voice.audio.formats import AudioFormat
from voice.audio.g711 import alaw_decode, mulaw_decode
from voice.audio.opus import OpusDecoder

log = logging.getLogger(__name__)

PACKET_MS = 20

REORDERED = 2
"""Packets that may come before an earlier one: what waits for them makes every turn 20 ms later each."""

_RTP_HEADER, _RTP_VERSION = 12, 2

_NO_KEYS = 127
"""A payload type that is not agreed on, for callers without RFC 4733."""


class G711Coder(aiortp.Codec):
    """G.711 in; out the line encodes it."""

    sample_rate, samples_per_frame = 8_000, 160

    def __init__(self, name: str) -> None:
        self._name = name
        self._decode = mulaw_decode if name == "PCMU" else alaw_decode

    @property
    def name(self) -> str:
        """The name in SDP."""
        return self._name

    def decode(self, payload: bytes) -> bytes:
        """Decode to PCM16."""
        return self._decode(payload).astype("<i2").tobytes()

    def encode(self, pcm: bytes) -> bytes:
        """Pass on what the line has encoded."""
        return pcm


class G722Coder(aiortp.Codec):
    """G.722 at 64 kbit/s, by the coder inside PyAV; its RTP clock counts 8000 a second (RFC 3551, 4.5.2)."""

    name, sample_rate, samples_per_frame = "G722", 16_000, 320

    def __init__(self) -> None:
        self._encoder = av.CodecContext.create("g722", "w")
        self._decoder = av.CodecContext.create("g722", "r")
        for codec in (self._encoder, self._decoder):
            codec.sample_rate, codec.layout, codec.format = 16_000, "mono", "s16"
        self._encoder.time_base = Fraction(1, 16_000)
        self._at = 0

    def decode(self, payload: bytes) -> bytes:
        """Decode to PCM16."""
        frames = self._decoder.decode(av.Packet(payload))
        return b"".join(frame.to_ndarray().astype("<i2").tobytes() for frame in frames)

    def encode(self, pcm: bytes) -> bytes:
        """Encode PCM16."""
        frame = av.AudioFrame.from_ndarray(np.frombuffer(pcm, "<i2").reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts = 16_000, self._at
        self._at += frame.samples
        return b"".join(bytes(packet) for packet in self._encoder.encode(frame))


class OpusCoder(aiortp.Codec):
    """Opus in; out the line encodes it. Its RTP clock counts 48000 a second (RFC 7587)."""

    name, sample_rate, samples_per_frame = "OPUS", 48_000, 960

    def __init__(self) -> None:
        self._decoder = OpusDecoder()

    def decode(self, payload: bytes) -> bytes:
        """Decode to PCM16."""
        return self._decoder.decode(payload).astype("<i2").tobytes()

    def encode(self, pcm: bytes) -> bytes:
        """Pass on what the line has encoded."""
        return pcm


@dataclass(frozen=True, slots=True)
class RtpCodec:
    """A codec as RTP and the line have it.

    Attributes:
        clock_hz: of the RTP timestamps.
        heard: what the decoder gives.
        spoken: what the line sends to the encoder.
    """

    coder: Callable[[], aiortp.Codec]
    clock_hz: int
    heard: AudioFormat
    spoken: AudioFormat


CODECS = {
    "PCMU": RtpCodec(lambda: G711Coder("PCMU"), 8_000, AudioFormat("pcm16", 8_000), AudioFormat("mulaw", 8_000)),
    "PCMA": RtpCodec(lambda: G711Coder("PCMA"), 8_000, AudioFormat("pcm16", 8_000), AudioFormat("alaw", 8_000)),
    "G722": RtpCodec(G722Coder, 8_000, AudioFormat("pcm16", 16_000), AudioFormat("pcm16", 16_000)),
    "OPUS": RtpCodec(OpusCoder, 48_000, AudioFormat("pcm16", 48_000), AudioFormat("opus", 24_000)),
}
"""By their names in SDP, upper case."""


class NoCommonCodec(Exception):
    """An offer has no audio that could be answered; its text says why."""


class NoFreePort(Exception):
    """As many calls as there are RTP ports."""


@dataclass(frozen=True, slots=True)
class Agreed:
    """What was agreed on.

    Attributes:
        sdp: our answer.
        codec: a name of `CODECS`.
        payload_type: the codec's number.
        keys: the payload type of RFC 4733, 0 for none.
        remote: where audio is sent.
        hold: the caller wants no audio now.
    """

    sdp: SdpMessage
    codec: str
    payload_type: int
    keys: int
    remote: Address
    hold: bool


def agree(offer: SdpMessage | None, host: str, port: int, names: tuple[str, ...], version: int = 1) -> Agreed:
    """Answer an offer with the first of its codecs that is in `names`.

    Args:
        host, port: where audio is received.
        version: counts the answers of a call.

    Raises:
        NoCommonCodec: the offer has no such codec, no address, or wants encryption.
    """
    audio, remote = (offer.audio, offer.rtp_address) if offer is not None else (None, None)
    if offer is None or audio is None or remote is None or not 0 < remote[1] < 65_536:
        raise NoCommonCodec("The offer has no audio.")
    if audio.proto.upper() != "RTP/AVP":
        raise NoCommonCodec(f"Audio over {audio.proto} is not supported, only RTP/AVP.")
    known = [one for one in audio.codecs if one.encoding_name.upper() in names]
    keys = [one for one in audio.codecs if one.encoding_name.lower() == "telephone-event" and one.clock_rate == 8_000]
    number = keys[0].payload_type if keys else 0
    try:
        sdp, chosen = negotiate_sdp(
            offer, host, port, [one.payload_type for one in known], dtmf_payload_type=number, session_id="1"
        )
    except SdpNegotiationError:
        raise NoCommonCodec(f"None of the offered codecs is supported; use one of {', '.join(names)}.") from None
    sdp.origin.session_version = str(version)
    assert sdp.audio is not None
    sdp.audio.attributes["ptime"] = [str(PACKET_MS)]
    name = next(one.encoding_name.upper() for one in known if one.payload_type == chosen)
    if name == "OPUS":
        sdp.audio.attributes["rtpmap"][0] = f"{chosen} opus/48000/2"  # RFC 7587, 7: always two channels
    connection = audio.connection or offer.connection
    silent = connection is not None and connection.address in ("0.0.0.0", "::")  # hold as before RFC 3264
    return Agreed(sdp, name, chosen, number, remote, silent or audio.direction in ("sendonly", "inactive"))


def offer(host: str, port: int, names: tuple[str, ...]) -> SdpMessage:
    """Offer these codecs, in this order."""
    numbers = {"PCMU": 0, "PCMA": 8, "G722": 9, "OPUS": 96}
    sdp = build_sdp(host, port, 0, "PCMU", session_id="1")
    audio = sdp.media[0]
    audio.formats = [str(numbers[name]) for name in names] + ["101"]
    rates = {"OPUS": "opus/48000/2"}
    audio.attributes["rtpmap"] = [f"{numbers[name]} {rates.get(name, f'{name}/8000')}" for name in names]
    audio.attributes["rtpmap"].append("101 telephone-event/8000")
    return sdp


def agreed_in(answered: SdpMessage | None, names: tuple[str, ...]) -> Agreed:
    """Read the answer to an offer of ours.

    Raises:
        NoCommonCodec: it has no codec of ours.
    """
    return agree(answered, "0.0.0.0", 9, names)


class RtpAudio(aiortp.RTPSession):
    """The RTP of one call.

    Only the hosts that the caller's SDP or signalling names are heard, and of them the first address that sends.
    Packets from elsewhere are dropped; audio goes back to where it comes from, as a NAT needs it.

    Attributes:
        heard: gets PCM16 in the codec's `heard` format, and its time in ms by the caller's clock.
        key: gets each key.
    """

    heard: Callable[[bytes, float], None] = staticmethod(lambda _pcm, _at_ms: None)
    key: Callable[[str], None] = staticmethod(lambda _digit: None)
    _hosts: frozenset[str] = frozenset()
    _latched = False
    held = False

    def open_for(self, codec: RtpCodec, hosts: frozenset[str]) -> None:
        """Begin to hear these hosts."""
        self._codec_clock = codec.clock_hz
        self._hosts = hosts
        self._last_ts: int | None = None
        self._last_source: int | None = None
        self._clock_ms = 0.0
        self._timestamp = 0
        self.on_audio = self._decoded
        self.on_dtmf = lambda digit, _duration: self.key(digit)

    def move(self, remote: Address, host: str) -> None:
        """Send to another address from now on, and hear it."""
        self._hosts, self._latched = frozenset((remote[0], host)), False
        self.update_remote(_reachable(remote, host))

    def send(self, packet: bytes) -> None:
        """Send 20 ms in the codec's `spoken` format; nothing on hold."""
        self._timestamp = (self._timestamp + self._codec_clock * PACKET_MS // 1000) & 0xFFFFFFFF
        if not self.held and self.codec is not None:
            self.send_audio(self.codec.encode(packet), self._timestamp)

    def _handle_rtp(self, data: bytes, addr: Address) -> None:
        if addr[0] not in self._hosts or (self._latched and addr[:2] != self._remote_addr):
            return
        known = (self._payload_type, self._dtmf_payload_type, self._cn_payload_type)
        if len(data) < _RTP_HEADER or data[0] >> 6 != _RTP_VERSION or data[1] & 0x7F not in known:
            return
        if not self._latched:
            self._latched = True
            self.update_remote(addr[:2])
        try:
            super()._handle_rtp(data, addr)
        except ValueError:
            log.debug("A damaged RTP packet was dropped.")

    def _handle_rtcp(self, data: bytes, addr: Address) -> None:
        if addr[0] in self._hosts:
            super()._handle_rtcp(data, addr)

    def _decoded(self, pcm: bytes, timestamp: int) -> None:
        """Pass on audio, with the time of a stream whose clock may begin anew."""
        source = self._remote_ssrc
        if self._last_ts is not None and source == self._last_source:
            step = (timestamp - self._last_ts) & 0xFFFFFFFF
            self._clock_ms += (step - (1 << 32) if step >= 1 << 31 else step) * 1000 / self._codec_clock
        else:
            self._clock_ms += PACKET_MS
        self._last_ts, self._last_source = timestamp, source
        if not self.held:
            self.heard(pcm, self._clock_ms)


@asynccontextmanager
async def rtp_port(ports: aiortp.PortAllocator) -> AsyncIterator[int]:
    """Reserve a pair of ports, for RTP and RTCP, for the length of the block.

    Raises:
        NoFreePort: all are taken.
    """
    try:
        port, _ = await ports.allocate()
    except RuntimeError:
        raise NoFreePort("All RTP ports are in use; widen phone_sip_rtp_ports.") from None
    try:
        yield port
    finally:
        await ports.release(port)


@asynccontextmanager
async def rtp_audio(agreed: Agreed, bind: Address, signalling_host: str) -> AsyncIterator[RtpAudio]:
    """Send and receive on a port for the length of the block.

    Args:
        agreed: the outcome of offer and answer.
        bind: the host and port to receive on.
        signalling_host: where the caller's SIP comes from.

    Raises:
        OSError: the port cannot be bound.
    """
    codec = CODECS[agreed.codec]
    remote = _reachable(agreed.remote, signalling_host)
    session = await RtpAudio.create(
        bind,
        remote,
        agreed.payload_type,
        codec=codec.coder(),
        clock_rate=codec.clock_hz,
        dtmf_payload_type=agreed.keys or _NO_KEYS,
        cname="glow",
        jitter_prefetch=REORDERED,
        skip_audio_gaps=True,
    )
    assert isinstance(session, RtpAudio)
    try:
        session.open_for(codec, frozenset((agreed.remote[0], signalling_host)))
        session.held = agreed.hold
        yield session
    finally:
        await session.close()


def _reachable(remote: Address, signalling_host: str) -> Address:
    """Return the caller's address; that of its signalling if only the other family of addresses is named."""
    return (signalling_host, remote[1]) if (":" in remote[0]) != (":" in signalling_host) else remote
