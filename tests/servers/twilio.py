"""Twilio's REST interface, as far as a call needs it, on a real port; what it is asked reaches the simulated calls.

with twilio_running() as twilio:
    twilio.url                    the base URL
    twilio.requests               what was asked: (path, form)
    twilio.calls[call.call_sid] = call, loop     the calls that it may update
    twilio.answers = 429          what it answers instead; "hang" answers nothing
"""

import asyncio
import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qs

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from api.client.carrier import CarrierCall
from tests.servers.in_thread import serving

ACCOUNT, TOKEN = "AC" + "0" * 32, "auth-token-of-the-tests"


@dataclass
class Twilio:
    """The interface, and what it was asked."""

    url: str = ""
    answers: int | Literal["hang", ""] = ""
    requests: list[tuple[str, dict[str, list[str]]]] = field(default_factory=list)
    calls: dict[str, tuple[CarrierCall, asyncio.AbstractEventLoop]] = field(default_factory=dict)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    def follow(self, call: CarrierCall) -> CarrierCall:
        """Let requests update a call of the running loop."""
        self.calls[call.call_sid] = call, asyncio.get_running_loop()
        return call

    def asked(self, ending: str) -> list[dict[str, list[str]]]:
        """The forms of the requests whose path ends so."""
        return [form for path, form in self.requests if path.endswith(ending)]


@contextmanager
def twilio_running() -> Iterator[Twilio]:
    """Serve for the length of the block."""
    app, twilio = FastAPI(), Twilio()

    @app.post("/2010-04-01/Accounts/{account}/{rest:path}")
    async def ask(account: str, rest: str, request: Request) -> Response:
        form = parse_qs((await request.body()).decode(), keep_blank_values=True)
        expected = "Basic " + base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
        if account != ACCOUNT or request.headers.get("authorization") != expected:
            return JSONResponse({"code": 20003, "message": "Authenticate"}, 401)
        twilio.requests.append((f"/{rest}", form))
        if twilio.answers == "hang":
            await request.receive()  # until the client has gone
            return Response(status_code=500)
        if twilio.answers:
            return JSONResponse({"code": 20000 + twilio.answers % 1000, "message": "no"}, twilio.answers)
        if rest == "Calls.json":
            return JSONResponse({"sid": "CA" + "d" * 32, "status": "queued"}, 201)
        sid = rest.removeprefix("Calls/").partition(".")[0].partition("/")[0]
        if sid not in twilio.calls:
            return JSONResponse({"code": 20404, "message": "The requested resource was not found"}, 404)
        call, loop = twilio.calls[sid]
        if "Twiml" in form:
            loop.call_soon_threadsafe(call.update, form["Twiml"][0])
        elif form.get("Status") == ["completed"]:
            loop.call_soon_threadsafe(call.hang_up)
        return JSONResponse({"sid": sid})

    config = uvicorn.Config(app, port=0, log_level="critical", ws="none")
    with serving(config) as port:
        twilio.url = f"http://127.0.0.1:{port}"
        yield twilio
