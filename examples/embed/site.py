"""A site that lets its visitors talk to a persona: a page with <glow-call>, and the endpoint that gives it a token.

    glow kiosk add my-site --practice "The worried parent"
    GLOW_KEY=... GLOW_URL=http://127.0.0.1:8010 python site.py

The key stands behind `#key=` in the printed address, and stays on this server; each visitor gets a token for one call.
"""

import html
import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.request import Request, urlopen

GLOW_URL = os.environ.get("GLOW_URL", "http://127.0.0.1:8010").rstrip("/")
GLOW_KEY = os.environ.get("GLOW_KEY", "")
PORT = int(os.environ.get("PORT", "8080"))

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Our front desk</title>
<script type="module" src="{glow}/static/glow-call.js"></script>
<link rel="stylesheet" href="/style.css"><link rel="icon" href="data:,">
</head>
<body>
<main>
<h1>Our front desk</h1>
<glow-call token-url="/glow-token" name="{name}" greet>
  <p slot="before">{name} answers. Ask anything about your records.</p>
  <p slot="after">Thank you for talking with us.</p>
</glow-call>
</main>
</body>
</html>
"""

STYLE = "glow-call { --glow-accent: #7a3b00; max-width: 40rem; } glow-call::part(call) { border-radius: 0; }"


def ask(path: str, token: str, body: dict[str, Any] | None = None) -> Any:
    """Ask the service; without a body by GET."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(GLOW_URL + path, data, headers), timeout=30) as answer:
        return json.load(answer)


def offered() -> tuple[str, int, dict[str, Any]]:
    """Return the first practice of the key, and its first chat's place and persona."""
    practice = ask("/page/offers", GLOW_KEY)["practices"][0]
    chat = practice["chats"][0]
    return practice["practice_id"], chat["position"], chat["personas"][0]


def begin() -> dict[str, str]:
    """Make a visitor's token, and begin the chat that it opens."""
    practice_id, position, persona = offered()
    visit = {"practice_id": practice_id, "persona_id": persona["persona_id"]}
    token = ask("/kiosk/session", GLOW_KEY, visit)["token"]
    attempt = ask("/attempt/start", token, {"practice_id": practice_id})
    return {"token": token, "chat": attempt["chat_ids"][position]}


class Site(BaseHTTPRequestHandler):
    """The site. A real one would ask here who the visitor is, and bound how often they may."""

    def do_GET(self) -> None:
        """Send the page, or its style."""
        if self.path == "/":
            name = html.escape(offered()[2]["name"])
            self.reply("text/html; charset=utf-8", PAGE.format(glow=html.escape(GLOW_URL), name=name))
        elif self.path == "/style.css":
            self.reply("text/css", STYLE)
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        """Answer the element's question for a token; a page of another site gets none."""
        if self.path != "/glow-token":
            self.send_error(404)
        elif self.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
            self.send_error(403)
        else:
            self.reply("application/json", json.dumps(begin()))

    def reply(self, media_type: str, text: str) -> None:
        """Send a text that nobody keeps."""
        data = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(data)


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", PORT), Site)
    print(f"The site is at http://127.0.0.1:{server.server_port}", flush=True)  # noqa: T201
    server.serve_forever()
