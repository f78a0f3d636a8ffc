"""A language model that asks a tool for the weather, and tells a long story otherwise."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse

from tests.servers.in_thread import serving

STORY = (
    "That is a long story, and I will tell it to you from its very beginning, with all of its people and places. "
    "Once there was a small town by the sea, and in it there lived a baker who was never on time."
)


def _answer(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    *_, last = body["messages"]
    tools = [tool["function"]["name"] for tool in body.get("tools", ())]
    if last["role"] == "tool":
        yield {"content": f"The weather in Oslo is {json.dumps(last['content'])[1:-1]}."}
    elif "weather" in str(last["content"]).lower() and "get_weather" in tools:
        function = {"name": "get_weather", "arguments": '{"city": "Oslo"}'}
        yield {"tool_calls": [{"index": 0, "id": "call_weather", "type": "function", "function": function}]}
    else:
        for word in STORY.split(" "):
            yield {"content": f"{word} "}


def _app() -> FastAPI:
    app = FastAPI()

    @app.post("/v1/chat/completions")
    async def completions(request: Request) -> StreamingResponse:
        deltas = list(_answer(await request.json()))

        async def stream() -> AsyncIterator[str]:
            for delta in deltas:
                yield f"data: {json.dumps({'choices': [{'index': 0, 'delta': delta}]})}\n\n"
            finish = "tool_calls" if "tool_calls" in deltas[0] else "stop"
            yield f"data: {json.dumps({'choices': [{'index': 0, 'delta': {}, 'finish_reason': finish}]})}\n\n"
            yield "data: [DONE]\n\n"

        return StreamingResponse(stream(), media_type="text/event-stream")

    return app


@contextmanager
def weather_model() -> Iterator[str]:
    """Serve it for the length of the block; gives its base URL."""
    with serving(uvicorn.Config(_app(), port=0, log_level="critical", lifespan="off")) as port:
        yield f"http://127.0.0.1:{port}/v1"
