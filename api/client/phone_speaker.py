"""A caller's loudspeaker behind a carrier's buffer, as Twilio's documentation has it."""

import base64
import json
from collections import deque
from dataclasses import dataclass, field

FRAME = 160
SILENCE = b"\xff"
"""A sample of mu-law silence."""

LONGEST_QUEUE = 10 * 60 * 8_000
"""Bytes of audio that may wait to be played; more is an error (31931)."""

COMMANDS = frozenset({"media", "mark", "clear"})
"""What a server may send; anything else is an error (31924)."""


@dataclass(slots=True)
class PhoneSpeaker:
    """The caller's loudspeaker, with its carrier's buffer. It has no clock: each `play` is the next 20 ms.

    Attributes:
        played: everything that was played, silence included, as mu-law.
        marks: the names of the marks that were reached, each with the number of bytes of `played` then.
        clears: the number of bytes of `played` at each `clear`.
        errors: what the carrier would have closed the stream for.
    """

    played: bytearray = field(default_factory=bytearray)
    marks: list[tuple[str, int]] = field(default_factory=list)
    clears: list[int] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    voiced: bytearray = field(default_factory=bytearray)
    """One byte for each of `played`: 1 where it came from the service."""
    _queue: deque[bytes | str] = field(default_factory=deque)
    _waiting: int = 0

    @property
    def is_playing(self) -> bool:
        """Whether audio waits to be played."""
        return self._waiting > 0

    def take(self, message: str | bytes) -> list[str]:
        """Take a message of the service; return the names of marks that come back at once."""
        if isinstance(message, bytes):
            self.errors.append("31950: a binary message")
            return []
        try:
            parsed = json.loads(message)
            event = parsed["event"]
            if event not in COMMANDS or not parsed["streamSid"]:
                raise ValueError
            match event:
                case "media":
                    return self._queue_audio(base64.b64decode(parsed["media"]["payload"], validate=True))
                case "mark":
                    return self._queue_mark(str(parsed["mark"]["name"]))
                case _:
                    return self._clear()
        except (ValueError, KeyError, TypeError):
            self.errors.append(f"31924: {message[:100]}")
            return []

    def play(self) -> list[str]:
        """Play the next 20 ms; return the names of the marks that were reached."""
        reached: list[str] = []
        frame = bytearray()
        while self._queue:
            item = self._queue[0]
            if isinstance(item, str):
                reached.append(item)
                self.marks.append((item, len(self.played) + len(frame)))
                self._queue.popleft()
            elif len(frame) == FRAME:
                break
            else:
                taken = item[: FRAME - len(frame)]
                frame += taken
                self._waiting -= len(taken)
                if len(taken) < len(item):
                    self._queue[0] = item[len(taken) :]
                else:
                    self._queue.popleft()
        self.played += frame + SILENCE * (FRAME - len(frame))
        self.voiced += b"\x01" * len(frame) + b"\x00" * (FRAME - len(frame))
        return reached

    def latest(self, samples: int, delay: int) -> bytes:
        """Return what was played `delay` samples ago, for an echo of it."""
        end = len(self.played) - delay
        begin = end - samples
        return SILENCE * samples if begin < 0 else bytes(self.played[begin:end])

    def _queue_audio(self, audio: bytes) -> list[str]:
        if self._waiting + len(audio) > LONGEST_QUEUE:
            self.errors.append("31931: more than ten minutes of audio wait")
            return []
        if audio:
            self._queue.append(audio)
            self._waiting += len(audio)
        return []

    def _queue_mark(self, name: str) -> list[str]:
        if not self._queue:
            self.marks.append((name, len(self.played)))
            return [name]
        self._queue.append(name)
        return []

    def _clear(self) -> list[str]:
        names = [item for item in self._queue if isinstance(item, str)]
        self._queue.clear()
        self._waiting = 0
        self.clears.append(len(self.played))
        return names
