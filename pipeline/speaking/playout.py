"""Hands one reply's audio out at the pace it is played, and knows at every moment what of it was heard."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from pipeline.speaking.lead import AdaptiveLead
from pipeline.speaking.ledger import Ledger, Playback
from pipeline.speaking.preparation import ClauseBegins, Preparation
from pipeline.tasks.clock import Clock

LEAST_BLOCK_MS = 20

KEPT_MS = 2_000
"""Played audio is kept this long, in case the client's account of what it played corrects ours."""

ACKNOWLEDGE_S = 2.0
"""A client that says what it played is waited for so long to say so of the last word."""

LAST_WORD_MS = 60
"""What a client may leave out of its last account."""


class Playout:
    """One reply on its way to the client.

    Args:
        preparation: where the audio comes from.
        rate_hz: the session's output rate.
        clock: the session's clock.
        lead: how far ahead of playback this client's audio has to be.
        hand_out: told a block's position, audio and text, in order.
        connected: cleared while there is nobody to hand audio to.

    Attributes:
        begun: its first block went out.
        held: the client has been told to drop what it had not played.
        message_id: the persona's message.
        told: how many characters of the text the listeners know.
    """

    def __init__(
        self,
        preparation: Preparation,
        *,
        rate_hz: int,
        clock: Clock,
        lead: AdaptiveLead,
        hand_out: Callable[[int, NDArray[np.int16], str], None],
        connected: asyncio.Event,
    ) -> None:
        self.preparation = preparation
        self.ledger = Ledger(rate_hz)
        self.begun = False
        self.held = False
        self.message_id = ""
        self.published = 0
        self._playback = Playback(rate_hz)
        self._rate_hz = rate_hz
        self._clock = clock
        self._lead = lead
        self._hand_out = hand_out
        self._connected = connected
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._kept = np.zeros(0, np.int16)
        self._kept_from = 0
        self._complete = False
        self._acknowledged: int | None = None
        self._news = asyncio.Event()

    @property
    def heard_ms(self) -> int:
        """How much of the reply was played, in milliseconds."""
        return self._milliseconds(self._playback.position(self._clock.now()))

    @property
    def heard(self) -> str:
        """What the learner has heard of it."""
        return self.ledger.heard(self._playback.position(self._clock.now()))

    @property
    def spoken(self) -> str:
        """What was said up to the last sample that is with the client: where an echo comes from."""
        return self.ledger.heard(self._playback.sent)

    def played(self, milliseconds: int) -> None:
        """The client has played this much of the reply."""
        self._acknowledged = milliseconds * self._rate_hz // 1000
        off = self._playback.played(self._acknowledged, self._clock.now())
        self._news.set()
        if off is not None:
            self._lead.acknowledged(off * 1000 / self._rate_hz)

    def duck(self) -> None:
        """Hand out no more for now; the client plays what it has."""
        self._flowing.clear()

    def go_on(self) -> None:
        """Go on where it stopped, or from what was heard after a `rewind`."""
        self.held = False
        self._flowing.set()

    def rewind(self) -> None:
        """The client dropped what it had not played: stop, and stand ready to go on from there."""
        self._flowing.clear()
        self.held = True
        self._playback.rewind(self._clock.now())

    def lost_connection(self) -> None:
        """What was sent but not played is with nobody any more: it will be sent again.

        A client that says what it played is believed: the line may have been dead for a while. Of any other one
        everything is taken as played that had the time for it.
        """
        if self._acknowledged is not None:
            self._playback.played(self._acknowledged, self._clock.now())
        self._playback.rewind(self._clock.now())

    async def heard_out(self) -> None:
        """Return when its last word was played by the client's own account; at once where the client gives none."""
        end = self._playback.sent - self._samples(LAST_WORD_MS)
        with suppress(TimeoutError):
            async with asyncio.timeout(ACKNOWLEDGE_S):
                while self._acknowledged is not None and self._acknowledged < end:
                    self._news.clear()
                    await self._news.wait()

    async def run(self, started: Callable[[], None]) -> None:
        """Hand out the reply to its end; returns when it was played. `started` is told before the first block."""
        while True:
            now = self._clock.now()
            sent = self._playback.sent
            available = self.ledger.end - sent
            least = self._samples(LEAST_BLOCK_MS)
            if available >= least or (self._complete and available):
                if not (self._flowing.is_set() and self._connected.is_set()):
                    await self._flowing.wait()
                    await self._connected.wait()
                    continue
                length = min(available, self._samples(self._lead.block_ms))
                if length > least and not self._complete:
                    length -= length % least
                ahead = sent + length - self._playback.position(now)
                if (excess := ahead - self._samples(self._lead.lead_ms)) > 0:
                    await self._clock.sleep(excess / self._rate_hz)
                    self._lead.late((self._clock.now() - now - excess / self._rate_hz) * 1000)
                    continue
                if not self.begun:
                    self.begun = True
                    started()
                self._send(sent, length, now)
            elif not self._complete:
                await self._fetch()
            elif (left := sent - self._playback.position(now)) > 0:
                await self._clock.sleep(left / self._rate_hz)
            else:
                return

    def _send(self, start: int, length: int, now: float) -> None:
        block = self._kept[start - self._kept_from : start - self._kept_from + length]
        if missing := -length % self._samples(LEAST_BLOCK_MS):
            block = np.concatenate([block, np.zeros(missing, np.int16)])
        text = self.ledger.text_between(start, start + length)
        self._playback.send(length, now)
        self._hand_out(start, block, text)
        self._forget(self._playback.position(now))

    async def _fetch(self) -> None:
        piece = await self.preparation.next()
        if piece is None:
            self._complete = True
            self.ledger.complete()
        elif isinstance(piece, ClauseBegins):
            self.ledger.begin_clause(piece.text)
        else:
            self.ledger.add_audio(len(piece.audio), piece.words)
            self._kept = np.concatenate([self._kept, piece.audio])

    def _forget(self, position: int) -> None:
        surplus = position - self._samples(KEPT_MS) - self._kept_from
        if surplus > self._rate_hz:
            self._kept = self._kept[surplus:].copy()
            self._kept_from += surplus

    def _samples(self, milliseconds: int) -> int:
        return milliseconds * self._rate_hz // 1000

    def _milliseconds(self, samples: int) -> int:
        return samples * 1000 // self._rate_hz
