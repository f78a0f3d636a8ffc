"""Every route and every event of every door, by the scope of the token that asks."""

import asyncio
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute
from starlette.routing import Route

from api.auth import Forbidden, having, is_authenticator
from api.doors.glow.socketio.table import Events
from api.doors.glow.table import OPERATIONS
from models.records.core import Scope
from tests.service import WAIT_S, RunningService, http
from tests.socket_client import socket_of

SCOPES: tuple[Scope, ...] = ("user", "operator", "kiosk", "phone", "invite")
CALLERS: tuple[Scope, ...] = ("kiosk", "phone", "invite")

OPEN = {
    "/health", "/ready", "/api/health", "/oauth2/token", "/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc",
    "/", "/kiosk", "/studio", "/page/session",
}  # fmt: skip
"""What asks for no token: health, documentation, pages without what they show, and the exchange of credentials."""

PHONES = "/phone/"
"""How the routes begin that telephone systems ask at, with a secret or a signature of their own."""

FOR_CALLS = {
    "/page/offers", "/attempt/start", "/attempt/chat_voice", "/attempt/chat_speak", "/attempt/chat_mute",
    "/attempt/chat_silence",
    "/socket/v5/client/connect", "/socket/v5/client/disconnect", "/socket/v5/client/attempt/start",
    "/socket/v5/client/attempt/audio_start", "/socket/v5/client/attempt/audio_stop",
    "/v1/realtime/calls", "/v1/realtime/calls/{call_id}/hangup", "/v1/realtime/calls/{call_id}/{verb}",
}  # fmt: skip
"""The routes of a kiosk, a phone and an invite; all others are a user's and an operator's alone, the studio's an
operator's."""

EVENTS_FOR_CALLS = {
    "attempt_start", "attempt_chat_voice", "attempt_chat_speak", "attempt_chat_mute", "attempt_chat_silence",
    "attempt_audio_start", "attempt_audio_frame", "attempt_audio_mute", "attempt_audio_stop",
}  # fmt: skip

NO_CHAT: dict[str, Any] = {"chat_id": "none", "practice_id": "none", "muted": True, "audio": "AAAA"}
OUTSIDE = "opens calls on the chats that were started with it only"
ONLY_CALLS = "which is for calls only: use a user's token"
OPERATORS = "The studio is for operators"

Tokens = dict[Scope, str]


def token(service: RunningService, scope: Scope, user: str = "ada", practice_ids: Iterable[str] = ()) -> str:
    """A fresh token of a scope."""

    async def created() -> str:
        store = service.inside.store
        persona_id = (await store.find_personas("", "Dana"))[0].id if scope == "invite" else None
        made = store.create_token(user, scope=scope, persona_id=persona_id, practice_ids=tuple(practice_ids))
        return (await made)[0]

    return asyncio.run_coroutine_threadsafe(created(), service.loop).result(WAIT_S)


@pytest.fixture(scope="module")
def tokens(service: RunningService) -> Tokens:
    return {scope: token(service, scope) for scope in SCOPES}


def everything(routes: Iterable[Any]) -> Iterator[Route | APIRoute]:
    """Every route, also those of routers within routers; not those that say that a door has no such route."""
    for route in routes:
        if (router := getattr(route, "original_router", None)) is not None:
            yield from everything(router.routes)
        elif isinstance(route, Route | APIRoute) and route.name != "unknown":
            yield route


def asked_for(service: RunningService) -> Iterator[tuple[str, str]]:
    """Every route that asks for a token."""
    for route in everything(service.app.routes):
        if route.path not in OPEN and not route.path.startswith(PHONES):
            for method in sorted((route.methods or set()) - {"HEAD", "OPTIONS"}):
                yield method, route.path


def test_every_route_asks_for_a_token_or_is_listed_as_open(service: RunningService) -> None:
    for route in everything(service.app.routes):
        asks = isinstance(route, APIRoute) and any(
            item.call is not None and is_authenticator(item.call) for item in route.dependant.dependencies
        )
        assert asks is (route.path not in OPEN and not route.path.startswith(PHONES)), route.path


