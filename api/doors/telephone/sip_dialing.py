"""Calls that we make by SIP: to allowed prefixes only and at most so many a minute, as all calls that we make."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import timedelta

from aiosipua import DialogState, OutgoingCall, SdpMessage, SipDigestAuth, SipResponse, SipUAC, parse_uri, stringify_uri

from api.doors.telephone.sip_registration import USER_AGENT, SipAccount
from api.doors.telephone.sip_transport import Address
from api.doors.telephone.twilio.dialing import Dialled
from api.settings import Settings
from models.errors import Invalid, ModelError
from models.records.telephone import PhoneCall
from models.store import Store

RINGS_S = 40.0
"""How long whoever is called may take to answer."""


class NotAnswered(ModelError):
    """A call that we make is refused, or nobody answers."""

    code = "not_answered"
    http_status = 502


def check_dialling(settings: Settings, call: Dialled) -> None:
    """Check that a call may be made by SIP.

    Raises:
        Invalid: the number may not be dialled, or no account is set.
    """
    if not call.called.startswith(settings.phone_dial_prefixes or ("none",)):
        allowed = ", ".join(settings.phone_dial_prefixes) or "none"
        raise Invalid(f"{call.called} may not be dialled; GLOW_PHONE_DIAL_PREFIXES allows: {allowed}.")
    if not settings.phone_sip_account:
        raise Invalid("Set GLOW_PHONE_SIP_ACCOUNT and GLOW_PHONE_SIP_PASSWORD to make calls by SIP.")


async def begin_dialling(settings: Settings, store: Store, call: Dialled) -> PhoneCall:
    """Record a call that is about to be made by SIP.

    Raises:
        Invalid: as `check_dialling`.
        Conflict: too many calls were made within the last minute.
    """
    check_dialling(settings, call)
    entry = {name: value for name, value in asdict(call.entry).items() if name != "number"}
    return await store.begin_outgoing_call(
        "sip",
        caller=call.caller,
        called=call.called,
        details={"entry": entry, "message": call.message},
        since=store.now() - timedelta(minutes=1),
        most=settings.phone_dials_per_minute,
    )


@asynccontextmanager
async def ringing(
    uac: SipUAC, account: SipAccount, registrar: Address, called: str, caller: str, offered: SdpMessage
) -> AsyncIterator[OutgoingCall]:
    """Ring a number until it answers, and have the call for the length of the block; then it is hung up.

    Args:
        caller: our number, which the account's provider may replace.

    Raises:
        NotAnswered: it was refused, or nobody answered.
    """
    uri = parse_uri(account.uri)
    name = uri.user or "glow"
    call = uac.send_invite(
        f"sip:{caller or name}@{uri.host}",
        f"sip:{called}@{uri.host}",
        registrar,
        offered,
        user_agent=USER_AGENT,
        auth=SipDigestAuth(name, account.password) if account.password else None,
    )
    try:
        try:
            await call.wait_answered(RINGS_S)
        except TimeoutError:
            call.cancel(uac)
            raise NotAnswered(f"{called} did not answer within {RINGS_S:g} s.") from None
        except RuntimeError:
            raise NotAnswered(f"{called} was refused with {call._reject_code} {call._reject_reason}.") from None
        except asyncio.CancelledError:
            call.cancel(uac)
            raise
        yield call
    finally:
        if call.dialog.state is DialogState.CONFIRMED:
            call.hangup(uac)
        uac.remove_call(call.call_id)


def learn_target(uac: SipUAC, response: SipResponse) -> None:
    """Note where the requests of a call that we made go now that it is answered (RFC 3261, 12.1.2)."""
    call = uac.get_call(response.call_id or "")
    if call is None:
        return
    if response.contact:
        call.dialog.remote_target = stringify_uri(response.contact[0].uri)
    if not call.dialog.route_set:
        call.dialog.route_set = list(reversed(response.headers.get("record-route")))
