"""Validation and conversion of a recogniser's audio."""

import numpy as np

from voice.audio.formats import RATE_HZ, Float32Mono16k, Int16Mono16k
from voice.errors import InvalidAudio

LONGEST_SECONDS = 30


def checked(audio: Float32Mono16k) -> Float32Mono16k:
    """Validate the samples and return them as contiguous float32, clipped to [-1, 1].

    Args:
        audio: mono samples at 16 kHz, shape (n,), 0 < n <= 30 * 16000.

    Raises:
        InvalidAudio: empty, not one-dimensional, too long, NaN or infinite.
    """
    if audio.ndim != 1 or not np.issubdtype(audio.dtype, np.floating):
        raise InvalidAudio("Speech is one channel of floating point samples; mix it down and convert it first.")
    if not len(audio):
        raise InvalidAudio("There is no audio to transcribe; send at least one sample.")
    if len(audio) > LONGEST_SECONDS * RATE_HZ:
        raise InvalidAudio(f"An utterance lasts at most {LONGEST_SECONDS} seconds; cut it at a pause.")
    if not np.isfinite(audio).all():
        raise InvalidAudio("The audio holds NaN or infinite samples; send finite numbers between -1 and 1.")
    clipped: Float32Mono16k = np.clip(audio, -1.0, 1.0).astype(np.float32)
    return clipped


def as_int16(audio: Float32Mono16k) -> Int16Mono16k:
    """Convert samples in [-1, 1] to int16; louder ones are clipped."""
    samples: Int16Mono16k = np.rint(np.clip(audio, -1.0, 1.0) * 32767.0).astype(np.int16)
    return samples


def as_float32(audio: Int16Mono16k) -> Float32Mono16k:
    """Convert int16 samples to floats in [-1, 1)."""
    return audio.astype(np.float32) / np.float32(32768.0)
