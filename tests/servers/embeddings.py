"""A server of OpenAI's embeddings, on a real socket: a text's vector counts its letters a to z, or it fails as told."""

import json
import string
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.servers.json_answers import JsonHandler
from tests.servers.stt import served


@dataclass
class EmbeddingsServer:
    """A running server.

    Attributes:
        url: what to give as base_url.
        behaviour: "count", a status code to refuse with, or any other text to send as the answer's body.
        requests: the bodies that came.
        keys: the Authorization headers that came.
    """

    url: str = ""
    behaviour: str | int = "count"
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)


def counted(text: str) -> list[float]:
    """The vector of a text, not of unit length."""
    return [float(text.lower().count(letter)) for letter in string.ascii_lowercase]


@contextmanager
def embeddings_server() -> Iterator[EmbeddingsServer]:
    """Serve on a free port of this machine until the end of the block."""
    state = EmbeddingsServer()

    class Handler(JsonHandler, BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            state.requests.append(body)
            state.keys.append(self.headers.get("Authorization", ""))
            vectors = [
                {"object": "embedding", "index": index, "embedding": counted(text)}
                for index, text in enumerate(body["input"])
            ]
            answer = {"object": "list", "model": body["model"], "data": vectors[::-1], "usage": {}}
            match state.behaviour:
                case int(status):
                    self.answer(status, json.dumps({"error": {"message": f"Bad key {state.keys[-1]}"}}))
                case "count":
                    self.answer(200, json.dumps(answer))
                case text:
                    self.answer(200, text)

    with served(Handler) as address:
        state.url = f"{address}/v1"
        yield state
