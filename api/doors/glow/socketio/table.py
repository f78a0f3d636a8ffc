"""The events made from a table of operations, by every name that clients have used for each.

Source: the wire page, "Socket V5: 23 client events" and its note on name drift.
"""

from collections.abc import Iterable
from functools import partial

from pydantic import BaseModel

from api.doors.glow.operation import EventRow, Operation
from api.doors.glow.operations.shapes_chats import MuteBody
from api.doors.glow.socketio import rooms, voice
from api.doors.glow.socketio.events import ClientEvent, Run
from api.doors.glow.socketio.generation import DraftBody, generate

LIFECYCLE = ("connect", "disconnect")

_OWN: dict[str, Run] = {
    "attempt.start": rooms.start,
    "attempt.next": rooms.next_chat,
    "attempt.stop": rooms.stop,
    "attempt.join": rooms.join,
    "attempt.leave": rooms.leave,
    "attempt.chat_voice": voice.start,
    "attempt.chat_silence": voice.stop,
    "attempt.chat_mute": voice.mute,
    "test.join": rooms.join_test,
    "test.leave": rooms.leave_test,
    **{
        f"test.{name}": partial(rooms.ask_of_test, operation=f"test.{name}")
        for name in "start next run end stop".split()
    },
}
"""The events that do more than carry out their operation."""

_BODIES: dict[str, type[BaseModel]] = {
    "attempt.join": rooms.ChannelBody,
    "attempt.leave": rooms.ChannelBody,
    "attempt.chat_voice": voice.AudioStartBody,
    "attempt.chat_silence": voice.AudioBody,
    "attempt.chat_mute": MuteBody,
}
"""The events whose body is not their operation's."""

_LATER = {
    "attempt.chat.send": "attempt_message",
    "attempt.chat.stop": "attempt_stop",
    "attempt.chat.join": "attempt_join",
    "attempt.chat.leave": "attempt_leave",
    "attempt.chat.frame": "attempt_audio_frame",
    "attempt.response": "attempt_response_submit",
    "attempt.audio.start": "attempt_audio_start",
    "attempt.audio.stop": "attempt_audio_stop",
    "attempt.audio.frame": "attempt_audio_frame",
    "attempt.audio.mute": "attempt_audio_mute",
}


class Events:
    """All events of a table of operations.

    Attributes:
        by_name: every event by its normalised name: lower case, with underscores.
        v5: the names of the Socket V5 document.
        frames: every name that carries audio, many times a second.
    """

    def __init__(self, operations: Iterable[Operation]) -> None:
        # The one event that is no operation, as it carries out several.
        self.by_name = {"generate": ClientEvent(DraftBody, generate, EventRow(v5=True, kind="generation"), "generate")}
        for operation in operations:
            for row in operation.events:
                self.by_name[row.name or operation.key.replace(".", "_")] = _event(operation, row)
        self.v5 = (*LIFECYCLE, *(name for name, event in self.by_name.items() if event.row.v5))
        self._known = {other: name for name in (*LIFECYCLE, *self.by_name) for other in names_of(name)}
        self.frames = frozenset(
            other for other, name in self._known.items() if name in self.by_name and self.by_name[name].row.frames
        )

    def find(self, name: str) -> ClientEvent | None:
        """Find an event by any of its names."""
        return self.by_name.get(self._known.get(name, ""))


def names_of(event: str) -> tuple[str, ...]:
    """List every name of an event: `attempt_stop`, `attempt.stop`, `artifacts.attempt.stop`, `attempt.chat.stop`."""
    artifact, _, operation = event.partition("_")
    names = [event]
    if operation:
        dotted = f"{artifact}.{operation}"
        names += [dotted, f"artifacts.{dotted}"]
        if operation.startswith("chat_"):
            names.append(f"{artifact}.chat.{operation.removeprefix('chat_')}")
    return (*names, *(later for later, known in _LATER.items() if known == event))


def _event(operation: Operation, row: EventRow) -> ClientEvent:
    body = _BODIES.get(operation.key) or operation.body
    return ClientEvent(body, _OWN.get(operation.key) or partial(rooms.ask, operation=operation.key), row, operation.key)
