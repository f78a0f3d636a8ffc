"""A page with a call on it, as a test drives it: what it does, and what the page has told."""

import base64
import json
from typing import Any

from playwright.sync_api import ConsoleMessage, Page, WebSocket

from tests.service import TOKENS, WAIT_S, RunningService
from tests.voice.sound import recording

HARMLESS = ("The AudioContext was not allowed to start", "WebSocket connection to", "net::ERR_")


class Talk:
    """A page and its call.

    Attributes:
        complaints: errors and warnings of the console, among them each violation of the page's policy.
        sent: the JSON messages that the page has sent, in order.
    """

    def __init__(self, page: Page, service: RunningService) -> None:
        self.page, self._service = page, service
        self.complaints: list[str] = []
        self.sent: list[dict[str, Any]] = []
        page.set_default_timeout(WAIT_S * 1000)
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("websocket", self._listen)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not any(known in message.text for known in HARMLESS):
            self.complaints.append(message.text)

    def _listen(self, socket: WebSocket) -> None:
        socket.on("framesent", lambda frame: self.sent.append(json.loads(frame)) if isinstance(frame, str) else None)

    def load(self, url: str, script: str) -> None:
        """Load a page; the script runs before anything of its own."""
        self.page.route("**/favicon.ico", lambda route: route.fulfill(status=204))
        self.page.add_init_script(script)
        self.page.goto(url)

    def open(self, chat: str | None = None, **options: Any) -> Any:
        """Open a call, on a fresh chat unless one is named; return `{error, message}` where it is refused."""
        given = {"chat": chat or self._service.chat(), "token": TOKENS["ada"], **options}
        return self.page.evaluate("options => harness.open(options)", given)

    def until(self, kind: str, **wanted: Any) -> dict[str, Any]:
        """Wait for the next event of a kind whose detail has these fields, after the one that was waited for last."""
        found: dict[str, Any] = self.page.evaluate("([kind, wanted]) => harness.until(kind, wanted)", [kind, wanted])
        return found

    def do(self, expression: str, argument: Any = None) -> Any:
        """Evaluate an expression of `call`, the open call, and `argument`."""
        return self.page.evaluate(f"argument => {{ const {{ call }} = harness; return {expression}; }}", argument)

    def say(self, name: str) -> None:
        """Speak a packaged recording into the microphone that the test has taken."""
        samples = base64.b64encode(recording(name).astype("<i2").tobytes()).decode()
        self.page.evaluate("samples => harness.say(samples)", samples)

    def log(self, *kinds: str) -> list[dict[str, Any]]:
        """The details of all events of these kinds so far, in order, each with its `kind`."""
        found: list[dict[str, Any]] = self.page.evaluate(
            "kinds => harness.log.filter(({ kind }) => kinds.includes(kind))"
            ".map(({ kind, detail }) => ({ ...detail, kind }))",
            list(kinds),
        )
        return found

    def announced(self, turn: int) -> list[dict[str, Any]]:
        """The `reply.audio` of a turn."""
        return [event for event in self.log("service") if event["type"] == "reply.audio" and event["turn"] == turn]
