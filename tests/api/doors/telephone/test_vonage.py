"""Vonage at the running service: signed webhooks, NCCOs, tickets, exact frames, and its REST interface."""

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import jwt
import numpy as np
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from websockets.exceptions import InvalidStatus

from api.doors.line import Digit, Hear, ProtocolError
from api.doors.telephone.calling import Incoming
from api.doors.telephone.vonage import VonageDialect
from api.doors.telephone.vonage_routes import hand_over, vonage_rest
from api.doors.telephone.webhooks import LARGEST_WEBHOOK
from api.settings import Settings
from models.errors import Invalid
from models.store import Store
from pipeline.replay.virtual_time import run_virtually
from tests.api.doors.telephone.leaks import leaves_nothing
from tests.api.doors.telephone.scene import desk_in, entry
from tests.pipeline.scene import steadily
from tests.servers.carriers import PATIENCE_S, RestRecorder, VonageStream, vonage_token
from tests.servers.in_thread import serving
from tests.service import RunningService, http, unhearing

SECRET = "the-signature-secret-of-the-account"
NUMBERS = 'numbers:\n  - {number: "15551230000", practice: The worried parent, human: "+15557770000"}\n'
_IDS = count(1)


@dataclass
class Vonage:
    """The service with Vonage around it."""

    service: RunningService
    rest: RestRecorder
    public_key: str

    def post(self, path: str, fields: Any, *, token: str | None = None, **claims: Any) -> httpx.Response:
        """Post a webhook, signed unless a token says otherwise."""
        body = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
        signed = vonage_token(SECRET, body, **claims) if token is None else token
        headers = {"Authorization": f"Bearer {signed}".strip(), "content-type": "application/json"}
        return http.post(f"{self.service.url}/phone/vonage{path}", content=body, headers=headers)

    def answered(self) -> tuple[str, str]:
        """Announce a call; returns its id, and the ticket of its NCCO."""
        call_id = f"uuid-{next(_IDS)}"
        (action,) = self.post("", {"uuid": call_id, "from": "15559990000", "to": "15551230000"}).json()
        return call_id, ticket_of(action)

    def asked(self, call_id: str) -> dict[str, Any]:
        """Wait for a request about a call to the REST interface."""
        deadline = time.monotonic() + PATIENCE_S
        while not (found := self.rest.of(call_id)):
            assert time.monotonic() < deadline, self.rest.requests
            time.sleep(0.01)
        return found[-1]

    @property
    def stream(self) -> str:
        return self.service.url.replace("http", "ws") + "/phone/vonage/stream"


def ticket_of(action: dict[str, Any]) -> str:
    """The ticket of an action that connects to the websocket."""
    (endpoint,) = action["endpoint"]
    kind, _, ticket = endpoint["authorization"]["value"].partition(" ")
    assert (endpoint["authorization"]["type"], kind) == ("custom", "Bearer")
    return str(ticket)


@pytest.fixture(scope="module")
def vonage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vonage]:
    folder, rest = tmp_path_factory.mktemp("vonage"), RestRecorder()
    (folder / "numbers.yaml").write_text(NUMBERS)
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(pem)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    with (
        serving(rest.config()) as port,
        unhearing(
            folder,
            phone_numbers=folder / "numbers.yaml",
            phone_url="https://phone.example.org",
            vonage_application_id="app-1",
            vonage_private_key=folder / "key.pem",
            vonage_signature_secret=SECRET,
            vonage_base_url=f"http://127.0.0.1:{port}",
        ) as service,
    ):
        yield Vonage(service, rest, public.decode())


