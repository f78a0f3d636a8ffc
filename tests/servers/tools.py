"""A real server of the chat completions protocol that says what a test has prepared, tool calls included.

with tools_server() as server:
    server.say("text")                              the next answer
    server.call(("generate_example", {...}), ...)   the next answer asks for these tools
    server.refuse(400)                              the next answer is this status
    server.bodies                                   what was asked, in order
"""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse


class ToolsServer:
    """What it will say, and what it was asked. With nothing prepared it says the last thing again."""

    def __init__(self) -> None:
        self.answers: list[Any] = []
        self.bodies: list[dict[str, Any]] = []
        self.url = ""
        self.longest_tokens = 50

    def say(self, *texts: str) -> None:
        """Prepare answers in words."""
        self.answers += [{"role": "assistant", "content": text} for text in texts]

    def call(self, *calls: tuple[str, Mapping[str, Any] | str], text: str = "") -> None:
        """Prepare an answer that asks for tools; arguments that are text are sent as they are."""
        self.answers.append(
            {
                "role": "assistant",
                "content": text or None,
                "tool_calls": [
                    {
                        "id": f"call-{place}",
                        "type": "function",
                        "function": {
                            "name": name,
                            "arguments": arguments if isinstance(arguments, str) else json.dumps(arguments),
                        },
                    }
                    for place, (name, arguments) in enumerate(calls)
                ],
            }
        )

    def refuse(self, status: int) -> None:
        """Prepare a refusal."""
        self.answers.append(status)

    def answer(self, body: dict[str, Any]) -> Response:
        """The next answer."""
        self.bodies.append(body)
        prepared = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(prepared, int):
            return JSONResponse({"error": {"message": "No.", "type": "invalid_request_error"}}, prepared)
        words, most = (prepared["content"] or "").split(" "), int(body.get("max_tokens") or self.longest_tokens)
        if cut := len(words) > most:
            prepared = prepared | {"content": " ".join(words[:most])}
        finish = "tool_calls" if "tool_calls" in prepared else "length" if cut else "stop"
        if body.get("stream"):
            return StreamingResponse(_chunks(prepared["content"], finish), media_type="text/event-stream")
        choice = {"index": 0, "message": prepared, "finish_reason": finish}
        usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
        head = {"id": "c1", "object": "chat.completion", "created": 1, "model": body["model"]}
        return JSONResponse({**head, "choices": [choice], "usage": usage})


def _chunks(text: str, finish: str) -> Iterator[str]:
    words = [({"content": f"{word} "}, None) for word in text.split(" ")]
    for delta, reason in (*words, ({}, finish)):
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        yield f"data: {json.dumps({'id': 'c1', 'object': 'chat.completion.chunk', 'choices': [choice]})}\n\n"
    yield "data: [DONE]\n\n"


@contextmanager
def tools_server() -> Iterator[ToolsServer]:
    """The server on a free port."""
    made = ToolsServer()
    app = FastAPI(openapi_url=None)

    @app.post("/v1/chat/completions")
    async def completions(request: Request) -> Response:
        return made.answer(await request.json())

    started = threading.Event()

    class Announcing(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            started.set()

    listening = socket.create_server(("127.0.0.1", 0))
    made.url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
    server = Announcing(uvicorn.Config(app, log_level="critical", ws="none", lifespan="off", loop="asyncio"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listening])), name="tools-server")
    thread.start()
    try:
        assert started.wait(100), "the server did not start"
        yield made
    finally:
        server.should_exit = True
        thread.join(100)
        assert not thread.is_alive(), "the server did not stop"
