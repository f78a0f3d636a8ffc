"""What the service logs at its most talkative: that something happened, but no words, parameters or tokens."""

import asyncio
import logging
from pathlib import Path

import pytest

from tests.service import TOKENS, http, unhearing
from tests.socket_client import socket_of

WORDS = ("quaggamire", "zephyrhood", "brackleton", "oxalisfen")


@pytest.mark.slow
def test_nothing_said_and_no_secret_is_logged_at_any_level(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Services of other tests may have switched it off for this process.
    for name in ("uvicorn", "uvicorn.access"):
        monkeypatch.setattr(logging.getLogger(name), "propagate", True)
    logging.getLogger("uvicorn.access").setLevel(logging.NOTSET)
    with unhearing(tmp_path, log_level="debug") as service:
        chat = service.chat()
        http.get(f"{service.url}/health?said={WORDS[0]}&key={TOKENS['ada']}")
        service.post("/attempt/chat_message", {"chat_id": chat, "message": f"I said {WORDS[1]}."})
        service.post("/attempt/chat_draft", {"name": WORDS[2], "description": [WORDS[2]]})

        async def story() -> None:
            async with service.connection(None) as client:
                await client.open(service.chat(), token=TOKENS["ada"], greet=False)
                await client.send("chat_message", text=f"And {WORDS[3]}.")
                await client.until("reply.ended")
                await client.hang_up()
            async with socket_of(service) as socket:
                await socket.ask("attempt_message", chat_id=chat, attempt_id="", message=WORDS[3])

        asyncio.run(story())
    logged = capfd.readouterr().err
    assert "GET /health HTTP/1.1" in logged, "the log is on"
    leaks = {secret: logged.count(secret) for secret in (*WORDS, *TOKENS.values())}
    assert not any(leaks.values()), leaks
    for name in ("sqlalchemy.engine", "aiosqlite", "websockets", "openai", "httpx", "httpcore", "engineio", "socketio"):
        assert not logging.getLogger(name).isEnabledFor(logging.INFO), name
