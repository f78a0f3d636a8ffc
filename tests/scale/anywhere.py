"""Stories that are told at a call's own gateway, and at another one."""

from collections.abc import Callable
from typing import Any

import httpx

from tests.scale.neighbours import Gateways
from tests.service import RunningService


def ok(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code in (200, 201), answer.text
    body: dict[str, Any] = answer.json() or {}
    return body


def at_both(two: Gateways, story: Callable[[RunningService, RunningService], Any]) -> Any:
    """What a story comes to, which asks one gateway about a call that another carries; the same as at its own."""
    own, other = story(two[0], two[0]), story(two[1], two[0])
    assert own == other
    return own


def carries(gateway: RunningService, chat: str) -> bool:
    return bool(gateway.ask(lambda inside: chat in inside.calls.chat_ids))


def known(gateway: RunningService, chat: str) -> list[tuple[str, str]]:
    """What the call on a chat knows of what was said, as (role, text)."""

    def look(inside: Any) -> list[tuple[str, str]]:
        [call] = [one for one in inside.calls.open_calls() if one.session.conversation.chat_id == chat]
        return [(line.role, line.text) for line in call.session.conversation.context().history]

    found: list[tuple[str, str]] = gateway.ask(look)
    return found


def shape(value: Any) -> Any:
    """An answer without the ids, times and scores, which differ from chat to chat, and with what was heard by then."""
    match value:
        case dict():
            return {
                name: bool(item)
                if name.endswith(("_id", "_ids", "_at")) or name in ("time_taken", "score")
                else shape(item)
                for name, item in value.items()
            }
        case list():
            return [shape(item) for item in value]
        case _:
            return value


def started(gateway: RunningService, practice: str = "All three desks") -> dict[str, Any]:
    return ok(gateway.post("/attempt/start", {"practice_id": gateway.practice(practice)}))


def called(gateway: RunningService, chat: str) -> dict[str, Any]:
    """A call with one typed message, which is being answered."""
    opened = ok(gateway.post("/attempt/chat_voice", {"chat_id": chat}))
    ok(gateway.post("/attempt/chat_message", {"chat_id": chat, "message": "Good morning."}))
    return opened
