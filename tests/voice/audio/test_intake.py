"""A call's audio, stream after stream: what begins, ends or breaks in the middle of a message."""

import asyncio

import numpy as np
import pytest

from tests.voice.sound import encoded, recording
from voice.audio.formats import AudioFormat, wav_bytes
from voice.audio.intake import SLICE, AudioIntake

LINE = recording("rms/turns/07")
CONTAINER = AudioFormat("container")


def taken(wire: AudioFormat, messages: list[bytes]) -> tuple[list[np.ndarray], list[str]]:
    """All frames and all complaints of a stream of messages, and of its end."""

    async def story() -> tuple[list[np.ndarray], list[str]]:
        intake, frames, problems = AudioIntake(wire), [], []
        for push in [*(lambda data=data: intake.push(data) for data in messages), intake.flush]:
            got, problem = await push()
            frames += got
            if problem is not None:
                problems.append(str(problem))
        await intake.close()
        return frames, problems

    return asyncio.run(story())


def seconds(frames: list[np.ndarray]) -> float:
    return len(frames) * 0.02


FILES = {
    "ogg": encoded(LINE, "ogg", "libopus", 48_000),
    "webm": encoded(LINE, "webm", "libopus", 48_000),
    "wav": wav_bytes(LINE, 16_000),
    "odd wav": wav_bytes(LINE, 16_000) + b"\0",
}


@pytest.mark.parametrize("first", FILES)
@pytest.mark.parametrize("second", FILES)
def test_containers_follow_each_other(first: str, second: str) -> None:
    frames, problems = taken(CONTAINER, [FILES[first], FILES[second]])
    assert problems == []
    assert seconds(frames) == pytest.approx(2 * len(LINE) / 16_000, abs=0.1)


@pytest.mark.parametrize("size", [11, 1_000])
def test_wavs_follow_each_other_wherever_messages_are_cut(size: int) -> None:
    data = FILES["odd wav"] + FILES["wav"]
    frames, problems = taken(CONTAINER, [data[at : at + size] for at in range(0, len(data), size)])
    assert problems == []
    assert seconds(frames) == pytest.approx(2 * len(LINE) / 16_000, abs=0.1)


@pytest.mark.parametrize("size", [5, 100, 100_000])
def test_after_garbage_the_next_header_is_found(size: int) -> None:
    data = b"no container " * 20 + FILES["wav"]
    frames, problems = taken(CONTAINER, [data[at : at + size] for at in range(0, len(data), size)])
    assert problems
    assert all("begin with the header" in problem for problem in problems)
    assert seconds(frames) == pytest.approx(len(LINE) / 16_000, abs=0.1)


def test_a_broken_container_costs_one_complaint_and_at_most_a_slice() -> None:
    samples = np.concatenate([LINE.astype(np.float32) / 32768, [np.nan], np.zeros(8_000, np.float32)])
    body = samples.astype("<f4").tobytes()
    header = wav_bytes(LINE, 16_000)[:4] + (36 + len(body)).to_bytes(4, "little") + b"WAVEfmt \x10\0\0\0\x03\0\x01\0"
    header += (16_000).to_bytes(4, "little") + (64_000).to_bytes(4, "little") + b"\x04\0\x20\0data"
    data = header + len(body).to_bytes(4, "little") + body
    frames, problems = taken(CONTAINER, [data[:50_000], data[50_000:], b"the rest of it" * 9, FILES["ogg"]])
    assert len(problems) == 1
    assert "NaN" in problems[0]
    lost = SLICE / 4 / 16_000
    assert 2 * len(LINE) / 16_000 - seconds(frames) <= lost + 0.1


def test_the_next_container_tells_that_the_last_one_was_cut() -> None:
    frames, problems = taken(CONTAINER, [FILES["wav"][:-400], FILES["wav"]])
    assert problems == ["The WAV ends before the length that its header declares; send the whole file."]
    assert seconds(frames) == pytest.approx(2 * len(LINE) / 16_000, abs=0.1)


def test_a_wav_that_is_written_live_has_no_end() -> None:
    live = bytearray(FILES["wav"])
    live[4:8] = live[40:44] = b"\xff\xff\xff\xff"
    frames, problems = taken(CONTAINER, [bytes(live), bytes(32_000)])
    assert problems == []
    assert seconds(frames) == pytest.approx(len(LINE) / 16_000 + 1, abs=0.1)


def test_half_a_sample_does_not_outlive_its_connection() -> None:
    async def story() -> None:
        intake = AudioIntake(AudioFormat())
        await intake.push(b"\x01")
        await intake.realign()
        frames, _ = await intake.push(LINE.astype("<i2").tobytes())
        assert np.array_equal(np.concatenate(frames), LINE[: len(frames) * 320])

    asyncio.run(story())


def test_who_is_cancelled_while_a_container_is_decoded_leaves_it_whole() -> None:
    async def story() -> None:
        intake = AudioIntake(CONTAINER)
        half = len(FILES["ogg"]) // 2
        push = asyncio.create_task(intake.push(FILES["ogg"][:half]))
        await asyncio.sleep(0)
        push.cancel()
        with pytest.raises(asyncio.CancelledError):
            await push
        frames, problem = await intake.push(FILES["ogg"][half:])
        assert problem is None
        assert frames
        await intake.close()

    asyncio.run(story())
