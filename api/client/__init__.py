"""The client library: open a call, talk HTTP or socket.io to a running service, play and record audio.

A program imports from this package only; each module is loaded on the first use of one of its names.

    from api.client import Call, RemoteService, open_call

    with RemoteService(url, token) as service:
        name, chat_id = service.start_named()
    async with open_call(url, Call(chat_id), token=token) as call:
        await call.say(samples)                 # int16 mono at 16 kHz
        reply = await call.next("reply.ended")
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from api.client.call import Call, ClientError, Disconnected, Event, NoAnswer, Recording, Refused, voice_url
    from api.client.handset import Microphone, Player, Spoken
    from api.client.http import RemoteService, StoredMessage, http_url
    from api.client.recordings import learner_recording, read_recording, write_persona, write_stereo
    from api.client.socketio import SocketClient, open_socket
    from api.client.sound_card import SoundCard
    from api.client.voice import Clock, VoiceClient, open_call

_HOME = {
    name: module
    for module, names in {
        "call": "Call ClientError Disconnected Event NoAnswer Recording Refused voice_url",
        "handset": "Microphone Player Spoken",
        "http": "RemoteService StoredMessage http_url",
        "recordings": "learner_recording read_recording write_persona write_stereo",
        "socketio": "SocketClient open_socket",
        "sound_card": "SoundCard",
        "voice": "Clock VoiceClient open_call",
    }.items()
    for name in names.split()
}

__all__ = [
    "Call",
    "ClientError",
    "Clock",
    "Disconnected",
    "Event",
    "Microphone",
    "NoAnswer",
    "Player",
    "Recording",
    "Refused",
    "RemoteService",
    "SocketClient",
    "SoundCard",
    "Spoken",
    "StoredMessage",
    "VoiceClient",
    "http_url",
    "learner_recording",
    "open_call",
    "open_socket",
    "read_recording",
    "voice_url",
    "write_persona",
    "write_stereo",
]


def __getattr__(name: str) -> Any:
    """Load the module of a name on its first use."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
