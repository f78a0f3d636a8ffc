"""A browser's part of a call over WebRTC, played by aiortc: a microphone, a loudspeaker, and the data channel.

async with webrtc(service, model="persona:ID") as client:
    event = await client.until("session.created")
    client.say("slt/turns/01")
"""

import asyncio
import fractions
import json
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCDataChannel,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame

from tests.api.doors.openai.client import GA_EVENT
from tests.service import TOKENS, WAIT_S, Int16, RunningService
from tests.voice.sound import recording
from voice.audio.resample import resample

BLOCK = 960
"""Samples of 20 ms at 48 kHz."""


class Microphone(MediaStreamTrack):
    """Speaks what it is given, and otherwise sends silence."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._waiting: deque[Int16] = deque()
        self._at = 0
        self._begun: float | None = None

    @property
    def speaking(self) -> bool:
        """Whether there is more to say."""
        return bool(self._waiting)

    def say(self, samples: Int16) -> None:
        """Say 16 kHz samples next."""
        loud = resample(samples, 16_000, 48_000)
        loud = np.pad(loud, (0, -len(loud) % BLOCK))
        self._waiting.extend(loud.reshape(-1, BLOCK))

    async def recv(self) -> AudioFrame:
        loop = asyncio.get_running_loop()
        self._begun = self._begun if self._begun is not None else loop.time()
        await asyncio.sleep(self._begun + self._at / 48_000 - loop.time())
        block = self._waiting.popleft() if self._waiting else np.zeros(BLOCK, np.int16)
        frame = AudioFrame.from_ndarray(block.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, self._at, fractions.Fraction(1, 48_000)
        self._at += BLOCK
        return frame


@dataclass
class WebRtcClient:
    """One call.

    Attributes:
        events: server events in order.
        heard: what came from the loudspeaker, at 48 kHz.
        location: the call's address.
    """

    pc: RTCPeerConnection
    microphone: Microphone
    channel: RTCDataChannel
    events: list[dict[str, Any]] = field(default_factory=list)
    heard: list[Int16] = field(default_factory=list)
    location: str = ""
    _came: asyncio.Event = field(default_factory=asyncio.Event)
    _next: int = 0
    _listening: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        self.channel.on("message", self._take)
        self.channel.on("open", self._came.set)
        self.pc.on("track", self._track)
        self.pc.on("connectionstatechange", self._came.set)

    async def until(self, kind: str, **wanted: Any) -> dict[str, Any]:
        """The next event of a type with these fields; those before it are passed over."""
        async with asyncio.timeout(WAIT_S):
            while True:
                while self._next < len(self.events):
                    event = self.events[self._next]
                    self._next += 1
                    if event["type"] == kind and all(event.get(name) == value for name, value in wanted.items()):
                        return event
                    assert event["type"] != "error", event["error"]
                await self._more()

    async def until_so(self, look: Any) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(WAIT_S):
            while not look():
                await self._more()

    async def send(self, kind: str, **fields: Any) -> None:
        """Send an event."""
        await self.until_so(lambda: self.channel.readyState == "open")
        self.channel.send(json.dumps({"type": kind, **fields}))

    def say(self, name: str) -> None:
        """Say a packaged recording."""
        self.microphone.say(recording(name))

    def of(self, kind: str) -> list[dict[str, Any]]:
        """All events of a type so far."""
        return [event for event in self.events if event["type"] == kind]

    def kinds(self) -> list[str]:
        """The types of all events so far, each run of deltas once."""
        kinds: list[str] = []
        for event in self.events:
            if not (kinds and kinds[-1] == event["type"]):
                kinds.append(event["type"])
        return kinds

    @property
    def loud_s(self) -> float:
        """Seconds of sound that is no silence."""
        return sum(0.02 for block in self.heard if np.abs(block.astype(np.int32)).max() > 500)

    async def _more(self) -> None:
        self._came.clear()
        await self._came.wait()

    def _take(self, message: str) -> None:
        event = json.loads(message)
        GA_EVENT.validate_python(event)
        self.events.append(event)
        self._came.set()

    def _track(self, track: MediaStreamTrack) -> None:
        self._listening = asyncio.create_task(self._listen(track))

    async def _listen(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            assert isinstance(frame, AudioFrame)
            self.heard.append(frame.to_ndarray().reshape(-1, 2)[:, 0])
            self._came.set()

    async def close(self) -> None:
        """Leave as a closed page does."""
        await self.pc.close()
        if self._listening is not None:
            await self._listening


@asynccontextmanager
async def offered() -> AsyncIterator[tuple[WebRtcClient, str]]:
    """A client, and its offer."""
    pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    microphone = Microphone()
    pc.addTrack(microphone)
    client = WebRtcClient(pc, microphone, pc.createDataChannel("oai-events"))
    await pc.setLocalDescription(await pc.createOffer())
    try:
        yield client, pc.localDescription.sdp
    finally:
        await client.close()


@asynccontextmanager
async def webrtc(
    service: RunningService,
    user: str = "ada",
    *,
    key: str = "",
    session: dict[str, Any] | None = None,
    **query: str,
) -> AsyncIterator[WebRtcClient]:
    """A call whose offer was answered; with a session as OpenAI's SDK sends it, else as its browsers do."""
    headers = {"Authorization": f"Bearer {key or TOKENS[user]}"}
    address = f"{service.url}/v1/realtime/calls"
    async with offered() as (client, sdp), httpx.AsyncClient(timeout=WAIT_S, trust_env=False) as http:
        if session is None:
            headers["Content-Type"] = "application/sdp"
            answer = await http.post(address, content=sdp, headers=headers, params=query)
        else:
            parts = {"sdp": (None, sdp, "application/sdp"), "session": (None, json.dumps(session), "application/json")}
            answer = await http.post(address, files=parts, headers=headers, params=query)
        assert answer.status_code == 201, answer.text
        assert answer.headers["content-type"].startswith("application/sdp")
        client.location = answer.headers["location"]
        await client.pc.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
        yield client
