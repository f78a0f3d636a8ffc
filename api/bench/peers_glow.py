"""This service's side of `glow bench peers`: a whole service, run by `glow serve`, over its real websocket."""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml

from api.bench.runners.scenarios import Context, Script, Session, Stretch, play
from api.bench.turn import BACKGROUND_NOISE
from api.client.call import Call, ClientError
from api.client.http import RemoteService
from api.client.own_service import OwnService, embedded, own_service
from api.client.voice import VoiceClient, open_call
from api.settings import Settings

SAY = "Say exactly this: "
"""Marker in a persona's instructions, before the text of its replies."""


class GlowConversation:
    """A `scenarios.Session` over the websocket."""

    def __init__(self, client: VoiceClient, http: RemoteService, chat_id: str) -> None:
        self._client = client
        self._http = http
        self._chat_id = chat_id

    def now(self) -> float:
        """See `Session.now`."""
        return self._client.now()

    async def say(self, samples: npt.NDArray[np.int16]) -> Stretch:
        """See `Session.say`."""
        spoken = await self._client.say(samples)
        return spoken.start, spoken.end

    def stretches(self) -> Sequence[Stretch]:
        """See `Session.stretches`: the client's segments of each reply, merged where they play without a gap."""
        player = self._client.player
        joined: list[Stretch] = []
        for segment in player.segments:
            end = segment.start + len(segment.samples) / player.rate_hz
            if joined and segment.start - joined[-1][1] < 1 / player.rate_hz:
                joined[-1] = joined[-1][0], end
            else:
                joined.append((segment.start, end))
        return joined

    async def context(self) -> Context:
        """See `Session.context`: the stored chat up to the learner's last message."""
        stored = await asyncio.to_thread(self._http.messages, self._chat_id)
        history = [("assistant" if message.is_persona else "user", message.text) for message in stored]
        last = max((index for index, (role, _) in enumerate(history) if role == "user"), default=-1)
        return history[: last + 1]


class ServiceMeter:
    """A `scenarios.Meter` of the service's process and its engines' processes."""

    def __init__(self, service: OwnService) -> None:
        self._service = service

    def cpu_s(self) -> float:
        """See `Meter.cpu_s`."""
        return _sampled(self._service.cpu_s())

    def memory_mib(self) -> float:
        """See `Meter.memory_mib`."""
        return _sampled(self._service.memory_mib())


def run_glow(job: dict[str, Any], script: Script) -> dict[str, Any]:
    """Run a job with a fresh service.

    Raises:
        ClientError: the service does not start, or the system does not report the resources of a process.
    """
    with tempfile.TemporaryDirectory(prefix="glow-peers-") as name, _language_model(job["llm_ms"] / 1000) as llm_url:
        pack = Path(name) / "peers.yaml"
        pack.write_text(pack_text([script.reply, job["long_reply"]]), encoding="utf-8")
        endpoint = str(job["endpoint_ms"])
        settings = embedded(**engines(job)) | {
            "GLOW_PACKS": str(pack),
            "GLOW_MAX_CALLS": str(job.get("sessions", 1) + 1),
            # One endpoint delay for all turns, as the peers have it, regardless of the text.
            "GLOW_ENDPOINT_MS": endpoint,
            "GLOW_COMPLETE_MS": endpoint,
            "GLOW_UNFINISHED_MS": endpoint,
        }
        if interrupt_ms := job.get("interrupt_ms"):
            settings |= {
                "GLOW_INTERRUPT_MS": str(interrupt_ms),
                "GLOW_INTERRUPT_WITHOUT_WORDS_MS": str(interrupt_ms),
            }
        if job["llm_ms"]:
            settings |= {"OPENAI_BASE_URL": llm_url, "OPENAI_API_KEY": "none-needed"}
        with own_service(settings, Settings().models_dir) as service, RemoteService(service.url, service.token) as http:

            @asynccontextmanager
            async def open_session(reply: str) -> AsyncIterator[Session]:
                _, chat_id = await asyncio.to_thread(http.start_named, practice_name(reply))
                async with open_call(service.url, Call(chat_id, noise=BACKGROUND_NOISE), token=service.token) as client:
                    yield GlowConversation(client, http, chat_id)

            return asyncio.run(play(job, script, open_session, ServiceMeter(service)))


def engines(job: dict[str, Any]) -> dict[str, str]:
    """Return the engine settings of this service for a job."""
    if job["engines"] == "real":
        return {"stt": "whisper:nano", "tts": "piper:nano", "llm": "scripted"}
    llm = "openai" if job["llm_ms"] else "scripted"
    return {"stt": f"fixed:{job['stt_ms']}", "tts": f"fixed:{job['tts_ms']}", "llm": llm}


def practice_name(reply: str) -> str:
    """Return the name of the practice whose persona always gives this reply."""
    return f"Peers, {len(reply)} characters"


def pack_text(replies: Sequence[str]) -> str:
    """Return a content pack with a practice per reply, whose persona always gives that reply."""
    personas, scenarios, simulations, practices = {}, {}, {}, {}
    for number, reply in enumerate(dict.fromkeys(replies)):
        key = f"peer-{number}"
        about = {"name": practice_name(reply), "description": "Always says the same."}
        personas[key] = {
            **about,
            "greeting": "Hello.",
            "instructions": SAY + reply,
            "cues": [{"id": "anything", "when": [r"\w+"], "say": [reply]}],
        }
        scenarios[key] = {**about, "problem_statement": "None.", "objectives": ["None."], "personas": [key]}
        simulations[key] = {**about, "scenarios": [key]}
        practices[key] = {"name": practice_name(reply), "simulation": key}
    pack = {"pack": "peers", "name": "Peers", "personas": personas, "scenarios": scenarios}
    return yaml.safe_dump(pack | {"simulations": simulations, "practices": practices}, sort_keys=False)


def _sampled(value: float | None) -> float:
    if value is None:
        raise ClientError("This system does not tell what a process uses; run `glow bench peers` on Linux.")
    return value


@contextmanager
def _language_model(first_token_s: float) -> Iterator[str]:
    """Run a local chat completions server with a fixed latency, which answers with the text in the instructions."""

    class Answer(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            instructions = next(str(said["content"]) for said in body["messages"] if SAY in str(said["content"]))
            reply = instructions.partition(SAY)[2].partition("\n")[0]
            Event().wait(first_token_s)
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            for word in reply.split(" "):
                delta = {"index": 0, "delta": {"role": "assistant", "content": word + " "}, "finish_reason": None}
                self._send(json.dumps(chunk | {"choices": [delta]}))
            self._send(json.dumps(chunk | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}))
            self._send("[DONE]")
            self.close_connection = True

        def _send(self, data: str) -> None:
            try:
                self.wfile.write(f"data: {data}\n\n".encode())
            except ConnectionError:
                self.close_connection = True  # the client closed the request

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Log nothing."""

    chunk = {"id": "peers", "object": "chat.completion.chunk", "created": 0, "model": "peers"}
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
