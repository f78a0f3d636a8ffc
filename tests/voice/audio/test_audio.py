import io
import wave

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.voice.sound import recording, tone
from voice.audio.formats import FRAME, AudioFormat, float32_of, int16_of, wav_bytes
from voice.audio.frames import FrameDecoder
from voice.audio.g711 import alaw_decode, mulaw_decode, mulaw_encode
from voice.audio.opus import OpusDecoder
from voice.audio.outlet import AudioOutlet
from voice.audio.resample import resample
from voice.errors import InvalidAudio, UnsupportedFormat

SPEECH = recording("awb/clinic/03")[:16_000]


def wire_bytes(wire: AudioFormat) -> bytes:
    """A second of speech as a client would send it."""
    outlet = AudioOutlet(wire, 16_000)
    return b"".join(outlet.packets(SPEECH) + outlet.flush())


def taken_in(wire: AudioFormat, messages: list[bytes]) -> np.ndarray:
    decoder = FrameDecoder(wire)
    frames = [frame for message in messages for frame in decoder.push(message)]
    frames += decoder.flush()
    assert all(frame.shape == (FRAME,) and frame.dtype == np.int16 for frame in frames)
    return np.concatenate(frames) if frames else np.zeros(0, np.int16)


def split(data: bytes, sizes: list[int]) -> list[bytes]:
    messages, at, turn = [], 0, 0
    while at < len(data):
        messages.append(data[at : at + sizes[turn % len(sizes)]])
        at += len(messages[-1])
        turn += 1
    return messages


# ------------------------------------------------------------------ formats


@pytest.mark.parametrize(
    ("wire", "complaint"),
    [
        (AudioFormat(rate_hz=0), "rate"),
        (AudioFormat(rate_hz=-16_000), "rate"),
        (AudioFormat(rate_hz=96_000), "rate"),
        (AudioFormat(rate_hz=16_000.0), "rate"),  # type: ignore[arg-type]
        (AudioFormat(rate_hz=True), "rate"),
        (AudioFormat(channels=0), "channels"),
        (AudioFormat(channels=3), "channels"),
        (AudioFormat("mp3"), "encodings"),  # type: ignore[arg-type]
        (AudioFormat(None), "encodings"),  # type: ignore[arg-type]
        (AudioFormat("opus", 44_100), "Opus rates"),
    ],
)
def test_what_the_service_does_not_speak_is_refused_with_what_it_does(wire: AudioFormat, complaint: str):
    for take in (wire.check, lambda: FrameDecoder(wire), lambda: AudioOutlet(wire, 24_000)):
        with pytest.raises(UnsupportedFormat, match=f"Use .*{complaint}|Use .* {complaint}"):
            take()


def test_a_container_only_goes_in():
    assert FrameDecoder(AudioFormat("container")).blocking
    assert not FrameDecoder(AudioFormat()).blocking
    with pytest.raises(UnsupportedFormat, match="only goes in"):
        AudioOutlet(AudioFormat("container"), 24_000)


# ------------------------------------------------------------------ samples


def test_samples_survive_the_way_to_floats_and_back():
    every = np.arange(-32768, 32768, dtype=np.int16)
    assert np.array_equal(int16_of(float32_of(every)), every)


def test_loud_floats_are_clipped():
    assert int16_of(np.array([2.0, -2.0, 1.0], np.float32)).tolist() == [32767, -32768, 32767]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_refused(value: float):
    with pytest.raises(InvalidAudio, match="finite"):
        int16_of(np.array([0, value], np.float32))


