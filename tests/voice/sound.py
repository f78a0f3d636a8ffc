"""Sound for the tests of the sound floor: packaged recordings, noise, and files made by real codecs."""

import io
from functools import cache
from pathlib import Path

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

import voice

RECORDINGS = Path(voice.__file__).parent / "recordings"
VOICES = ("slt", "rms", "awb")


@cache
def recording(name: str) -> NDArray[np.int16]:
    """A packaged recording such as `slt/clinic/01`, 16 kHz."""
    samples, rate_hz = soundfile.read(RECORDINGS / f"{name}.flac", dtype="int16")
    assert rate_hz == 16_000
    return samples


def recordings(*folders: str) -> list[str]:
    """Names of all recordings in folders such as `turns`, in the three voices."""
    paths = (path for voice in VOICES for folder in folders for path in (RECORDINGS / voice / folder).glob("*.flac"))
    return sorted(str(path.relative_to(RECORDINGS).with_suffix("")) for path in paths)


def tone(seconds: float, *, rate_hz: int = 16_000, hz: float = 440, level: float = 0.3) -> NDArray[np.int16]:
    """A steady sine."""
    time = np.arange(round(seconds * rate_hz)) / rate_hz
    return np.rint(level * 32767 * np.sin(2 * np.pi * hz * time)).astype(np.int16)


def noise(samples: int, *, level_db: float, seed: int = 0) -> NDArray[np.int16]:
    """White noise at a level in dB below full scale."""
    wave = np.random.default_rng(seed).standard_normal(samples) * 32768 * 10 ** (level_db / 20)
    return np.rint(wave).clip(-32768, 32767).astype(np.int16)


def with_noise(audio: NDArray[np.int16], *, speech: NDArray[np.int16], snr_db: float) -> NDArray[np.int16]:
    """White noise over all of `audio`, so many dB below `speech`."""
    level_db = 10 * np.log10(np.mean((speech / 32768) ** 2)) - snr_db
    total = audio.astype(np.int32) + noise(len(audio), level_db=level_db)
    return total.clip(-32768, 32767).astype(np.int16)


def frames_of(audio: NDArray[np.int16]) -> list[NDArray[np.int16]]:
    """Whole 20 ms frames at 16 kHz."""
    return [audio[start : start + 320] for start in range(0, len(audio) - 319, 320)]


def encoded(audio: NDArray[np.int16], container: str, codec: str, rate_hz: int, *, page_ms: int | None = None) -> bytes:
    """16 kHz mono samples as a file made by FFmpeg; `page_ms` as a live sender sets it."""
    file = io.BytesIO()
    options = {"page_duration": str(page_ms * 1000)} if page_ms else {}
    with av.open(file, "w", format=container, options=options) as out:
        stream = out.add_stream(codec, rate=rate_hz, layout="mono")
        stream.codec_context.open()
        resampler = av.AudioResampler(
            format=stream.codec_context.format.name,
            layout="mono",
            rate=rate_hz,
            frame_size=stream.codec_context.frame_size or None,
        )
        frame = av.AudioFrame.from_ndarray(audio[None], format="s16", layout="mono")
        frame.sample_rate = 16_000
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            out.mux(stream.encode(piece))
        out.mux(stream.encode(None))
    return file.getvalue()
