"""The desk: receives the calls of every line, bounds them, and keeps a record of each."""

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from api.doors.telephone.calling import LONGEST_ID, CallRefused, Incoming
from api.doors.telephone.hours import parse_hours
from api.doors.telephone.numbers import NumberTable, caller_id, is_blocked, normalised
from api.doors.telephone.pin import PinGate
from api.doors.telephone.plan import Answer
from api.doors.telephone.reception import Reception
from api.doors.telephone.tickets import Tickets
from api.service import Service
from models.records.telephone import CallReason, PhoneCall, PhoneNumber
from pipeline.tasks.clock import Clock, LoopClock

log = logging.getLogger(__name__)

LAST_RECORDS_S = 5.0
"""How long the service waits, as it stops, for the records of its last calls."""


_TICKET, _NEWS = "phone.ticket", "phone.news"
"""What the desks of the processes ask each other: what a ticket announces, and to tell a call's reception something."""


@dataclass(frozen=True, slots=True)
class PhoneState:
    """How a call stands, at whichever process its stream is.

    Attributes:
        transferring: to whom it is being transferred; empty for nobody.
        ending: it has ended, and its record is about to be closed.
        attended: it has a stream, or is over.
    """

    transferring: str = ""
    ending: bool = False
    attended: bool = False


class Desk:
    """Receives calls. Use as an async context manager; leaving it ends its tasks.

    Args:
        service: has the calls, the users and the settings.
        clock: the source of time.

    Attributes:
        tickets: join a webhook to the stream that it announces.
        numbers: the numbers that are answered.
    """

    def __init__(self, service: Service, clock: Clock | None = None) -> None:
        self.service = service
        self.clock = clock or LoopClock()
        self.tickets = Tickets[Incoming](self.clock.now)
        self.numbers = NumberTable(service.store, service.settings.phone_numbers)
        self._gate = PinGate(service.store, self.clock.now)
        self._open: dict[tuple[str, str], Reception] = {}
        self._receiving: set[tuple[str, str]] = set()
        self._running: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return sum(not reception.over for reception in self._open.values())

    async def __aenter__(self) -> Self:
        await self.numbers.load()
        if (neighbours := self.service.neighbours) is not None:
            neighbours.on(_TICKET, self._ticket_for_another)
            neighbours.on(_NEWS, self._news_of_another)
        return self

    async def __aexit__(self, *_: object) -> None:
        # The calls have ended by now, or end with the registry; their records are written first.
        if self._running:
            await asyncio.wait(self._running, timeout=LAST_RECORDS_S)
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def run(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run work of a call that outlives its line; what fails of it is logged."""
        task = asyncio.create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._ran)

    # -------------------------------------------------------------- receiving

    async def announced(self, incoming: Incoming) -> PhoneNumber:
        """Check a call that a webhook announces, before it has a stream.

        Raises:
            CallRefused: its number is not served, or its caller is blocked; it is recorded.
        """
        if not 0 < len(incoming.call_id) <= LONGEST_ID:
            raise CallRefused("refused", f"A call's id has 1 to {LONGEST_ID} characters.")
        entry = await self.numbers.find(incoming.called)
        if entry is None:
            await self._refused(incoming, "", "unknown-number")
            raise CallRefused("unknown-number", "This number is not served: add it with `glow phone add`.")
        if is_blocked(entry, caller_id(incoming.caller)):
            await self._refused(incoming, entry.number, "blocked")
            raise CallRefused("blocked", "This caller is blocked on this number.")
        return entry

    async def receive(self, incoming: Incoming) -> Reception:
        """Receive a call whose stream has begun: a new one, or one whose stream was away.

        Raises:
            CallRefused: as `announced`; or the call is over, or has a stream already.
        """
        key = incoming.line, incoming.call_id
        if key in self._receiving:
            raise CallRefused("refused", "This call has a stream already.")
        self._receiving.add(key)
        try:
            if (known := self._open.get(key)) is not None:
                return known.again()
            return await self._receive(key, incoming)
        finally:
            self._receiving.discard(key)

    async def announced_by(self, ticket: str) -> Incoming | None:
        """Return what a webhook has announced with this ticket, at whichever process it came, once; None for none."""
        if (found := self.tickets.take(ticket)) is not None or not (ticket and self.service.settings.phone_url):
            return found
        told = await self._ask_others(_TICKET, {"ticket": ticket[:LONGEST_ID]})
        return Incoming(**told) if told is not None else None

    async def tell(self, line: str, call_id: str, news: str, *, answered: bool = False) -> PhoneState | None:
        """Tell the reception of a call what its carrier says, at whichever process its stream is.

        Args:
            news: "hang_up", "transferred", "machine", or "hand_over": the call's next stream is at another process;
                anything else only asks.
            answered: whether somebody did, of "transferred".

        Returns:
            How the call stands; None if it is at no process.
        """
        if (reception := self.reception_of(line, call_id)) is not None:
            return await _told(reception, news, answered)
        about = {"line": line, "call_id": call_id, "news": news, "answered": answered}
        told = await self._ask_others(_NEWS, about)
        return PhoneState(**told) if told is not None else None

    async def _ask_others(self, kind: str, body: Mapping[str, Any]) -> Any:
        return None if self.service.neighbours is None else await self.service.neighbours.first(kind, body)

    async def _ticket_for_another(self, asked: Mapping[str, Any]) -> Any:
        found = self.tickets.take(str(asked["ticket"]))
        return None if found is None else asdict(found)

    async def _news_of_another(self, asked: Mapping[str, Any]) -> Any:
        reception = self.reception_of(str(asked["line"]), str(asked["call_id"]))
        if reception is None:
            return None
        return asdict(await _told(reception, str(asked["news"]), bool(asked["answered"])))

    async def _receive(self, key: tuple[str, str], incoming: Incoming) -> Reception:
        store = self.service.store
        record = await store.phone_call_of(incoming.line, incoming.call_id)
        if incoming.outgoing:
            record = await store.phone_call(incoming.outgoing)
            if record is None:
                raise CallRefused("refused", "This call was not made by this service.")
        if record is not None and record.ended_at is not None:
            raise CallRefused("refused", "This call is over.")
        entry = await self.announced(incoming) if not incoming.outgoing else outgoing_entry(record)
        if record is None:
            record = await store.begin_phone_call(
                incoming.line,
                incoming.call_id,
                caller=caller_id(incoming.caller),
                called=normalised(incoming.called)[:LONGEST_ID],
                number=entry.number,
            )
        elif incoming.outgoing:
            await store.note_phone_call(record.id, carrier_id=incoming.call_id)
        known = None if record.chat_id is None else await self.tell(*key, "hand_over")
        if known is not None and known.attended:
            raise CallRefused("refused", "This call has a stream already, or is over.")
        answer = self._answer(entry, outgoing=bool(incoming.outgoing))
        reception = self._open[key] = Reception(
            self.service, self._gate, incoming, entry, record, answer, run=self.run, forget=self._forget
        )
        reception.transferring = known.transferring if known is not None else ""
        return reception

    def _answer(self, entry: PhoneNumber, *, outgoing: bool) -> Answer:
        on_it = sum(one.entry.number == entry.number for one in self._open.values() if not one.over)
        if len(self) >= self.service.settings.phone_calls or (not outgoing and on_it >= entry.lines):
            return "busy"
        if outgoing or parse_hours(entry.hours, entry.timezone).include(self.service.store.now()):
            return "open"
        return "closed"

    def reception_of(self, line: str, call_id: str) -> Reception | None:
        """Return the reception of a call that is open, by its id on its line."""
        return self._open.get((line, call_id))

    def _forget(self, reception: Reception) -> None:
        incoming = reception.incoming
        if self._open.get((incoming.line, incoming.call_id)) is reception:
            del self._open[incoming.line, incoming.call_id]

    async def _refused(self, incoming: Incoming, number: str, reason: CallReason) -> None:
        store = self.service.store
        record = await store.begin_phone_call(
            incoming.line,
            incoming.call_id,
            caller=caller_id(incoming.caller),
            called=normalised(incoming.called)[:LONGEST_ID],
            number=number,
        )
        await store.end_phone_call(record.id, reason)
        log.info("Call %s of line %s is refused: %s.", incoming.call_id, incoming.line, reason)

    def _ran(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("The work for a telephone call failed.", exc_info=error)


async def _told(reception: Reception, news: str, answered: bool) -> PhoneState:
    """Tell a reception of this process what its carrier says; return how the call stands then."""
    attended = reception.attended or reception.ending
    match news:
        case "hang_up":
            await reception.hang_up()
        case "transferred":
            await reception.transferred(answered)
        case "machine":
            await reception.machine_answered()
        case "hand_over" if not attended:
            reception.resumes = True  # what releases the call to the next process does not end it
        case _:
            pass
    return PhoneState(reception.transferring, reception.ending, attended)


def outgoing_entry(record: PhoneCall | None) -> PhoneNumber:
    """Return what a call that we made opens: an entry from its record, of which the called number is the caller."""
    details = record.details if record is not None else {}
    return PhoneNumber(record.called if record is not None else "", **details.get("entry", {}))
