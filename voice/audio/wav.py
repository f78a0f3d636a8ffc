"""Streaming WAV decoder; FFmpeg would buffer the first two seconds to probe them for compressed audio."""

import struct

import numpy as np
from numpy.typing import NDArray

from voice.audio.formats import RATE_HZ, Int16Mono, int16_of, mono_of
from voice.audio.g711 import alaw_decode, mulaw_decode
from voice.audio.resample import HIGHEST_HZ, LOWEST_HZ, Resampler
from voice.errors import EmptyRecording, InvalidAudio, UnsupportedFormat

_PCM, _FLOAT, _ALAW, _MULAW, _EXTENSIBLE = 1, 3, 6, 7, 0xFFFE
_SPOKEN = {(_PCM, 8), (_PCM, 16), (_PCM, 24), (_PCM, 32), (_FLOAT, 32), (_FLOAT, 64), (_ALAW, 8), (_MULAW, 8)}
_UNKNOWN_SIZES = (0, 0xFFFFFFFF)
"""Sizes that writers declare when they cannot seek back to fill in the real one."""

_LONGEST_HEADER = 1 << 20
_MOST_CHANNELS = 8
_LEAST_A_SECOND = 200  # blocks of 5 ms, so that single bytes do not cost a resampling each
_NOTHING = np.zeros(0, np.int16)


class WavStream:
    """Decodes a RIFF WAVE stream (8 to 32 bit PCM, float, A-law, mu-law), however its bytes are split, to 16 kHz mono.

    Source: Microsoft and IBM, Multimedia Programming Interface and Data Specifications 1.0 (1991), and
    WAVEFORMATEXTENSIBLE; EBU Tech 3306 for RF64, whose length is that of the stream.
    """

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._at = 12  # where the next chunk of the header begins
        self._tag = self._bits = self._channels = 0
        self._resampler: Resampler | None = None
        self._in_data = False
        self._least = 0
        self._left: int | None = None
        self._heard = False

    def push(self, data: bytes) -> Int16Mono:
        """Feed the next bytes and return the samples that are ready, int16 mono at 16 kHz, shape (n,).

        Raises:
            InvalidAudio: not a WAV header, or a sample is NaN or infinite.
            UnsupportedFormat: an unsupported codec, rate or channel count.
        """
        self._bytes += data
        if not self._in_data and not self._read_header():
            return _NOTHING
        ready = len(self._bytes) if self._left is None else min(len(self._bytes), self._left)
        if ready < self._least and ready != self._left:
            return _NOTHING
        return self._convert(ready)

    def _convert(self, ready: int) -> Int16Mono:
        ready -= ready % (self._channels * self._bits // 8)
        block = bytes(self._bytes[:ready])
        del self._bytes[:ready]
        if self._left is not None:
            self._left -= ready
            if self._left == 0:
                self._bytes.clear()  # chunks after the audio: lists, cues, padding
        if not block:
            return _NOTHING
        self._heard = True
        assert self._resampler is not None
        return self._resampler.process(mono_of(self._linear(block), self._channels))

    def finish(self) -> Int16Mono:
        """Return the samples buffered in the resampler."""
        if not self._in_data or self._resampler is None:
            return _NOTHING
        return np.concatenate([self._convert(len(self._bytes)), self._resampler.flush()])

    def check_end(self) -> None:
        """Check that the stream is complete.

        Raises:
            InvalidAudio: it ended inside the header or before the declared length, or holds no audio.
        """
        if not self._in_data:
            raise InvalidAudio("The WAV ends inside its header; send the whole file.")
        if not self._heard:
            raise EmptyRecording("The WAV holds no samples; send one with sound in it.")
        if self._left:
            raise InvalidAudio("The WAV ends before the length that its header declares; send the whole file.")

    def close(self) -> None:
        """Do nothing: this decoder holds no resources."""

    def _read_header(self) -> bool:
        """Parse the header; return True once the data chunk has begun, so that `_bytes` begins with its samples."""
        if len(self._bytes) < 12:
            return False
        head = bytes(self._bytes[:12])
        if head[:4] not in (b"RIFF", b"RF64") or head[8:] != b"WAVE":
            raise InvalidAudio("This is not a WAV stream; begin with its RIFF header.")
        while len(self._bytes) >= (at := self._at) + 8:
            name, size = struct.unpack_from("<4sI", self._bytes, at)
            if name == b"data":
                if self._resampler is None:
                    raise InvalidAudio("The WAV has no format before its data; send a fmt chunk first.")
                self._left = None if size in _UNKNOWN_SIZES else size - size % (self._channels * self._bits // 8)
                del self._bytes[: at + 8]
                self._in_data = True
                return True
            if size > _LONGEST_HEADER:
                raise InvalidAudio("The WAV's header is longer than 1 MiB; send the sound without other data.")
            if len(self._bytes) < at + 8 + size:
                return False
            if name == b"fmt " and self._resampler is None:
                self._read_format(bytes(self._bytes[at + 8 : at + 8 + size]))
            self._at += 8 + size + size % 2
        if self._at > _LONGEST_HEADER:
            raise InvalidAudio("The WAV's header is longer than 1 MiB; send the sound without other data.")
        return False

    def _read_format(self, chunk: bytes) -> None:
        if len(chunk) < 16:
            raise InvalidAudio("The WAV's fmt chunk is shorter than 16 bytes; send a whole header.")
        self._tag, self._channels, rate_hz, _, _, self._bits = struct.unpack_from("<HHIIHH", chunk)
        if self._tag == _EXTENSIBLE and len(chunk) >= 26:
            (self._tag,) = struct.unpack_from("<H", chunk, 24)
        if (self._tag, self._bits) not in _SPOKEN:
            raise UnsupportedFormat(
                f"The WAV holds codec {self._tag} with {self._bits} bits; send 16-bit PCM, or float, A-law or mu-law."
            )
        if not 1 <= self._channels <= _MOST_CHANNELS:
            raise UnsupportedFormat(f"The WAV has {self._channels} channels; send 1 to {_MOST_CHANNELS}.")
        if not LOWEST_HZ <= rate_hz <= HIGHEST_HZ:
            raise UnsupportedFormat(f"The WAV has a rate of {rate_hz} Hz; send {LOWEST_HZ} to {HIGHEST_HZ}.")
        self._resampler = Resampler(rate_hz, RATE_HZ)
        self._least = rate_hz // _LEAST_A_SECOND * self._channels * self._bits // 8

    def _linear(self, block: bytes) -> NDArray[np.int16]:
        match self._tag, self._bits:
            case (_, 16):
                return np.frombuffer(block, "<i2")
            case (1, 8):
                return ((np.frombuffer(block, np.uint8).astype(np.int16) - 128) << 8).astype(np.int16)
            case (1, bits):
                width = bits // 8
                top = np.frombuffer(block, np.uint8).reshape(-1, width)[:, width - 2 :]
                return np.ascontiguousarray(top).view("<i2")[:, 0]
            case (3, bits):
                return int16_of(np.frombuffer(block, "<f4" if bits == 32 else "<f8"))
            case (6, _):
                return alaw_decode(block)
            case _:
                return mulaw_decode(block)
