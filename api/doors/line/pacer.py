"""Feeds a wire that needs a packet every 20 ms, as a telephone line does: the reply's packets, or silence."""

from collections import deque
from collections.abc import Callable, Iterable

from api.doors.line.dialect import Packet
from pipeline.tasks.clock import Clock

EVERY_S = 0.02

WAITING_LIMIT = 500
"""Packets of a lead of `LONGEST_LEAD_MS`; the playout keeps to its lead, so more than that is a defect."""


class ContinuousPacer:
    """Sends one packet every 20 ms.

    A packet that is late by less than 20 ms does not delay the next; after a longer stall there is no burst to catch
    up, because the far end plays each packet on arrival. Where it has a jitter buffer, packets are made up for that
    are late by less than `catch_up_ms`. What was sent was played, and `sent` reports it.

    Args:
        clock: the source of time.
        silence: see the attribute.
        send: gets each packet.
        sent: gets the turn, and how many milliseconds of its reply were sent.
        catch_up_ms: what the far end's jitter buffer takes.

    Attributes:
        silence: the packet between replies.
    """

    def __init__(
        self,
        clock: Clock,
        silence: Packet,
        send: Callable[[Packet], None],
        sent: Callable[[int, int], None],
        *,
        catch_up_ms: int = 0,
    ) -> None:
        self._clock = clock
        self.silence = silence
        self._send = send
        self._sent = sent
        self._catch_up_s = catch_up_ms / 1000
        self._waiting: deque[Packet] = deque(maxlen=WAITING_LIMIT)

    def add(self, packets: Iterable[Packet]) -> None:
        """Queue packets of a reply."""
        self._waiting.extend(packets)

    def clear(self) -> None:
        """Discard what is queued: the next packet is silence."""
        self._waiting.clear()

    async def run(self) -> None:
        """Send until cancelled, from now on: some far ends send nothing before they get something."""
        due = self._clock.now()
        while True:
            packet = self._waiting.popleft() if self._waiting else self.silence
            self._send(packet)
            if packet.turn is not None:
                self._sent(packet.turn, packet.at_ms + packet.duration_ms)
            due, now = due + EVERY_S, self._clock.now()
            if due < now - self._catch_up_s:
                due = now + EVERY_S
            await self._clock.sleep(max(0.0, due - now))
