"""Audio formats: bytes in an AudioFormat on the wire, int16 mono samples inside the service."""

import io
import wave
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from voice.errors import InvalidAudio, UnsupportedFormat

Int16Mono = NDArray[np.int16]
"""Mono samples, shape (n,); the parameter's name or docstring gives the rate."""

Int16Mono16k = NDArray[np.int16]
"""Mono samples at 16 kHz, shape (n,)."""

Float32Mono16k = NDArray[np.float32]
"""Mono samples at 16 kHz in [-1, 1], shape (n,)."""

RATE_HZ = 16_000
"""Sample rate of all incoming audio: detectors and recognisers run at it."""

FRAME = 320
"""Samples in a frame: 20 ms at 16 kHz."""

Samples = int
"""A position in a call's audio, or a length of it, at 16 kHz."""

Encoding = Literal["pcm16", "mulaw", "alaw", "opus", "container"]

LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 8_000, 48_000
OPUS_RATES_HZ = (8_000, 12_000, 16_000, 24_000, 48_000)


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """How one direction of a call is encoded on the wire.

    Attributes:
        encoding: pcm16 (little-endian), mulaw or alaw (ITU-T G.711), opus (one raw RFC 6716 packet a message),
            container (an Ogg, WebM or WAV stream, which says its own rate and channels).
        rate_hz: sample rate per channel.
        channels: 1, or 2 interleaved.
    """

    encoding: Encoding = "pcm16"
    rate_hz: int = RATE_HZ
    channels: int = 1

    def check(self) -> None:
        """Check that the service supports this format.

        Raises:
            UnsupportedFormat: it does not; the message names the field and its valid values.
        """
        if self.encoding not in get_args(Encoding):
            raise UnsupportedFormat(f"Use one of the encodings {', '.join(get_args(Encoding))}, not {self.encoding!r}.")
        if type(self.rate_hz) is not int or not LOWEST_RATE_HZ <= self.rate_hz <= HIGHEST_RATE_HZ:
            raise UnsupportedFormat(
                f"Use a rate from {LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ} Hz as a whole number, not {self.rate_hz!r}."
            )
        if type(self.channels) is not int or self.channels not in (1, 2):
            raise UnsupportedFormat(f"Use 1 or 2 channels, not {self.channels!r}.")
        if self.encoding == "opus" and self.rate_hz not in OPUS_RATES_HZ:
            rates = ", ".join(map(str, OPUS_RATES_HZ))
            raise UnsupportedFormat(f"Use one of the Opus rates {rates} Hz, not {self.rate_hz}.")


def mono_of(interleaved: NDArray[np.int16], channels: int) -> Int16Mono:
    """Average interleaved channels, shape (n * channels,), into one, shape (n,)."""
    if channels == 1:
        return interleaved
    total = interleaved[::channels].astype(np.int32)
    for channel in range(1, channels):
        total += interleaved[channel::channels]
    return (total // channels).astype(np.int16)


def float32_of(audio: NDArray[np.int16]) -> NDArray[np.float32]:
    """Convert int16 samples to floats in [-1, 1), same shape."""
    return audio.astype(np.float32) * np.float32(1 / 32768)


def int16_of(audio: NDArray[np.floating]) -> NDArray[np.int16]:
    """Convert float samples to int16, same shape; values outside [-1, 1] are clipped.

    Raises:
        InvalidAudio: a sample is NaN or infinite.
    """
    if not np.isfinite(audio).all():
        raise InvalidAudio("A sample is NaN or infinite; send finite samples between -1 and 1.")
    scaled: NDArray[np.floating] = np.rint(audio * 32768)
    return scaled.clip(-32768, 32767).astype(np.int16)


def wav_bytes(audio: NDArray[np.int16], rate_hz: int) -> bytes:
    """Encode samples, shape (n,) or (n, channels), as a 16-bit PCM WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(1 if audio.ndim == 1 else audio.shape[1])
        wav.setsampwidth(2)
        wav.setframerate(rate_hz)
        wav.writeframes(np.ascontiguousarray(audio, dtype="<i2").tobytes())
    return file.getvalue()
