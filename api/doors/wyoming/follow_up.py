"""When a satellite listens without being told to by its wake word, and when it stops because nobody speaks."""

import asyncio

from api.doors.wyoming.frames import Frame
from api.doors.wyoming.link import SatelliteEnd
from pipeline.tasks.clock import Clock

OPEN_S = 8.0
"""A satellite that was woken, or asked to go on, listens this long for the first word."""

AFTER_REPLY_S = 0.3
"""After a reply, before the satellite is asked to go on: the call may be over."""


class FollowUp:
    """Opens the microphone of a satellite after a reply, if it can, and closes it when nobody speaks.

    Args:
        link: to the satellite.
        clock: the source of time.
        triggers: the satellite can be asked to listen.
    """

    def __init__(self, link: SatelliteEnd, clock: Clock, *, triggers: bool) -> None:
        self._link, self._clock = link, clock
        self.triggers = triggers
        self._due: tuple[float, Frame, bool] | None = None
        self._news = asyncio.Event()

    def listening(self) -> None:
        """Note that the satellite was woken: it streams, and nobody has spoken yet."""
        self._plan(OPEN_S, Frame("transcript", {"text": ""}))

    def heard(self) -> None:
        """Note that somebody speaks."""
        self._due = None
        self._news.set()

    def replied(self) -> None:
        """Note that a reply was heard: the satellite goes on listening if it can."""
        if self.triggers:
            pipeline = {"start_stage": "asr", "end_stage": "tts", "restart_on_end": False}
            self._plan(AFTER_REPLY_S, Frame("run-pipeline", pipeline), listens=True)

    async def run(self) -> None:
        """Send what is due, until cancelled.

        Raises:
            ConnectionError: the satellite has gone.
        """
        while True:
            self._news.clear()
            due = self._due
            if due is None:
                await self._news.wait()
                continue
            at, frame, listens = due
            if (left_s := at - self._clock.now()) > 0:
                await self._clock.sleep(left_s)
            if self._due is not due:
                continue
            self._due = None
            await self._link.send(frame)
            if listens:
                self.listening()

    def _plan(self, after_s: float, frame: Frame, *, listens: bool = False) -> None:
        self._due = (self._clock.now() + after_s, frame, listens)
        self._news.set()