@pytest.mark.parametrize("channels", [1, 2])
def test_a_wav_file_reads_back(channels: int):
    audio = SPEECH if channels == 1 else np.stack([SPEECH, -(SPEECH // 2)], axis=1)
    with wave.open(io.BytesIO(wav_bytes(audio, 24_000))) as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (channels, 24_000, 2)
        assert file.readframes(len(audio)) == audio.tobytes()


# ------------------------------------------------------------------ frames

WIRES = [
    AudioFormat(),
    AudioFormat("pcm16", 24_000),
    AudioFormat("pcm16", 44_100, 2),
    AudioFormat("mulaw", 8_000),
    AudioFormat("alaw", 16_000, 2),
]


@settings(max_examples=25, deadline=None)
@given(wire=st.sampled_from(WIRES), sizes=st.lists(st.integers(1, 3_000), min_size=1, max_size=6))
def test_any_split_of_the_bytes_gives_the_same_frames(wire: AudioFormat, sizes: list[int]):
    data = wire_bytes(wire)
    assert np.array_equal(taken_in(wire, split(data, sizes)), taken_in(wire, [data]))


@pytest.mark.parametrize("wire", WIRES, ids=str)
def test_the_frames_hold_what_was_said(wire: AudioFormat):
    heard = taken_in(wire, [wire_bytes(wire)])[: len(SPEECH)].astype(float)
    inside = slice(400, -400)
    said = resample(resample(SPEECH, 16_000, wire.rate_hz), wire.rate_hz, 16_000).astype(float)[: len(SPEECH)]
    assert np.corrcoef(heard[inside], said[inside])[0, 1] > 0.99


def test_pcm_at_the_inner_rate_is_passed_through_bit_for_bit():
    assert np.array_equal(taken_in(AudioFormat(), split(SPEECH.tobytes(), [1, 639, 641, 33])), SPEECH)


def test_two_channels_become_their_average():
    stereo = np.stack([SPEECH, np.zeros_like(SPEECH)], axis=1)
    assert np.array_equal(taken_in(AudioFormat(channels=2), [stereo.tobytes()]), SPEECH // 2)


def test_a_browsers_small_messages_make_fifty_frames_a_second():
    decoder = FrameDecoder(AudioFormat("pcm16", 24_000))
    data = tone(2, rate_hz=24_000).tobytes()
    counts = [len(decoder.push(data[start : start + 256])) for start in range(0, len(data), 256)]
    assert max(counts) == 1
    assert sum(counts) == 99  # the last one waits for the resampler's millisecond


@pytest.mark.parametrize(("rate_hz", "behind_ms"), [(8_000, 3), (22_050, 2), (24_000, 2), (48_000, 2)])
def test_a_frame_comes_as_soon_as_its_samples_are_there(rate_hz: int, behind_ms: int):
    decoder = FrameDecoder(AudioFormat("pcm16", rate_hz))
    frames = 0
    for sample in range(1, rate_hz // 5):
        frames += len(decoder.push(b"\0\0"))
        assert frames * 20 >= (sample / rate_hz * 1000 - behind_ms) // 20 * 20


@pytest.mark.slow
@pytest.mark.parametrize("rate_hz", [22_050, 24_000, 44_100])
def test_an_hour_of_audio_is_an_hour_of_frames(rate_hz: int):
    decoder = FrameDecoder(AudioFormat("pcm16", rate_hz))
    minute = bytes(2 * 60 * rate_hz)
    frames = sum(len(decoder.push(minute)) for _ in range(60)) + len(decoder.flush())
    assert abs(frames - 3600 * 50) <= 1


def test_flush_fills_the_last_frame_and_begins_anew():
    decoder = FrameDecoder(AudioFormat())
    assert decoder.push(b"\1\0" * 100 + b"\7") == []
    (frame,) = decoder.flush()
    assert frame.tolist() == [1] * 100 + [0] * 220
    assert decoder.flush() == []
    (frame,) = decoder.push(b"\2\0" * 320)
    assert frame.tolist() == [2] * 320


def test_a_message_may_be_any_kind_of_bytes():
    for message in (b"\1\0" * 320, bytearray(b"\1\0" * 320), memoryview(b"\1\0" * 320)):
        assert FrameDecoder(AudioFormat()).push(message)[0].tolist() == [1] * 320


# ------------------------------------------------------------------ outlet


@pytest.mark.parametrize("encoding", ["pcm16", "mulaw", "alaw", "opus"])
@pytest.mark.parametrize("rate_hz", [8_000, 24_000, 48_000])
@pytest.mark.parametrize("block", [100, 480, 24_000])
def test_each_message_holds_20_to_100_ms_and_nothing_is_lost(encoding, rate_hz: int, block: int):
    outlet = AudioOutlet(AudioFormat(encoding, rate_hz), 24_000)
    audio = tone(1.013, rate_hz=24_000)
    messages = [message for at in range(0, len(audio), block) for message in outlet.packets(audio[at : at + block])]
    messages += outlet.flush()
    lengths = [outlet.duration_ms(message) for message in messages]
    assert all(20 <= length <= 100 for length in lengths)
    assert 1_013 <= sum(lengths) <= 1_045
    assert outlet.flush() == []


@pytest.mark.parametrize("rate_hz", [11_025, 22_050, 44_100])
def test_odd_rates_keep_to_the_lengths_too(rate_hz: int):
    outlet = AudioOutlet(AudioFormat("pcm16", rate_hz), 24_000)
    messages = outlet.packets(tone(1, rate_hz=24_000)) + outlet.flush()
    assert all(20 <= outlet.duration_ms(message) <= 100 for message in messages)


def test_pcm_at_the_same_rate_is_passed_through_bit_for_bit():
    outlet = AudioOutlet(AudioFormat("pcm16", 24_000), 24_000)
    assert b"".join(outlet.packets(SPEECH[:9_600])) == SPEECH[:9_600].tobytes()


@pytest.mark.parametrize(("encoding", "decode"), [("mulaw", mulaw_decode), ("alaw", alaw_decode)])
def test_the_telephone_hears_the_sound(encoding, decode):
    outlet = AudioOutlet(AudioFormat(encoding, 8_000), 24_000)
    heard = decode(b"".join(outlet.packets(tone(1, rate_hz=24_000)) + outlet.flush()))[:8_000].astype(float)
    said = tone(1, rate_hz=8_000).astype(float)
    assert np.corrcoef(heard[200:-200], said[200:-200])[0, 1] > 0.999


def test_two_channels_carry_the_same():
    outlet = AudioOutlet(AudioFormat("mulaw", 24_000, 2), 24_000)
    assert b"".join(outlet.packets(SPEECH[:480])) == mulaw_encode(SPEECH[:480].repeat(2))


def test_the_last_sound_of_an_opus_reply_is_not_kept_in_the_encoder():
    outlet = AudioOutlet(AudioFormat("opus", 24_000), 24_000)
    audio = np.zeros(24_000, np.int16)
    audio[-240:] = tone(0.01, rate_hz=24_000)
    decoder = OpusDecoder()
    heard = np.concatenate([decoder.decode(packet) for packet in outlet.packets(audio) + outlet.flush()])
    assert np.abs(heard[48_000:]).max() > 2_000  # it lies 6.5 ms later, in the packet that flush added


def test_a_second_reply_goes_out_like_the_first():
    outlet = AudioOutlet(AudioFormat("pcm16", 8_000), 24_000)
    first = outlet.packets(SPEECH) + outlet.flush()
    assert outlet.packets(SPEECH) + outlet.flush() == first
