"""Playout: sends one reply's audio at the pace of playback, and accounts at every moment for what was heard."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from models.store import MessageChanges
from pipeline.speaking.lead import AdaptiveLead
from pipeline.speaking.ledger import Ledger, Playback
from pipeline.speaking.preparation import ClauseBegins, Preparation
from pipeline.tasks.clock import Clock

LEAST_BLOCK_MS = 20

LEAST_GAP_MS = 20
"""A shorter gap in what a client plays is no more than the grain of our estimate, and of its audio."""

KEPT_MS = 2_000
"""Played audio is kept this long, in case the client's acknowledgement corrects our estimate."""

ACKNOWLEDGE_S = 2.0
"""Timeout of a client's acknowledgement of the last word."""

LAST_WORD_MS = 60
"""How far a client's last acknowledgement may fall short of the end."""


class Playout:
    """The playout of one reply.

    Args:
        preparation: the source of the audio.
        rate_hz: the session's output rate.
        clock: the session's clock.
        lead: how far ahead of playback this client's audio is sent.
        hand_out: sends a block: its position, audio and text, in order.
        connected: cleared while no line attends the call.
        stalled: gets the milliseconds of each gap in what is played, as the next audio came too late.

    Attributes:
        begun: its first block was sent.
        held: the client was notified to discard what it had not played.
        message_id: of the persona's message.
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
        stalled: Callable[[int], None] = lambda _: None,
    ) -> None:
        self.preparation = preparation
        self.ledger = Ledger(rate_hz)
        self.begun = False
        self.held = False
        self.message_id = ""
        self._playback = Playback(rate_hz)
        self._rate_hz = rate_hz
        self._clock = clock
        self._lead = lead
        self._hand_out = hand_out
        self._connected = connected
        self._stalled = stalled
        self._paused = True
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._kept = np.zeros(0, np.int16)
        self._kept_from = 0
        self._complete = False
        self._acknowledged: int | None = None
        self._news = asyncio.Event()

    @property
    def heard_ms(self) -> int:
        """How much of the reply was heard, in milliseconds."""
        return self._milliseconds(self._playback.position(self._clock.now()))

    @property
    def heard(self) -> str:
        """The text that the learner has heard."""
        return self.ledger.heard(self._playback.position(self._clock.now()))

    def heard_at(self, milliseconds: int) -> MessageChanges:
        """Return what is stored if so much of the reply was played, at most what was sent."""
        position = min(self._samples(milliseconds), self._playback.sent)
        heard, text, ms = self.ledger.heard(position), self.preparation.text, self._milliseconds(position)
        whole = heard.strip() == text.strip()
        return MessageChanges(text=heard, full_text=None if whole else text, heard_ms=ms, interrupted=not whole)

    @property
    def spoken(self) -> str:
        """The text up to the last sample sent, in which an echo is recognised."""
        return self.ledger.heard(self._playback.sent)

    def played(self, milliseconds: int) -> None:
        """Note how much of the reply the client has played."""
        self._acknowledged = milliseconds * self._rate_hz // 1000
        off = self._playback.played(self._acknowledged, self._clock.now())
        self._news.set()
        if off is not None:
            self._lead.acknowledged(off * 1000 / self._rate_hz)

    def duck(self) -> None:
        """Stop sending for now; the client plays what it has buffered."""
        self._paused = True
        self._flowing.clear()

    def go_on(self) -> None:
        """Resume where it stopped, or, after a `rewind`, from what was heard."""
        self.held = False
        self._flowing.set()

    def rewind(self) -> None:
        """Stop at what the client has played, as it discarded the rest; it can resume from there."""
        self._flowing.clear()
        self.held = self._paused = True
        self._playback.rewind(self._clock.now())

    def lost_connection(self) -> None:
        """Take back what was sent but not played: it is lost and will be sent again.

        The acknowledgements of a client are believed, as the line may have been dead for a while. For a client
        without any, everything counts as played that had the time for it.
        """
        if self._acknowledged is not None:
            self._playback.played(self._acknowledged, self._clock.now())
        self._paused = True
        self._playback.rewind(self._clock.now())

    async def heard_out(self) -> None:
        """Return when the client has acknowledged the last word; at once if it acknowledges nothing."""
        end = self._playback.sent - self._samples(LAST_WORD_MS)
        with suppress(TimeoutError):
            async with asyncio.timeout(ACKNOWLEDGE_S):
                while self._acknowledged is not None and self._acknowledged < end:
                    self._news.clear()
                    await self._news.wait()

    async def run(self, started: Callable[[], None]) -> None:
        """Send the reply to its end; return when it was played. `started` is called before the first block."""
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
        gap_ms = round(self._playback.dry_s(now) * 1000)
        if gap_ms >= LEAST_GAP_MS and not self._paused:
            self._stalled(gap_ms)
        self._paused = False
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
