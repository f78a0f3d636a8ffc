"""Files that are encoded while they are made: one continuous file, of the right length, however its audio is split."""

import io

import av
import numpy as np
import pytest

from tests.voice.sound import tone
from voice.audio.containers import decode_file
from voice.audio.encoders import MEDIA_TYPES, FileEncoder, FileFormat

RATE_HZ = 24_000
SPEECH = tone(3.0, rate_hz=RATE_HZ)


def encoded(kind: FileFormat, part: int, samples: int | None = None) -> list[bytes]:
    encoder = FileEncoder(kind, RATE_HZ, samples)
    pieces = [encoder.push(SPEECH[start : start + part]) for start in range(0, len(SPEECH), part)]
    return [*pieces, encoder.finish()]


@pytest.mark.parametrize("part", [100, 1_777, len(SPEECH)])
@pytest.mark.parametrize("kind", [kind for kind in MEDIA_TYPES if kind != "pcm"])
def test_a_file_is_whole_however_its_audio_was_split(kind: FileFormat, part: int) -> None:
    data = b"".join(encoded(kind, part))
    with av.open(io.BytesIO(data)) as container:
        frames = list(container.decode(audio=0))
    assert sum(frame.samples for frame in frames) / frames[0].sample_rate == pytest.approx(3.0, abs=0.08)
    assert data == b"".join(encoded(kind, 500)) or kind == "opus"


@pytest.mark.parametrize("kind", list(MEDIA_TYPES))
def test_bytes_come_before_the_end(kind: FileFormat) -> None:
    *pieces, _ = encoded(kind, 2_400)
    assert any(pieces[: len(pieces) // 2])


def test_samples_without_a_header_are_as_they_are() -> None:
    assert b"".join(encoded("pcm", 777)) == SPEECH.astype("<i2").tobytes()


def test_a_wav_file_says_how_long_it_is_where_that_is_known() -> None:
    known = b"".join(encoded("wav", 777, len(SPEECH)))
    assert (int.from_bytes(known[4:8], "little"), int.from_bytes(known[40:44], "little")) == (
        len(known) - 8,
        len(known) - 44,
    )
    unknown = b"".join(encoded("wav", 777))
    assert unknown[4:8] == unknown[40:44] == b"\xff" * 4
    assert known[44:] == unknown[44:]


@pytest.mark.parametrize("kind", list(MEDIA_TYPES))
def test_a_file_of_nothing_is_no_more_than_a_header(kind: FileFormat) -> None:
    encoder = FileEncoder(kind, RATE_HZ)
    data = encoder.push(np.zeros(0, np.int16)) + encoder.finish()
    assert len(data) < 10_000


@pytest.mark.parametrize("container", ["mp4", "mov", "ipod", "adts"])
def test_what_a_telephone_records_can_be_read(container: str) -> None:
    file = io.BytesIO()
    with av.open(file, "w", format=container) as made:
        stream = made.add_stream("aac", rate=RATE_HZ)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(SPEECH.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts = RATE_HZ, 0
        fifo = av.AudioFifo()
        fifo.write(frame)
        while (part := fifo.read(1_024, partial=True)) is not None:
            made.mux(stream.encode(part))
        made.mux(stream.encode(None))
    audio = decode_file(file.getvalue(), max_seconds=10)
    assert len(audio) / 16_000 == pytest.approx(3.0, abs=0.1)
    assert float(np.abs(audio).max()) > 0.2
