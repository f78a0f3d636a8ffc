"""Scopes: the rights of each, checked at every door by `check_right`.

user      everything of the learner's own
operator  that, acting for other users, and seeing everybody's calls in the studio
kiosk     starting chats, and calls on the chats that were started with it
phone     the same, for a telephone door
invite    the same, for one call with one persona
realtime  calls with one persona over /v1/realtime: the secret of a browser, made by POST /v1/realtime/client_secrets

A right is an operation's key, such as "attempt.chat_voice", or a name below. What is not named in `CALLING` or
`OPERATING` is a learner's own.
"""

from typing import assert_never

from pydantic import TypeAdapter

from models.errors import ModelError
from models.records.core import Grant, Scope

SPEAK = "attempt.chat_voice"
"""The right to a call."""

REALTIME = "openai.realtime"
"""The right to a session of `/v1/realtime`, which is a call."""

CONNECT = "socket.connect"
"""Connecting to socket.io, where each event has its own right."""

ACT_FOR_OTHERS = "act_for_others"

SEEING_OFFERS = "page.offers"
"""Seeing which practices a token may start."""

BEGINNING_A_VISIT = "kiosk.visit"
"""Exchanging a kiosk's key for a visitor's token."""

CALLING = frozenset(
    {
        CONNECT,
        SEEING_OFFERS,
        "attempt.start",
        SPEAK,
        REALTIME,
        "attempt.chat_speak",
        "attempt.chat_mute",
        "attempt.chat_silence",
    }
)
"""The rights of a kiosk, a phone and an invite."""

SHORT_LIVED = frozenset({REALTIME})
"""The rights of a browser's secret."""

RECEIVING = frozenset({BEGINNING_A_VISIT})
"""The rights of a kiosk's own key, which its visitors' tokens have not."""

WATCHING_CALLS = "studio"
"""Seeing the calls of all users: who speaks, what was said, and its recording."""

OPERATING = {
    ACT_FOR_OTHERS: "This token may not act for another user: an operator's may (`glow client act-as`).",
    WATCHING_CALLS: "The studio is for operators: make a token with `glow token create USER --scope operator`.",
}
"""The rights of an operator alone, with what is said to others."""

OTHER_CHAT = "This token opens calls on the chats that were started with it only: start one, or use a user's token."


GRANT: TypeAdapter[Grant] = TypeAdapter(Grant)
"""Renders and reads what a requester may, for another process of the service."""


class Forbidden(ModelError):
    """The token's scope does not include what is asked for."""

    code = "forbidden"
    http_status = 403


def calls_only(scope: Scope) -> bool:
    """Return whether tokens of this scope open calls only, on the chats that were started with them."""
    return scope in ("kiosk", "phone", "invite", "realtime")


def includes(scope: Scope, right: str) -> bool:
    """Return whether a scope includes a right."""
    match scope:
        case "operator":
            return True
        case "user":
            return right not in OPERATING
        case "kiosk":
            return right in CALLING | RECEIVING
        case "phone" | "invite":
            return right in CALLING
        case "realtime":
            return right in SHORT_LIVED
        case _ as never:
            assert_never(never)


def check_right(grant: Grant, right: str) -> None:
    """Check that a caller has a right.

    Raises:
        Forbidden: the scope of its token does not include it.
    """
    if includes(grant.scope, right):
        return
    if right in OPERATING:
        raise Forbidden(OPERATING[right])
    raise Forbidden(f"The scope of this token is {grant.scope}, which is for calls only: use a user's token for this.")
