"""A speech server as OpenAI's is, on a real socket: answers with eSpeak's voice, or fails in the way it is told to."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from voice.audio.resample import Resampler
from voice.tts.base import VoiceStyle
from voice.tts.espeak.engine import EspeakSynthesizer


@dataclass(frozen=True)
class Answer:
    """What the server sends whatever it is asked; without a kind it says none."""

    body: bytes
    kind: str = "audio/pcm"


@dataclass
class SpeechServer:
    """A running server.

    Attributes:
        url: what to give as base_url.
        behaviour: "speak", a status code to refuse with, "cut", "hang", "wav", or an `Answer` to give.
        requests: the bodies that came, with the Authorization header as "authorization".
        hanging: somebody is being let wait.
        hold: what "hang" waits for.
    """

    url: str = ""
    behaviour: str | int | Answer = "speak"
    requests: list[dict[str, Any]] = field(default_factory=list)
    hanging: threading.Event = field(default_factory=threading.Event)
    hold: threading.Event = field(default_factory=threading.Event)


@contextmanager
def speech_server() -> Iterator[SpeechServer]:
    """Serve on a free port of this machine until the end of the block."""
    state = SpeechServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            key = self.headers.get("Authorization", "")
            state.requests.append({**body, "authorization": key, "path": self.path})
            match state.behaviour:
                case int(status):
                    self._refuse(status, f"Incorrect API key provided: {key}")
                case "hang":
                    state.hanging.set()
                    state.hold.wait()
                case "wav":
                    self._chunk_headers()
                    self._chunk(b"RIFF\x00\x00\x00\x00WAVE" + bytes(4000))
                    self._chunk(b"")
                case Answer(data, kind):
                    self._chunk_headers(kind)
                    for start in range(0, len(data), 999):
                        self._chunk(data[start : start + 999])
                    self._chunk(b"")
                case cut:
                    self._speak(body, whole=cut == "speak")

        def _speak(self, body: dict[str, Any], *, whole: bool) -> None:
            self._chunk_headers()
            style = VoiceStyle(rate=body.get("speed", 1.0))
            resampler = Resampler(22_050, 24_000)
            carry = b""
            for chunk in EspeakSynthesizer().synthesize(body["input"], style, cancelled=lambda: False):
                data = carry + resampler.process(chunk.audio).astype("<i2").tobytes()
                # Cut in the middle of a sample, as a network does.
                carry, data = data[-1:], data[:-1]
                try:
                    self._chunk(data)
                except OSError:
                    return
                if not whole:
                    self.close_connection = True
                    return
            self._chunk(carry + resampler.flush().astype("<i2").tobytes())
            self._chunk(b"")

        def _chunk_headers(self, kind: str = "audio/pcm") -> None:
            self.send_response(200)
            if kind:
                self.send_header("Content-Type", kind)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()

        def _chunk(self, data: bytes) -> None:
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

        def _refuse(self, status: int, message: str) -> None:
            data = json.dumps({"error": {"message": message}}).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield state
    finally:
        state.hold.set()
        server.shutdown()
        server.server_close()
        thread.join()
