"""Who is let in, by which door, and what the logs say of it."""

import asyncio
import io
import logging
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import pytest
from fastapi import Depends, FastAPI
from httpx import ASGITransport, AsyncClient
from starlette.requests import HTTPConnection

from api.auth import (
    Expired,
    HideTokens,
    Unauthorized,
    Unflooded,
    grant_for,
    having,
    redacted,
    websocket_subprotocol,
    websocket_token,
    with_run_token,
)
from api.auth.tokens import LOCAL_USER, TALK_PAGE
from api.doors.refusals import explain_errors
from api.settings import Settings
from models.records.core import Grant
from models.store import Store

STATIC = "0123456789-static-token"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GLOW_TOKENS", raising=False)
    return Settings(data_dir=tmp_path)


def handshake(*subprotocols: str, authorization: str | None = None) -> HTTPConnection:
    headers = [(b"authorization", authorization.encode())] if authorization else []
    return HTTPConnection({"type": "websocket", "headers": headers, "subprotocols": list(subprotocols)})


@pytest.mark.parametrize(
    ("authorization", "status", "detail"),
    [
        (None, 401, "Missing Authorization: Bearer <token> header"),
        ("", 401, "Missing Authorization: Bearer <token> header"),
        ("Bearer ", 401, "Missing Authorization: Bearer <token> header"),
        ("Basic dXNlcjpwYXNz", 401, "Missing Authorization: Bearer <token> header"),
        ("Bearer wrong", 401, "The token is unknown or revoked: make one with `glow token create USER`."),
        ("Bearer \xe9\xe9", 401, "The token is unknown or revoked: make one with `glow token create USER`."),
        ("bearer {secret}", 200, "ada"),
        ("Bearer {secret}", 200, "ada"),
        (f"Bearer {STATIC}", 200, "bob"),
    ],
)
def test_http(settings: Settings, authorization: str | None, status: int, detail: str) -> None:
    app = FastAPI()
    explain_errors(app)
    app.state.settings = Settings(**{**settings.model_dump(), "tokens": f"bob:{STATIC}"})

    @app.get("/me")
    async def me(grant: Annotated[Grant, Depends(having("me"))]) -> dict[str, str]:
        return {"detail": grant.user.name}

    async def story() -> None:
        async with Store(settings.database_url) as store, AsyncClient(transport=ASGITransport(app)) as client:
            app.state.store = store
            secret, _ = await store.create_token("ada")
            header = (authorization or "").format(secret=secret).encode("latin-1")
            headers = {b"Authorization": header} if authorization is not None else {}
            answer = await client.get("http://service/me", headers=headers)
            assert (answer.status_code, answer.json()) == (status, {"detail": detail})
            assert answer.headers.get("WWW-Authenticate") == ("Bearer" if status == 401 else None)

    asyncio.run(story())


