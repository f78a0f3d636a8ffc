"""G.711, the 8-bit companding of telephony, by lookup tables.

Source: ITU-T Recommendation G.711 (11/88), tables 1a to 2b, in the segment arithmetic of the CCITT reference code
(Sun Microsystems g711.c), whose results the tables hold: 14-bit input for mu-law, 13-bit for A-law.
"""

import numpy as np
from numpy.typing import NDArray

_MULAW_BIAS, _MULAW_CLIP = 0x84, 8159


def _mulaw_decoding() -> NDArray[np.int16]:
    code = ~np.arange(256) & 0xFF
    magnitude = (((code & 0x0F) << 3) + _MULAW_BIAS) << ((code & 0x70) >> 4)
    signed: NDArray[np.int64] = np.where(code & 0x80, _MULAW_BIAS - magnitude, magnitude - _MULAW_BIAS)
    return signed.astype(np.int16)


def _alaw_decoding() -> NDArray[np.int16]:
    code = np.arange(256) ^ 0x55
    segment = (code & 0x70) >> 4
    step = ((code & 0x0F) << 4) + np.where(segment == 0, 0x008, 0x108)
    magnitude = step << np.maximum(segment - 1, 0)
    signed: NDArray[np.int64] = np.where(code & 0x80, magnitude, -magnitude)
    return signed.astype(np.int16)


def _every_sample() -> NDArray[np.int64]:
    """Return every int16, indexed by its bits read as uint16."""
    return np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int64)


def _mulaw_encoding() -> NDArray[np.uint8]:
    sample = _every_sample() >> 2
    mask = np.where(sample < 0, 0x7F, 0xFF)
    magnitude = np.minimum(np.abs(sample), _MULAW_CLIP) + (_MULAW_BIAS >> 2)
    segment = np.searchsorted((0x40 << np.arange(8)) - 1, magnitude)
    code = np.where(segment >= 8, 0x7F, (segment << 4) | ((magnitude >> (segment + 1)) & 0x0F))
    return (code ^ mask).astype(np.uint8)


def _alaw_encoding() -> NDArray[np.uint8]:
    sample = _every_sample() >> 3
    mask = np.where(sample < 0, 0x55, 0xD5)
    magnitude = np.where(sample < 0, -sample - 1, sample)
    segment = np.searchsorted((0x20 << np.arange(8)) - 1, magnitude)
    code = (segment << 4) | ((magnitude >> np.maximum(segment, 1)) & 0x0F)
    return (code ^ mask).astype(np.uint8)


_MULAW_TO_INT16, _ALAW_TO_INT16 = _mulaw_decoding(), _alaw_decoding()
_INT16_TO_MULAW, _INT16_TO_ALAW = _mulaw_encoding(), _alaw_encoding()


def mulaw_decode(data: bytes) -> NDArray[np.int16]:
    """Decode mu-law, one byte per sample, to int16, shape (len(data),)."""
    return _MULAW_TO_INT16[np.frombuffer(data, np.uint8)]


def alaw_decode(data: bytes) -> NDArray[np.int16]:
    """Decode A-law, one byte per sample, to int16, shape (len(data),)."""
    return _ALAW_TO_INT16[np.frombuffer(data, np.uint8)]


def mulaw_encode(audio: NDArray[np.int16]) -> bytes:
    """Encode int16 samples, shape (n,), as n mu-law bytes."""
    return _INT16_TO_MULAW[audio.view(np.uint16)].tobytes()


def alaw_encode(audio: NDArray[np.int16]) -> bytes:
    """Encode int16 samples, shape (n,), as n A-law bytes."""
    return _INT16_TO_ALAW[audio.view(np.uint16)].tobytes()