@pytest.mark.parametrize("rate", [8_000, 16_000, 24_000])
def test_a_call_is_connected_greeted_interrupted_and_hung_up(vonage: Vonage, rate: int) -> None:
    async def story() -> None:
        call_id, ticket = await asyncio.to_thread(vonage.answered)
        content_type = f"audio/l16;rate={rate}"
        async with VonageStream.connected(vonage.stream, ticket, content_type=content_type) as stream:
            await stream.until(lambda: stream.loud() > 50)
            await stream.send({"event": "websocket:dtmf", "digit": "1", "duration": 260})
            await stream.send({"event": "websocket:dtmf", "dtmf": {"digit": "#"}})
            await stream.until(lambda: stream.cleared > 0)
            assert stream.faults == []
            assert (await asyncio.to_thread(vonage.post, "/event", {"uuid": call_id, "status": "completed"})).is_success
            await stream.until(stream.over.is_set)
        assert await asyncio.to_thread(vonage.asked, call_id) == {"action": "hangup"}
        method, path, _, authorization = vonage.rest.requests[-1]
        assert (method, path) == ("PUT", f"/v1/calls/{call_id}")
        claims = jwt.decode(authorization.removeprefix("Bearer "), vonage.public_key, algorithms=["RS256"])
        assert claims["application_id"] == "app-1"
        await vonage.service.until(lambda service: not len(service.calls))

    asyncio.run(story())


def test_the_ncco_names_our_websocket_and_no_more_than_it_needs(vonage: Vonage) -> None:
    (action,) = vonage.post("", {"uuid": "uuid-ncco", "from": "15559990000", "to": "15551230000"}).json()
    assert action["action"] == "connect"
    assert action["eventUrl"] == ["https://phone.example.org/phone/vonage/event"]
    (endpoint,) = action["endpoint"]
    assert endpoint["uri"] == "wss://phone.example.org/phone/vonage/stream"
    assert endpoint["content-type"] == "audio/l16;rate=16000"


def test_a_number_that_is_not_served_gets_an_empty_ncco(vonage: Vonage) -> None:
    answer = vonage.post("", {"uuid": "uuid-none", "from": "1", "to": "4930"})
    assert (answer.status_code, answer.json()) == (200, [])


def test_webhooks_of_others_are_refused(vonage: Vonage) -> None:
    body = {"uuid": "u", "from": "1", "to": "15551230000"}
    raw = json.dumps(body).encode()
    cases = [
        "",
        "no.token.atall",
        vonage_token("another-secret-of-some-length-here", raw),
        vonage_token(SECRET, raw + b" "),
        vonage_token(SECRET, raw, payload_hash=None),
        vonage_token(SECRET, raw, iat=int(time.time()) - 301),
        vonage_token(SECRET, raw, iat=int(time.time()) + 400),
        vonage_token(SECRET, raw, iat=None),
        vonage_token(SECRET, raw, iat="now"),
        vonage_token(SECRET, raw, exp=int(time.time()) - 10),
        jwt.encode({"iat": int(time.time())}, "", algorithm="none"),
    ]
    for token in cases:
        for path in ("", "/event"):
            assert vonage.post(path, body, token=token).status_code == 403, token
    assert vonage.post("", b" " * (LARGEST_WEBHOOK + 1)).status_code == 413
    assert SECRET not in vonage.post("", body, token="").text


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"7"])
def test_a_signed_webhook_that_says_nothing(vonage: Vonage, body: bytes) -> None:
    assert vonage.post("", body).status_code == 422


def test_a_ticket_opens_one_stream(vonage: Vonage) -> None:
    async def refused(ticket: str) -> int:
        with pytest.raises(InvalidStatus) as refusal:
            async with VonageStream.connected(vonage.stream, ticket):
                raise AssertionError
        return refusal.value.response.status_code

    async def story() -> None:
        assert await refused("") == 403
        assert await refused("guessed") == 403
        _, ticket = await asyncio.to_thread(vonage.answered)
        async with VonageStream.connected(vonage.stream, ticket) as stream:
            await stream.until(lambda: stream.loud() > 0)
            assert await refused(ticket) == 403

    asyncio.run(story())


@pytest.mark.parametrize("content_type", ["audio/l16;rate=44100", "audio/l16", "", "audio/mulaw;rate=8000"])
def test_a_rate_that_is_not_spoken_ends_the_call(vonage: Vonage, content_type: str) -> None:
    async def story() -> None:
        _, ticket = await asyncio.to_thread(vonage.answered)
        async with VonageStream.connected(vonage.stream, ticket, starts=False) as stream:
            await stream.send({"event": "websocket:connected", "content-type": content_type})
            await stream.until(stream.over.is_set)
            assert stream.loud() == 0

    asyncio.run(story())


# ----------------------------------------------------------------- the dialect


