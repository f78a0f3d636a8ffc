"""Keys for browsers: short-lived, for one persona and one session, in no log, and of no other use."""

import asyncio
import logging
from datetime import timedelta
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from models.records.core import Grant
from tests.api.doors.openai.client import realtime
from tests.service import RunningService, http


def made(service: RunningService, user: str = "ada", **body: Any) -> dict[str, Any]:
    answer = service.post("/v1/realtime/client_secrets", body, user)
    assert answer.status_code == 200, answer.text
    whole: dict[str, Any] = answer.json()
    return whole


def persona(service: RunningService, practice: str = "The worried parent") -> str:
    """The id of the persona of a packaged practice."""

    async def asked() -> str:
        async with realtime(service, model=f"practice:{practice}") as client:
            return str((await client.until("session.created"))["session"]["model"])

    return asyncio.run(asked())


def test_a_secret_opens_sessions_with_its_persona_and_its_configuration(service: RunningService) -> None:
    who = persona(service)
    secret = made(service, session={"type": "realtime", "model": who, "instructions": "Be brief."})
    assert secret["value"].startswith("ek_")
    assert (secret["session"]["model"], secret["session"]["instructions"]) == (who, "Be brief.")

    async def story() -> None:
        for protocols in (("realtime", f"openai-insecure-api-key.{secret['value']}"),) * 2:
            async with realtime(service, None, subprotocols=protocols, model="gpt-realtime") as client:
                assert client.socket.subprotocol == "realtime"
                told = (await client.until("session.created"))["session"]
                assert (told["model"], told["instructions"]) == (who, "Be brief.")
                await client.type("Hello.")
                await client.until("conversation.item.done")

    asyncio.run(story())


def test_a_secret_is_for_one_persona_and_for_nothing_else(service: RunningService) -> None:
    secret = made(service)["value"]
    other = next(
        who
        for who in (persona(service), persona(service, "The annoyed customer"))
        if who != made(service)["session"]["model"]
    )

    async def story() -> None:
        with pytest.raises(InvalidStatus) as refused:
            async with realtime(service, None, key=secret, model=other):
                pass
        assert refused.value.response.status_code == 404

    asyncio.run(story())
    headers = {"Authorization": f"Bearer {secret}"}
    for path in ("/v1/realtime/client_secrets", "/v1/audio/speech", "/attempt/start", "/attempt/chat_voice"):
        answer = http.post(f"{service.url}{path}", json={}, headers=headers)
        assert answer.status_code == 403, (path, answer.status_code)
    assert http.get(f"{service.url}/v1/models", headers=headers).status_code == 403


def test_a_secret_is_for_chats_of_its_own(service: RunningService) -> None:
    chat = service.chat()
    answer = service.post("/v1/realtime/client_secrets", {"session": {"type": "realtime", "model": f"chat:{chat}"}})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "session.model")

    async def story() -> None:
        with pytest.raises(InvalidStatus) as refused:
            async with realtime(service, None, key=made(service)["value"], model=f"chat:{chat}"):
                pass
        assert refused.value.response.status_code == 404

    asyncio.run(story())


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"expires_after": {"seconds": 5}}, "expires_after.seconds"),
        ({"expires_after": {"seconds": 7201}}, "expires_after.seconds"),
        ({"session": {"type": "magic"}}, "session.type"),
        ({"session": {"type": "realtime", "audio": {"output": {"speed": 9}}}}, "session.audio.output.speed"),
        ({"session": {"type": "realtime", "model": 7}}, "session.model"),
    ],
)
def test_a_secret_of_what_cannot_be_is_refused_by_its_parameter(
    service: RunningService, body: dict[str, Any], param: str
) -> None:
    answer = service.post("/v1/realtime/client_secrets", body)
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert (error["type"], error["param"]) == ("invalid_request_error", param)


