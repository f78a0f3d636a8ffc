"""Who may what: tokens, their scopes, and the end of what revoked ones have open.

tokens.py     authenticates a request, a websocket or a socket: its grant
scopes.py     the rights of each scope
access.py     which calls a grant may open, and what is closed when it is revoked
redaction.py  keeps tokens out of logs
"""

from api.auth.access import Access
from api.auth.redaction import HideTokens, Unflooded, redacted
from api.auth.scopes import ACT_FOR_OTHERS, CONNECT, GRANT, Forbidden, calls_only, check_right
from api.auth.tokens import (
    LOCAL_USER,
    Expired,
    Unauthorized,
    address_of,
    authenticates,
    bearer,
    grant_for,
    grant_of,
    having,
    is_authenticator,
    keep_grant,
    login_failed,
    request_grant,
    websocket_subprotocol,
    websocket_token,
    with_run_token,
)

__all__ = [
    "ACT_FOR_OTHERS",
    "CONNECT",
    "GRANT",
    "LOCAL_USER",
    "Access",
    "Expired",
    "Forbidden",
    "HideTokens",
    "Unauthorized",
    "Unflooded",
    "address_of",
    "authenticates",
    "bearer",
    "calls_only",
    "check_right",
    "grant_for",
    "grant_of",
    "having",
    "is_authenticator",
    "keep_grant",
    "login_failed",
    "redacted",
    "request_grant",
    "websocket_subprotocol",
    "websocket_token",
    "with_run_token",
]
