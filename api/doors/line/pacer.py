"""A wire that needs a packet every 20 ms, as a telephone line does: the reply's where there is one, else silence."""

from collections import deque
from collections.abc import Callable, Iterable

from api.doors.line.dialect import Packet
from pipeline.tasks.clock import Clock

EVERY_S = 0.02

WAITING_LIMIT = 500
"""Packets of a lead of `LONGEST_LEAD_MS`; the playout keeps to its lead, so more than that is a defect."""


class Pacer:
    """Feeds a continuous line, one packet at a time.

    A packet that is late by less than 20 ms does not delay the next; after a longer stall none is made up for, because
    the far end plays each as it comes. So what was sent was played, and `sent` is told of it.

    Args:
        clock: the source of time.
        silence: see the attribute.
        send: takes each packet.
        sent: told the turn, and how many milliseconds of its reply have gone out.

    Attributes:
        silence: the packet of a moment in which nothing is said.
    """

    def __init__(
        self, clock: Clock, silence: Packet, send: Callable[[Packet], None], sent: Callable[[int, int], None]
    ) -> None:
        self._clock = clock
        self.silence = silence
        self._send = send
        self._sent = sent
        self._waiting: deque[Packet] = deque(maxlen=WAITING_LIMIT)

    def add(self, packets: Iterable[Packet]) -> None:
        """Queue some of a reply."""
        self._waiting.extend(packets)

    def clear(self) -> None:
        """Drop what has not gone out: the very next packet is silence."""
        self._waiting.clear()

    async def run(self) -> None:
        """Feed the line until cancelled; begins at once, as some lines say nothing before they hear something."""
        due = self._clock.now()
        while True:
            packet = self._waiting.popleft() if self._waiting else self.silence
            self._send(packet)
            if packet.turn is not None:
                self._sent(packet.turn, packet.at_ms + packet.duration_ms)
            due, now = due + EVERY_S, self._clock.now()
            if due < now:
                due = now + EVERY_S
            await self._clock.sleep(due - now)
