"""Raw Opus packets (RFC 6716), one per message, coded by the libopus inside PyAV."""

from fractions import Fraction
from typing import Literal

import av
import av.error
import numpy as np
from av.audio.codeccontext import AudioCodecContext

from voice.audio.formats import OPUS_RATES_HZ, Int16Mono
from voice.audio.resample import mono_samples
from voice.errors import InvalidAudio, UnsupportedFormat

PACKET_MS = 20
DECODED_HZ = 48_000
"""libopus decodes every packet at this rate, whatever rate it was encoded from."""


class OpusDecoder:
    """Decodes one stream of Opus packets, mono or stereo, of any duration, to 48 kHz mono."""

    def __init__(self) -> None:
        self._codec = _codec("r", DECODED_HZ)

    def decode(self, packet: bytes) -> Int16Mono:
        """Decode one packet to int16 samples at 48 kHz, shape (n,), n <= 5760 (120 ms).

        Raises:
            InvalidAudio: empty, or not an Opus packet; the next packet can still be decoded.

        Source: RFC 6716 section 3 (packets), section 3.4 (what a receiver must reject).
        """
        if not packet:
            raise InvalidAudio("An Opus packet has at least one byte; send one whole packet in each message.")
        try:
            frames = self._codec.decode(av.Packet(packet))
        except av.error.FFmpegError as error:
            raise InvalidAudio("This is not an Opus packet; send one whole raw packet in each message.") from error
        blocks = [mono_samples(frame) for frame in frames]
        return blocks[0] if len(blocks) == 1 else np.concatenate([np.zeros(0, np.int16), *blocks])


class OpusEncoder:
    """Encodes one stream of 20 ms blocks, one Opus packet per block."""

    def __init__(self, rate_hz: int) -> None:
        """Create the encoder.

        Args:
            rate_hz: sample rate of the input: 8000, 12000, 16000, 24000 or 48000.

        Raises:
            UnsupportedFormat: any other rate.
        """
        if rate_hz not in OPUS_RATES_HZ:
            raise UnsupportedFormat(f"Use one of the Opus rates {', '.join(map(str, OPUS_RATES_HZ))} Hz.")
        self.rate_hz = rate_hz
        self.block = rate_hz * PACKET_MS // 1000
        self.lookahead = rate_hz * 312 // 48_000
        """Delay of libopus in samples, 6.5 ms in this mode; RFC 7845 calls it pre-skip."""
        self._codec = _codec("w", rate_hz)
        self._codec.bit_rate = 24_000 if rate_hz <= 16_000 else 32_000
        self._codec.time_base = Fraction(1, rate_hz)
        self._codec.options = {"application": "voip", "frame_duration": str(PACKET_MS)}
        self._at = 0

    def encode(self, audio: Int16Mono) -> bytes:
        """Encode exactly 20 ms of samples, shape (block,), as one packet."""
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(audio).reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = self.rate_hz
        frame.pts = self._at
        self._at += self.block
        return b"".join(bytes(packet) for packet in self._codec.encode(frame))


def _codec(mode: Literal["r", "w"], rate_hz: int) -> AudioCodecContext:
    codec: AudioCodecContext = av.CodecContext.create("libopus", mode)
    codec.sample_rate = rate_hz
    codec.layout = "mono"
    codec.format = "s16"
    return codec
