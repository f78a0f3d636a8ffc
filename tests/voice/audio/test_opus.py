import numpy as np
import pytest

from tests.voice.sound import recording, tone
from voice.audio.formats import AudioFormat
from voice.audio.frames import FrameDecoder
from voice.audio.opus import OpusDecoder, OpusEncoder
from voice.audio.outlet import AudioOutlet
from voice.errors import InvalidAudio, UnsupportedFormat

SPEECH = recording("slt/clinic/01")


@pytest.mark.parametrize("rate_hz", [8_000, 12_000, 16_000, 24_000, 48_000])
def test_a_tone_comes_back_at_its_pitch_and_level(rate_hz: int):
    encoder, decoder = OpusEncoder(rate_hz), OpusDecoder()
    audio = tone(1, rate_hz=rate_hz)
    packets = [encoder.encode(block) for block in audio.reshape(50, -1)]
    decoded = np.concatenate([decoder.decode(packet) for packet in packets])
    assert len(decoded) == 48_000
    spectrum = np.abs(np.fft.rfft(decoded[4_800:-4_800]))
    assert np.argmax(spectrum) * 48_000 / 38_400 == pytest.approx(440, abs=3)
    assert decoded[4_800:].std() == pytest.approx(audio.std(), rel=0.15)


def test_a_damaged_packet_is_told_and_the_next_one_plays():
    packets = AudioOutlet(AudioFormat("opus", 48_000), 16_000).packets(SPEECH)
    decoder = FrameDecoder(AudioFormat("opus", 48_000))
    before = [frame for packet in packets[:20] for frame in decoder.push(packet)]
    for damaged in (b"", b"\xff" * 40, b"\x1f\x30", b'{"type": "ping"}'):
        with pytest.raises(InvalidAudio, match="packet"):
            decoder.push(damaged)
    after = [frame for packet in packets[20:40] for frame in decoder.push(packet)]
    assert len(before) == 19
    assert len(after) == 20


def test_a_stereo_packet_becomes_one_channel():
    # A SILK packet whose stereo flag is set: RFC 6716, section 3.1.
    packet = OpusEncoder(16_000).encode(tone(0.02))
    assert OpusDecoder().decode(bytes([packet[0] | 0x04]) + packet[1:]).ndim == 1


def test_other_rates_are_refused():
    with pytest.raises(UnsupportedFormat, match="Opus rates"):
        OpusEncoder(44_100)
