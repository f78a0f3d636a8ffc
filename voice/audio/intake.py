"""Incoming audio of a call: from bytes to frames, one stream after another, with recovery from damaged ones."""

import asyncio
from collections.abc import Callable

from voice.audio.containers import demuxer_of
from voice.audio.formats import AudioFormat, Int16Mono
from voice.audio.frames import FrameDecoder
from voice.audio.sample_check import SampleCheck
from voice.errors import VoiceError

SLICE = 2048
"""Bytes of a container decoded at once, which is the most that damage can lose of what precedes it."""

_BLOCK = 32 * SLICE
_HEADER = 12
_MAGICS = (b"OggS", b"\x1a\x45\xdf\xa3", b"RIFF", b"RF64")
_FIRST_PAGE = 0x02  # of an Ogg stream, RFC 3533 section 6
_LEAST_WAV, _LIVE_WAV = 44, 0x7FFFFF00
"""A WAV that declares no more than its own header, or the maximum, is a live stream without a known end."""

Taken = tuple[list[Int16Mono], VoiceError | None]
"""Frames, and the error after them, if any."""


class AudioIntake:
    """Decodes a call's incoming messages of any size into 20 ms frames.

    A client may send several containers in succession, for instance one per push-to-talk; each begins with its header.
    After damage the rest of the container is skipped, up to the next header.

    Attributes:
        format: what the client sends.
    """

    def __init__(self, wire: AudioFormat) -> None:
        """Create an intake for a format.

        Raises:
            UnsupportedFormat: the service does not support it.
        """
        self.format = wire
        self._decoder = FrameDecoder(wire)
        self._check = SampleCheck(wire)
        self._using = asyncio.Lock()
        self._lost: bytes | None = None
        self._nameless = False
        self._refusal: VoiceError | None = None
        self._head = b""
        self._taken = 0
        self._length: int | None = None
        self._sounded = False

    async def push(self, data: bytes) -> Taken:
        """Decode a message."""
        return await self._work(lambda: self._containers(data) if self._decoder.blocking else self._linear(data))

    def at_once(self, data: bytes) -> Taken | None:
        """Decode a message synchronously; return None if the format needs `push`."""
        return None if self._decoder.blocking or self._using.locked() else self._linear(data)

    async def commit(self) -> Taken:
        """End the utterance; a container may continue, unless it contained no audio."""
        if self._decoder.blocking and (self._sounded or not self._taken):
            return [], None
        return await self.flush()

    async def flush(self) -> Taken:
        """End the stream and return its remaining frames."""
        return await self._work(self._flush)

    async def realign(self) -> Taken:
        """Realign to whole samples after messages may have been lost (containers resynchronise by themselves)."""
        return ([], None) if self._decoder.blocking else await self.flush()

    async def close(self) -> None:
        """Release the decoder."""
        await self._work(self._close)

    async def _work(self, job: Callable[[], Taken]) -> Taken:
        async with self._using:
            if not self._decoder.blocking:
                return job()
            # A thread cannot be stopped: on cancellation wait until it has left the decoder.
            working = asyncio.ensure_future(asyncio.to_thread(job))
            try:
                return await asyncio.shield(working)
            except asyncio.CancelledError:
                await asyncio.wait({working})
                raise

    def _linear(self, data: bytes) -> Taken:
        try:
            return self._decoder.push(data), self._check.push(data)
        except VoiceError as error:
            return [], error

    def _close(self) -> Taken:
        self._decoder.close()
        return [], None

    # -------------------------------------------------------------- containers

    def _containers(self, data: bytes) -> Taken:
        """Decode by blocks, so that what is looked at again after damage does not grow with the message."""
        frames: list[Int16Mono] = []
        problem: VoiceError | None = None
        for start in range(0, len(data), _BLOCK):
            more, found = self._container(data[start : start + _BLOCK])
            frames += more
            problem = problem or found
        return frames, problem

    def _container(self, data: bytes) -> Taken:
        frames: list[Int16Mono] = []
        problem: VoiceError | None = None
        while data:
            if self._lost is not None:
                data = self._searched(data)
                if not data:
                    return frames, problem or (self._refusal if self._nameless else None)
            elif self._taken and _header_at(data) == 0:
                rest, ending = self._flush()
                frames, problem = frames + rest, problem or ending
            elif not self._taken and not (data := data.lstrip(b"\0")):
                break  # the padding byte of a WAV of odd length
            part, data = self._next_slice(data)
            try:
                pushed = self._decoder.push(part)
            except VoiceError as error:
                problem = problem or error
                self._nameless = not self._sounded and _header_at(self._head) != 0
                self._refusal = error
                if self._nameless:  # its header may still be in there
                    data = self._head[: self._taken - len(part)] + part + data
                self._begin(lost=b"")
                continue
            self._sounded = self._sounded or bool(pushed)
            frames += pushed
            if self._taken == self._length:
                rest, ending = self._flush()
                frames, problem = frames + rest, problem or ending
        return frames, problem

    def _begin(self, lost: bytes | None = None) -> None:
        """Expect a new container; with `lost`, the last bytes seen, search for its header."""
        self._lost = lost
        self._head, self._taken, self._length, self._sounded = b"", 0, None, False

    def _searched(self, data: bytes) -> bytes:
        """Return the data from the next header on; nothing while there is none."""
        assert self._lost is not None
        seen = self._lost + data
        if (at := _header_at(seen, anywhere=True)) is None:
            self._lost = seen[-_HEADER + 1 :]
            return b""
        self._begin()
        return seen[at:]

    def _next_slice(self, data: bytes) -> tuple[bytes, bytes]:
        """Split off the next bytes for the decoder, up to the declared end of a WAV."""
        if len(self._head) < _HEADER:
            self._head += data[: _HEADER - len(self._head)]
            if len(self._head) == _HEADER and self._head[:4] == b"RIFF" and self._head[8:] == b"WAVE":
                declared = int.from_bytes(self._head[4:8], "little") + 8
                if _LEAST_WAV < declared < _LIVE_WAV:
                    self._length = declared
        size = SLICE if self._length is None else min(SLICE, self._length - self._taken)
        self._taken += min(size, len(data))
        return data[:size], data[size:]

    def _flush(self) -> Taken:
        problem: VoiceError | None = None
        if self._lost is None:
            self._begin()
        try:
            return self._decoder.flush(), None
        except VoiceError as error:
            problem = error
        # The second flush returns the last frames that could be decoded.
        try:
            return self._decoder.flush(), problem
        except VoiceError:
            return [], problem


def _header_at(data: bytes, *, anywhere: bool = False) -> int | None:
    """Return the position of a container's header in these bytes, or None."""
    if not anywhere:
        return 0 if _is_header(data[:_HEADER]) else None
    found = (data.find(magic) for magic in _MAGICS)
    candidates = sorted(at for at in found if at >= 0)
    return next((at for at in candidates if _is_header(data[at : at + _HEADER])), None)


def _is_header(head: bytes) -> bool:
    if len(head) < _HEADER or demuxer_of(head) not in ("ogg", "matroska", "wav"):
        return False
    return head[:4] != b"OggS" or bool(head[5] & _FIRST_PAGE)
