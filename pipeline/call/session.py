"""The session of a call: runs the turn machine, carries out its actions, feeds it events.

It takes audio frames and publishes `SessionEvent`s. All methods are called on the event loop; engines run in workers.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from models.records.core import ChatContext
from pipeline.call.actions import ANSWERING, LEAST_COMMIT_MS, NO_WORDS, Actions, milliseconds
from pipeline.call.audience import Audience, Listener, Watcher
from pipeline.call.echo import EchoWatch
from pipeline.call.edits import Edits
from pipeline.call.keypad import KeyActions, Keypad
from pipeline.call.learner_messages import LearnerMessages
from pipeline.call.opening import OpeningPrompts
from pipeline.call.parts import hearing_of, speaking_of, tell
from pipeline.call.prompts import Prompts
from pipeline.call.settings import CallNames, Engines, SessionSettings, new_resume_token
from pipeline.call.timers import Timers
from pipeline.conversation.conversation import Conversation, MessageLog, ReplyWishes
from pipeline.conversation.events import CallEnded, Problem, Restarting, SessionEvent, TurnLatency
from pipeline.conversation.waterfall import Stamps, Waterfall
from pipeline.errors import CallOver
from pipeline.hearing.ear import Ear
from pipeline.speaking.hooks import Hooks
from pipeline.tasks.clock import Clock
from pipeline.tasks.slots import Slots
from pipeline.tasks.writer import LAST_WRITES_S, Writer
from pipeline.turn import actions, events
from pipeline.turn.machine import Phase, ReplyPhase, Turn, samples, step
from voice.audio.formats import FRAME, RATE_HZ
from voice.speech.endpointing import Endpointer, SpeechResumed, SpeechStarted

__all__ = ["Engines", "Listener", "SessionSettings", "VoiceSession", "Watcher"]

log = logging.getLogger(__name__)


class VoiceSession(Audience):
    """A call on one chat.

    Args:
        conversation: the chat's history and its persona.
        engines: shared by all calls.
        store: the store of the messages.
        clock: the only source of time.
        settings: of this call.
        new_id: makes ids.
        names: those of a call that goes on; None for a new one.

    Attributes:
        conversation_id, group_id: the ids of this call.
        opening: how it begins, and whether it may be recorded.
        echo: what its client has reported of its loudspeaker's echo.
        prompts: what its line may have the persona say unasked.
        edits: the client's changes of the conversation.
        resume_token: lets its owner resume it after a dropped connection.
        restart_after_ms: a call ended by "closing" tells its owner to resume it after this time; None does not.
    """

    def __init__(
        self,
        conversation: Conversation,
        engines: Engines,
        store: MessageLog,
        clock: Clock,
        settings: SessionSettings,
        new_id: Callable[[], str],
        names: CallNames | None = None,
    ) -> None:
        super().__init__()
        self.conversation = conversation
        self.settings = settings
        tell(conversation, settings)
        names = names or CallNames(new_id(), new_id(), new_resume_token())
        self.conversation_id, self.group_id = names.conversation_id, names.group_id
        self.resume_token = names.resume_token
        self._clock = clock
        self._state = Turn(rules=settings.rules, number=names.turn)
        self.echo = EchoWatch(self.conversation_id)
        self._ear = Ear(settings.output_rate_hz, cancels_echo=settings.cancels_echo)
        self._endpointer = Endpointer(settings.endpoints)
        self.writer = Writer(clock, lambda: self._state.number)
        self._slots = Slots()
        self._waterfall = Waterfall()
        self._over, self._connected = asyncio.Event(), asyncio.Event()
        self._connected.set()
        self._messages = LearnerMessages(
            conversation, store, self.writer, new_id=new_id, emit=self._emit, give_up=lambda: self._end("failed"),
            moved=self.let_go,
        )  # fmt: skip
        self._replies = speaking_of(
            conversation, engines, self._ear, store, settings, self.conversation_id, put=self._messages.store,
            slots=self._slots, clock=clock, connected=self._connected, new_id=new_id,
            hooks=Hooks(self._emit, self._reply_started, self._reply_finished),
        )  # fmt: skip
        self._transcripts = hearing_of(
            conversation, engines, self._ear, settings, self.conversation_id, slots=self._slots, clock=clock,
            waterfall=self._waterfall, spoken=lambda: self._replies.spoken, emit=self._emit, feed=self._feed,
        )  # fmt: skip
        self.edits = Edits(conversation, self._messages, self._replies, lambda: self._state.number, self._feed)
        self._timers = Timers(
            self._slots,
            clock,
            frames_gap_s=settings.frames_gap_s,
            silence=settings.silence,
            time_limit=settings.time_limit,
            feed=self._feed,
        )
        self.opening = OpeningPrompts(settings, self._feed)
        self.prompts = Prompts(settings, self._timers, self._replies, self.opening, self._feed)
        keys = KeyActions(
            typed=lambda digits: None if self.over else self.type_text(digits), pressed=self.stop,
            repeat=self.prompts.repeat, human=self.prompts.human, unrecorded=self.prompts.stop_recording,
            said=lambda: self._replies.latest_text,
        )  # fmt: skip
        self._keypad = Keypad(self._slots, clock, keys, settings.keys)
        parts = (self._transcripts, self._replies, self._messages, self._timers, self.opening, self._waterfall)
        self._actions = Actions(*parts, clock, self._emit, self._end)
        self._reason: events.CallEndReason = "failed"
        self.restart_after_ms: int | None = None
        self._begun, self._ended = asyncio.Event(), asyncio.Event()
        self._position = self._uncommitted_from = 0
        self._began_at = self.active_at = clock.now()

    # ------------------------------------------------------------------ life

    @property
    def state(self) -> Turn:
        """The turn machine's state."""
        return self._state

    @property
    def position_ms(self) -> int:
        """The audio time, in milliseconds."""
        return milliseconds(self._position)

    @property
    def over(self) -> bool:
        """Whether the call takes no more input: it has ended, or is storing its last messages."""
        return self._over.is_set()

    @property
    def ended(self) -> bool:
        """Whether the call is over and everything is stored."""
        return self._ended.is_set()

    async def run(self) -> None:
        """Run the call from its beginning to its end; its owner awaits this."""
        try:
            async with self._slots:
                self._begun.set()
                self._slots.replace("writer", self.writer.run(self._messages.failed))
                self._timers.begin()
                await self._over.wait()
                if not await self.writer.drained(LAST_WRITES_S):
                    self._messages.lost(len(self.writer) + 1)
        except* Exception as errors:
            log.error("A call broke and was ended.", exc_info=errors)
            self._emit(Problem("internal", "The call broke on our side; open a new one.", fatal=True))
        finally:
            self._begun.set()
            self._over.set()
            self._transcripts.close()
            self._ended.set()
            if self.restart_after_ms is not None and self._reason == "closing":
                self._emit(Restarting(self.resume_token, self.restart_after_ms))
            duration_ms = round((self._clock.now() - self._began_at) * 1000)
            self._emit(CallEnded(self.conversation.chat_id, True, duration_ms, self._state.number, self._reason))

    async def begun(self) -> None:
        """Return when `run` has begun: the call takes no input before."""
        await self._begun.wait()

    async def finished(self) -> None:
        """Return when the call is over and everything is stored."""
        await self._ended.wait()

    def connect(self, lead_ms: int | None = None) -> None:
        """Send audio to a line, with a lead of `lead_ms`; None adapts it to the jitter.

        The announcement of a recording, which precedes everything, is said now.
        """
        self._replies.keep_ahead(lead_ms)
        self._connected.set()
        self.opening.announce()

    def disconnect(self) -> None:
        """Stop sending audio: the line is gone. What was not played will be sent again."""
        self._connected.clear()
        self._replies.lost_connection()

    def take_context(self, context: ChatContext) -> None:
        """Take on the chat's persona, documents and scenario as they are now, from the next message on."""
        self.conversation.take_context(context)
        self._expect_words()
        self._replies.take_context()

    def _expect_words(self) -> None:
        language = self.settings.language or self.conversation.persona.voice.language
        self._transcripts.expect(self.conversation.vocabulary, language)

    def report(self, problem: Problem) -> None:
        """Publish a problem from outside the session."""
        self._emit(problem)

    def touch(self) -> None:
        """Note a sign of life of the client."""
        self.active_at = self._clock.now()

    def _emit(self, event: SessionEvent) -> None:
        self._ear.note(event, self._clock.now())
        self._publish(event)

    # -------------------------------------------------------- what comes in

    def greet(self) -> None:
        """Have the persona speak first."""
        self.opening.greet()

    def expect(self, frames: int) -> None:
        """Note that so many frames arrive at once: the next ones may take as long as these last."""
        self._timers.burst_s = frames * FRAME / RATE_HZ

    def frame(self, frame: NDArray[np.int16]) -> None:
        """Take 20 ms of the learner's audio: shape (320,), 16 kHz."""
        if self._over.is_set() or self._state.muted:
            return
        self._position += FRAME
        now = self._timers.frame_at = self.active_at = self._clock.now()
        heard = self._ear.hear(frame, now, in_utterance=self._state.utterance_open)
        happened = self._endpointer.push(heard.speech, self._position)
        self._transcripts.hear(heard.audio, self._endpointer.last_sound, utterance_open=self._state.utterance_open)
        if self._endpointer.last_speech > self._position - 2 * FRAME:
            self._waterfall.heard(now - (self._position - self._endpointer.last_speech) / RATE_HZ)
        for event in happened:
            if isinstance(event, SpeechResumed):
                self._transcripts.resumed()
            self._feed(event)
            if isinstance(event, SpeechStarted) and not self._state.utterance_open:
                self._endpointer.reset()  # ignored now; reported again as long as it lasts
        if self._state.wants_frames:
            start = self._position - self._endpointer.speech_run(self._position)
            last = self._endpointer.last_speech
            run = max(0, last - start)
            lasts = self._state.reply is ReplyPhase.DUCKED and run >= samples(self._state.rules.interrupt_ms)
            faint = lasts and (self.echo.loud or not self._transcripts.stands_out)
            self._feed(events.SpeechContinued(run, self._position - last, stands_out=not faint))
        due = self._state.deadline is not None and self._position >= self._state.deadline
        if due and not self._endpointer.stirring(self._position):
            self._feed(events.Elapsed())
        if (state := self._state).phase is Phase.HEARING:
            self._transcripts.follow(state.number, self._position, over_reply=state.hangs_on_words)

    def commit(self) -> None:
        """End the utterance (manual turns)."""
        recent = self._position - self._uncommitted_from
        started = self._uncommitted_from if recent >= samples(LEAST_COMMIT_MS) else None
        if started is None and self._state.phase is Phase.LISTENING:
            self._emit(NO_WORDS)
        self._feed(events.Committed(started))
        self._uncommitted_from = self._position

    def type_text(self, text: str, message_id: str | None = None) -> asyncio.Future[str]:
        """Take a typed message; the future resolves to its id once it is stored.

        Raises:
            CallOver: the call has ended.
        """
        if self.over:
            raise CallOver("The call has ended; open a new one, or send the message without a call.")
        self.active_at = self._clock.now()
        if message_id is not None and self.conversation.has(message_id):
            return self._messages.repeated(self._state.number, text, message_id)
        self._timers.restart_plan()
        event = events.Typed()
        state, to_do = step(self._state, event, self._position)
        stored = self._messages.typed(state.number, text, message_id)
        self._enter(event, state, to_do)
        return stored

    async def say(self, text: str, message_id: str | None = None) -> None:
        """Take a typed message; return once it is stored, or kept as the database is away.

        Raises:
            CallOver: the call has ended.
        """
        await self.writer.settled(self.type_text(text, message_id))

    def request_reply(self, *, anyway: bool = False, wishes: ReplyWishes | None = None) -> None:
        """Answer what was said so far; during a turn, at its end; with `anyway` also after an answer on its way."""
        if self._state.has_answer and not anyway:
            self._emit(ANSWERING)
        elif wishes is not None:
            self.conversation.wishes = wishes
        self._feed(events.Requested(anyway))

    def take_settings(self, settings: SessionSettings) -> None:
        """Go on with other settings; the output rate, the recording and the time limit stay those of the opening."""
        self.settings = settings
        tell(self.conversation, settings)
        self._state = replace(self._state, rules=settings.rules)
        self._endpointer.rules = settings.endpoints
        self._transcripts.take_pace(settings.pace(), keep_all=settings.rules.manual)
        self._replies.text_only = settings.text_only
        self._replies.take_voice()
        self._timers.take_plan(settings.silence)
        self._expect_words()

    def drop_audio(self) -> None:
        """Drop the open utterance, and with manual turns all audio since the last one."""
        self._feed(events.Discarded())
        self._transcripts.drop()
        self._uncommitted_from = self._position

    def stop(self) -> None:
        """Stop the persona; keep listening."""
        self._feed(events.Stopped())

    def mute(self, muted: bool) -> None:
        """Note that no audio will arrive, or that it will again; muting ends an open utterance."""
        self._feed(events.Muted() if muted else events.Unmuted())

    def played(self, turn: int, milliseconds: int) -> None:
        """Note how much of the turn's reply the client has played."""
        self._replies.played(turn, milliseconds)

    def digit(self, digit: str) -> None:
        """Take a phone key: keys in quick succession are one typed message, which `#` ends."""
        if not self.over:
            self._keypad.press(digit)

    def hang_up(self, reason: events.CallEndReason = "caller") -> None:
        """Finish the open utterance, then end the call."""
        self._keypad.finish()
        self._feed(events.Hangup(reason))

    def let_go(self) -> None:
        """End the call at once and store nothing more of it, as another process may have it; its owner resumes it."""
        if not self.over:
            self.restart_after_ms = 0
            self.writer.give_up()
            self._end("closing")

    # ------------------------------------------------------------ the machine

    def _feed(self, event: events.Event) -> None:
        state, to_do = step(self._state, event, self._position)
        self._enter(event, state, to_do)

    def _enter(self, event: events.Event, state: Turn, to_do: list[actions.Action]) -> None:
        was_open = self._state.utterance_open
        self._state = state
        self._stepped(event, to_do)
        for action in to_do:
            self._actions.carry_out(action, state, self._position)
        self._ear.settle(to_do)
        if was_open and not state.utterance_open:
            self._endpointer.reset()
            self._transcripts.ended()
            self._timers.cancel_gap_watch()
            self._uncommitted_from = self._position
        elif state.utterance_open and not state.rules.manual:
            self._timers.start_gap_watch()
        if state.floor_is_free and state.leaving is None:
            self._timers.start_silence()
        elif state.reply is ReplyPhase.NONE and (state.utterance_open or state.awaits_transcript):
            self._timers.pause_silence()
        else:
            self._timers.stop_silence()

    def _end(self, reason: events.CallEndReason) -> None:
        self._reason = reason
        self._over.set()

    # ------------------------------------------------------------------ replies

    def _reply_started(self, revision: int, stamps: Stamps) -> None:
        self._feed(events.ReplyStarted(revision))
        if latency := self._waterfall.replied(self._state.number, stamps, self._clock.now()):
            self._slots.replace("latency", self._publish_latency(latency))

    async def _publish_latency(self, latency: TurnLatency) -> None:
        self._emit(latency)

    def _reply_finished(self, revision: int, leave: events.Leave | None) -> None:
        self.active_at = self._clock.now()
        settings = self.settings
        lost = leave is not None and bool(leave.target) and leave.target not in settings.transfers
        kept = leave is not None and leave.reason == "persona" and not settings.hangs_up
        self._feed(events.ReplyFinished(revision, None if lost or kept else leave))
        self.opening.finished(revision, heard=self._replies.sounded)
        if lost:
            self._feed(events.Prompted(settings.transfer_failed, insists=True))
