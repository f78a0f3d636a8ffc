"""A call from the client's side: its parameters, its events and its errors."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

import numpy as np

from api.client.handset import Int16

PATH = "/attempt/chat_voice"


class ClientError(Exception):
    """An error that the user of a client can act on; the message says how."""


class Refused(ClientError):
    """The service refused a request, or refused to open or keep the call.

    Attributes:
        code: the service's error code, or `http_<status>` if it refused before the websocket was open.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Disconnected(ClientError):
    """The call has ended, or its connection was lost and could not be resumed."""


class NoAnswer(ClientError):
    """An expected event did not come in time."""


@dataclass(frozen=True, slots=True)
class Event:
    """A message of the service, with its time of arrival at the client."""

    type: str
    at: float
    data: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.data[name]

    @property
    def turn(self) -> int | None:
        """The turn that it belongs to, if any."""
        return self.data.get("turn")


@dataclass(frozen=True, slots=True)
class Recording:
    """Both sides of a call on one timeline: what the learner said, and what was heard of the persona."""

    learner: Int16
    learner_rate_hz: int
    persona: Int16
    persona_rate_hz: int


@dataclass(frozen=True, slots=True)
class Call:
    """The parameters of a call: the chat, the audio formats, who ends a turn.

    Attributes:
        draft_id: a draft that the chat takes on first.
        encode: encodes samples in the input format; PCM16 by default.
        decode: decodes the output format to samples; PCM16 by default.
        as_base64: send audio in `chat_speak` messages instead of binary ones.
        noise: peak amplitude of the microphone's background noise, of 32768.
    """

    chat_id: str
    input: Mapping[str, Any] = field(default_factory=lambda: {"encoding": "pcm16", "rate": 16000, "channels": 1})
    output: Mapping[str, Any] = field(default_factory=lambda: {"encoding": "pcm16", "rate": 24000})
    turns: Literal["auto", "manual"] = "auto"
    greet: bool = False
    encode: Callable[[Int16], bytes] = lambda samples: samples.astype("<i2").tobytes()
    decode: Callable[[bytes], Int16] = lambda data: np.frombuffer(data, dtype="<i2").astype(np.int16)
    as_base64: bool = False
    noise: int = 0
    draft_id: str | None = None


def voice_url(url: str) -> str:
    """Return the websocket URL of a service: `http://host:8010` becomes `ws://host:8010/attempt/chat_voice`."""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    path = parts.path.rstrip("/")
    return urlunsplit((scheme, parts.netloc, path if path.endswith(PATH) else path + PATH, "", ""))
