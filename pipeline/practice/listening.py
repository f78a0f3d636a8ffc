"""Listening to a recorded call: where its words are, and a part of its sound."""

import asyncio
import io
import wave
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from models.errors import NotFound
from models.files import Files
from pipeline.call.recording import Words, read_words, recording_of, words_of

LONGEST_PART_MS = 300_000
"""The most of a recording that is returned at once: 19 MB."""


@dataclass(frozen=True, slots=True)
class PlacedWord:
    """A word with its place in the recording of its chat."""

    text: str
    start_ms: int


@dataclass(frozen=True, slots=True)
class AudibleChat:
    """What can be listened to of a chat.

    Attributes:
        length_ms: of its recording, in which its calls follow each other.
        words: by message, in order.
    """

    length_ms: int
    words: Mapping[str, tuple[PlacedWord, ...]]


class Listening:
    """Reads recordings of calls.

    Args:
        files: where they are.
    """

    def __init__(self, files: Files) -> None:
        self._files = files

    async def to(self, chat_id: str) -> AudibleChat | None:
        """Return what can be listened to of a chat; None if nothing of it is recorded yet."""
        return await asyncio.to_thread(self._read, chat_id)

    async def part(self, chat_id: str, from_ms: int, length_ms: int) -> bytes:
        """Return a part of a recording as a WAV file: the learner left, the persona right.

        Raises:
            NotFound: nothing was recorded, or not so much.
        """
        path = self._files.path(recording_of(chat_id))
        return await asyncio.to_thread(_part, path, from_ms, min(length_ms, LONGEST_PART_MS))

    def _read(self, chat_id: str) -> AudibleChat | None:
        path = self._files.path(recording_of(chat_id))
        if not path.is_file():
            return None
        with wave.open(str(path)) as recording:
            length_ms = recording.getnframes() * 1000 // recording.getframerate()
        blocks: dict[str, list[Words]] = {}
        for block in read_words(self._files.path(words_of(chat_id))):
            blocks.setdefault(block.message_id, []).append(block)
        return AudibleChat(length_ms, {message_id: tuple(placed(said)) for message_id, said in blocks.items()})


def placed(blocks: Iterable[Words]) -> Iterable[PlacedWord]:
    """Yield the words of a message one by one; those of one block share its time by their letters."""
    for block in blocks:
        letters = max(1, len(block.text))
        at = 0
        for word in block.text.split():
            at = block.text.index(word, at)
            yield PlacedWord(word, block.start_ms + (block.end_ms - block.start_ms) * at // letters)
            at += len(word)


def _part(path: Path, from_ms: int, length_ms: int) -> bytes:
    if not path.is_file():
        raise NotFound("There is no recording of this call: calls are recorded only where GLOW_RECORD_CALLS is on.")
    with wave.open(str(path)) as recording:
        rate_hz, frames = recording.getframerate(), recording.getnframes()
        start = from_ms * rate_hz // 1000
        if start >= frames:
            raise NotFound(f"The recording is over by then: it has {frames * 1000 // rate_hz} ms.")
        recording.setpos(start)
        sound = recording.readframes(length_ms * rate_hz // 1000)
        out = io.BytesIO()
        with wave.open(out, "wb") as part:
            part.setnchannels(recording.getnchannels())
            part.setsampwidth(recording.getsampwidth())
            part.setframerate(rate_hz)
            part.writeframes(sound)
    return out.getvalue()
