"""An open call: its session, its audio input, and the backlog of events while no line attends it."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable

import numpy as np

from models.records.core import Grant
from pipeline.call.session import VoiceSession
from pipeline.conversation.events import Problem, ReplyAudio, ReplyText, SessionEvent, UserPartial
from pipeline.errors import Busy
from pipeline.tasks.log_context import LogContext
from voice.audio.formats import FRAME, AudioFormat, Int16Mono
from voice.audio.intake import AudioIntake, Taken
from voice.audio.sample_check import SilenceCheck

BACKLOG_LIMIT = 500
"""Most events in the backlog; beyond this the oldest are dropped."""

FRAMES_AT_ONCE = 25
"""Frames fed before yielding to the event loop: a client may send a minute of audio in one message."""


SILENT = Problem(
    "silent_audio",
    "Your audio has been digital silence for 10 seconds, without even noise; choose another microphone or unmute it.",
)

_SILENT_FRAME: Int16Mono = np.zeros(FRAME, np.int16)


class Call:
    """An open session and its audio input.

    Attributes:
        user_id: its owner.
        output: the format of the persona's audio that its latest line requested; None before the first.
        attended: a line attends it.
        grant: what the caller who opened or last attended it may; None if no credential is known.
        revoked: that grant was revoked; lines leave at once, and the call ends.
        earlier_hash: of the resume token that it had in an earlier process, if that was not at hand; empty otherwise.
        tap: gets every 20 ms frame of the learner's audio, after the session.
        waiting_bytes: bytes of audio received and not fed to the session yet.
        log_context: what the log says of it.
    """

    def __init__(self, user_id: str, session: VoiceSession, wire: AudioFormat) -> None:
        self.user_id = user_id
        self.session = session
        self.output: AudioFormat | None = None
        self.attended = False
        self.grant: Grant | None = None
        self.revoked = False
        self.earlier_hash = ""
        self.tap: Callable[[Int16Mono], None] | None = None
        self.waiting_bytes = 0
        self.log_context = LogContext(session.conversation_id)
        self._intake = AudioIntake(wire)
        self._silence = SilenceCheck()
        self._feeding = asyncio.Lock()
        self._backlog: deque[SessionEvent] = deque(maxlen=BACKLOG_LIMIT)
        self._stop_keeping: Callable[[], None] | None = None
        self._evicted = asyncio.Event()
        self._vacant = asyncio.Event()
        self._vacant.set()

    @property
    def wire(self) -> AudioFormat:
        """The format of the learner's audio."""
        return self._intake.format

    async def take_format(self, wire: AudioFormat) -> None:
        """Switch to another input format.

        Raises:
            UnsupportedFormat: it cannot be decoded.
        """
        if wire != self.wire:
            intake = AudioIntake(wire)
            async with self._feeding:
                frames, _ = await self._intake.flush()
                await self._intake.close()
                self._intake = intake
                await self._feed(frames)

    async def hear(self, data: bytes, *, waiting_limit: int | None = None) -> None:
        """Take audio in the call's format, in messages of any size.

        Args:
            waiting_limit: most bytes that may wait, these included; None for a line, which sends one message at a time.

        Raises:
            InvalidAudio: it is not of its declared format; what could be decoded was heard.
            Busy: the limit would be exceeded; none of it is heard.
        """
        if waiting_limit is not None and self.waiting_bytes + len(data) > waiting_limit:
            raise Busy(f"More than {waiting_limit} bytes of audio wait to be heard; send the rest in a moment.")
        self.waiting_bytes += len(data)
        try:
            await self._hear(data)
        finally:
            self.waiting_bytes -= len(data)

    async def hear_silence(self, milliseconds: int) -> None:
        """Insert silence for missing audio, in whole frames of 20 ms; it does not count as activity."""
        async with self._feeding:
            active_at = self.session.active_at
            rest, _ = await self._intake.realign()
            await self._feed([*rest, *[_SILENT_FRAME] * (milliseconds // 20)])
            self.session.active_at = active_at

    async def _hear(self, data: bytes) -> None:
        if not self._feeding.locked() and (taken := self._intake.at_once(data)) is not None:
            # The common case, on the live path: a frame or two, without waiting.
            frames, problem = taken
            if len(frames) <= FRAMES_AT_ONCE:
                self.session.expect(len(frames))
                self._hand_over(frames)
                if problem is not None:
                    raise problem
            else:
                async with self._feeding:
                    await self._take(taken)
            return
        async with self._feeding:
            await self._take(await self._intake.push(data))

    async def commit(self) -> None:
        """End the utterance with the audio received so far (manual turns).

        Raises:
            InvalidAudio: the recording holds no audio.
        """
        async with self._feeding:
            frames, problem = await self._intake.commit()
            await self._feed(frames)
            if problem is None or self.session.state.utterance_open:
                self.session.commit()
            if problem is not None:
                raise problem

    async def realign(self) -> None:
        """Reset the decoder after a dropped connection, which may have cut a sample in two."""
        async with self._feeding:
            frames, _ = await self._intake.realign()
            await self._feed(frames)

    async def hear_rest(self) -> None:
        """Take the rest of an unfinished frame or container: the learner sends no more of it.

        Raises:
            InvalidAudio: the recording was cut short; what could be decoded was heard.
        """
        async with self._feeding:
            await self._take(await self._intake.flush())

    async def hang_up(self) -> None:
        """Finish the open utterance, then end the call: the learner sends no more.

        Raises:
            InvalidAudio: the recording was cut short; what could be decoded was heard.
        """
        try:
            await self.hear_rest()
        finally:
            self.session.hang_up()

    def keep_events(self, missed: Iterable[SessionEvent] = ()) -> None:
        """Keep events in the backlog while no line attends, after those `missed` already."""
        for event in missed:
            self._keep(event)
        self._stop_keeping = self._stop_keeping or self.session.subscribe(self._keep)

    def take_backlog(self) -> list[SessionEvent]:
        """Remove and return the backlog, oldest first."""
        if self._stop_keeping is not None:
            self._stop_keeping()
            self._stop_keeping = None
        missed = list(self._backlog)
        self._backlog.clear()
        return missed

    async def evict(self) -> None:
        """Evict the attending line, which the resuming one shows to be dead or unwanted; wait until it has left."""
        self._evicted.set()
        await self._vacant.wait()

    async def evicted(self) -> None:
        """Return when another line takes the place of this one, or the call is revoked."""
        await self._evicted.wait()

    def revoke(self) -> None:
        """Have the attending line leave: its caller may not speak here any more."""
        self.revoked = True
        self._evicted.set()

    def occupy(self) -> None:
        """Mark the call as attended."""
        self.attended = True
        self._evicted.clear()
        self._vacant.clear()

    def vacate(self) -> None:
        """Mark the call as unattended."""
        self.attended = False
        self._vacant.set()

    async def close(self) -> None:
        """Free the decoder."""
        await self._intake.close()

    def _keep(self, event: SessionEvent) -> None:
        match event, self._backlog[-1] if self._backlog else None:
            case ReplyAudio(), _:
                return  # it is sent again
            case ReplyText(turn, delta), ReplyText(same, before) if turn == same:
                self._backlog[-1] = ReplyText(turn, before + delta)
            case UserPartial(turn), UserPartial(same) if turn == same:
                self._backlog[-1] = event
            case _:
                self._backlog.append(event)

    async def _take(self, taken: Taken) -> None:
        frames, problem = taken
        await self._feed(frames)
        if problem is not None:
            raise problem

    async def _feed(self, frames: list[Int16Mono]) -> None:
        self.session.expect(len(frames))
        for start in range(0, len(frames), FRAMES_AT_ONCE):
            self._hand_over(frames[start : start + FRAMES_AT_ONCE])
            if start + FRAMES_AT_ONCE < len(frames):
                await asyncio.sleep(0)

    def _hand_over(self, frames: list[Int16Mono]) -> None:
        for frame in frames:
            self.session.frame(frame)
            if frame is not _SILENT_FRAME and self._silence.push(frame):
                self.session.report(SILENT)
            if self.tap is not None:
                self.tap(frame)
