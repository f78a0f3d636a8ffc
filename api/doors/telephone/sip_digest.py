"""Digest authentication of those who call us by SIP (RFC 3261, 22; RFC 7616), by the hashes of aiosipua."""

import hmac
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from enum import Enum, auto
from hashlib import sha256

from aiosipua import AuthChallenge, SipDigestAuth, SipRequest, build_credentials, parse_auth

NONCE_S = 60.0
"""How long a nonce can be used."""

_ROUNDED_S = 0.001
"""How much later than now a nonce may seem to be made, as its time is rounded."""

KEPT_NONCES = 1_000
REALM = "glow"


class Login(Enum):
    """What a request's credentials are worth."""

    VALID = auto()
    MISSING = auto()
    """There are none, or their nonce is old: they are asked for again."""
    WRONG = auto()


class Digest:
    """Challenges callers, and checks their answers. A nonce holds its time and a signature; an unused one is not kept.

    Args:
        passwords: by user name.
    """

    def __init__(self, passwords: Mapping[str, str]) -> None:
        self._passwords = passwords
        self._secret = secrets.token_bytes(32)
        self._counts: OrderedDict[str, int] = OrderedDict()

    def challenge(self, now: float) -> str:
        """Make a WWW-Authenticate header."""
        return f'Digest realm="{REALM}", nonce="{self._nonce(now)}", algorithm=MD5, qop="auth"'

    def check(self, request: SipRequest, now: float) -> Login:
        """Check a request's Authorization header. The same credentials count once."""
        header = request.headers.get_first("Authorization")
        if header is None:
            return Login.MISSING
        try:
            given = parse_auth(header).params
            count = int(given.get("nc", "0"), 16)
        except ValueError:
            return Login.WRONG
        nonce, name = given.get("nonce", ""), given.get("username", "")
        if not self._is_fresh(nonce, now):
            return Login.MISSING
        password = self._passwords.get(name)
        asked = {"realm": REALM, "nonce": nonce, "algorithm": "MD5", "qop": "auth"}
        expected = build_credentials(
            SipDigestAuth(name, password or secrets.token_hex(8)),
            AuthChallenge("Digest", asked),
            request.method,
            given.get("uri", ""),
            nonce_count=count,
            cnonce=given.get("cnonce", ""),
        )
        if expected is None or not hmac.compare_digest(
            expected.params["response"].encode(), given.get("response", "").encode()
        ):
            return Login.WRONG
        return Login.VALID if self._counts_on(nonce, count) else Login.MISSING

    def _nonce(self, now: float) -> str:
        return self._signed(f"{now:.3f}", secrets.token_hex(4))

    def _signed(self, at: str, salt: str) -> str:
        signature = hmac.new(self._secret, f"{at}/{salt}".encode(), sha256).hexdigest()
        return f"{at}/{salt}/{signature[:32]}"

    def _is_fresh(self, nonce: str, now: float) -> bool:
        at, _, rest = nonce.partition("/")
        salt, _, _ = rest.partition("/")
        try:
            made = float(at)
        except ValueError:
            return False
        is_ours = hmac.compare_digest(nonce.encode(), self._signed(at, salt).encode())
        return is_ours and -_ROUNDED_S < now - made < NONCE_S

    def _counts_on(self, nonce: str, count: int) -> bool:
        """Note a use of a nonce; False if this or a later one was seen."""
        if count <= self._counts.get(nonce, 0):
            return False
        self._counts[nonce] = count
        if len(self._counts) > KEPT_NONCES:
            self._counts.popitem(last=False)
        return True
