"""The line: a caller's connection to a call, from its first message until it closes, the same for every door."""

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Any

from api.doors.line.admission import call_of, grant_for_caller, input_of, output_of
from api.doors.line.dialect import (
    Dialect,
    Formats,
    Heard,
    LineEvent,
    LineOpened,
    Packet,
    Produce,
    ProtocolError,
    Respond,
)
from api.doors.line.opening import Opening
from api.doors.line.outbox import Outbox
from api.doors.line.pacer import ContinuousPacer
from api.doors.line.packets import Packets
from api.doors.line.produced import ProducedStreams
from api.doors.line.wire import Close, LineRefused, Wire
from api.service import Service
from models.errors import ModelError
from pipeline.call.attendance import Attendance
from pipeline.call.audio_clock import AudioClock
from pipeline.call.call import Call
from pipeline.call.commands import Hear, obey
from pipeline.conversation.events import (
    CallEnded,
    Problem,
    ReplyAudio,
    ReplyCleared,
    ReplyEnded,
    Restarting,
    SessionEvent,
)
from pipeline.errors import PipelineError
from pipeline.tasks.clock import Clock, LoopClock
from voice.audio.formats import AudioFormat
from voice.errors import VoiceError

MESSAGES_AT_ONCE = 8
"""Messages read before yielding to the event loop: a receive buffer may hold thousands of them."""

REVOKED = "The token of this call was revoked or has expired, or its user was deleted; the call ends."


@dataclass(frozen=True, slots=True)
class Patience:
    """The timeouts and limits of a line.

    Attributes:
        first_message_s: timeout of the opening.
        send_s: timeout of a single send.
        outbox: most messages that wait to be sent; beyond it the caller is disconnected, and may resume.
    """

    first_message_s: float = 10.0
    send_s: float = 10.0
    outbox: int = 400