def test_telephone_systems_bring_a_secret_of_their_own(service: RunningService) -> None:
    routes = [route for route in everything(service.app.routes) if route.path.startswith(PHONES)]
    assert routes
    for route in routes:
        for method in sorted((route.methods or set()) - {"HEAD", "OPTIONS"}):
            answer = http.request(method, f"{service.url}{route.path}", json={"secret": "wrong", "uuid": "none"})
            assert answer.status_code in (401, 403), (route.path, answer.status_code)
            large = http.request(method, f"{service.url}{route.path}", content=b"a" * 70_000)
            assert (large.status_code, "64 KiB" in large.text) == (413, True), route.path


def test_what_is_open_is_said_to_be() -> None:
    page = (Path(__file__).parents[3] / "SECURITY.md").read_text("utf-8")
    (said,) = (part for part in page.split("\n\n") if part.startswith("What is open without a token"))
    named = set(re.findall(r"`(?:POST )?(/[^`]*)`", said))
    assert named == OPEN - {"/docs/oauth2-redirect"} | {"/static", "/phone"}


@pytest.mark.slow
@pytest.mark.parametrize("scope", SCOPES)
def test_every_route_by_scope(service: RunningService, tokens: Tokens, scope: Scope) -> None:
    with httpx.Client(base_url=service.url, timeout=WAIT_S, trust_env=False) as client:
        asked = set()
        for method, path in asked_for(service):
            headers = {"Authorization": f"Bearer {tokens[scope]}"}
            with client.stream(method, path.replace("{", "x").replace("}", ""), headers=headers, json={}) as answer:
                asked.add(path)
                if path.startswith("/internal/"):  # between gateways, by their secret alone
                    assert answer.status_code == 404
                    continue
                allowed = scope not in CALLERS or path in FOR_CALLS or (scope, path) == ("kiosk", "/kiosk/session")
                if path.startswith("/studio/"):
                    allowed = scope == "operator"
                assert (answer.status_code in (401, 403)) is not allowed, (method, path, answer.status_code)
                if not allowed:
                    answer.read()
                    assert answer.status_code == 403
                    assert (OPERATORS if path.startswith("/studio/") else ONLY_CALLS) in answer.text, (
                        path,
                        answer.text,
                    )
    assert asked >= FOR_CALLS


@pytest.mark.slow
@pytest.mark.parametrize("scope", SCOPES)
def test_every_event_by_scope(service: RunningService, tokens: Tokens, scope: Scope) -> None:
    async def story() -> None:
        async with socket_of(service, auth={"token": tokens[scope]}) as socket:
            for name, event in Events(OPERATIONS).by_name.items():
                answer = await socket.ask(
                    name, {key: NO_CHAT[key] for key in event.body.model_fields if key in NO_CHAT}
                )
                refused = ONLY_CALLS in str(answer.get("error"))
                assert refused is (scope in CALLERS and name not in EVENTS_FOR_CALLS), (name, answer)

    asyncio.run(story())