def test_a_revoked_secret_closes_what_it_has_open_and_opens_nothing_more(service: RunningService) -> None:
    secret = made(service)["value"]

    async def story() -> None:
        async with realtime(service, None, key=secret) as client:
            await client.until("session.created")
            tokens = asyncio.run_coroutine_threadsafe(service.inside.store.list_tokens(), service.loop).result(30)
            mine = next(token for token in reversed(tokens) if token.scope == "realtime")
            revoking = service.inside.store.revoke_token(mine.id)
            asyncio.run_coroutine_threadsafe(revoking, service.loop).result(30)
            assert await client.until_closed() == 1008
            assert client.of("error")[-1]["error"]["code"] == "revoked"
        with pytest.raises(InvalidStatus) as refused:
            async with realtime(service, None, key=secret):
                pass
        assert refused.value.response.status_code == 401

    asyncio.run(story())


def test_a_secret_ends_with_the_token_that_it_was_made_with(service: RunningService) -> None:
    async def story() -> None:
        store = service.inside.store
        made_here = asyncio.run_coroutine_threadsafe
        token, record = made_here(store.create_token("ada", lifetime=timedelta(minutes=3)), service.loop).result(30)
        headers = {"Authorization": f"Bearer {token}"}
        asked = {"expires_after": {"anchor": "created_at", "seconds": 7200}}
        answer = http.post(f"{service.url}/v1/realtime/client_secrets", json=asked, headers=headers)
        secret = answer.json()
        assert record.expires_at is not None
        assert secret["expires_at"] == int(record.expires_at.timestamp())
        other = made(service)["value"]
        async with realtime(service, None, key=secret["value"]) as client:
            await client.until("session.created")
            made_here(store.revoke_token(record.id), service.loop).result(30)
            assert await client.until_closed() == 1008
        with pytest.raises(InvalidStatus) as refused:
            async with realtime(service, None, key=secret["value"]):
                pass
        assert refused.value.response.status_code == 401
        async with realtime(service, None, key=other) as client:
            await client.until("session.created")

    asyncio.run(story())


def test_a_secret_ends_with_the_client_whose_access_token_made_it(service: RunningService) -> None:
    async def made_and_revoked() -> tuple[bool, bool]:
        store = service.inside.store
        _, client = await store.create_oauth_client("ada")
        grant = Grant((await store.user_named("ada")), "user", "client", client.id)
        secret, _ = await store.create_token("ada", scope="realtime", made_by=grant)
        before = await store.grant_for(secret)
        await store.revoke_oauth_client(client.id)
        return before is not None, await store.grant_for(secret) is None

    assert asyncio.run_coroutine_threadsafe(made_and_revoked(), service.loop).result(30) == (True, True)


def test_no_secret_is_in_a_log(service: RunningService, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secret = made(service)["value"]

    async def story() -> None:
        offered = ("realtime", f"openai-insecure-api-key.{secret}")
        async with realtime(service, None, subprotocols=offered) as client:
            await client.until("session.created")

    asyncio.run(story())
    from api.auth import redacted

    assert secret not in redacted(f"> sec-websocket-protocol: realtime, openai-insecure-api-key.{secret}")
    assert secret not in redacted(f"the key {secret} was refused")


def test_the_beta_dialect_has_its_own_way_of_making_one(service: RunningService) -> None:
    answer = service.post("/v1/realtime/sessions", {"modalities": ["text"], "instructions": "Be brief."})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["modalities"], told["instructions"]) == (["text"], "Be brief.")
    assert told["client_secret"]["value"].startswith("ek_")
    answer = service.post("/v1/realtime/transcription_sessions", {"input_audio_format": "pcm16"})
    assert answer.status_code == 200, answer.text

    async def story() -> None:
        key = answer.json()["client_secret"]["value"]
        async with realtime(service, None, key=key) as client:
            assert (await client.until("session.created"))["session"]["type"] == "transcription"

    asyncio.run(story())


@pytest.mark.slow
def test_a_secret_that_expires_while_it_is_used_ends_the_session(service: RunningService) -> None:
    async def story() -> None:
        key = made(service, expires_after={"anchor": "created_at", "seconds": 10})["value"]
        async with realtime(service, None, key=key) as client:
            await client.until("session.created")
            assert await client.until_closed() == 1008

    asyncio.run(story())
