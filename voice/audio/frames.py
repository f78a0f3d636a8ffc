"""Decoding of one audio stream: bytes of any size in, 20 ms frames at 16 kHz out."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from voice.audio.containers import ContainerDecoder
from voice.audio.formats import FRAME, RATE_HZ, AudioFormat, Int16Mono, mono_of
from voice.audio.g711 import alaw_decode, mulaw_decode
from voice.audio.opus import DECODED_HZ, OpusDecoder
from voice.audio.resample import Resampler
from voice.errors import VoiceError

_NOTHING = np.zeros(0, np.int16)


class FrameDecoder:
    """Decodes one stream of any format into frames; buffers partial samples and partial frames.

    Frames are read-only: most are views of the message. The output has exactly the duration of the input, however long
    the call.

    Attributes:
        blocking: whether push and flush decode a container, and belong in a worker thread.
    """

    def __init__(self, wire: AudioFormat) -> None:
        """Create a decoder for one format.

        Raises:
            UnsupportedFormat: as AudioFormat.check.
        """
        wire.check()
        self.blocking = wire.encoding == "container"
        self._container: ContainerDecoder | None = None
        self._opus: OpusDecoder | None = None
        self._linear: _LinearStream | None = None
        self._frames = _Frames()
        match wire.encoding:
            case "opus":
                self._opus = OpusDecoder()
                self._resampler = Resampler(DECODED_HZ, RATE_HZ)
            case "pcm16" | "mulaw" | "alaw":
                self._linear = _LinearStream(wire)

    def push(self, data: bytes) -> list[Int16Mono]:
        """Feed a message and return the frames that it completes, each int16 of shape (320,) at 16 kHz.

        An opus message is one packet; other messages may have any size, and any split gives the same frames.

        Raises:
            InvalidAudio: a damaged packet (the next one can still be decoded), or a damaged container (the next push
                begins a new one). Frames completed earlier have been returned.
            UnsupportedFormat: a container with an unsupported codec.
        """
        if self._linear is not None:
            return self._frames.add(self._linear.push(data))
        if self._opus is not None:
            return self._frames.add(self._resampler.process(self._opus.decode(data)))
        if self._container is None:
            self._container = ContainerDecoder()
        try:
            return self._frames.add(self._container.push(data))
        except VoiceError:
            self.close()
            raise

    def flush(self) -> list[Int16Mono]:
        """Return the remaining frames, the last one zero-padded, and reset.

        Raises:
            InvalidAudio: the container was truncated or damaged, or held no audio. Flush again for the last frames that
                could be decoded.
        """
        if self._linear is not None:
            self._frames.keep(self._linear.flush())
        elif self._opus is not None:
            self._frames.keep(self._resampler.flush())
        elif self._container is not None:
            try:
                self._frames.keep(self._container.finish())
                self._container.check_end()
            finally:
                self.close()
        return self._frames.flush()

    def close(self) -> None:
        """Release the thread of a container's decoder. Idempotent, for any format."""
        if self._container is not None:
            self._container.close()
            self._container = None


class _LinearStream:
    """Converts PCM or G.711 at any rate to 16 kHz mono, in whole frames."""

    def __init__(self, wire: AudioFormat) -> None:
        decoders: dict[str, Callable[[bytes], NDArray[np.int16]]] = {"mulaw": mulaw_decode, "alaw": alaw_decode}
        self._decode = decoders.get(wire.encoding, _pcm16)
        self._channels = wire.channels
        self._width = wire.channels * (2 if wire.encoding == "pcm16" else 1)
        self._rate_hz = wire.rate_hz
        self._resampler = Resampler(wire.rate_hz, RATE_HZ)
        self._begin()

    def _begin(self) -> None:
        self._bytes = b""
        self._taken = self._given = 0
        self._wanted = self._bytes_wanted()

    def push(self, data: bytes) -> Int16Mono:
        held = self._bytes + data if self._bytes else bytes(data)
        if len(held) < self._wanted:
            self._bytes = held
            return _NOTHING
        return self._convert(held)

    def flush(self) -> Int16Mono:
        """Return the remaining samples, dropping a partial one."""
        rest = np.concatenate([self._convert(self._bytes), self._resampler.flush()])
        self._begin()
        return rest

    def _convert(self, held: bytes) -> Int16Mono:
        whole = len(held) - len(held) % self._width
        self._bytes = held[whole:]
        audio = self._resampler.process(mono_of(self._decode(held[:whole]), self._channels))
        self._taken += whole // self._width
        self._given += len(audio)
        self._wanted = self._bytes_wanted()
        return audio

    def _bytes_wanted(self) -> int:
        """Return the number of bytes for the next frame: resampling fewer costs as much and completes no frame."""
        next_frame_end = (self._given // FRAME + 1) * FRAME
        samples = math.ceil(next_frame_end * self._rate_hz / RATE_HZ) + self._resampler.lag - self._taken
        return max(samples, 1) * self._width


class _Frames:
    """Cuts samples into frames."""

    def __init__(self) -> None:
        self._rest = _NOTHING

    def keep(self, audio: Int16Mono) -> None:
        self._rest = np.concatenate((self._rest, audio)) if len(self._rest) else audio

    def add(self, audio: Int16Mono) -> list[Int16Mono]:
        self.keep(audio)
        held = self._rest
        whole = len(held) - len(held) % FRAME
        self._rest = held[whole:]
        return [held[start : start + FRAME] for start in range(0, whole, FRAME)]

    def flush(self) -> list[Int16Mono]:
        return self.add(np.zeros(-len(self._rest) % FRAME, np.int16))


def _pcm16(data: bytes) -> NDArray[np.int16]:
    return np.frombuffer(data, "<i2")