def refusal(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, str(answer.json()["detail"])


@pytest.mark.parametrize("scope", ["kiosk", "invite"])
def test_a_call_by_request_is_on_a_chat_of_the_tokens_own(
    service: RunningService, tokens: Tokens, scope: Scope
) -> None:
    others = [service.chat("ada"), service.chat("bob"), "no such chat"]

    def post(path: str, **body: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {tokens[scope]}"}
        return http.post(f"{service.url}/attempt/{path}", json=body, headers=headers)

    for chat in others:
        for path in ("chat_voice", "chat_silence", "chat_mute", "chat_speak"):
            status, sentence = refusal(post(path, chat_id=chat, muted=True, audio="AAAA"))
            assert status == 403
            assert OUTSIDE in sentence
    own = post("start", practice_id=service.practice()).json()["chat_id"]
    conversation = post("chat_voice", chat_id=own).json()["conversation_id"]
    assert post("chat_speak", conversation_id=conversation, audio="AAAA").json() == {"accepted": True}
    assert post("chat_voice", chat_id=own).json()["conversation_id"] == conversation
    assert post("chat_silence", chat_id=own).json()["stopped"]


def test_a_voice_websocket_takes_a_kiosk_to_its_own_chats_only(service: RunningService, tokens: Tokens) -> None:
    strange = service.chat("ada")
    headers = {"Authorization": f"Bearer {tokens['kiosk']}"}
    start = {"practice_id": service.practice()}
    own = http.post(f"{service.url}/attempt/start", json=start, headers=headers)

    async def story() -> None:
        async with service.connection(None) as client:
            await client.send("chat_voice", chat_id=strange, token=tokens["kiosk"])
            error = await client.receive()
            assert (error["code"], OUTSIDE in error["message"]) == ("forbidden", True)
            assert await client.until_closed() == 1008
        async with service.connection(None) as client:
            await client.open(own.json()["chat_id"], token=tokens["kiosk"])
            await client.hang_up()

    asyncio.run(story())


def test_an_invite_is_spent_by_one_call_with_its_persona(service: RunningService) -> None:
    invite = token(service, "invite")
    headers = {"Authorization": f"Bearer {invite}"}

    def start(practice: str) -> str:
        body = {"practice_id": service.practice(practice)}
        return str(http.post(f"{service.url}/attempt/start", json=body, headers=headers).json()["chat_id"])

    chat, second, other = start("The worried parent"), start("The worried parent"), start("The nervous patient")

    async def refused(chat_id: str) -> str:
        async with service.connection(None) as client:
            await client.send("chat_voice", chat_id=chat_id, token=invite)
            error = await client.receive()
            assert (error["code"], await client.until_closed()) == ("forbidden", 1008)
            return str(error["message"])

    async def story() -> None:
        assert "to another persona" in await refused(other)
        async with service.connection(None) as client:
            ready = await client.open(chat, token=invite)
            client.drop()
        async with service.connection(None) as client:
            assert await client.open(chat, token=invite, resume=ready["resume"])
            assert "has had its one call" in await refused(second)
            await client.hang_up()
        assert "has had its one call" in await refused(chat)

    asyncio.run(story())


def test_a_kiosk_starts_its_own_practices_only(service: RunningService) -> None:
    own, other = service.practice("The worried parent"), service.practice("The nervous patient")
    headers = {"Authorization": f"Bearer {token(service, 'kiosk', 'hall', [own])}"}
    for body, status in (({"practice_id": own}, 200), ({"practice_id": other}, 403), ({"home_id": other}, 403)):
        answer = http.post(f"{service.url}/attempt/start", json=body, headers=headers)
        assert answer.status_code == status, answer.text
    assert "This token is for other practices" in answer.text


def test_a_kiosks_socket_hears_nothing_of_its_users_other_chats(service: RunningService, tokens: Tokens) -> None:
    strange = service.chat("ada")

    async def story() -> None:
        async with socket_of(service, auth={"token": tokens["kiosk"]}) as socket:
            assert "for calls only" in (await socket.ask("attempt_join", chat_id=strange))["error"]
            assert OUTSIDE in (await socket.ask("attempt_audio_start", chat_id=strange))["error"]
            async with socket_of(service) as ada:
                await ada.ask("attempt_audio_start", chat_id=strange)
                frame = {"chat_id": strange, "audio": b"\0\0" * 128}
                assert await socket.ask("attempt_audio_frame", frame) == {"accepted": False}
                await ada.ask("attempt_audio_stop", chat_id=strange)
                await ada.until("attempt_audio_ended")
            told = [name for name, said in socket.events if said.get("success", True) and name != "attempt_error"]
            assert told == ["connection_confirmed"]

    asyncio.run(story())


def test_a_right_is_one_dependency(service: RunningService) -> None:
    assert having("attempt.start") is having("attempt.start")
    assert Forbidden.http_status == 403
