"""Every name that a client event has had, over the years of its clients.

Source: the wire page, "Socket V5: 23 client events" and its note on name drift.
"""

from api.doors.glow.operations.registry import OPERATIONS

LIFECYCLE = ("connect", "disconnect")

V5 = (
    *LIFECYCLE,
    *"generate attempt_start attempt_next attempt_join attempt_leave attempt_end attempt_end_all attempt_stop".split(),
    *"attempt_message attempt_grade attempt_response_submit attempt_use_previous".split(),
    *"attempt_audio_start attempt_audio_stop".split(),
    *"test_start test_next test_run test_end test_join test_leave test_stop".split(),
)
"""The 23 of the Socket V5 document."""

VOICE = ("attempt_audio_frame", "attempt_audio_mute")
"""What a voice session needs besides."""

CANONICAL = tuple(name.replace(".", "_") for name in OPERATIONS)
"""Every operation, as the canonical dialect calls it over a socket."""

EVENTS = tuple(dict.fromkeys((*V5, *VOICE, *CANONICAL)))
"""The one name by which this service knows each event: lower case, with underscores."""

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


def names_of(event: str) -> tuple[str, ...]:
    """Every name of an event: `attempt_stop`, `attempt.stop`, `artifacts.attempt.stop`, `attempt.chat.stop`."""
    artifact, _, operation = event.partition("_")
    names = [event]
    if operation:
        dotted = f"{artifact}.{operation}"
        names += [dotted, f"artifacts.{dotted}"]
        if operation.startswith("chat_"):
            names.append(f"{artifact}.chat.{operation.removeprefix('chat_')}")
    return (*names, *(later for later, known in _LATER.items() if known == event))


EVENT_BY_NAME = {name: event for event in EVENTS for name in names_of(event)}

FRAMES = frozenset(
    name for name, event in EVENT_BY_NAME.items() if event in ("attempt_audio_frame", "attempt_chat_speak")
)
"""The names that carry audio, many times a second."""
