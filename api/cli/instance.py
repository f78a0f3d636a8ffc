"""The HTTP client of `glow attempts`: one request per operation; refusals become readable errors."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from api.addresses import is_local
from api.client.call import ClientError, Disconnected, Refused
from api.client.http import http_url

TIMEOUT_S = 120.0
"""Timeout of a request in seconds: a language model's reply or grade may take this long."""


class Instance:
    """A running service and a token for it; use it as a context manager."""

    def __init__(self, url: str, token: str) -> None:
        self.url = http_url(url)
        self.token = token
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(
            base_url=self.url, headers=headers, timeout=TIMEOUT_S, trust_env=not is_local(self.url)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._http.close()

    def ask(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """POST a JSON body to `path` and return the reply's object.

        Raises:
            Refused: the service refused, with its message.
            Disconnected: the service is unreachable.
        """
        return _object(path, self._send("POST", path, json=dict(body)))

    def upload(self, file: Path) -> str:
        """Upload a recording; return its id, for attaching it.

        Raises:
            ClientError: the file cannot be read, or the service refused.
        """
        path = "/attempt/audio_upload"
        try:
            content = file.read_bytes()
        except OSError as error:
            raise ClientError(f"{file} cannot be read ({error.strerror}); give a WAV, FLAC or Ogg file.") from None
        reply = _object(path, self._send("POST", path, files={"file": (file.name, content)}))
        found = reply.get("audios_id") or reply.get("audio_id") or reply.get("resource_id")
        if not found:
            raise ClientError("The service took the recording and gave no id for it; look into its log for why.")
        return str(found)

    def download(self, audio_id: str) -> bytes:
        """Download the bytes of a recording.

        Raises:
            Refused: there is no such recording.
        """
        return self._send("POST", "/attempt/audio_download", json={"audio_id": audio_id}).content

    def watch(
        self, *, run_id: str | None = None, group_id: str | None = None, opened: Callable[[], None] = lambda: None
    ) -> Iterator[dict[str, Any]]:
        """Yield the service's events until it ends the stream; `opened` is called once the subscription is active.

        Raises:
            Refused, Disconnected: as `ask`.
        """
        query = {name: value for name, value in {"run_id": run_id, "group_id": group_id}.items() if value}
        try:
            with self._http.stream("GET", "/attempt/watch", params=query, timeout=httpx.Timeout(20, read=60)) as answer:
                if answer.status_code != 200:
                    answer.read()
                    raise _refusal("/attempt/watch", answer)
                opened()
                for line in answer.iter_lines():
                    if line.startswith("data:"):
                        event = json.loads(line.removeprefix("data:"))
                        if isinstance(event, dict):
                            yield event
        except httpx.TransportError as error:
            raise self._nobody(error) from None

    def _send(self, method: str, path: str, **content: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, path, **content)
        except httpx.TransportError as error:
            raise self._nobody(error) from None
        if not answer.is_success:
            raise _refusal(path, answer)
        return answer

    def _nobody(self, error: httpx.TransportError) -> Disconnected:
        reason = type(error).__name__
        return Disconnected(f"No voice service answers at {self.url} ({reason}); start one with `glow serve`.")


def _object(path: str, answer: httpx.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ClientError(f"{path} did not answer with an object; is this address a Glow service?")
    return found


def _refusal(path: str, answer: httpx.Response) -> Refused:
    code = f"http_{answer.status_code}"
    if answer.status_code == 401:
        return Refused(code, "The service does not know the token; give a valid one with --token or GLOW_TOKEN.")
    return Refused(code, f"{_reason(answer)} ({path}: {answer.status_code})")


def _reason(answer: httpx.Response) -> str:
    try:
        detail = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        return answer.text[:200] or "The service refused."
    if isinstance(detail, list):
        problems = (f"{_place(item.get('loc'))}: {item.get('msg')}" for item in detail if isinstance(item, dict))
        return "; ".join(problems)
    return str(detail)


def _place(location: Any) -> str:
    parts = location[1:] if isinstance(location, list) else []
    return ".".join(str(part) for part in parts) or "body"
