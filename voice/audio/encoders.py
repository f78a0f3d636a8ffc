"""Encoding of speech as a file while it is made: one continuous encoder from the first sample to the last."""

import io
import struct
from typing import Literal, cast

import av
import numpy as np
from av.audio.format import AudioFormat
from av.audio.layout import AudioLayout
from av.audio.stream import AudioStream

from voice.audio.formats import Int16Mono
from voice.audio.resample import Resampler

FileFormat = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]

MEDIA_TYPES: dict[FileFormat, str] = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}

_CONTAINERS = {
    "mp3": ("mp3", "libmp3lame", "s16p"),
    "opus": ("ogg", "libopus", "s16"),
    "aac": ("adts", "aac", "fltp"),
    "flac": ("flac", "flac", "s16"),
}
_BITS_A_SECOND = {"mp3": 64_000, "opus": 32_000, "aac": 64_000}
_OPUS_HZ = 48_000
_UNKNOWN = 0xFFFFFFFF
"""The size of a WAV file whose end is not known yet."""


class FileEncoder:
    """Encodes mono speech as one file, in pieces. Blocking, for a fraction of a millisecond a piece.

    Args:
        kind: the format; "pcm" are the samples without a header, little-endian.
        rate_hz: sample rate of the speech.
        samples: how many there will be, so that a WAV header is true; None if that is not known.
    """

    def __init__(self, kind: FileFormat, rate_hz: int, samples: int | None = None) -> None:
        self._kind = kind
        self._rate_hz = rate_hz
        self._out = _Pieces()
        self._resampler: Resampler | None = None
        if kind in _CONTAINERS:
            container, codec, layout = _CONTAINERS[kind]
            if kind == "opus":
                self._resampler, self._rate_hz = Resampler(rate_hz, _OPUS_HZ), _OPUS_HZ
            self._container = av.open(self._out, "w", format=container)
            self._stream = cast(AudioStream, self._container.add_stream(codec, rate=self._rate_hz))
            self._stream.codec_context.layout = AudioLayout("mono")
            self._stream.codec_context.format = AudioFormat(layout)
            if kind in _BITS_A_SECOND:
                self._stream.codec_context.bit_rate = _BITS_A_SECOND[kind]
            self._fifo = av.AudioFifo()
            self._position = 0
        elif kind == "wav":
            self._out.write(_wav_header(rate_hz, samples))

    def push(self, audio: Int16Mono) -> bytes:
        """Encode more samples, shape (n,); return the bytes that are ready, perhaps none."""
        if self._kind in ("wav", "pcm"):
            self._out.write(audio.astype("<i2").tobytes())
        elif len(audio):
            self._encode(audio if self._resampler is None else self._resampler.process(audio), last=False)
        return self._out.take()

    def finish(self) -> bytes:
        """Return the rest of the file; the encoder takes no more."""
        if self._kind in _CONTAINERS:
            rest = np.zeros(0, np.int16) if self._resampler is None else self._resampler.flush()
            self._encode(rest, last=True)
            for packet in self._stream.encode(None):
                self._container.mux(packet)
            self._container.close()
        return self._out.take()

    def _encode(self, audio: Int16Mono, *, last: bool) -> None:
        if len(audio):
            frame = av.AudioFrame.from_ndarray(audio.reshape(1, -1), format="s16", layout="mono")
            frame.sample_rate = self._rate_hz
            frame.pts = self._position
            self._position += len(audio)
            self._fifo.write(frame)
        size = self._stream.codec_context.frame_size or 1_024
        while (part := self._fifo.read(size, partial=last)) is not None:
            for packet in self._stream.encode(part):
                self._container.mux(packet)


class _Pieces(io.RawIOBase):
    """What was written since it was last taken; it cannot be sought in, as a stream to a client cannot."""

    def __init__(self) -> None:
        self._written = bytearray()

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def write(self, data: object) -> int:
        piece = bytes(data)  # type: ignore[call-overload]
        self._written += piece
        return len(piece)

    def take(self) -> bytes:
        """Return what was written, once."""
        piece = bytes(self._written)
        self._written.clear()
        return piece


def _wav_header(rate_hz: int, samples: int | None) -> bytes:
    size = _UNKNOWN if samples is None else 2 * samples
    whole = _UNKNOWN if samples is None else 36 + size
    form = struct.pack("<IHHIIHH", 16, 1, 1, rate_hz, 2 * rate_hz, 2, 16)
    return b"RIFF" + struct.pack("<I", whole) + b"WAVEfmt " + form + b"data" + struct.pack("<I", size)