def test_a_revoked_token_opens_nothing_and_that_is_logged_without_it(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        async with Store(settings.database_url) as store:
            secret, token = await store.create_token("ada")
            assert (await grant_for(store, settings, secret, "192.0.2.7")).user.name == "ada"
            await store.revoke_token(token.id)
            with pytest.raises(Unauthorized, match="unknown or revoked"):
                await grant_for(store, settings, secret, "192.0.2.7")
            with pytest.raises(Unauthorized, match="Missing"):
                await grant_for(store, settings, None, "192.0.2.7")

    with caplog.at_level("INFO", logger="api.auth"):
        asyncio.run(story())
    assert [record.getMessage() for record in caplog.records if record.name == "api.auth"] == [
        "Login failed from 192.0.2.7: the token opens nothing."
    ]


def test_an_expired_token_opens_nothing_and_says_so(settings: Settings) -> None:
    async def story() -> None:
        async with Store(settings.database_url) as store:
            secret, _ = await store.create_token("ada", lifetime=timedelta(0))
            with pytest.raises(Expired, match="has expired: make another"):
                await grant_for(store, settings, secret, "192.0.2.7")

    asyncio.run(story())


def test_a_stranger_cannot_flood_the_log() -> None:
    bounds = Unflooded()

    def logged(created: float, name: str = "api.auth") -> str | None:
        record = logging.LogRecord(name, logging.INFO, "", 0, "Login failed from %s.", ("192.0.2.7",), None)
        record.created = created
        return record.getMessage() if bounds.filter(record) else None

    lines = [logged(1000 + number / 10) for number in range(100)]
    assert lines[:60] == ["Login failed from 192.0.2.7."] * 60
    assert not any(lines[60:])
    assert logged(1010, "pipeline.call.registry")
    assert logged(1060) == "Login failed from 192.0.2.7. (40 more like it were not logged.)"
    assert logged(1061) == "Login failed from 192.0.2.7."


def test_a_fixed_token_belongs_to_one_user_however_often_it_is_used(settings: Settings) -> None:
    async def story() -> None:
        with_token = Settings(**{**settings.model_dump(), "tokens": f"bob:{STATIC}"})
        async with Store(settings.database_url) as store:
            assert await grant_for(store, with_token, STATIC, "192.0.2.7") == await grant_for(
                store, with_token, STATIC, "192.0.2.7"
            )

    asyncio.run(story())


@pytest.mark.parametrize(
    ("subprotocols", "authorization", "token", "accepted"),
    [
        ((), None, None, None),
        ((), "Bearer abc", "abc", None),
        (("glow.voice", "bearer.abc"), None, "abc", "glow.voice"),
        (("bearer.abc", "glow.voice"), None, "abc", "glow.voice"),
        (("glow.voice", "bearer."), None, None, "glow.voice"),
        (("glow.voice", "bearer.abc"), "Bearer xyz", "xyz", "glow.voice"),
        (("chat",), None, None, None),
    ],
)
def test_a_websockets_token(
    subprotocols: Sequence[str], authorization: str | None, token: str | None, accepted: str | None
) -> None:
    connection = handshake(*subprotocols, authorization=authorization)
    assert websocket_token(connection) == token
    assert websocket_subprotocol(connection) == accepted


def test_a_run_on_loopback_gets_a_token_of_its_own(settings: Settings) -> None:
    async def story() -> None:
        async with Store(settings.database_url) as store:
            opened, token = await with_run_token(settings, store)
            assert token
            assert (await grant_for(store, opened, token, "192.0.2.7")).user.name == "local"
            assert token not in repr(opened)
            again, other = await with_run_token(settings, store)
            assert other != token
            with pytest.raises(Unauthorized):
                await grant_for(store, again, token, "192.0.2.7")

    asyncio.run(story())


def test_no_run_token_where_tokens_exist_or_others_can_reach_the_service(settings: Settings) -> None:
    async def story() -> None:
        values = settings.model_dump()
        async with Store(settings.database_url) as store:
            for changed in (Settings(**{**values, "host": "0.0.0.0"}), Settings(**{**values, "tokens": f"b:{STATIC}"})):
                assert await with_run_token(changed, store) == (changed, None)
            await store.create_token(LOCAL_USER, TALK_PAGE)
            assert (await with_run_token(settings, store))[1], "a page's own token lets nobody else in"
            _, made = await store.create_token("ada")
            assert await with_run_token(settings, store) == (settings, None)
            await store.revoke_token(made.id)
            assert (await with_run_token(settings, store))[1]

    asyncio.run(story())


@pytest.mark.parametrize(
    ("said", "logged"),
    [
        ("> Authorization: Bearer abc.def-123", "> Authorization: Bearer ****"),
        ("> Sec-WebSocket-Protocol: glow.voice, bearer.abc-123", "> Sec-WebSocket-Protocol: glow.voice, bearer.****"),
        ("GET /attempt/chat_voice?token=abc&x=1", "GET /attempt/chat_voice?token=****&x=1"),
        ('< TEXT \'{"type": "chat_voice", "token": "abc"}\'', '< TEXT \'{"type": "chat_voice", "token": "****"}\''),
        (
            '< TEXT \'{"type": "chat_voice", "chat_id": "f95bea73-16e...S1a5_Z_ZiMQgdaepjH_bl"}\' [118 bytes]',
            "< TEXT **** [118 bytes]",
        ),
        ('< TEXT \'{"type": "chat_voice", "tok\' [29 bytes, continued]', "< TEXT **** [29 bytes, continued]"),
        ('< CONT \'en": "abc"}\' [11 bytes]', "< CONT **** [11 bytes]"),
        ('< TEXT \'{"type": "ping"}\' [16 bytes]', '< TEXT \'{"type": "ping"}\' [16 bytes]'),
        ("made glow_0123456789abcdefXYZ", "made ****"),
        ("unset GLOW_END_OF_TURN_MODEL.", "unset GLOW_END_OF_TURN_MODEL."),
        ("Missing Authorization: Bearer <token> header", "Missing Authorization: Bearer <token> header"),
        ("The bearer of good news", "The bearer **** good news"),
        ("turn 3 took 512 ms", "turn 3 took 512 ms"),
    ],
)
def test_tokens_are_starred(said: str, logged: str) -> None:
    assert redacted(said) == logged


@pytest.fixture
def log() -> Iterator[tuple[logging.Logger, io.StringIO]]:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.addFilter(HideTokens())
    logger = logging.getLogger("test.tokens")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield logger, written
    logger.removeHandler(handler)


def test_no_token_in_a_log_whichever_way_it_gets_there(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, written = log
    logger.debug("> %s: %s", "Authorization", "Bearer secret-one")
    logger.info("Bearer secret-two")
    logger.info("split Bearer %s", "secret-three")
    logger.info('%s - "%s %s"', "127.0.0.1", "GET", "/x?token=secret-four")
    try:
        raise ValueError("bearer.secret-five")
    except ValueError:
        logger.exception("failed with %(header)s", {"header": "Bearer secret-six"})
    assert "secret" not in written.getvalue()
    assert "ValueError" in written.getvalue()
    assert "Authorization" in written.getvalue()
