"""What the lines need besides HTTP: listeners for SIP and AudioSocket, and our requests to Telnyx and Vonage."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

from api.doors.telephone.asterisk import AsteriskCalls
from api.doors.telephone.audiosocket import audiosocket
from api.doors.telephone.desk import Desk
from api.doors.telephone.sip import SipServer, SipSettings
from api.doors.telephone.sip_dialing import NotAnswered, begin_dialling, check_dialling
from api.doors.telephone.sip_registration import SipAccount
from api.doors.telephone.telnyx_routes import telnyx_rest
from api.doors.telephone.twilio.dialing import Dialled
from api.doors.telephone.vonage_routes import VonageRest, vonage_rest
from api.doors.telephone.webhooks import CarrierRest
from api.service import Service, running_service
from api.settings import Settings
from api.settings.phone_lines import endpoint
from models.errors import Invalid, ModelError

TO_BE_TOLD = 10
"""Calls beyond `phone_calls` that are picked up, to hear that all lines are busy."""


@dataclass(slots=True)
class PhoneListeners:
    """What listens.

    Attributes:
        asterisk: the calls that a dialplan has announced.
        sip: None where it is not set.
        audiosocket: its address; None where it is not set.
        telnyx, vonage: our requests to these carriers.
    """

    asterisk: AsteriskCalls
    telnyx: CarrierRest
    vonage: VonageRest
    sip: SipServer | None = None
    audiosocket: tuple[str, int] | None = None


@asynccontextmanager
async def listening(settings: Settings, desk: Desk) -> AsyncIterator[PhoneListeners]:
    """Listen for the length of the block; then every call of these lines ends.

    Raises:
        Invalid: an address cannot be used; the sentence names its setting.
    """
    listeners = PhoneListeners(
        AsteriskCalls(desk, only_announced=settings.phone_asterisk_register),
        telnyx_rest(settings),
        vonage_rest(settings),
    )
    most = settings.phone_calls + TO_BE_TOLD
    async with listeners.telnyx, listeners.vonage.rest, AsyncExitStack() as stack:
        if settings.phone_audiosocket:
            opened = audiosocket(endpoint(settings.phone_audiosocket), desk, listeners.asterisk, most)
            try:
                listeners.audiosocket = await stack.enter_async_context(opened)
            except OSError as error:
                raise Invalid(f"GLOW_PHONE_AUDIOSOCKET cannot be listened on: {error.strerror}.") from None
        if settings.phone_sip:
            try:
                listeners.sip = await stack.enter_async_context(SipServer(sip_settings(settings, most), desk))
            except OSError as error:
                raise Invalid(
                    f"GLOW_PHONE_SIP cannot be listened on, or the host of GLOW_PHONE_SIP_ACCOUNT is unknown: "
                    f"{error.strerror}."
                ) from None
        yield listeners


def sip_settings(settings: Settings, most_calls: int) -> SipSettings:
    """Make the settings of SIP from the operator's."""
    password = settings.phone_sip_password
    account = (
        SipAccount(settings.phone_sip_account, password.get_secret_value() if password else "")
        if settings.phone_sip_account
        else None
    )
    return SipSettings(
        bind=endpoint(settings.phone_sip) if settings.phone_sip else ("0.0.0.0", 0),
        host=settings.phone_sip_host,
        rtp_ports=settings.sip_ports,
        allowed=settings.sip_networks,
        users=settings.sip_users,
        codecs=tuple(name.upper() for name in settings.phone_sip_codecs),
        account=account,
        most_calls=most_calls,
    )


async def dial_by_sip(settings: Settings, call: Dialled) -> str:
    """Make a call by SIP with a service of its own, and carry it; return why it ended.

    Raises:
        Invalid, Conflict: it may not be made.
        NotAnswered: it was refused, or nobody answered.
    """
    check_dialling(settings, call)
    reason: str | ModelError
    async with running_service(settings) as service:
        await service.ready.wait()
        try:
            reason = await _dialled(settings, service, call)
        except ModelError as error:  # raised outside, where it is not one of a group
            reason = error
    if isinstance(reason, ModelError):
        raise reason
    return reason


async def _dialled(settings: Settings, service: Service, call: Dialled) -> str:
    record = await begin_dialling(settings, service.store, call)
    bind = endpoint(settings.phone_sip)[0] if settings.phone_sip else "0.0.0.0"
    made = replace(sip_settings(settings, 1), bind=(bind, 0), registers=False)
    async with Desk(service) as desk, SipServer(made, desk) as server:
        try:
            await server.dial(call.called, call.caller, record.id)
        except NotAnswered:
            await service.store.end_phone_call(record.id, "no-answer")
            raise
    ended = await service.store.phone_call(record.id)
    return ended.reason if ended is not None else ""
