"""Keeps the service registered with a registrar, so that a PBX or a trunk knows where to send its calls."""

import asyncio
import logging
import socket
from dataclasses import dataclass, field

from aiosipua import Registration, RegistrationState, SipDigestAuth, SipUAC, parse_uri

from api.doors.telephone.sip_transport import Address

log = logging.getLogger(__name__)

AGAIN_S = 30.0
"""How long after a failed registration the next is tried."""

USER_AGENT = "Glow-Voice"


@dataclass(frozen=True, slots=True)
class SipAccount:
    """Where the service registers.

    Attributes:
        uri: its address of record, such as sip:glow@pbx.example.org:5060.
    """

    uri: str
    password: str = field(default="", repr=False)


class SipRegistration:
    """One account's registration, renewed by aiosipua, and tried again when it fails."""

    def __init__(self, account: SipAccount, uac: SipUAC) -> None:
        self._account = account
        self._uac = uac
        self._registrar: Address = ("", 0)
        self._registration: Registration | None = None
        self._again: asyncio.TimerHandle | None = None

    @property
    def registered(self) -> bool:
        """Whether the registrar knows us now."""
        return self._registration is not None and self._registration.state is RegistrationState.REGISTERED

    async def resolve(self) -> Address:
        """Find and return the registrar's address.

        Raises:
            OSError: its host has none.
        """
        uri = parse_uri(self._account.uri)
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(uri.host, uri.port or 5060, type=socket.SOCK_DGRAM)
        self._registrar = str(found[0][4][0]), int(found[0][4][1])
        return self._registrar

    def begin(self, own: Address) -> None:
        """Register; calls come to our own address."""
        self._uac.advertised_addr = own
        uri = parse_uri(self._account.uri)
        name = uri.user or "glow"
        password = self._account.password
        self._registration = one = Registration(
            self._uac,
            f"sip:{name}@{uri.host}",
            self._registrar,
            auth=SipDigestAuth(name, password) if password else None,
            user_agent=USER_AGENT,
        )
        one.on_registered = lambda _one: log.info("Registered as %s.", self._account.uri)
        one.on_failed = lambda _one, status, _reason: self.begin_later(status)
        one.on_expired = lambda _one: self.begin_later()
        one.register()

    def begin_later(self, status: int = 408) -> None:
        """Try again after a while: the registrar refused, or did not answer."""
        log.warning("The registrar answers with %d; trying again in %g s.", status, AGAIN_S)
        self._forget()
        own = self._uac.advertised_addr
        assert own is not None  # `begin` was first
        self._again = asyncio.get_running_loop().call_later(AGAIN_S, self.begin, own)

    def end(self) -> None:
        """Stop registering, and tell the registrar."""
        if self.registered and self._registration is not None:
            self._registration.unregister()
        self._forget()

    def _forget(self) -> None:
        if self._again is not None:
            self._again.cancel()
        if self._registration is not None:
            self._registration._cancel_timers()
            self._uac._registrations.pop(self._registration.call_id, None)
            self._registration = None