class Line:
    """One caller's connection to a call. `serve` carries it from its first message until it closes.

    Args:
        wire: carries its messages.
        dialect: reads them, and renders events.
        service: has the calls and users.
        patience: the timeouts and limits.
        clock: the source of time.
    """

    def __init__(
        self,
        wire: Wire,
        dialect: Dialect,
        service: Service,
        *,
        patience: Patience | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._wire = wire
        self._dialect = dialect
        self._service = service
        self._patience = patience or Patience()
        self._clock = clock or LoopClock()
        self._outbox = Outbox(self._patience.outbox, self._patience.send_s)
        self._closed = False
        self._reason = Close.ENDED
        self._pacer: ContinuousPacer | None = None
        self._audio_clock: AudioClock | None = None
        self._by_hub = False
        self._produced = ProducedStreams(self._outbox)

    async def serve(self) -> None:
        """Open or resume a call, carry messages and events until either side ends, then close the wire.

        A call that is not over then waits to be resumed. An error of the caller's ends as a message on its wire; an
        exception out of here is a defect, raised after the wire was closed.
        """
        try:
            await self._serve()
        except LineRefused as refusal:
            await self._refuse(refusal)
        except (ConnectionError, EOFError):
            await self._close(Close.GONE)
        except Exception:
            await self._close(Close.BROKEN)
            raise
        except asyncio.CancelledError:
            await self._close(Close.RESTARTING)
            raise
        else:
            await self._close(Close.GONE)

    # ------------------------------------------------------------- opening

    async def _serve(self) -> None:
        opening = await self._opening()
        grant = await grant_for_caller(self._service, opening.caller)
        call, resumed = await call_of(self._service, grant, opening)
        try:
            attendance = self._attend(call, resumed, opening)
        except VoiceError as error:
            raise LineRefused(error.code, str(error)) from None
        try:
            if resumed:
                await call.take_format(input_of(opening, call))
                await call.realign()
            elif opening.greet:
                call.session.greet()
            for command in opening.before:
                await self._carry_out(call, command)
            await self._exchange(call, attendance)
        finally:
            attendance.leave(self._outbox.unsent())
            if not opening.stays:
                call.session.hang_up("lost")

    async def _opening(self) -> Opening:
        seconds = self._patience.first_message_s
        try:
            async with asyncio.timeout(seconds):
                return await self._dialect.opening(self._wire)
        except TimeoutError:
            first = self._dialect.opens_with
            sentence = f"Send {first} as the first message, within {seconds:g} s of connecting."
            raise LineRefused("too_late", sentence) from None
        except ProtocolError as error:
            raise LineRefused(error.code, str(error)) from None

    def _attend(self, call: Call, resumed: bool, opening: Opening) -> Attendance:
        """Attend the call, without an await, so that no other line can attend it meanwhile."""
        pace, session = opening.pace, call.session
        wire, output = input_of(opening, call), output_of(opening, call)
        packet_ms = 20 if pace.continuous else pace.packet_ms
        self._packets = Packets(output, session.settings.output_rate_hz, packet_ms)
        self._by_hub = opening.by_hub
        if not opening.by_hub:
            call.output = output
        if pace.continuous:
            self._pacer = ContinuousPacer(
                self._clock,
                self._packets.silence(),
                self._send_packet,
                session.played,
                catch_up_ms=pace.catch_up_ms,
            )
        if opening.gaps is not None:
            self._audio_clock = AudioClock(opening.gaps, wire, self._clock.now())
        attendance = Attendance(self._service.calls, call)
        missed = attendance.enter(self._publish, lead_ms=pace.lead_ms, by_hub=opening.by_hub)
        self._send(self._opened(call, resumed, wire, len(missed)))
        self._outbox.widen(len(missed))
        for event in missed:
            self._publish(event)
        return attendance

    def _opened(self, call: Call, resumed: bool, wire: AudioFormat, missed: int) -> LineOpened:
        session, persona = call.session, call.session.conversation.persona
        engines = self._service.engines
        return LineOpened(
            chat_id=session.conversation.chat_id,
            attempt_id=session.conversation.attempt_id,
            conversation_id=session.conversation_id,
            group_id=session.group_id,
            persona_id=persona.id,
            persona=persona.name,
            resumed=resumed,
            resume=session.resume_token,
            input=wire,
            output=self._packets.format,
            engines={"stt": engines.stt.name, "llm": engines.responder.name, "tts": engines.tts.name},
            missed=missed,
        )

    # ------------------------------------------------------------ exchanging

    async def _exchange(self, call: Call, attendance: Attendance) -> None:
        """Read and write until either task ends, which ends the other."""
        work: dict[str, Coroutine[Any, Any, None]] = {
            "reader": self._read(call),
            "writer": self._write(),
            "eviction": self._superseded(attendance),
        }
        if self._pacer is not None:
            work["pacer"] = self._pacer.run()
        if self._audio_clock is not None:
            work["gaps"] = self._fill_gaps(call, self._audio_clock)
        tasks = [asyncio.create_task(coroutine, name=f"line {name}") for name, coroutine in work.items()]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await self._produced.close()
            for task in tasks:
                task.cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome

    @staticmethod
    async def _superseded(attendance: Attendance) -> None:
        await attendance.superseded()
        if attendance.call.revoked:
            raise LineRefused("revoked", REVOKED, Close.REVOKED)
        raise LineRefused("taken_over", "Another connection resumed this call; this one is closed.")

    async def _read(self, call: Call) -> None:
        for number in count(1):
            if number % MESSAGES_AT_ONCE == 0:
                await asyncio.sleep(0)
            message = await self._wire.receive()
            if message is None:
                return
            call.session.touch()
            try:
                heard = self._dialect.heard(message)
            except ProtocolError as error:
                self._publish(Problem(error.code, str(error)))
            else:
                for meaning in heard if isinstance(heard, Sequence) else () if heard is None else (heard,):
                    await self._carry_out(call, meaning)

    async def _carry_out(self, call: Call, heard: Heard) -> None:
        try:
            match heard:
                case Respond(messages):
                    self._outbox.put(messages)
                case Formats(wire, output):
                    await self._take_formats(call, wire, output)
                case Produce(messages):
                    self._produced.start(messages)
                case Hear(data, at_ms) if self._audio_clock is not None:
                    if missing_ms := self._audio_clock.heard(len(data), at_ms, self._clock.now()):
                        await call.hear_silence(missing_ms)
                    await obey(call, heard)
                case _:
                    await obey(call, heard)
        except (VoiceError, ModelError, PipelineError) as error:
            self._publish(Problem(error.code, str(error)))

    async def _take_formats(self, call: Call, wire: AudioFormat | None, output: AudioFormat | None) -> None:
        if wire is not None:
            wire.check()
        if output is not None:
            self._packets.take_format(output)
            call.output = output
            if self._pacer is not None:
                self._pacer.silence = self._packets.silence()
        if wire is not None:
            await call.take_format(wire)
            if self._audio_clock is not None:
                self._audio_clock.take_format(wire)

    async def _fill_gaps(self, call: Call, audio_clock: AudioClock) -> None:
        while True:
            wait_s = audio_clock.wait_s(self._clock.now())
            if wait_s > 0:
                await self._clock.sleep(wait_s)
            else:
                await call.hear_silence(audio_clock.silence())

    async def _write(self) -> None:
        await self._outbox.run(self._wire)
        await self._close(self._reason)

    # ------------------------------------------------------------- rendering

    def _publish(self, event: SessionEvent) -> None:
        try:
            self._render(event)
        except Exception as error:  # noqa: BLE001  # a defect of the dialect ends its line, and not the call
            self._outbox.fail(error)

    def _render(self, event: SessionEvent) -> None:
        match event:
            case ReplyAudio():
                if not self._by_hub:
                    self._play(self._packets.of(event))
                return
            case ReplyCleared():
                self._packets.clear()
                if self._pacer is not None:
                    self._pacer.clear()
            case ReplyEnded(turn=turn):
                self._play(self._packets.rest(turn))
            case _:
                pass
        self._send(event, event)
        if isinstance(event, Problem) and event.fatal:
            self._reason = Close.BROKEN
        elif isinstance(event, Restarting):
            self._reason = Close.RESTARTING
            self._outbox.end()
        elif isinstance(event, CallEnded):
            self._outbox.end()

    def _play(self, packets: list[Packet]) -> None:
        if self._pacer is not None:
            self._pacer.add(packets)
            return
        for packet in packets:
            self._send_packet(packet)

    def _send_packet(self, packet: Packet) -> None:
        self._outbox.put(self._dialect.audio(packet))

    def _send(self, event: LineEvent, kept: SessionEvent | None = None) -> None:
        self._outbox.put(self._dialect.render(event), kept)

    # --------------------------------------------------------------- closing

    async def _refuse(self, refusal: LineRefused) -> None:
        problem = Problem(refusal.code, str(refusal), fatal=True)
        # The caller may have disconnected, or may not read.
        try:
            with suppress(ConnectionError, TimeoutError):
                async with asyncio.timeout(self._patience.send_s):
                    for message in self._dialect.render(problem):
                        await self._wire.send(message)
        finally:
            await self._close(refusal.reason)

    async def _close(self, reason: Close) -> None:
        if self._closed:
            return
        self._closed = True
        with suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(self._patience.send_s):
                await self._wire.close(reason)
