"""Links that open the talk page once, for whoever started the service on this machine."""

import hmac
import secrets

MOST = 20
"""How many unused ones are kept; a new one beyond takes the place of the oldest."""


class OneUseCodes:
    """Codes, each of which is exchanged once for a token."""

    def __init__(self) -> None:
        self._tokens = dict[str, str | None]()

    def issue(self, token: str | None = None) -> str:
        """Return a new code.

        Args:
            token: what it is exchanged for; None if a token has to be made then.
        """
        while len(self._tokens) >= MOST:
            del self._tokens[next(iter(self._tokens))]
        code = secrets.token_urlsafe(24)
        self._tokens[code] = token
        return code

    def redeem(self, code: str) -> tuple[bool, str | None]:
        """Return whether a code is good, and its token; it is good no more."""
        for known in list(self._tokens):
            if hmac.compare_digest(known.encode(), code.encode("utf-8", "replace")):
                return True, self._tokens.pop(known)
        return False, None
