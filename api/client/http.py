"""An HTTP client of a running service: wait for it, start a chat, read its messages."""

import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from api.addresses import is_local
from api.client.call import ClientError, Disconnected, Refused


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A stored message of a chat."""

    message_id: str
    is_persona: bool
    text: str


def http_url(url: str) -> str:
    """Return the HTTP URL of a service, given any of its URLs (http, https, ws or wss)."""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
    return f"{scheme}://{parts.netloc}{parts.path.removesuffix('/attempt/chat_voice').rstrip('/')}"


class RemoteService:
    """A running service, called over HTTP as one user."""

    def __init__(self, url: str, token: str = "") -> None:
        self.url = http_url(url)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(base_url=self.url, headers=headers, timeout=120.0, trust_env=not is_local(self.url))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._http.close()

    def is_ready(self) -> bool:
        """Return whether the service is ready for calls."""
        try:
            return self._http.get("/ready").status_code == 200
        except httpx.TransportError:
            return False

    def paces(self) -> dict[str, float]:
        """Return the seconds that the neural engines take for a second of speech, by stage: "stt", "tts".

        Raises:
            ClientError: the service is not there.
        """
        try:
            found = self._http.get("/ready").json().get("real_time_factors") or {}
        except (httpx.TransportError, ValueError):
            raise Disconnected("The service does not answer any more; look into its log for why.") from None
        return {str(stage): float(pace) for stage, pace in found.items()}

    def wait_until_ready(self, seconds: float, is_alive: Any = lambda: True) -> float:
        """Wait until a starting service is ready; return the seconds that it took.

        Raises:
            Disconnected: it was not ready in time, or `is_alive` returned False.
        """
        began = time.monotonic()
        while not self.is_ready():
            if not is_alive():
                raise Disconnected("The service ended while it started.")
            if time.monotonic() - began > seconds:
                raise Disconnected(f"The service was not ready within {seconds:g} s.")
            time.sleep(0.05)
        return time.monotonic() - began

    def practices(self) -> dict[str, str]:
        """Return the ids of the practices by name."""
        found = self._post("/practice/search", {})
        return {practice["name"]: practice["practice_id"] for practice in found["practices"]}

    def start(self, practice_id: str) -> str:
        """Start an attempt; return the id of its first chat."""
        return str(self._post("/attempt/start", {"practice_id": practice_id})["chat_id"])

    def start_named(self, name: str | None = None) -> tuple[str, str]:
        """Start an attempt at a practice by name, or at the first one; return (name, chat id)."""
        practices = self.practices()
        if not practices:
            raise Refused("no_practice", "The service has no practice to start; load a content pack, or give --chat.")
        chosen = name if name is not None else next(iter(practices))
        if chosen not in practices:
            raise Refused("no_practice", f"There is no practice {chosen!r}; there are: {', '.join(practices)}.")
        return chosen, self.start(practices[chosen])

    def persona(self, chat_id: str) -> str:
        """Return the name of a chat's persona."""
        personas = self._post("/attempt/chat_get", {"chat_entry_id": chat_id})["personas"]
        return str(personas[0]["name"]) if personas else "Persona"

    def messages(self, chat_id: str) -> list[StoredMessage]:
        """Return the messages of a chat."""
        found = self._post("/attempt/chat_get", {"chat_entry_id": chat_id})
        return [
            StoredMessage(
                message["id"],
                message["type"] == "response",
                " ".join(content["content"] for content in message["contents"]),
            )
            for message in found["messages"]
        ]

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        try:
            answer = self._http.post(path, json=body)
        except httpx.TransportError as error:
            raise Disconnected(
                f"No voice service answers at {self.url} ({type(error).__name__}); start one with `glow serve`."
            ) from None
        if answer.status_code == 401:
            raise Refused(
                "http_401", "The service does not know the token; give a valid one with --token or GLOW_TOKEN."
            )
        if answer.status_code != 200:
            raise Refused(f"http_{answer.status_code}", f"{path} answered {answer.status_code}: {_detail(answer)}")
        found = answer.json()
        if not isinstance(found, dict):
            raise ClientError(f"{path} did not answer with an object.")
        return found


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return answer.text[:200]
