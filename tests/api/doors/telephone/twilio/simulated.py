"""A carrier's side of a stream in virtual time: a loudspeaker, a line that delays, and an echo."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from api.bench.phone import echoed
from api.client.phone_speaker import FRAME, PhoneSpeaker
from api.doors.telephone.calling import Incoming
from api.doors.telephone.desk import Desk
from api.doors.telephone.phone_line import PhoneLine
from api.doors.telephone.twilio.dialect import LINE, TwilioDialect
from api.doors.telephone.twilio.urls import Urls
from tests.api.doors.line.scene import MemoryWire
from tests.api.doors.telephone.scene import CALLER, NUMBER

GREETING = (
    "I moved in on the 3rd of May, 1998, and I have paid 1,250 dollars every month since; Dr. Smith's office on "
    "Market Street has all of the receipts, if you would like to see them, and so does my sister in Ohio."
)


@dataclass
class Delay:
    """How long a message takes, each way, in seconds."""

    up: float
    down: float


class SimulatedCall:
    """A stream in virtual time, over a line that delays what it carries, in order."""

    def __init__(self, desk: Desk, call_id: str, delay: Delay, echo_ms: int = 0) -> None:
        self._echo = echo_ms * 8
        self.speaker, self.wire, self.delay = PhoneSpeaker(), MemoryWire(), delay
        self.call_id = call_id
        self.speech: list[bytes] = []
        self.spoken_at = -1
        self._dialect = TwilioDialect(desk, Urls("https://phone.example.org"), None)
        self._ticket = desk.tickets.issue(Incoming(LINE, call_id, CALLER, NUMBER))
        self._line = PhoneLine(self.wire, self._dialect, desk)
        self._chunk = 0

    def say(self, audio: bytes) -> None:
        self.speech += [audio[start : start + FRAME].ljust(FRAME, b"\xff") for start in range(0, len(audio), FRAME)]

    async def run(self, story: Callable[["SimulatedCall"], Awaitable[None]]) -> None:
        async with asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(self._line.serve())
            ticking = tasks.create_task(self._tick())
            await story(self)
            self._send("stop", stop={})
            await serving
            ticking.cancel()

    async def until(self, condition: Callable[[], bool], within_s: float = 60) -> None:
        for _ in range(round(within_s / 0.02)):
            if condition():
                return
            await asyncio.sleep(0.02)
        raise AssertionError("it has not come to that")

    async def _tick(self) -> None:
        self._send("connected", protocol="Call")
        start = {"streamSid": "MZ1", "callSid": self.call_id, "customParameters": {"ticket": self._ticket}}
        self._send("start", start=start)
        taken = 0
        loop = asyncio.get_running_loop()
        while True:
            while taken < len(self.wire.sent) and self.wire.sent[taken][0] + self.delay.down <= loop.time():
                for name in self.speaker.take(self.wire.sent[taken][1]):
                    self._send("mark", mark={"name": name})
                taken += 1
            for name in self.speaker.play():
                self._send("mark", mark={"name": name})
            if self.speech and self.spoken_at < 0:
                self.spoken_at = len(self.speaker.played)
            frame = self.speech.pop(0) if self.speech else b"\xff" * FRAME
            if self._echo:
                frame = echoed(frame, self.speaker.latest(FRAME, self._echo))
            self._chunk += 1
            media = {
                "track": "inbound",
                "chunk": str(self._chunk),
                "timestamp": str(self._chunk * 20 - 20),
                "payload": base64.b64encode(frame).decode(),
            }
            self._send("media", media=media)
            await asyncio.sleep(0.02)

    def _send(self, event: str, **fields: Any) -> None:
        message = json.dumps({"event": event, "streamSid": "MZ1", **fields})
        asyncio.get_running_loop().call_later(self.delay.up, self.wire.say, message)
