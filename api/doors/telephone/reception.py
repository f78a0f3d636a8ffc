"""A call that the desk has received: what it opens, how it goes on, and its record."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from typing import Any, NoReturn

from api.doors.line import (
    Close,
    FreshAttempt,
    Hear,
    Known,
    LineOpened,
    LineRefused,
    OpenCall,
    Opening,
    Outsider,
    StandingChat,
    Transferred,
)
from api.doors.line.opening import Caller, Chat
from api.doors.telephone.announcer import Announcer
from api.doors.telephone.calling import Ask, CallRefused, Carry, Incoming, LineSound
from api.doors.telephone.machine import who_answered
from api.doors.telephone.pin import PinGate
from api.doors.telephone.plan import HUMAN, Answer, settings_of
from api.doors.telephone.sentences import RECORDED_HZ, TEXTS, RecordedSentence, recorded, spoken
from api.doors.telephone.unrecorded import asks_to_stop_recording
from api.service import Service
from models.errors import ModelError
from models.records.core import User
from models.records.telephone import BY_CALLER, BY_PIN, PhoneCall, PhoneNumber
from pipeline.call.call import Call
from pipeline.call.commands import obey
from pipeline.call.session import SessionSettings
from pipeline.conversation.events import CallEnded, Problem, SessionEvent, UserMessage
from pipeline.practice.naming import named_practice, persona_of

log = logging.getLogger(__name__)

FREED_S = 0.8
"""A call that was hung up keeps its place at most so long, even if its last words are still being recognised."""

FAILURES = 2
"""Failures of the engines after which a call is transferred to the number's human."""


