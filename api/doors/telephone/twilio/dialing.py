"""Calls that we make: to allowed prefixes only and at most so many a minute, as toll fraud is somebody's business."""

from dataclasses import asdict, dataclass
from datetime import timedelta

from api.doors.telephone.numbers import entry_of, normalised
from api.doors.telephone.twilio.dialect import LINE
from api.doors.telephone.twilio.rest import twilio_rest
from api.doors.telephone.twilio.urls import Urls
from api.doors.telephone.webhooks import CarrierUnreachable
from api.settings import Settings
from models.errors import Invalid
from models.records.telephone import PhoneCall, PhoneNumber
from models.store import Store


@dataclass(frozen=True, slots=True)
class Dialled:
    """A call to make.

    Attributes:
        called: whom.
        caller: our number, which they see.
        entry: what the call opens; its number is of no meaning.
        message: left on an answering machine; empty for none.
        detect: have the carrier detect machines, too.
    """

    called: str
    caller: str
    entry: PhoneNumber
    message: str = ""
    detect: bool = False


def outgoing(called: str, caller: str, *, message: str = "", detect: bool = False, **opens: object) -> Dialled:
    """Check what a call opens.

    Raises:
        Invalid: it opens nothing, or a number is none.
    """
    called, caller = normalised(called), normalised(caller)
    for number in (called, caller):
        if not (number.startswith("+") and number[1:].isdigit()):
            raise Invalid(f"Write {number!r} in the international form, such as +15551230000.")
    return Dialled(called, caller, entry_of({"number": called, **opens}), message, detect)


async def dial(settings: Settings, store: Store, call: Dialled) -> PhoneCall:
    """Make a call: Twilio rings, and connects it to the service when it is answered.

    Raises:
        Invalid: the number may not be dialled, or no carrier is set up.
        Conflict: too many calls were made within the last minute.
        CarrierUnreachable: the carrier refused, or does not answer.
    """
    if not call.called.startswith(settings.phone_dial_prefixes or ("none",)):
        allowed = ", ".join(settings.phone_dial_prefixes) or "none"
        raise Invalid(f"{call.called} may not be dialled; GLOW_PHONE_DIAL_PREFIXES allows: {allowed}.")
    rest = twilio_rest(settings)
    if rest is None or not settings.phone_url:
        raise Invalid("Set GLOW_PHONE_URL, GLOW_TWILIO_ACCOUNT_SID and GLOW_TWILIO_AUTH_TOKEN to make calls.")
    entry = {name: value for name, value in asdict(call.entry).items() if name != "number"}
    async with rest:
        record = await store.begin_outgoing_call(
            LINE,
            caller=call.caller,
            called=call.called,
            details={"entry": entry, "message": call.message},
            since=store.now() - timedelta(minutes=1),
            most=settings.phone_dials_per_minute,
        )
        urls = Urls(settings.phone_url)
        machine = urls.machine(record.id) if call.detect else ""
        try:
            sid = await rest.dial(call.called, call.caller, urls.outgoing(record.id), urls.status, machine=machine)
        except CarrierUnreachable:
            await store.end_phone_call(record.id, "refused")
            raise
        await store.note_phone_call(record.id, carrier_id=sid)
    return record
