"""Records a call as a stereo WAV file, if enabled: the learner left, the persona as it was heard right."""

import asyncio
import json
import logging
import wave
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from models.files import PART, Files
from models.private import private_file, private_folder
from pipeline.call.call import Call
from pipeline.call.follower import CallFollower
from pipeline.call.registry import Calls
from pipeline.conversation.events import (
    CallEnded,
    ReplyAudio,
    ReplyBegan,
    ReplyCleared,
    SessionEvent,
    UserEnded,
    UserMessage,
    UserStarted,
)
from pipeline.tasks.clock import Clock
from voice.audio.formats import RATE_HZ, Int16Mono
from voice.audio.resample import Resampler

log = logging.getLogger(__name__)

LONGEST_S = 3600
"""Longest recording of one call; the rest is not recorded."""

_BUFFER = RATE_HZ  # samples of one side per write
_JITTER = RATE_HZ // 5  # a frame at most this late is still joined to the one before
_BYTES = 2
_LEARNER, _PERSONA = ".learner", ".persona"


def recording_of(chat_id: str) -> str:
    """Return the file name of a chat's recording, in which its calls follow each other."""
    return f"call-{chat_id}"


def words_of(chat_id: str) -> str:
    """Return the file name of the places of words in a chat's recording: `Words` as JSON, one a line."""
    return f"words-{chat_id}"


@dataclass(frozen=True, slots=True)
class Words:
    """Words with their place in a recording.

    Attributes:
        start_ms, end_ms: in the whole recording of the chat. Of the persona, those of the block of audio that they are
            in; of the learner, those of the turn.
    """

    message_id: str
    start_ms: int
    end_ms: int
    text: str