class Reception:
    """One call, from when it is received until its record is closed.

    Args:
        service: has the calls and the users.
        gate: lets callers in by PIN.
        incoming: the call, as its line announced it.
        entry: the number that answers.
        record: its record.
        answer: how it is answered.
        run: runs work that outlives the line.
        forget: frees its place.

    Attributes:
        over: its record is closed.
        attended: a line carries it now.
        resumes: its carrier comes back to the next process, after a restart.
        transferring: to whom it is being transferred; empty for nobody.
    """

    def __init__(
        self,
        service: Service,
        gate: PinGate,
        incoming: Incoming,
        entry: PhoneNumber,
        record: PhoneCall,
        answer: Answer,
        *,
        run: Callable[[Coroutine[Any, Any, None], str], None],
        forget: Callable[["Reception"], None],
    ) -> None:
        self.incoming = incoming
        self.entry = entry
        self.record = record
        self.answer = answer
        self.over = False
        self.attended = True
        self.resumes = False
        self.transferring = ""
        self._reason = ""
        self._hung_up, self._closed = asyncio.Event(), asyncio.Event()
        self._service = service
        self._gate = gate
        self._run = run
        self._forget = forget
        self._user: User | None = None
        self._call: Call | None = None

    @property
    def ending(self) -> bool:
        """Whether the call has ended, and its record is about to be closed."""
        return self.over or (self._call is not None and self._call.session.over)

    @property
    def call(self) -> Call | None:
        """The call, once it is open, also after its end."""
        return self._call

    # ------------------------------------------------------------------ opening

    def again(self) -> "Reception":
        """Take the call for another stream, after one that is gone.

        Raises:
            CallRefused: it has a stream.
        """
        if self.attended or self.over or self._hung_up.is_set():
            raise CallRefused("refused", "This call has a stream already, or is over.")
        self.attended = True
        return self

    async def opening(self, announcer: Announcer, sound: LineSound, early: tuple[Hear, ...]) -> Opening:
        """Find out what the call opens; a caller may be asked for a PIN.

        Raises:
            LineRefused: nothing; what there is to say was said, or is said before the wire is closed.
            ConnectionError: the caller has gone.
        """
        if self._call is not None and not self._call.session.over:
            failed = (Transferred(done=False),) if self.transferring else ()
            self.transferring = ""
            return self._opening(Known(self._owner()), OpenCall(self._call), sound, before=failed, greet=False)
        if not self._service.ready.is_set():
            raise LineRefused("engine_unavailable", "The engines are not ready yet; call again soon.", Close.BROKEN)
        if self.answer != "open" and not self.entry.message:
            await self._turn_away(announcer)
        greets = True
        try:
            caller = await self._caller(announcer)
            left = await self._left()
            if left is not None:
                failed = (Transferred(done=False),) if self.transferring else ()
                self.transferring = ""
                return self._opening(caller, OpenCall(left), sound, before=(*failed, *early), greet=False)
            chat, persona_id = await self._chat()
            if self.incoming.outgoing:
                early, greets = await self._answered(announcer, sound, early)
        except ModelError as error:
            log.error("A call to %s cannot be answered: %s", self.entry.number, error)
            raise LineRefused(error.code, str(error), Close.BROKEN) from None
        return self._opening(caller, chat, sound, before=early, greet=greets, persona_id=persona_id)

    def _opening(
        self,
        caller: Caller,
        chat: Chat,
        sound: LineSound,
        *,
        before: tuple[Any, ...],
        greet: bool,
        persona_id: str | None = None,
    ) -> Opening:
        return Opening(
            caller,
            chat,
            input=sound.input,
            output=sound.output,
            greet=greet,
            persona_id=persona_id,
            settings=self.settings,
            pace=sound.pace,
            gaps=sound.gaps,
            before=before,
        )

    async def _turn_away(self, announcer: Announcer) -> None:
        busy = self.answer == "busy"
        sentence = RecordedSentence.BUSY if busy else RecordedSentence.CLOSED
        engines = self._service.engines
        audio = (
            recorded(sentence)
            if busy or not self.entry.closed
            else await spoken(self.entry.closed, (engines.tts, engines.fallback), self.entry.language, sentence)
        )
        await announcer.say(audio, RECORDED_HZ)
        raise LineRefused(self.answer, TEXTS[sentence], Close.ENDED)

    async def _answered(
        self, announcer: Announcer, sound: LineSound, early: tuple[Hear, ...]
    ) -> tuple[tuple[Hear, ...], bool]:
        """Wait until it is known who has answered a call that we made.

        Returns:
            What a person has said so far, and whether the persona greets: unless that is to be answered.

        Raises:
            LineRefused: a machine, which was left the message.
        """
        who, said, spoke = await who_answered(announcer, sound.input, early)
        if who == "machine":
            await self._leave_message(announcer)
        greets = not spoke or bool(self.entry.greeting)
        return (() if greets else said), greets

    async def _leave_message(self, announcer: Announcer) -> NoReturn:
        if message := str(self.record.details.get("message", "")):
            engines = self._service.engines
            audio = await spoken(message, (engines.tts, engines.fallback), self.entry.language, RecordedSentence.FAILED)
            await announcer.say(audio, RECORDED_HZ)
        raise LineRefused("machine", "An answering machine has answered.", Close.ENDED)

    async def _caller(self, announcer: Announcer) -> Caller:
        store, entry = self._service.store, self.entry
        if entry.user == BY_PIN:
            self._user = await self._gate.ask(announcer)
            if self._user is None:
                await announcer.say(recorded(RecordedSentence.NO_PIN), RECORDED_HZ)
                raise LineRefused("no_pin", TEXTS[RecordedSentence.NO_PIN], Close.ENDED)
            return Known(self._user)
        if entry.user != BY_CALLER:
            self._user = await store.user_named(entry.user)
            return Known(self._user)
        outsider = Outsider("tel", self.record.caller or f"withheld-{self.record.id}")
        self._user = await store.user_named(f"{outsider.provider}:{outsider.name}")
        return outsider

    async def _left(self) -> Call | None:
        """Return the call as another or an earlier process has left it, if its carrier comes back for it."""
        calls, chat_id = self._service.calls, self.record.chat_id
        owner = self._owner()
        if chat_id is None:
            return None
        if (call := calls.find(owner.id, chat_id=chat_id)) is not None:
            return call
        kept = await calls.unattended_elsewhere(owner.id, chat_id) or await calls.left(owner.id, chat_id=chat_id)
        if kept is None:
            return None
        made = self._service.session_settings(output_rate_hz=24_000)
        return await calls.adopt(kept, None, None, self.settings(made))

    async def _chat(self) -> tuple[Chat, str | None]:
        entry, store = self.entry, self._service.store
        if entry.chat:
            return StandingChat(entry.chat), entry.persona or None
        practice = await named_practice(store, entry.practice or entry.home)
        persona = await persona_of(store, practice, entry.persona) if entry.persona else None
        home = practice.kind == "home"
        chat = FreshAttempt(None if home else practice.id, practice.id if home else None)
        return chat, persona.id if persona is not None else None

    def settings(self, made: SessionSettings) -> SessionSettings:
        """Derive the settings of this call from the operator's."""
        made = replace(
            made,
            filler_s=self._service.settings.phone_filler_s,
            partials_over_replies=made.paced_partials,  # a telephone shows no words
        )
        return settings_of(self.entry, self.answer, made)

    def _owner(self) -> User:
        assert self._user is not None  # the caller is known before the call is open
        return self._user

    # --------------------------------------------------------------- the call

    def opened(self, event: LineOpened, record: Ask, stop_recording: Ask) -> None:
        """Note the call that the line attends; its end closes the record.

        Args:
            record: asks the carrier to record the call, as soon as that was announced.
            stop_recording: asks it to record no more.
        """
        known = self._call
        named = (
            call for call in self._service.calls.open_calls() if call.session.conversation_id == event.conversation_id
        )
        self._call = next(named, known)
        if self._call is None or self._call is known:
            return
        self._run(self._follow(self._call, event.chat_id), "telephone call")
        self._call.session.opening.when_recorded(
            lambda: self._run(record(), "recording by the carrier"),
            lambda: self._run(stop_recording(), "end of a recording by the carrier"),
        )

    async def _follow(self, call: Call, chat_id: str) -> None:
        reason = "lost"
        failures = 0

        def note(event: SessionEvent) -> None:
            nonlocal reason, failures
            match event:
                case CallEnded():
                    reason = event.reason
                case Problem(code="llm_failed" | "stt_failed" | "engine_failed" | "engine_unavailable"):
                    failures += 1
                    if failures == FAILURES and self.entry.human:
                        call.session.prompts.put_through(HUMAN)
                case UserMessage(text=text) if asks_to_stop_recording(text):
                    call.session.prompts.stop_recording()
                case _:
                    pass

        stop = call.session.subscribe(note)
        try:
            try:
                await self._service.store.note_phone_call(self.record.id, user_id=call.user_id, chat_id=chat_id)
            except ModelError as error:
                log.warning("A telephone call is not recorded: %s", error)
            await self._finished(call)
        finally:
            stop()
        if reason == "lost" and self._hung_up.is_set():
            reason = "transfer" if self.transferring else "caller"
        if self.answer != "open" and reason in ("caller", "silence", "duration"):
            reason = "message"
        if reason == "closing" and self.resumes:
            self.over = True
            self._forget(self)  # the next process closes the record
            self._closed.set()
            return
        await self.end(self._reason or reason)

    async def _finished(self, call: Call) -> None:
        """Return when the call is over, or was hung up a while ago: what is left of it is stored without its place."""
        finished, gone = (asyncio.ensure_future(work) for work in (call.session.finished(), self._hung_up.wait()))
        try:
            await asyncio.wait({finished, gone}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({finished}, timeout=FREED_S)
        finally:
            for waiting in (finished, gone):
                waiting.cancel()

    def transfer(self, target: str, carry: Carry) -> None:
        """Transfer the call, as the persona asked; it comes back if nobody answers."""
        number = self.entry.human if target == HUMAN else target
        self.transferring = number
        self._run(self._transfer(number, carry), "telephone transfer")

    async def _transfer(self, number: str, carry: Carry) -> None:
        try:
            answered = await carry(number)
        except Exception as error:  # noqa: BLE001  # whatever the carrier does, the caller hears that it failed
            log.error("Call %s could not be transferred (%s).", self.incoming.call_id, type(error).__name__)
            answered = False
        if answered is not None:
            await self.transferred(answered)

    async def transferred(self, answered: bool) -> None:
        """Note how a transfer ended: the call is over if somebody answered; else the persona goes on, and says so.

        While no line attends the call, a failed transfer is said to the one that comes back.
        """
        call = self._call
        if call is None or call.session.over or not self.transferring:
            return
        if answered:
            self.transferring = ""
            await obey(call, Transferred(done=True))
        elif call.attended:
            self.transferring = ""
            await obey(call, Transferred(done=False))

    async def machine_answered(self) -> None:
        """Leave the message of a call that we made, once, and end it: a machine has answered."""
        call, message = self._call, str(self.record.details.get("message", ""))
        if call is None or call.session.over or not self.incoming.outgoing or self._reason:
            return
        self._reason = "machine"
        if message:
            call.session.prompts.last_words(message)
        else:
            call.session.hang_up("persona")

    async def hang_up(self) -> None:
        """End the call, as the caller has hung up; return when its place is free, as a rule. Idempotent."""
        call = self._call
        if call is None:
            await self.end("caller")
        elif not call.session.over:
            self._hung_up.set()
            call.session.hang_up("transfer" if self.transferring else "caller")
            with suppress(TimeoutError):
                async with asyncio.timeout(2 * FREED_S):
                    await self._closed.wait()

    async def end(self, reason: str) -> None:
        """Free the call's place, and close its record. Idempotent; the first reason stays.

        The desk knows the call until the record is closed, so that its carrier is not sent back into it.
        """
        if self.over:
            return
        self.over = True
        log.info("Call %s of line %s ends: %s.", self.incoming.call_id, self.incoming.line, reason)
        try:
            await self._service.store.end_phone_call(self.record.id, reason)
        except ModelError as error:
            log.warning("The end of a telephone call is not recorded: %s", error)
        finally:
            self._forget(self)
            self._closed.set()
