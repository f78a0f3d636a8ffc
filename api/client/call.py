"""A call as its client sees it: what to open, what comes, and what can go wrong."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

import numpy as np

from api.client.handset import Int16

PATH = "/attempt/chat_voice"


class ClientError(Exception):
    """Something the user of a client can act on; the message is a sentence that says how."""


class Refused(ClientError):
    """The service would not open or keep the call.

    Attributes:
        code: the service's error code, or `http_<status>` where it refused before the websocket was open.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Disconnected(ClientError):
    """The call is over, or its connection was lost and could not be resumed."""


class NoAnswer(ClientError):
    """What was waited for did not come in time."""


@dataclass(frozen=True, slots=True)
class Event:
    """One message of the service, with the client's time of arrival."""

    type: str
    at: float
    data: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.data[name]

    @property
    def turn(self) -> int | None:
        """The turn it belongs to, where it belongs to one."""
        return self.data.get("turn")


@dataclass(frozen=True, slots=True)
class Recording:
    """Both sides of the call on one timeline: what was said, and what of the persona was heard."""

    learner: Int16
    learner_rate_hz: int
    persona: Int16
    persona_rate_hz: int


@dataclass(frozen=True, slots=True)
class Call:
    """What to open: the chat, the formats, who ends a turn.

    Attributes:
        encode: samples to the input format's bytes; PCM16 by default.
        decode: the output format's bytes to samples; PCM16 by default.
        as_base64: speak through `chat_speak` messages instead of binary ones.
        noise: peak of the noise in the silences of the microphone, of 32768.
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


def voice_url(url: str) -> str:
    """Return the websocket's address at a service: `http://host:8010` becomes `ws://host:8010/attempt/chat_voice`."""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    path = parts.path.rstrip("/")
    return urlunsplit((scheme, parts.netloc, path if path.endswith(PATH) else path + PATH, "", ""))