class Recordings(CallFollower):
    """Records every call whose settings say so, as soon as it may be recorded.

    Args:
        calls: the registry whose calls are recorded.
        files: the storage of the recordings.
        clock: the calls' clock.
        alone: is set when no other process records into the same files any more; None if there is none.
    """

    def __init__(self, calls: Calls, files: Files, clock: Clock, *, alone: asyncio.Event | None = None) -> None:
        super().__init__(calls, "Some of a recording could not be written", clock)
        self._files = files
        self._clock = clock
        self._alone = alone
        self._waiting: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Join the tracks that a killed process left, and remove what it left half-written.

        While another process runs, whose these may be, that is put off until it runs no more.
        """
        await asyncio.to_thread(self._files.tighten)
        left = await asyncio.to_thread(self._files.ending, PART, _LEARNER, _PERSONA)
        entered = await super().__aenter__()
        if self._alone is None or self._alone.is_set():
            await asyncio.to_thread(self._recover, left)
        else:
            self._waiting = asyncio.create_task(self._recover_later(left, self._alone), name="leftover recordings")
        return entered

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            await asyncio.gather(self._waiting, return_exceptions=True)
        await super().__aexit__(kind, error, trace)

    async def _recover_later(self, left: list[Path], alone: asyncio.Event) -> None:
        await alone.wait()
        self._put_file_work(lambda: self._recover(left))

    def _recover(self, left: list[Path]) -> None:
        for path in left:
            chat, beside = path.name.partition(".")[0], path.with_suffix("")
            if path.suffix == PART:
                path.unlink(missing_ok=True)
            if not path.exists() or beside.name == chat:
                continue
            try:
                _join(Path(f"{beside}{_LEARNER}"), Path(f"{beside}{_PERSONA}"), path.with_name(chat))
                log.info("The recording of a call that was broken off is joined to %s.", chat)
            except (OSError, wave.Error, EOFError) as error:
                log.warning("The recording of a call that was broken off stays apart: %s", error)

    def follow(self, call: Call) -> None:
        """Record what both sides say."""

        recorder: _Recorder | None = None

        def begin() -> None:
            nonlocal recorder
            chat_id = call.session.conversation.chat_id
            path, words = self._files.path(recording_of(chat_id)), self._files.path(words_of(chat_id))
            recorder = _Recorder(path, words, call, self._clock, self._put_file_work)

        def end() -> None:
            if recorder is not None:
                recorder.stop()

        call.session.opening.when_recorded(begin, end)

    async def remove(self, chat_ids: Iterable[str]) -> None:
        """Remove the recordings of the calls on these chats, once what waits to be written is written.

        Raises:
            StorageBehind: too much waits.
        """
        names = [name(chat_id) for chat_id in chat_ids for name in (recording_of, words_of)]
        if not names:
            return
        removed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def carried_out() -> None:
            try:
                await asyncio.to_thread(self._files.remove, names)
            finally:
                if not removed.done():
                    removed.set_result(None)

        self._writer.put(carried_out)
        await removed

    def _put_file_work(self, work: Callable[[], None]) -> None:
        async def carried_out() -> None:
            await asyncio.to_thread(work)

        self.put(carried_out)


class _Track:
    """One side of a call in a file of raw samples; gaps are silence."""

    def __init__(self, path: Path, put: Callable[[Callable[[], None]], None]) -> None:
        self.path = path
        self.end = 0
        self._put = put
        self._waiting: list[Int16Mono] = []
        self._from = 0
        self._size = 0

    def add(self, audio: Int16Mono, at: int) -> None:
        """Write audio at a position no earlier than the end."""
        if at > self.end:
            self.flush()
            self.end = at
        if not self._waiting:
            self._from = self.end
        self._waiting.append(audio)
        self._size += len(audio)
        self.end += len(audio)
        if self._size >= _BUFFER:
            self.flush()

    def cut(self, at: int) -> None:
        """Truncate the track at this position."""
        self.flush()
        if at < self.end:
            self.end = max(0, at)
            path, size = self.path, self.end * _BYTES
            self._put(lambda: _truncate(path, size))

    def flush(self) -> None:
        """Write what is buffered."""
        if self._waiting:
            data, path, start = np.concatenate(self._waiting), self.path, self._from * _BYTES
            self._waiting, self._size = [], 0
            self._put(lambda: _write_at(path, start, data.astype("<i2").tobytes()))


class _Recorder:
    """The recorder of one call: places both sides in the call's time."""

    def __init__(
        self, path: Path, words: Path, call: Call, clock: Clock, put: Callable[[Callable[[], None]], None]
    ) -> None:
        name = call.session.conversation_id
        self._path, self._words_path = path, words
        self._session = call.session
        self._clock = clock
        self._put = put
        self._began_at = clock.now()
        # Named for the chat and the moment: a call that goes on after a restart has further tracks.
        beside = f"{path.name}.{name}.{round(clock.now() * 1000)}"
        self._learner = _Track(path.with_name(beside + _LEARNER), put)
        self._persona = _Track(path.with_name(beside + _PERSONA), put)
        self._rate_hz = call.session.settings.output_rate_hz
        self._resampler = Resampler(self._rate_hz, RATE_HZ)
        self._reply_from = 0
        self._reply_id = ""
        self._spoken: dict[int, tuple[int, int]] = {}
        self._words: dict[str, list[Words]] = {}
        self._call = call
        call.tap = self.learner_said
        self._unsubscribe = call.session.subscribe(self.hear)

    def stop(self) -> None:
        """Record no more, and join what there is."""
        self._call.tap = None
        self._unsubscribe()
        self._finish()

    def learner_said(self, frame: Int16Mono) -> None:
        """Record a 20 ms frame of the learner."""
        now = self._now()
        at = self._learner.end if now - self._learner.end < _JITTER else now
        if at < LONGEST_S * RATE_HZ:
            self._learner.add(frame, at)

    def hear(self, event: SessionEvent) -> None:
        """Record the persona's audio as it is sent, and cut it where it was not heard."""
        match event:
            case UserStarted(turn, at_ms):
                at = self._place_ms(at_ms)
                self._spoken[turn] = (self._spoken.get(turn, (at, at))[0], at)
            case UserEnded(turn, at_ms) if turn in self._spoken:
                self._spoken[turn] = (self._spoken[turn][0], self._place_ms(at_ms))
            case UserMessage(turn, message_id, text) if turn in self._spoken:
                self._words[message_id] = [Words(message_id, *self._spoken[turn], text)]
            case ReplyBegan(_, message_id):
                self._reply_id = message_id
                self._resampler = Resampler(self._rate_hz, RATE_HZ)
                self._reply_from = max(self._now(), self._persona.end)
            case ReplyAudio(at_ms=at_ms, duration_ms=duration_ms, text=text, audio=audio):
                at = max(self._reply_from + at_ms * RATE_HZ // 1000, self._persona.end)
                if at - self._persona.end < _JITTER:
                    at = self._persona.end
                at = at if at >= self._now() - _JITTER else self._now()
                self._reply_from = at - at_ms * RATE_HZ // 1000
                if at < LONGEST_S * RATE_HZ:
                    self._persona.add(self._resampler.process(audio), at)
                    if text.strip():
                        start = at * 1000 // RATE_HZ
                        block = Words(self._reply_id, start, start + duration_ms, text)
                        self._words.setdefault(self._reply_id, []).append(block)
            case ReplyCleared(heard_ms=heard_ms):
                end = self._reply_from + heard_ms * RATE_HZ // 1000
                self._persona.cut(end)
                said = self._words.get(self._reply_id, [])
                self._words[self._reply_id] = [block for block in said if block.start_ms < end * 1000 // RATE_HZ]
                self._resampler = Resampler(self._rate_hz, RATE_HZ)
            case CallEnded():
                self._finish()
            case _:
                pass

    def _finish(self) -> None:
        self._learner.flush()
        self._persona.flush()
        left, right, path, words = self._learner.path, self._persona.path, self._path, self._words_path
        said = [block for blocks in self._words.values() for block in blocks]
        self._put(lambda: _join(left, right, path, words, said))

    def _place_ms(self, audio_ms: int) -> int:
        """Convert audio time, which stands still while the client is muted, to a place on the learner's track."""
        return max(0, self._learner.end * 1000 // RATE_HZ - (self._session.position_ms - audio_ms))

    def _now(self) -> int:
        return round((self._clock.now() - self._began_at) * RATE_HZ)


def _write_at(path: Path, start: int, data: bytes) -> None:
    if not path.exists():
        private_folder(path.parent)
        private_file(path)
    with path.open("r+b") as file:
        file.seek(start)
        file.write(data)


def _truncate(path: Path, size: int) -> None:
    if path.exists():
        with path.open("r+b") as file:
            file.truncate(size)


def _join(left: Path, right: Path, path: Path, words_path: Path | None = None, said: Iterable[Words] = ()) -> None:
    """Append both sides to one stereo file, after earlier calls of the chat, and the words to theirs."""
    part = path.with_suffix(PART)
    private_folder(path.parent)
    try:
        private_file(part)
        earlier_ms = _write_both(left, right, part, path)
        part.replace(path)
        if words_path is not None:
            _append_words(words_path, said, earlier_ms)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    left.unlink(missing_ok=True)
    right.unlink(missing_ok=True)


def _append_words(path: Path, said: Iterable[Words], earlier_ms: int) -> None:
    if not path.exists():
        private_file(path)
    with path.open("a", encoding="utf-8") as file:
        for block in said:
            place = [block.message_id, block.start_ms + earlier_ms, block.end_ms + earlier_ms, block.text]
            file.write(f"{json.dumps(place, ensure_ascii=False)}\n")


def read_words(path: Path) -> list[Words]:
    """Read the places of words in a recording; none if there is no such file."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except FileNotFoundError:
        return []
    return [Words(*json.loads(line)) for line in lines if line.endswith("]")]


def _write_both(left: Path, right: Path, part: Path, path: Path) -> int:
    """Write earlier calls and this one; return how many milliseconds the earlier ones take."""
    earlier_frames = 0
    with wave.open(str(part), "wb") as joined:
        joined.setnchannels(2)
        joined.setsampwidth(_BYTES)
        joined.setframerate(RATE_HZ)
        if path.exists():
            with wave.open(str(path), "rb") as earlier:
                earlier_frames = earlier.getnframes()
                while block := earlier.readframes(_BUFFER):
                    joined.writeframes(block)
        length = max((side.stat().st_size if side.exists() else 0) for side in (left, right))
        for start in range(0, length, _BUFFER * _BYTES):
            size = min(_BUFFER * _BYTES, length - start)
            sides = [np.frombuffer(_read_at(side, start, size), "<i2") for side in (left, right)]
            joined.writeframes(np.stack(sides, axis=1).tobytes())
    return earlier_frames * 1000 // RATE_HZ


def _read_at(path: Path, start: int, size: int) -> bytes:
    """Read `size` bytes of a file, with silence after its end."""
    if not path.exists():
        return bytes(size)
    with path.open("rb") as file:
        file.seek(start)
        return file.read(size).ljust(size, b"\0")
