import io
import struct
import threading
from contextlib import closing, suppress

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.voice.sound import encoded, recording, tone
from voice.audio.containers import ContainerDecoder, decode_file
from voice.audio.formats import AudioFormat, int16_of, wav_bytes
from voice.audio.frames import FrameDecoder
from voice.errors import InvalidAudio, UnsupportedFormat, VoiceError

SPEECH = recording("rms/clinic/02")
OGG = encoded(SPEECH, "ogg", "libopus", 48_000, page_ms=100)
WEBM = encoded(SPEECH, "webm", "libopus", 48_000)
WAV = wav_bytes(SPEECH, 16_000)
FLAC = encoded(SPEECH, "flac", "flac", 16_000)
MP3 = encoded(SPEECH, "mp3", "libmp3lame", 16_000)
STREAMS = pytest.mark.parametrize("data", [OGG, WEBM, WAV], ids=["ogg", "webm", "wav"])


def streamed(data: bytes, size: int) -> np.ndarray:
    decoder = FrameDecoder(AudioFormat("container"))
    frames = [frame for start in range(0, len(data), size) for frame in decoder.push(data[start : start + size])]
    return np.concatenate(frames + decoder.flush())


def alike(heard: np.ndarray, said: np.ndarray) -> float:
    """Correlation of two recordings of one sound, at the best shift up to 50 ms."""
    length = min(len(heard), len(said)) - 800
    return max(float(np.corrcoef(heard[shift : shift + length], said[:length])[0, 1]) for shift in range(0, 800, 4))


@STREAMS
def test_a_stream_decodes_as_the_file_does_whatever_the_messages(data: bytes):
    whole = int16_of(decode_file(data, max_seconds=60))
    for size in (97, 4_000, len(data)):
        frames = streamed(data, size)
        assert np.array_equal(frames[: len(whole)], whole)
        assert not frames[len(whole) :].any()


@settings(max_examples=15, deadline=None)
@given(cuts=st.lists(st.integers(1, 2_000), min_size=1, max_size=8))
def test_any_split_of_the_bytes_gives_the_same_samples(cuts: list[int]):
    decoder = ContainerDecoder()
    parts, at, turn = [], 0, 0
    while at < len(WEBM):
        end = at + cuts[turn % len(cuts)] * 4
        parts.append(decoder.push(WEBM[at:end]))
        at, turn = end, turn + 1
    parts.append(decoder.finish())
    decoder.check_end()
    assert np.array_equal(np.concatenate(parts), int16_of(decode_file(WEBM, max_seconds=60)))


@pytest.mark.parametrize("data", [OGG, WEBM, WAV, FLAC, MP3], ids=["ogg", "webm", "wav", "flac", "mp3"])
def test_a_file_holds_what_was_said(data: bytes):
    audio = decode_file(data, max_seconds=60)
    assert audio.dtype == np.float32
    assert len(audio) == pytest.approx(len(SPEECH), abs=1_600)
    assert alike(audio, SPEECH / 32768) > 0.95


