"""Outgoing audio: from the persona's samples to wire messages of 20 to 100 ms."""

import numpy as np

from voice.audio.formats import AudioFormat, Int16Mono
from voice.audio.g711 import alaw_encode, mulaw_encode
from voice.audio.opus import PACKET_MS, OpusEncoder
from voice.audio.resample import Resampler
from voice.errors import UnsupportedFormat

_NOTHING = np.zeros(0, np.int16)
_LONGEST_MS = 100


class AudioOutlet:
    """Encodes a call's outgoing audio: int16 mono samples in, messages in the client's format out.

    A pcm16, mulaw or alaw message holds 20 to 100 ms, depending on how much is buffered; an opus message is one 20 ms
    packet.

    Attributes:
        format: what the client receives. Two channels carry the same samples; an Opus packet is always mono, which a
            stereo decoder plays on both channels.
        rate_hz: rate of the samples given to `packets`; resampled if the format's rate differs.
    """

    def __init__(self, wire: AudioFormat, rate_hz: int, longest_ms: int = _LONGEST_MS) -> None:
        """Create an encoder for one format; a message holds at most `longest_ms`, 20 to 100.

        Raises:
            UnsupportedFormat: as AudioFormat.check; also for container, which is an input format only.
        """
        wire.check()
        if wire.encoding == "container":
            raise UnsupportedFormat("A container only goes in; ask for pcm16, mulaw, alaw or opus out.")
        self.format = wire
        self.rate_hz = rate_hz
        self._resampler = Resampler(rate_hz, wire.rate_hz)
        self._encoder = OpusEncoder(wire.rate_hz) if wire.encoding == "opus" else None
        self._shortest = -(-wire.rate_hz * PACKET_MS // 1000)
        self._longest = self._shortest if self._encoder else wire.rate_hz * longest_ms // 1000
        self._held = _NOTHING
        self._begun = False

    def packets(self, audio: Int16Mono) -> list[bytes]:
        """Encode samples, shape (n,), at `rate_hz`; return the messages that are complete, ready to be sent."""
        self._begun = self._begun or len(audio) > 0
        return self._cut(self._resampler.process(audio))

    def flush(self) -> list[bytes]:
        """Return the buffered rest, padded with silence to at least 20 ms, and reset."""
        if not self._begun:
            return []
        self._begun = False
        delayed = np.zeros(self._encoder.lookahead if self._encoder else 0, np.int16)
        done = self._cut(np.concatenate([self._resampler.flush(), delayed]))
        if len(self._held):
            done += self._cut(np.zeros(self._shortest - len(self._held), np.int16))
        return done

    def duration_ms(self, message: bytes) -> float:
        """Return the duration in ms of a message from this outlet."""
        if self._encoder:
            return PACKET_MS
        width = self.format.channels * (2 if self.format.encoding == "pcm16" else 1)
        return len(message) / width * 1000 / self.format.rate_hz

    def _cut(self, audio: Int16Mono) -> list[bytes]:
        held = np.concatenate((self._held, audio))
        done = []
        at = 0
        while len(held) - at >= self._shortest:
            most = min(len(held) - at, self._longest)
            end = at + most - most % self._shortest
            done.append(self._encode(held[at:end]))
            at = end
        self._held = held[at:]
        return done

    def _encode(self, audio: Int16Mono) -> bytes:
        if self._encoder:
            return self._encoder.encode(audio)
        if self.format.channels == 2:
            audio = audio.repeat(2)
        match self.format.encoding:
            case "mulaw":
                return mulaw_encode(audio)
            case "alaw":
                return alaw_encode(audio)
            case _:
                return audio.astype("<i2").tobytes()
