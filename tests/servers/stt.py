"""A transcription server as OpenAI's is, on a real socket: hears with PocketSphinx, or fails as it is told to."""

import email.parser
import email.policy
import hashlib
import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import soundfile

from tests.servers.json_answers import JsonHandler
from voice.stt.base import Transcriber
from voice.stt.sphinx.engine import PocketSphinx


@dataclass
class TranscriptionServer:
    """A running server.

    Attributes:
        url: what to give as base_url.
        behaviour: "hear", a status code to refuse with, "hang", or any other text to send as the answer's body.
        requests: the form fields that came, with the Authorization header, the path and the audio's seconds.
        hanging: somebody is being let wait.
        hold: what "hang" waits for.
    """

    url: str = ""
    behaviour: str | int = "hear"
    requests: list[dict[str, str]] = field(default_factory=list)
    hanging: threading.Event = field(default_factory=threading.Event)
    hold: threading.Event = field(default_factory=threading.Event)


@contextmanager
def transcription_server(recogniser: Transcriber | None = None) -> Iterator[TranscriptionServer]:
    """Serve on a free port of this machine until the end of the block."""
    state = TranscriptionServer()
    recogniser = recogniser or PocketSphinx()

    class Handler(JsonHandler, BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            form = form_fields(self.headers["Content-Type"], body)
            audio, rate_hz = soundfile.read(io.BytesIO(form.pop("file")), dtype="float32")
            key = self.headers.get("Authorization", "")
            fields = {name: value.decode() for name, value in form.items()}
            seconds = str(len(audio) / rate_hz)
            state.requests.append({**fields, "authorization": key, "path": self.path, "seconds": seconds})
            match state.behaviour:
                case int(status):
                    self.answer(status, json.dumps({"error": {"message": f"Incorrect API key provided: {key}"}}))
                case "hang":
                    state.hanging.set()
                    state.hold.wait()
                    self.close_connection = True
                case "hear":
                    self.answer(200, json.dumps({"text": recogniser.transcribe(audio).text}))
                case text:
                    self.answer(200, text)

    with served(Handler) as address:
        state.url = f"{address}/v1"
        try:
            yield state
        finally:
            state.hold.set()


@contextmanager
def model_hub(folder: Path, repository: str, *, lies: bool = False) -> Iterator[str]:
    """A model hub as Hugging Face's is, with one repository: the files of a folder. Gives its address.

    Args:
        folder: the repository's files, in folders or not.
        repository: its name.
        lies: whether the hashes that it gives are those of other files.
    """
    commit = "0123456789abcdef0123456789abcdef01234567"

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"  # one request a connection: the hub's client keeps its connections for ever

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            path = self.path.split("?")[0]
            if path.startswith(f"/api/models/{repository}"):
                found = sorted(file for file in folder.rglob("*") if file.is_file())
                files = [{"rfilename": str(file.relative_to(folder)), "size": file.stat().st_size} for file in found]
                listing = [{"type": "file", "path": f["rfilename"], "size": f["size"], "oid": commit} for f in files]
                tree = "/tree/" in path
                answer = listing if tree else {"id": repository, "sha": commit, "siblings": files}
                self._answer(json.dumps(answer).encode(), "application/json")
            else:
                name = path.partition("/resolve/")[2].partition("/")[2]  # after the revision
                if (folder / name).is_file():
                    self._answer((folder / name).read_bytes(), "application/octet-stream")
                else:
                    self.send_error(404)

        def _answer(self, data: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("X-Repo-Commit", commit)
            hashed = data + b"!" if lies else data
            self.send_header("ETag", f'"{hashlib.sha256(hashed).hexdigest()}"')
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Keep the tests' output clean."""

    with served(Handler) as address:
        yield address


@contextmanager
def served(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve on a free port of this machine until the end of the block. Gives its address."""

    class Server(ThreadingHTTPServer):
        daemon_threads = False
        block_on_close = True

    server = Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def form_fields(content_type: str, body: bytes) -> dict[str, bytes]:
    """The parts of a multipart/form-data body by name."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
    parts = {}
    for part in message.iter_parts():
        content = part.get_payload(decode=True)
        name = part.get_param("name", header="content-disposition")
        assert isinstance(content, bytes)
        parts[str(name)] = content
    return parts