@STREAMS
def test_sound_comes_out_while_the_stream_still_comes_in(data: bytes):
    decoder = FrameDecoder(AudioFormat("container"))
    heard = 0
    for end in range(100, len(data) // 2, 100):
        heard += len(decoder.push(data[end - 100 : end]))
    decoder.close()
    assert heard * 320 > 0.4 * len(SPEECH)


@STREAMS
def test_a_stream_cut_off_is_told_after_all_of_it_was_given(data: bytes):
    cut = data[: len(data) * 2 // 3 + 1]
    decoder = FrameDecoder(AudioFormat("container"))
    frames = decoder.push(cut)
    with pytest.raises(InvalidAudio, match=r"middle|before the length"):
        decoder.flush()
    frames += decoder.flush()
    whole = int16_of(decode_file(data, max_seconds=60))
    assert len(frames) * 320 > len(whole) / 2
    told = np.concatenate(frames)[: len(frames) * 320 - 640]
    assert np.array_equal(told, whole[: len(told)])


@pytest.mark.parametrize("data", [OGG, WEBM, WAV, FLAC], ids=["ogg", "webm", "wav", "flac"])
@pytest.mark.parametrize("part", [0.02, 0.5, 0.99])
def test_a_file_cut_off_is_refused(data: bytes, part: float):
    with pytest.raises(InvalidAudio, match="send"):
        decode_file(data[: int(len(data) * part)], max_seconds=60)


def test_a_new_stream_may_follow_an_ended_or_broken_one():
    decoder = FrameDecoder(AudioFormat("container"))
    first = decoder.push(WEBM) + decoder.flush()
    with pytest.raises(InvalidAudio):
        decoder.push(b"no container at all")
    second = decoder.push(OGG) + decoder.flush()
    assert len(first) == len(second)


def decoders():
    """The threads that decode; others of this process come and go."""
    return {thread for thread in threading.enumerate() if thread.name.startswith("decode-")}


def test_every_thread_ends():
    before = decoders()
    kept = [FrameDecoder(AudioFormat("container")) for _ in range(4)]
    for decoder in kept:
        decoder.push(WEBM[:2_000])
    threads = decoders() - before
    assert len(threads) == 4
    kept[0].close()
    kept[0].close()
    with pytest.raises(InvalidAudio):
        kept[1].flush()
    kept.clear()
    del decoder
    for thread in threads:
        thread.join(timeout=100)
    assert not threads & decoders()


@pytest.mark.parametrize(
    "data",
    [
        b"#EXTM3U\n#EXTINF:1,\nhttp://localhost/secret.wav\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"\x00" * 64,
        b"fLaC" + b"\x00" * 60,
    ],
    ids=["playlist", "concat list", "zeros", "not a streaming container"],
)
def test_what_is_no_container_is_refused_by_its_first_bytes(data: bytes):
    with pytest.raises(InvalidAudio, match="begin with the header"):
        ContainerDecoder().push(data)
    with pytest.raises(InvalidAudio):
        decode_file(data, max_seconds=60)


def test_a_header_that_never_ends_is_given_up():
    void = b"\xec\x01" + (1 << 40).to_bytes(7, "big")
    decoder = FrameDecoder(AudioFormat("container"))
    decoder.push(WEBM[:40] + void)
    for _ in range(31):
        decoder.push(bytes(1 << 15))
    with pytest.raises(InvalidAudio, match="no sound"):
        decoder.push(bytes(1 << 16))


def test_a_small_file_cannot_fill_the_memory():
    file = io.BytesIO()
    soundfile.write(file, np.zeros(48_000 * 600, np.int16), 48_000, format="FLAC")
    assert len(file.getvalue()) < 200_000
    with pytest.raises(InvalidAudio, match="longer than 30 s"):
        decode_file(file.getvalue(), max_seconds=30)
    with closing(ContainerDecoder(max_seconds=1)) as decoder, pytest.raises(InvalidAudio, match="longer than 1 s"):
        decoder.push(WEBM)


KINDS = {"ogg": OGG, "webm": WEBM, "wav": WAV, "flac": FLAC, "mp3": MP3}


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(part=st.floats(0, 0.999), header=st.booleans(), damage=st.binary(min_size=1, max_size=200), kind=st.data())
def test_damage_is_a_typed_error_or_other_sound_and_nothing_else(part, header, damage, kind):
    sound = KINDS[kind.draw(st.sampled_from(sorted(KINDS)))]
    at = int(part * (600 if header else len(sound)))
    data = sound[:at] + damage + sound[at + len(damage) :]
    with suppress(VoiceError):
        decode_file(data, max_seconds=60)
    with closing(FrameDecoder(AudioFormat("container"))) as decoder, suppress(VoiceError):
        for start in range(0, len(data), 4_000):
            decoder.push(data[start : start + 4_000])
        decoder.flush()


def test_a_track_that_nothing_decodes_is_refused():
    assert WEBM.count(b"A_OPUS") == 1
    unknown = WEBM.replace(b"A_OPUS", b"A_NONE")
    with pytest.raises(UnsupportedFormat, match="send Opus"):
        decode_file(unknown, max_seconds=60)
    with closing(ContainerDecoder()) as decoder, pytest.raises(UnsupportedFormat, match="send Opus"):
        decoder.push(unknown)


# ------------------------------------------------------------------ WAV


def wav(
    tag: int, bits: int, payload: bytes, *, rate_hz: int = 16_000, channels: int = 1, size: int | None = None
) -> bytes:
    block = channels * bits // 8
    head = struct.pack("<4sIHHIIHH", b"fmt ", 16, tag, channels, rate_hz, rate_hz * block, block, bits)
    data = struct.pack("<4sI", b"data", len(payload) if size is None else size) + payload
    return b"RIFF" + struct.pack("<I", 4 + len(head) + len(data)) + b"WAVE" + head + data


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"])
def test_each_kind_of_wav_is_read(subtype: str):
    file = io.BytesIO()
    soundfile.write(file, np.stack([SPEECH, SPEECH], axis=1) / 32768, 16_000, format="WAV", subtype=subtype)
    audio = decode_file(file.getvalue(), max_seconds=60)
    error = np.abs(audio - SPEECH / 32768).max()
    assert error < {"PCM_U8": 0.008, "ULAW": 0.04, "ALAW": 0.04}.get(subtype, 0.0001)


def test_a_wav_of_unknown_length_is_read_to_its_end():
    for size in (0, 0xFFFFFFFF):
        data = wav(1, 16, SPEECH.tobytes(), size=size)
        assert np.array_equal(streamed(data, 333)[: len(SPEECH)], SPEECH)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_float_wav_with_what_is_no_number_is_refused(value: float):
    samples = tone(0.1).astype("<f4") / 32768
    samples[800] = value
    data = wav(3, 32, samples.tobytes())
    with pytest.raises(InvalidAudio, match="NaN"):
        decode_file(data, max_seconds=60)
    with pytest.raises(InvalidAudio, match="NaN"):
        streamed(data, len(data))


def test_an_empty_wav_is_refused():
    with pytest.raises(InvalidAudio, match="no samples"):
        decode_file(wav(1, 16, b""), max_seconds=60)
    with pytest.raises(InvalidAudio, match="no samples"):
        streamed(wav_bytes(np.zeros(0, np.int16), 16_000), 1_000)
    with pytest.raises(InvalidAudio, match="The recording is empty; send one with sound in it"):
        decode_file(b"", max_seconds=60)


@pytest.mark.parametrize(
    "data",
    [
        wav(2, 4, bytes(100)),
        wav(1, 16, bytes(100), rate_hz=1),
        wav(1, 16, bytes(100), channels=0),
        wav(1, 16, bytes(100), channels=60),
        wav(1, 0, bytes(100)),
    ],
    ids=["ADPCM", "1 Hz", "no channels", "60 channels", "0 bits"],
)
def test_a_wav_that_is_not_spoken_here_is_refused(data: bytes):
    with pytest.raises(UnsupportedFormat, match="send"):
        decode_file(data, max_seconds=60)
