import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.audio.g711 import alaw_decode, alaw_encode, mulaw_decode, mulaw_encode

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    audioop = pytest.importorskip("audioop", reason="gone from Python 3.13")

EVERY_CODE = bytes(range(256))
EVERY_SAMPLE = np.arange(-32768, 32768, dtype=np.int16)


def test_every_code_decodes_as_audioop_does():
    assert mulaw_decode(EVERY_CODE).tobytes() == audioop.ulaw2lin(EVERY_CODE, 2)
    assert alaw_decode(EVERY_CODE).tobytes() == audioop.alaw2lin(EVERY_CODE, 2)


def test_every_sample_encodes_as_audioop_does():
    assert mulaw_encode(EVERY_SAMPLE) == audioop.lin2ulaw(EVERY_SAMPLE.tobytes(), 2)
    assert alaw_encode(EVERY_SAMPLE) == audioop.lin2alaw(EVERY_SAMPLE.tobytes(), 2)


@given(st.binary(max_size=400))
def test_encoding_what_was_decoded_gives_the_same_sound(data: bytes):
    # Mu-law has two zeros, so bytes may differ where the sound does not.
    assert np.array_equal(mulaw_decode(mulaw_encode(mulaw_decode(data))), mulaw_decode(data))
    assert alaw_encode(alaw_decode(data)) == data


def test_silence_is_silence():
    silence = np.zeros(160, np.int16)
    assert mulaw_encode(silence) == b"\xff" * 160
    assert alaw_encode(silence) == b"\xd5" * 160
