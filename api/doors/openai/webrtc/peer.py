"""One WebRTC connection as the wire of a line: text is the data channel's, bytes are audio.

In come 48 kHz stereo PCM (what aiortc decodes Opus to) and events; out go Opus packets of 20 ms, one by one as the
line paces them, and events. Nothing waits without a bound: audio that nobody takes is dropped, the oldest first, and
too many events end the connection.
"""

import asyncio
import logging
from contextlib import suppress
from fractions import Fraction
from typing import Any

import av
from aiortc import (
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCDataChannel,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from aiortc.sdp import SessionDescription
from av import AudioFrame

from api.doors.line import Close, LineRefused, Message
from api.doors.openai.door import BadParameter
from api.doors.openai.realtime.sideband import Listeners
from api.doors.openai.webrtc.ports import IceRules, answering, bind_in, named

log = logging.getLogger(__name__)

EVENTS = "oai-events"
"""The label of the data channel with the events."""

AUDIO_LIMIT = 500
"""Blocks of the microphone's audio that wait: ten seconds."""

EVENTS_LIMIT = 200
"""Client events that wait, and server events that wait for the data channel to open."""

PLAYING_LIMIT = 50
"""Packets for the loudspeaker that wait: a second."""

BUFFERED_LIMIT = 1024 * 1024
"""Bytes that the data channel may hold until its client has read some."""

CANDIDATES_LIMIT = 64

CLOSING_S = 2.0
"""How long the last events may take to get through."""

_SAMPLES, _RATE_HZ = 960, 48_000


class PersonaTrack(MediaStreamTrack):
    """The persona's audio, as packets that are encoded already."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._packets: asyncio.Queue[bytes] = asyncio.Queue(PLAYING_LIMIT)
        self._at = 0

    def play(self, packet: bytes) -> None:
        """Send a packet next."""
        if self._packets.full():
            self._packets.get_nowait()
        self._packets.put_nowait(packet)

    async def recv(self) -> Any:
        """Wait for the next packet; see aiortc."""
        packet = av.Packet(await self._packets.get())
        packet.pts, packet.time_base = self._at, Fraction(1, _RATE_HZ)
        self._at += _SAMPLES
        return packet


class MediaPeer:
    """The service's end of one connection.

    Args:
        rules: where its sockets are.
        listeners: hear every event that is sent.
    """

    def __init__(self, rules: IceRules, listeners: Listeners) -> None:
        servers = [RTCIceServer(**server) for server in rules.servers]
        self._connection = RTCPeerConnection(RTCConfiguration(servers, bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self._rules = rules
        self._listeners = listeners
        self._track = PersonaTrack()
        self._channel: RTCDataChannel | None = None
        self._unsent: list[str] = []
        self._audio: asyncio.Queue[bytes] = asyncio.Queue(AUDIO_LIMIT)
        self._events: asyncio.Queue[Message] = asyncio.Queue(EVENTS_LIMIT)
        self._came = asyncio.Event()
        self._drained = asyncio.Event()
        self._connected = asyncio.Event()
        self._over = asyncio.Event()
        self._flooded = False
        self._hearing: asyncio.Task[None] | None = None
        self._connection.on("connectionstatechange", self._state_changed)
        self._connection.on("datachannel", self._channel_opened)
        self._connection.on("track", self._track_came)

    # ------------------------------------------------------------ negotiation

    async def answer(self, offer: str) -> str:
        """Return the answer to an offer.

        Raises:
            BadParameter: the offer is none, or asks for what is not there.
            PortsTaken: every port of the operator's range is in use.
        """
        _check(offer)
        pc = self._connection
        opus = [codec for codec in RTCRtpSender.getCapabilities("audio").codecs if codec.mimeType == "audio/opus"]
        transceiver = pc.addTransceiver(self._track)
        transceiver.setCodecPreferences(opus)
        try:
            await pc.setRemoteDescription(RTCSessionDescription(answering(self._rules, offer), "offer"))
            answer = await pc.createAnswer()
        except Exception as error:  # noqa: BLE001  # whatever the library raises, it is by the client's offer
            log.info("An offer cannot be answered (%s).", type(error).__name__)
            raise BadParameter("The offer cannot be answered: it needs audio in Opus, and one bundle.", "sdp") from None
        bind_in(self._rules, transceiver.receiver.transport.transport.iceGatherer)
        await pc.setLocalDescription(answer)
        return named(self._rules, pc.localDescription.sdp)

    async def connected(self) -> None:
        """Wait until media can flow.

        Raises:
            ConnectionError: it never will.
        """
        over = asyncio.ensure_future(self._over.wait())
        there = asyncio.ensure_future(self._connected.wait())
        try:
            await asyncio.wait((over, there), return_when=asyncio.FIRST_COMPLETED)
        finally:
            over.cancel()
            there.cancel()
        if not self._connected.is_set():
            raise ConnectionError("The WebRTC connection failed.")

    # ------------------------------------------------------------------- wire

    async def receive(self) -> Message | None:
        """Wait for the next event, or the next audio; None once the client has gone.

        Raises:
            LineRefused: the client sends more events than are carried out.
        """
        while True:
            if self._flooded:
                raise LineRefused("too_many", "The client sends events faster than they can be carried out.")
            for queue in (self._events, self._audio):
                if not queue.empty():
                    return queue.get_nowait()
            if self._over.is_set():
                return None
            self._came.clear()
            await self._came.wait()

    async def send(self, message: Message) -> None:
        """Send an event, or a packet of audio.

        Raises:
            ConnectionError: the client has gone.
        """
        if self._over.is_set():
            raise ConnectionError("The WebRTC connection is closed.")
        if isinstance(message, bytes):
            self._track.play(message)
            return
        self._listeners.tell(message)
        channel = self._channel
        if channel is None:
            if len(self._unsent) < EVENTS_LIMIT:
                self._unsent.append(message)
            return
        while channel.bufferedAmount > BUFFERED_LIMIT and not self._over.is_set():
            self._drained.clear()
            await self._drained.wait()
        self._put(channel, message)

    async def close(self, _: Close = Close.ENDED) -> None:
        """Close the connection, once its last events are through; closing twice is harmless."""
        channel = self._channel
        if channel is not None and not self._over.is_set():
            channel.bufferedAmountLowThreshold = 0
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSING_S):
                    while channel.bufferedAmount > 0 and not self._over.is_set():
                        self._drained.clear()
                        await self._drained.wait()
        self._end()
        if self._hearing is not None:
            self._hearing.cancel()
            await asyncio.gather(self._hearing, return_exceptions=True)
        await self._connection.close()

    async def take(self, message: Message) -> None:
        """Take an event from beside the data channel; waits while too many wait."""
        await self._events.put(message)
        self._came.set()

    # ----------------------------------------------------------------- aiortc

    def _state_changed(self) -> None:
        match self._connection.connectionState:
            case "connected":
                self._connected.set()
            case "failed" | "closed":
                self._end()
            case _:
                pass

    def _channel_opened(self, channel: RTCDataChannel) -> None:
        if self._channel is not None or channel.label != EVENTS:
            channel.close()
            return
        self._channel = channel
        channel.bufferedAmountLowThreshold = BUFFERED_LIMIT // 2
        channel.on("message", self._event_came)
        channel.on("bufferedamountlow", self._drained.set)
        channel.on("close", self._end)
        for message in self._unsent:
            self._put(channel, message)
        self._unsent.clear()

    def _event_came(self, message: Message) -> None:
        if self._events.full():
            self._flooded = True
        else:
            self._events.put_nowait(message if isinstance(message, str) else message.decode("utf-8", "replace"))
        self._came.set()

    def _track_came(self, track: MediaStreamTrack) -> None:
        self._hearing = asyncio.create_task(self._hear(track), name="microphone over WebRTC")

    async def _hear(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            if isinstance(frame, AudioFrame):
                if self._audio.full():
                    self._audio.get_nowait()
                self._audio.put_nowait(bytes(memoryview(frame.planes[0]))[: frame.samples * 4])
                self._came.set()

    def _put(self, channel: RTCDataChannel, message: str) -> None:
        if channel.readyState != "open":
            raise ConnectionError("The data channel is closed.")
        channel.send(message)

    def _end(self) -> None:
        self._over.set()
        self._came.set()
        self._drained.set()


def _check(offer: str) -> None:
    """Check an offer before anything is made of it.

    Raises:
        BadParameter: it is none, or asks for what is not there.
    """
    try:
        description = SessionDescription.parse(offer)
    except Exception:  # noqa: BLE001  # its parser raises whatever a line leads to
        raise BadParameter("This is no offer: send the SDP that createOffer() returns.", "sdp") from None
    kinds = [media.kind for media in description.media]
    candidates = sum(len(media.ice_candidates) for media in description.media)
    if kinds.count("audio") != 1 or kinds.count("application") > 1 or set(kinds) - {"audio", "application"}:
        raise BadParameter("An offer has one audio track, and at most one data channel; no video.", "sdp")
    if not all(media.dtls and media.dtls.fingerprints for media in description.media):
        raise BadParameter("An offer has the fingerprint of its certificate (a=fingerprint).", "sdp")
    if not all(media.ice and media.ice.usernameFragment and media.ice.password for media in description.media):
        raise BadParameter("An offer has the credentials of ICE (a=ice-ufrag, a=ice-pwd).", "sdp")
    if candidates > CANDIDATES_LIMIT:
        raise BadParameter(f"An offer has at most {CANDIDATES_LIMIT} candidates.", "sdp")
