"""Decodes one stream: wire bytes of any size in, 20 ms frames at 16 kHz out."""

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
    """Turns one stream, in whatever format, into frames; keeps odd bytes and part frames for later.

    Frames are to be read, not written: most are views of the message. The samples that come out stand exactly for
    those that went in, however long the call.

    Attributes:
        blocking: True where push and flush decode a container and belong in a worker thread.
    """

    def __init__(self, wire: AudioFormat) -> None:
        """Prepare for one format.

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
        """Take one message; give the frames it completes, each int16 of shape (320,) at 16 kHz.

        An opus message is one packet; any other may have any size, and any split gives the same frames.

        Raises:
            InvalidAudio: a damaged packet (the next goes on), or a damaged container (begin a new one: the next push
                is taken as its start). Frames completed earlier were returned, and nothing of them is lost.
            UnsupportedFormat: a container with a codec that is not read.
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
        """Give what is left, its last frame filled up with zeros, and begin anew.

        Raises:
            InvalidAudio: the container was cut off, damaged, or held no sound. Nothing is lost by it: flush again for
                the last of what could be decoded.
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
        """Release what a container's decoding holds (a thread); safe to call twice, and with any format."""
        if self._container is not None:
            self._container.close()
            self._container = None


class _LinearStream:
    """PCM or G.711 at any rate to 16 kHz mono, worked on only when the next frame can be completed."""

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
        """The rest; half a sample is none."""
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
        """How many bytes the next frame needs: a resampler fed less costs the same and completes nothing."""
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
