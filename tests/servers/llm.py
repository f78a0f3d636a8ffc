"""A real server of the OpenAI chat completions protocol, on a real port, that behaves as the model name says.

    llm_server.url                       the base_url to give to a client, ending in /v1
    llm_server.replies["script"] = [..]  what the model "script" says, one reply after the other (the last one stays)
    llm_server.requests                  what was asked: `.messages`, `.key`, `.body`, `.disconnected`, `.ended`
    llm_server.release(n)                lets the model "slow" say n more words
    llm_server.rounds = [Round(..), ..]  what the model "tools" writes and calls, one answer after the other

Models: tools, no-tools (refuses them), echo, script, slow, split, reasoning, refusal, length, filtered, filtered-late,
thought-only, empty, no-finish, no-done, new-parameters, error-event, refuse-STATUS (refuse-401, refuse-500, ...), hang,
hang-before-words, hang-mid, cut-mid, cut-silently, malformed, not-an-object, html; plain-json, pretty-json,
json-error, mark (a byte order mark), only-done, empty-deltas, only-empty-deltas, reason-REASON (in every chunk),
letters (the script's text, one letter at a time); usage (reports its tokens, to a stream if asked to),
usage-in-each-chunk, usage-nonsense, no-usage and no-usage-unnamed (refuse to be asked for a report). A hung answer
waits until the client has gone: nothing sleeps.
"""

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

PATIENCE_S = 100.0
"""Waits end with their event, not with this."""

MODELS = ("echo", "script", "slow", "hang", "hang-mid", "cut-mid")


@dataclass
class Recorded:
    """One request, and what became of it."""

    body: dict[str, Any]
    key: str
    disconnected: threading.Event = field(default_factory=threading.Event)
    """The client went away before the answer was complete."""
    ended: threading.Event = field(default_factory=threading.Event)
    """The server is done with it, one way or the other."""
    words_sent: int = 0

    @property
    def model(self) -> str:
        return str(self.body.get("model"))

    @property
    def messages(self) -> list[dict[str, Any]]:
        return list(self.body.get("messages", []))


@dataclass(frozen=True)
class Round:
    """One answer of the model "tools".

    Attributes:
        text: what it says first.
        calls: the tools that it calls then: name and arguments, which may be any text.
        piece: so many characters of the arguments come in one delta.
        numbered, named: whether the deltas carry an index, and an id.
        interleaved: the pieces of all calls take turns.
        endless: the last call's arguments have no end.
    """

    text: str = ""
    calls: tuple[tuple[str, str], ...] = ()
    piece: int = 7
    numbered: bool = True
    named: bool = True
    interleaved: bool = False
    endless: bool = False

    def deltas(self) -> Iterator[dict[str, Any]]:
        """The calls as they are streamed."""
        streams = [list(self._pieces(place, *call)) for place, call in enumerate(self.calls)]
        if self.interleaved:
            longest = max(map(len, streams))
            order = [stream[step] for step in range(longest) for stream in streams if step < len(stream)]
        else:
            order = [piece for stream in streams for piece in stream]
        for piece in order:
            yield {"tool_calls": [piece]}

    def _pieces(self, place: int, name: str, arguments: str) -> Iterator[dict[str, Any]]:
        number = {"index": place} if self.numbered else {}
        label = {"id": f"call-{place}", "type": "function"} if self.named else {}
        yield number | label | {"function": {"name": name, "arguments": ""}}
        for start in range(0, len(arguments), self.piece):
            yield number | {"function": {"arguments": arguments[start : start + self.piece]}}


class Cut(Exception):
    """Raised to make the server drop the connection in the middle of an answer."""


