"""Satellites that stream always, behind a wake word service: what is said reaches a call only after the wake word."""

import asyncio
import logging
from typing import Any

from api.doors.line import ProtocolError
from api.doors.wyoming.follow_up import OPEN_S
from api.doors.wyoming.frames import LINE_BYTES, Frame, read_frame
from api.doors.wyoming.link import CONNECT_S, SatelliteEnd
from api.doors.wyoming.peer import Peer
from pipeline.tasks.clock import Clock

log = logging.getLogger(__name__)

REDIAL_S = 5.0
"""Seconds between two attempts to reach the service."""

LONGEST_S = 30.0
"""How long an answer may take until the microphone is taken to be done with."""

WAITING_FRAMES = 64
"""Audio that waits for the service, about four seconds; beyond it the oldest is dropped."""


class WakeGate:
    """A satellite as its calls see it: its audio comes through from the wake word to the end of the conversation.

    Satellites that were woken by themselves come through always.

    Args:
        link: to the satellite.
        host, port: of the wake word service.
        clock: the source of time.
    """

    def __init__(self, link: SatelliteEnd, host: str, port: int, clock: Clock) -> None:
        self._link, self._host, self._port, self._clock = link, host, port, clock
        self._audio: asyncio.Queue[Frame] = asyncio.Queue(WAITING_FRAMES)
        self._gates = True
        self._awake = False
        self._until: float | None = None
        self._complaint = ""

    @property
    def info(self) -> dict[str, Any]:
        """What the satellite says of itself."""
        return self._link.info

    @property
    def plays(self) -> bool:
        """Whether it has said at least once that it had played something."""
        return self._link.plays

    async def send(self, *frames: Frame) -> None:
        """Send frames of the pipeline, which say how the conversation goes.

        Raises:
            ConnectionError: the satellite has gone.
        """
        now = self._clock.now()
        for frame in frames:
            match frame.type:
                case "voice-started" | "audio-start":
                    self._until = None
                case "voice-stopped":
                    self._until = now + LONGEST_S
                case "audio-stop" | "error":
                    self._until = now + OPEN_S
                case "transcript" if not frame.text():
                    self._awake = False
                case _:
                    pass
        await self._link.send(*frames)

    async def receive(self) -> Frame | None:
        """Wait for the next frame that a call gets; None once the satellite has gone."""
        while (frame := await self._link.receive()) is not None:
            if frame.type == "run-pipeline":
                self._gates = frame.data.get("start_stage") == "wake"
            if frame.type != "audio-chunk" or not self._gates:
                return frame
            if self._awake and self._until is not None and self._clock.now() > self._until:
                self._awake = False
            if self._awake:
                return frame
            if self._audio.full():
                self._audio.get_nowait()
            self._audio.put_nowait(frame)
        return None

    async def run(self) -> None:
        """Listen for the wake word, until cancelled; a lost service is dialled again."""
        while True:
            try:
                await self._listen()
            except (OSError, TimeoutError, ProtocolError) as error:
                if (why := str(error) or type(error).__name__) != self._complaint:
                    log.warning("The wake word service is away: %s; it is dialled again.", why.rstrip("."))
                self._complaint = why
            await self._clock.sleep(REDIAL_S)

    async def _listen(self) -> None:
        async with asyncio.timeout(CONNECT_S):
            reader, writer = await asyncio.open_connection(self._host, self._port, limit=LINE_BYTES)
        peer = Peer(writer)
        self._complaint = ""
        tasks = {
            asyncio.create_task(self._feed(peer), name="audio for the wake word"),
            asyncio.create_task(self._read(reader, peer), name="wake word"),
        }
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
            await peer.close()
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome

    async def _feed(self, peer: Peer) -> None:
        await peer.send(Frame("detect"))
        started = False
        while True:
            frame = await self._audio.get()
            if not started:
                started = True
                await peer.send(Frame("audio-start", frame.data))
            await peer.send(frame)

    async def _read(self, reader: asyncio.StreamReader, peer: Peer) -> None:
        while (frame := await read_frame(reader)) is not None:
            if frame.type == "ping":
                await peer.send(Frame("pong", {"text": frame.text()}))
            if frame.type == "detection" and not self._awake:
                self._awake, self._until = True, self._clock.now() + OPEN_S
                while not self._audio.empty():
                    self._audio.get_nowait()
                await self._link.send(Frame("detection", {"name": frame.text("name")}))
