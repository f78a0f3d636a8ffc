"""An address where audio or a picture belongs: it is data or an error, and nobody is called there."""

import asyncio
import socket
from collections.abc import Iterator

import httpx
import pytest

from tests.service import RunningService, http
from tests.socket_client import socket_of

pytestmark = pytest.mark.slow


class Canary:
    """A listening port that nobody should call."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/voice.wav"

    @property
    def called(self) -> bool:
        """Whether somebody has connected."""
        try:
            self._socket.accept()[0].close()
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def canary() -> Iterator[Canary]:
    listening = Canary()
    yield listening
    listening.close()


def test_the_canary_sings(canary: Canary) -> None:
    with pytest.raises(httpx.ReadTimeout):
        http.get(canary.url, timeout=0.2)
    assert canary.called


def test_addresses_where_audio_belongs(service: RunningService, canary: Canary) -> None:
    chat = service.chat()
    addresses = [canary.url, f"file://{__file__}", f"data:audio/wav;base64,{canary.url}", f"[](,{canary.url})"]

    async def story() -> None:
        async with service.call(chat) as client:
            for address in addresses:
                for fields in ({"audio": address}, {"audio_url": address}, {"audio": {"url": address}}):
                    await client.send("chat_speak", **fields)
            await client.send("ping")
            await client.until("pong")
            await client.hang_up()
        async with socket_of(service) as connected:
            for address in addresses:
                await connected.ask("attempt_audio_frame", chat_id=chat, audio=address)
                await connected.ask("attempt.chat_attach", chat_id=chat, audio=address, url=address)

    asyncio.run(story())
    for path in ("/attempt/chat_speak", "/attempt/chat_attach", "/attempt/chat_voice"):
        for address in addresses:
            answer = service.post(path, {"chat_id": chat, "audio": address, "url": address, "content": address})
            assert answer.status_code < 500
    assert not canary.called


def test_an_address_where_a_picture_belongs(service: RunningService, canary: Canary) -> None:
    url = f"{service.url}/api/chat/sessions"
    opened = http.post(url, json={"userId": "ada", "nodeId": "n"}, headers=service.headers())
    assert opened.status_code == 201
    session = opened.json()["id"]
    body = {"userId": "ada", "content": "Look", "drawingImageDataUrl": canary.url}
    answer = http.post(f"{url}/{session}/tutor", json=body, headers=service.headers())
    assert answer.status_code != 500
    assert not canary.called
