"""Recognition of samples that are not what pcm16 means: 32-bit floats, big-endian integers, a stream of nothing.

Any bytes are samples, so nothing fails: the caller is noise, or silence, and nobody learns why.
"""

import numpy as np
from numpy.typing import NDArray

from voice.audio.formats import AudioFormat, Int16Mono
from voice.errors import InvalidAudio

FLOATS = (
    "These look like 32-bit float samples, and pcm16 means 16-bit integers: multiply each by 32767, round it, and send "
    "it as a little-endian int16."
)
BIG_ENDIAN = "These look like big-endian samples, and pcm16 means little-endian: swap the two bytes of each sample."

SILENT_FRAMES = 500
"""Frames of digital silence that are named to the client: 10 s."""

_EVERY, _BLOCK = 16_384, 8_192  # bytes from one look to the next, and bytes judged
_FRAME_BYTES = 4  # of mono floats, and of stereo integers
_LOOKS = 30  # blocks with a sound in them, after which no more is judged
_AGREE = 2  # blocks in a row that say the same
_SMALLEST, _LARGEST = 0x3000, 0x3FA0  # upper halves of the floats from 2**-31 to 1.25, without their sign
_FLOATS, _OTHERS = 0.95, 0.5
_ROUGH, _SMOOTH = 0.6, 0.3


class SampleCheck:
    """Judges the bytes of one pcm16 stream, until it has heard enough of them.

    Args:
        wire: the stream's format.
    """

    def __init__(self, wire: AudioFormat) -> None:
        self._channels = wire.channels
        self._looks = _LOOKS if wire.encoding == "pcm16" else 0
        self._held = bytearray()
        self._suspicions: list[str] = []

    def push(self, data: bytes) -> InvalidAudio | None:
        """Take the stream's next bytes; return what is wrong with them, once."""
        if not self._looks:
            return None
        self._held += data
        if len(self._held) < _EVERY:
            return None
        samples = np.frombuffer(bytes(self._held[:_BLOCK]), "<i2")
        del self._held[: len(self._held) - len(self._held) % _FRAME_BYTES]
        if samples.min() == samples.max():
            return None
        self._looks -= 1
        suspicion = _suspicion(samples, self._channels)
        self._suspicions = [*self._suspicions, suspicion][-_AGREE:]
        if not suspicion or self._suspicions.count(suspicion) < _AGREE:
            return None
        self._looks = 0
        return InvalidAudio(suspicion)


class SilenceCheck:
    """Notes when a stream has been digital silence, or any one value, for `SILENT_FRAMES`."""

    def __init__(self) -> None:
        self._silent_frames = 0
        self._named = False

    def push(self, frame: Int16Mono) -> bool:
        """Take a frame; return True once in a stream, when it has been silent for so long."""
        if frame[0] != frame[-1] or (frame != frame[0]).any():
            self._silent_frames = 0
            return False
        self._silent_frames += 1
        if self._silent_frames < SILENT_FRAMES or self._named:
            return False
        self._named = True
        return True


def _suspicion(samples: NDArray[np.int16], channels: int) -> str:
    """Return what a block looks like, if it is no sound as it stands; empty if it may be."""
    if any(_are_floats(samples[upper::2], samples[1 - upper :: 2]) for upper in (0, 1)):
        return FLOATS
    one = samples[::channels]
    if _roughness(one) > _ROUGH and _roughness(one.byteswap()) < _SMOOTH:
        return BIG_ENDIAN
    return ""


def _are_floats(upper: NDArray[np.int16], lower: NDArray[np.int16]) -> bool:
    """Return whether these are the halves of floats between -1.25 and 1.25, most of them not zero."""
    sounding = (upper != 0) | (lower != 0)
    if np.count_nonzero(sounding) < len(upper) // 4:
        return False
    return _share(upper[sounding]) > _FLOATS and _share(lower[sounding]) < _OTHERS


def _share(halves: NDArray[np.int16]) -> float:
    exponents = halves & 0x7FFF
    return float(np.mean((exponents >= _SMALLEST) & (exponents <= _LARGEST)))


def _roughness(samples: NDArray[np.int16]) -> float:
    """Return the energy of the differences relative to that of white noise: 1 for it, less for any voice."""
    wave = samples.astype(np.float64) - samples.mean()
    return float(np.sum(np.diff(wave) ** 2) / (2 * np.sum(wave**2) + 1e-9))