class LlmServer:
    """The server and what it has seen. It runs as long as the tests do, and each test finds it as new."""

    def __init__(self) -> None:
        self.reset()
        self.started = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.closing = asyncio.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.host}/v1"
        config = uvicorn.Config(
            self._app(), log_level="critical", ws="none", lifespan="off", timeout_graceful_shutdown=2, loop="asyncio"
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, name="llm-server", daemon=True)

    def reset(self) -> None:
        """Forget what was asked and what was prepared."""
        self.requests: list[Recorded] = []
        self.replies: dict[str, list[str]] = {"script": ["Certainly. What would you like to know?"]}
        self.rounds: list[Round] = []
        self._released = asyncio.Semaphore(0)
        self._asked = threading.Semaphore(0)

    def start(self) -> None:
        self._thread.start()
        assert self.started.wait(PATIENCE_S), "the server did not start"

    def close(self) -> None:
        def stop() -> None:
            self.closing.set()
            self._server.should_exit = True

        assert self._loop is not None
        self._loop.call_soon_threadsafe(stop)
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive(), "the server did not stop"

    def release(self, words: int = 1) -> None:
        """Let the model "slow" say some more words."""
        assert self._loop is not None
        for _ in range(words):
            self._loop.call_soon_threadsafe(self._released.release)

    def wait_for_request(self) -> Recorded:
        """Block until a request has come that was not waited for yet."""
        assert self._asked.acquire(timeout=PATIENCE_S), "no request came"
        return self.last

    @property
    def last(self) -> Recorded:
        return self.requests[-1]

    def _serve(self) -> None:
        async def run() -> None:
            self._loop = asyncio.get_running_loop()
            self._loop.call_soon(self.started.set)
            await self._server.serve(sockets=[self._socket])

        asyncio.run(run())

    def _app(self) -> FastAPI:
        app = FastAPI(openapi_url=None)

        @app.get("/v1/models")
        async def models() -> dict[str, Any]:
            return {"object": "list", "data": [{"id": name, "object": "model", "owned_by": "test"} for name in MODELS]}

        @app.post("/v1/chat/completions")
        async def completions(request: Request) -> Response:
            recorded = Recorded(await request.json(), request.headers.get("authorization", "").removeprefix("Bearer "))
            self.requests.append(recorded)
            self._asked.release()
            refused = self._refused(recorded)
            if refused is not None:
                recorded.ended.set()
                return refused
            return _Answer(self, recorded)

        return app

    def _refused(self, recorded: Recorded) -> Response | None:
        model = recorded.model
        if model.startswith("refuse-"):
            status = int(model.removeprefix("refuse-"))
            # As real servers do, this one quotes the key that it refuses.
            return JSONResponse(_error(f"No. Your key was {recorded.key}."), status, {"retry-after": "30"})
        if model == "html":
            return Response("<html><body>Welcome to nginx</body></html>", media_type="text/html")
        if model == "no-tools" and "tools" in recorded.body:
            return JSONResponse(_error("registry.example/no-tools does not support tools"), 400)
        if model.startswith("no-usage") and "stream_options" in recorded.body:
            named = model == "no-usage"
            return JSONResponse(_error("Extra inputs: stream_options." if named else "Bad request."), 400)
        if model == "new-parameters":
            for parameter in ("max_tokens", "temperature"):
                if parameter in recorded.body:
                    return JSONResponse(_error(f"Unsupported parameter: '{parameter}'.", parameter), 400)
        return None

    async def words(self, recorded: Recorded) -> AsyncIterator[str | dict[str, Any] | bytes]:
        """What the model sends: texts and deltas, which become chunks, and raw bytes, which go out as they are."""
        model = recorded.model
        yield {"role": "assistant", "content": ""}
        if model == "tools":
            said = self.rounds.pop(0) if len(self.rounds) > 1 else self.rounds[0]
            for word in _spaced(said.text) if said.text else ():
                yield word
            for delta in said.deltas() if said.calls else ():
                yield delta
            while said.endless:
                yield {"tool_calls": [{"index": len(said.calls) - 1, "function": {"arguments": "9" * 1000}}]}
                await asyncio.sleep(0)
        elif model in ("echo", "no-tools", "no-finish", "no-done", "new-parameters") or "usage" in model:
            heard = [str(message["content"]) for message in recorded.messages if message["role"] == "user"]
            for word in _spaced(f"You said: {heard[-1]}."):
                yield word
        elif model == "script":
            replies = self.replies[model]
            for word in _spaced(replies.pop(0) if len(replies) > 1 else replies[0]):
                yield word
        elif model == "letters":
            replies = self.replies["script"]
            for letter in replies.pop(0) if len(replies) > 1 else replies[0]:
                yield letter
        elif model == "mark":
            yield b"\xef\xbb\xbf" + _chunk(model, {"content": "Hello"})
            yield " there."
        elif model == "only-done":
            yield "Hello there, I am"
            yield b"data: [DONE]\n\n"
        elif model in ("empty-deltas", "only-empty-deltas"):
            for _ in range(1000):
                yield {"content": ""}
            if model == "empty-deltas":
                yield "Hello there."
        elif model == "slow":
            for word in _spaced("This is a reply that takes its time, one word after the other, until it is over."):
                await self._released.acquire()
                yield word
        elif model == "split":
            for letter in "Grüße, 你好.":
                yield letter
        elif model == "reasoning":
            yield {"reasoning_content": "The user wants a greeting."}
            yield {"content": None, "reasoning": "A short one."}
            yield b": keep-alive\n\n"
            yield "Hello there."
        elif model == "list-of-parts":
            yield {"content": [{"type": "text", "text": "Hello "}, {"type": "text", "text": "there."}]}
        elif model == "message-for-delta":
            message = {"role": "assistant", "content": "Hello there."}
            choice = {"index": 0, "message": message, "finish_reason": None}
            yield f"data: {json.dumps({'id': 'c1', 'choices': [choice]})}\n\n".encode()
        elif model.startswith("reason-"):
            reason = model.removeprefix("reason-")
            yield _chunk(model, {"role": "assistant", "content": ""}, reason)
            for word in ("Hello", " there", "."):
                yield _chunk(model, {"content": word}, reason)
        elif model == "surrogates":
            yield b'data: {"choices": [{"index": 0, "delta": {"content": "Well \\ud83d"}}]}\n\n'
            yield b'data: {"choices": [{"index": 0, "delta": {"content": "\\ude00 done."}}]}\n\n'
        elif model == "half-a-character":
            yield b'data: {"choices": [{"index": 0, "delta": {"content": "Well \\ud83d then."}}]}\n\n'
        elif model == "refusal":
            yield {"refusal": "I cannot talk about that."}
        elif model == "thought-only":
            yield {"reasoning_content": "Hmm. " * 50}
        elif model == "hang-before-words":
            yield {"reasoning_content": "Let me think."}
            await _for_ever()
        elif model == "error-event":
            yield "One moment, "
            yield f"data: {json.dumps(_error('out of memory, key ' + recorded.key))}\n\n".encode()
        elif model == "malformed":
            yield b'data: {"choices": [{"delta": {"content": \n\n'
        elif model == "not-an-object":
            yield b'data: [1, 2, 3]\n\ndata: "text"\n\n'
        elif model in ("hang-mid", "cut-mid", "cut-silently", "length", "filtered-late"):
            for word in _spaced("Well, let me see what"):
                yield word
            if model == "hang-mid":
                await _for_ever()
            if model == "cut-mid":
                raise Cut
        elif model not in ("empty", "filtered", "hang"):
            yield f"There is no behaviour called {model}."