def with_dialect(work: Any) -> Any:
    async def nothing(*_: object) -> None:
        pass

    async def story(store: Store) -> Any:
        async with desk_in(store, entry()) as desk:
            return work(VonageDialect(desk, Incoming("vonage", "u-1"), nothing, nothing))

    return steadily(story, run_virtually)


RAMP = np.arange(-16_000, 16_000, 100, dtype="<i2")


def test_l16_is_little_endian_both_ways() -> None:
    def work(dialect: VonageDialect) -> None:
        assert dialect.read(RAMP.tobytes()) == Hear(RAMP.tobytes())
        assert dialect.media(RAMP.tobytes()) == [RAMP.tobytes()]

    with_dialect(work)


@pytest.mark.parametrize(
    ("message", "heard"),
    [
        ({"event": "websocket:dtmf", "digit": "5", "duration": 260}, Digit("5")),
        ({"event": "websocket:dtmf", "dtmf": {"digit": "#", "duration": 260}}, Digit("#")),
        ({"event": "websocket:dtmf", "digit": "55"}, None),
        ({"event": "websocket:dtmf"}, None),
        ({"event": "websocket:cleared"}, None),
        ({"event": "websocket:notify", "payload": {"mark": "unknown"}}, None),
        ({"event": "websocket:notify", "payload": 7}, None),
        ({"event": "websocket:later"}, None),
    ],
)
def test_what_a_message_means(message: dict[str, Any], heard: object) -> None:
    assert with_dialect(lambda dialect: dialect.read(json.dumps(message))) == heard


@pytest.mark.parametrize("message", ["{", "[]", "7", "{}", '{"event":1}'])
def test_a_message_that_is_none(message: str) -> None:
    def work(dialect: VonageDialect) -> None:
        with pytest.raises(ProtocolError):
            dialect.read(message)

    with_dialect(work)


# --------------------------------------------------------------------- transfer


@pytest.mark.parametrize("status", ["answered", "unanswered"])
def test_a_transfer_comes_back_if_nobody_answers(vonage: Vonage, status: str) -> None:
    """The call leaves the websocket; its NCCO rings the human, and then connects the websocket again."""

    async def story() -> None:
        call_id, ticket = await asyncio.to_thread(vonage.answered)
        async with VonageStream.connected(vonage.stream, ticket) as stream:
            await stream.until(lambda: stream.loud() > 5)

            def put_through(service: Any) -> None:
                desk = vonage.service.app.state.telephone
                rest = vonage.service.app.state.phone_listeners.vonage
                reception = desk.reception_of("vonage", call_id)
                reception.transfer("human", partial(hand_over, desk, rest, reception.incoming))

            await asyncio.to_thread(vonage.service.ask, put_through)
            asked = await asyncio.to_thread(vonage.asked, call_id)
            ring, again = asked["destination"]["ncco"]
            assert asked["action"] == "transfer"
            assert ring["endpoint"] == [{"type": "phone", "number": "15557770000"}]
            url = ring["eventUrl"][0].removeprefix("https://phone.example.org/phone/vonage")
            assert (await asyncio.to_thread(vonage.post, url, {"uuid": "leg", "status": "ringing"})).is_success
            assert (await asyncio.to_thread(vonage.post, url, {"uuid": "leg", "status": status})).is_success
            if status == "answered":
                await stream.until(stream.over.is_set)
            else:
                heard = stream.loud()
                await stream.until(lambda: stream.loud() > heard + 10)
        assert ticket_of(again) != ticket

    asyncio.run(story())


def test_a_private_key_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, vonage_private_key=tmp_path / "none.pem")  # type: ignore[call-arg]
    with pytest.raises(Invalid, match="GLOW_VONAGE_PRIVATE_KEY"):
        vonage_rest(settings)


@pytest.mark.slow
def test_two_hundred_calls_leave_no_descriptor_and_no_task(vonage: Vonage) -> None:
    async def call() -> None:
        _, ticket = await asyncio.to_thread(vonage.answered)
        async with VonageStream.connected(vonage.stream, ticket) as stream:
            await stream.until(lambda: stream.loud() > 3)

    asyncio.run(leaves_nothing(vonage.service, call))
