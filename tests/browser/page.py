"""A page with a call on it, as a test drives it: what it does, and what the page has told."""

from typing import Any

from playwright.sync_api import ConsoleMessage, Page

from tests.service import TOKENS, RunningService

UNHARMFUL = ("The AudioContext was not allowed to start", "WebSocket connection to", "net::ERR_")


class Talk:
    """A page and its call.

    Attributes:
        complaints: errors and warnings of the console, among them each violation of the page's policy.
    """

    def __init__(self, page: Page, service: RunningService) -> None:
        self.page, self._service = page, service
        self.complaints: list[str] = []
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not any(known in message.text for known in UNHARMFUL):
            self.complaints.append(message.text)

    def open(self, chat: str | None = None, **options: Any) -> Any:
        """Open a call on a fresh chat; return `{error}` with its key where it is refused."""
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
        """Speak a packaged recording into the microphone of a page that was opened with `hand`."""
        self.page.evaluate("name => harness.say(name)", name)

    def log(self, kind: str) -> list[dict[str, Any]]:
        """The details of all events of a kind so far."""
        found: list[dict[str, Any]] = self.page.evaluate(
            "kind => harness.log.filter(event => event.type === kind).map(event => event.detail)", kind
        )
        return found

    def marks(self) -> list[dict[str, Any]]:
        """What the playback worklet has said, as it said it: `{frame, marks}`."""
        found: list[dict[str, Any]] = self.page.evaluate("() => harness.marks")
        return found