class _Answer(Response):
    """Plays an answer while watching whether the client is still there."""

    def __init__(self, server: LlmServer, recorded: Recorded) -> None:
        super().__init__()
        self._server = server
        self._recorded = recorded

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        play = asyncio.ensure_future(self._play(send))
        gone = asyncio.ensure_future(self._gone(receive))
        closing = asyncio.ensure_future(self._server.closing.wait())
        try:
            await asyncio.wait((play, gone, closing), return_when=asyncio.FIRST_COMPLETED)
            if play.done():
                play.result()
            elif gone.done():
                self._recorded.disconnected.set()
        finally:
            for task in (play, gone, closing):
                task.cancel()
            await asyncio.gather(play, gone, closing, return_exceptions=True)
            self._recorded.ended.set()

    async def _gone(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    async def _play(self, send: Send) -> None:
        model, streamed = self._recorded.model, bool(self._recorded.body.get("stream"))
        if model == "hang":
            await _for_ever()
        if model in ("plain-json", "pretty-json", "json-error"):
            answer = _error("out of memory") if model == "json-error" else _whole(model, "Hello there.", "stop")
            text = json.dumps(answer, indent=2 if model == "pretty-json" else None)
            headers = [(b"content-type", b"application/json; charset=utf-8")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": text.encode("utf-8-sig")})
            return
        kind = b"text/event-stream" if streamed else b"application/json"
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
        said, called = "", False
        async for word in self._server.words(self._recorded):
            delta = {"content": word} if isinstance(word, str) else word
            if isinstance(delta, dict):
                said += delta.get("content") if isinstance(delta.get("content"), str) else ""
                called = called or "tool_calls" in delta
            if streamed:
                told = _USAGE if model == "usage-in-each-chunk" else None
                raw = delta if isinstance(delta, bytes) else _chunk(model, delta, usage=told)
                await send({"type": "http.response.body", "body": raw, "more_body": True})
            if isinstance(word, str):
                self._recorded.words_sent += 1
        finish = {"length": "length", "thought-only": "length", "filtered": "content_filter"}.get(model, "stop")
        finish = "content_filter" if model == "filtered-late" else "tool_calls" if called else finish
        if not streamed:
            end = json.dumps(_whole(model, said, finish)).encode()
        elif model in ("cut-silently", "only-done"):
            end = b""
        else:
            last = b"" if model == "no-finish" else _chunk(model, {}, finish)
            if (self._recorded.body.get("stream_options") or {}).get("include_usage"):
                last += _reported(model)
            end = last + (b"" if model == "no-done" else b"data: [DONE]\n\n")
        if model == "no-done":
            await send({"type": "http.response.body", "body": end, "more_body": True})
            await _for_ever()
        await send({"type": "http.response.body", "body": end})


async def _for_ever() -> None:
    await asyncio.Event().wait()


def _spaced(text: str) -> list[str]:
    first, *others = text.split()
    return [first, *(f" {word}" for word in others)]


_USAGE = {"prompt_tokens": 11, "completion_tokens": 5, "total_tokens": 16}


def _reported(model: str) -> bytes:
    """The chunk that reports the tokens, of a model that does."""
    usage = {"usage": _USAGE, "usage-nonsense": {"prompt_tokens": "many", "completion_tokens": -1}}.get(model)
    chunk = {"id": "c1", "object": "chat.completion.chunk", "model": model, "choices": [], "usage": usage}
    return b"" if usage is None else f"data: {json.dumps(chunk)}\n\n".encode()


def _chunk(
    model: str, delta: dict[str, Any], finish: str | None = None, *, usage: dict[str, int] | None = None
) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    chunk = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": model, "choices": [choice]}
    chunk |= {"usage": usage} if usage else {}
    return f"data: {json.dumps(chunk)}\n\n".encode()


def _whole(model: str, said: str, finish: str) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": said}, "finish_reason": finish}
    usage = {"usage": _USAGE} if model == "usage" else {}
    return {"id": "c1", "object": "chat.completion", "created": 1, "model": model, "choices": [choice], **usage}


def _error(message: str, parameter: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": parameter, "code": None}}


@pytest.fixture(scope="session")
def llm_server_running() -> Iterator[LlmServer]:
    """One server for all tests; ask for `llm_server` instead."""
    server = LlmServer()
    server.start()
    yield server
    server.close()


@pytest.fixture
def llm_server(llm_server_running: LlmServer) -> LlmServer:
    """A language model server that behaves as the model name says."""
    llm_server_running.reset()
    return llm_server_running
