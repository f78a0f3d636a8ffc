"""Who may call by SIP: looked at before anything is kept of an INVITE, so that a flood of them costs little."""

import ipaddress
import logging
from collections.abc import Callable

from aiosipua import SipRequest, SipResponse, parse_sdp

from api.doors.telephone.sip_digest import Digest, Login
from api.doors.telephone.sip_transport import Address, refusal_of

log = logging.getLogger(__name__)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

INVITES_PER_S, INVITES_AT_ONCE = 20.0, 40
"""New INVITEs that are looked at; what is beyond gets 503."""

RETRY_AFTER_S = 5


class SipGate:
    """Judges new INVITEs.

    Args:
        allowed: networks that call without a password.
        users: passwords by name, for everybody else; empty for nobody.
        now: the time, in seconds.
        full: whether no further call can be taken.
        known: whether a call with this Call-ID is open.
    """

    def __init__(
        self,
        allowed: tuple[Network, ...],
        users: dict[str, str],
        now: Callable[[], float],
        full: Callable[[], bool],
        known: Callable[[str], bool],
    ) -> None:
        self._allowed = allowed
        self._digest = Digest(users) if users else None
        self._now = now
        self._full = full
        self._known = known
        self._left, self._counted_at = float(INVITES_AT_ONCE), now()
        self._refused = 0

    def judge(self, request: SipRequest, address: Address) -> SipResponse | None:
        """Return the refusal of a new INVITE; None to let it in."""
        if self._too_many() or self._full():
            return refusal_of(request, 503, "Service Unavailable", {"Retry-After": str(RETRY_AFTER_S)})
        if not _is_whole(request):
            return refusal_of(request, 400, "Bad Request")
        if self._known(request.call_id or ""):
            return refusal_of(request, 482, "Loop Detected")
        if self._is_allowed(address[0]):
            return None
        if self._digest is None:
            log.info("An INVITE from %s is refused: its address is not in phone_sip_allow.", address[0])
            return refusal_of(request, 403, "Forbidden")
        now = self._now()
        match self._digest.check(request, now):
            case Login.VALID:
                return None
            case Login.MISSING:
                return refusal_of(request, 401, "Unauthorized", {"WWW-Authenticate": self._digest.challenge(now)})
            case Login.WRONG:
                log.warning("An INVITE from %s is refused: its user or password is wrong.", address[0])
                return refusal_of(request, 403, "Forbidden")

    def _too_many(self) -> bool:
        now = self._now()
        self._left = min(self._left + (now - self._counted_at) * INVITES_PER_S, float(INVITES_AT_ONCE))
        self._counted_at = now
        if self._left < 1:
            self._refused += 1
            if self._refused & (self._refused - 1) == 0:  # at 1, 2, 4, 8 ...
                log.warning("Too many INVITEs: %d were answered with 503 so far.", self._refused)
            return True
        self._left -= 1
        return False

    def _is_allowed(self, host: str) -> bool:
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        return any(address in network for network in self._allowed)


def _is_whole(request: SipRequest) -> bool:
    """Return whether the headers and the offer that a call needs can be read."""
    try:
        if request.body and request.content_type == "application/sdp":
            parse_sdp(request.text)
        caller, sequence = request.from_addr, request.cseq
        whole = caller is not None and bool(caller.tag) and sequence is not None and sequence.method == "INVITE"
        return whole and bool(request.call_id and len(request.call_id) <= 200 and request.to_addr and request.contact)
    except Exception:  # noqa: BLE001  # the library's parsers raise many kinds
        return False
