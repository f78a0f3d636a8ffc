"""The sounds of a simulated learner: recordings, synthesized speech, and seeded coughs, music and noise."""

import io
import json
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

import voice
from voice.audio.containers import decode_file
from voice.audio.formats import RATE_HZ, Int16Mono, float32_of, int16_of, wav_bytes
from voice.audio.resample import resample
from voice.errors import InvalidAudio
from voice.tts.base import VoiceStyle
from voice.tts.espeak.engine import EspeakSynthesizer

Floats = NDArray[np.float64]

RECORDINGS = Path(voice.__file__).parent / "recordings"
LONGEST_S = 1800
"""Maximum duration of a recording in seconds."""

Channel = Literal["both", "left", "right"]
CHANNELS: tuple[Channel, ...] = ("both", "left", "right")

KINDS = ("white", "pink", "cough", "breath", "hum", "music", "click")
"""The kinds of noise that `noise` generates."""


def recording(path: Path, channel: Channel = "both") -> Int16Mono:
    """Read a recording of any format as 16 kHz mono.

    Args:
        path: the file.
        channel: the channel of a stereo file; "both" mixes them. A recorded call has the learner on the left.

    Raises:
        OSError, VoiceError: the file cannot be read.
    """
    data = path.read_bytes()
    return int16_of(decode_file(data if channel == "both" else _side(data, channel), max_seconds=LONGEST_S))


def _side(data: bytes, channel: Channel) -> bytes:
    """Extract one channel of a stereo recording as a WAV file."""
    import soundfile

    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            if file.channels != 2:
                raise InvalidAudio(f"It has {file.channels} channel and no {channel} one; leave 'channel' out.")
            rate_hz = file.samplerate
            sides = file.read(LONGEST_S * rate_hz + 1, dtype="int16")
    except soundfile.LibsndfileError:
        raise InvalidAudio("One side can be taken of WAV, FLAC and Ogg alone; convert it.") from None
    return wav_bytes(np.ascontiguousarray(sides[:, 0 if channel == "left" else 1]), rate_hz)


def packaged(name: str) -> Path | None:
    """Return the file of a packaged recording such as `slt/records-office/01`, or None."""
    path = RECORDINGS / f"{name}.flac"
    return path if path.is_file() and path.resolve().is_relative_to(RECORDINGS.resolve()) else None


def packaged_text(name: str) -> str:
    """Return the text of a packaged recording; empty for any other."""
    entries = json.loads((RECORDINGS / "manifest.json").read_text(encoding="utf-8"))
    return next((str(entry["text"]) for entry in entries if entry["file"] == f"{name}.flac"), "")


def spoken(text: str, voice_name: str) -> Int16Mono:
    """Synthesize a text with eSpeak NG, at 16 kHz."""
    style = VoiceStyle(names={"espeak": voice_name} if voice_name else {})
    chunks = list(EspeakSynthesizer().synthesize(text, style, cancelled=lambda: False))
    if not chunks:
        return np.zeros(0, np.int16)
    return resample(np.concatenate([chunk.audio for chunk in chunks]), chunks[0].rate_hz, RATE_HZ)


def noise(kind: str, ms: float, level_db: float, seed: int) -> Int16Mono:
    """Generate a noise of one of the `KINDS`.

    Args:
        kind: cough and breath have such an envelope, hum is a closed-mouth voice, music is chords with overtones,
            click is a single knock.
        ms: duration.
        level_db: RMS level in dB relative to full scale, at most 0.
        seed: random seed.
    """
    chance = np.random.default_rng(seed)
    length = round(ms * RATE_HZ / 1000)
    match kind:
        case "white":
            wave = chance.normal(size=length)
        case "pink":
            wave = _pink(chance, length)
        case "cough":
            wave = _cough(chance, length)
        case "breath":
            wave = _band(chance.normal(size=length), 400, 3000) * np.sin(np.linspace(0, np.pi, length)) ** 2
        case "hum":
            wave = _hum(chance, length)
        case "music":
            wave = _music(chance, length)
        case _:
            wave = chance.normal(size=length) * np.exp(-np.arange(length) / (0.004 * RATE_HZ))
    return _levelled(wave, level_db)


def with_gain(audio: Int16Mono, gain_db: float) -> Int16Mono:
    """Apply a gain, with clipping."""
    return int16_of(float32_of(audio) * np.float32(10 ** (gain_db / 20))) if gain_db else audio


def with_noise(audio: Int16Mono, snr_db: float, seed: int) -> Int16Mono:
    """Mix pink noise into speech, at this SNR relative to the level of its louder half."""
    samples = float32_of(audio).astype(np.float64)
    windows = np.sqrt(np.mean(samples[: len(samples) // 320 * 320].reshape(-1, 320) ** 2, axis=1))
    loud = windows[windows >= np.median(windows)] if len(windows) else windows
    level = float(np.sqrt(np.mean(loud**2))) if len(loud) else 0.0
    behind = _pink(np.random.default_rng(seed), len(samples))
    behind *= level * 10 ** (-snr_db / 20) / max(1e-12, float(np.sqrt(np.mean(behind**2))))
    return int16_of(samples + behind)


def _levelled(wave: Floats, level_db: float) -> Int16Mono:
    level = float(np.sqrt(np.mean(wave**2))) if len(wave) else 0.0
    return int16_of(wave * (10 ** (level_db / 20) / max(level, 1e-12)))


def _spectrum_shaped(wave: Floats, shape: Floats) -> Floats:
    shaped: Floats = np.fft.irfft(np.fft.rfft(wave) * shape, len(wave))
    return shaped


def _pink(chance: np.random.Generator, length: int) -> Floats:
    hz = np.fft.rfftfreq(length, 1 / RATE_HZ)
    return _spectrum_shaped(chance.normal(size=length), 1 / np.sqrt(np.maximum(hz, 50)))


def _band(wave: Floats, low_hz: float, high_hz: float) -> Floats:
    hz = np.fft.rfftfreq(len(wave), 1 / RATE_HZ)
    return _spectrum_shaped(wave, ((hz >= low_hz) & (hz <= high_hz)).astype(np.float64))


def _cough(chance: np.random.Generator, length: int) -> Floats:
    """Generate two bursts: a sharp, broadband onset, and the voiced rest of the breath."""
    seconds = np.arange(length) / RATE_HZ
    burst = _band(chance.normal(size=length), 300, 5000)
    second = 0.55 * length / RATE_HZ
    first = np.exp(-seconds / (0.12 * length / RATE_HZ))
    again = np.where(seconds >= second, 0.6 * np.exp(-(seconds - second) / (0.15 * length / RATE_HZ)), 0)
    envelope: Floats = first + again
    return burst * envelope


def _hum(chance: np.random.Generator, length: int) -> Floats:
    """Generate a wavering fundamental with overtones under two formants, as in "mmm": a voice without words."""
    seconds = np.arange(length) / RATE_HZ
    pitch = 130 * (1 + 0.04 * np.sin(2 * np.pi * 4.5 * seconds + float(chance.uniform(0, 6))))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE_HZ
    wave = np.zeros(length)
    for overtone in range(1, 25):
        hz = 130 * overtone
        strength = np.exp(-(((hz - 280) / 180) ** 2)) + 0.12 * np.exp(-(((hz - 1300) / 300) ** 2)) + 0.01
        wave += strength * np.sin(overtone * phase + float(chance.uniform(0, 6)))
    edges = np.minimum(1, np.minimum(seconds, seconds[::-1]) / 0.03) if length else seconds
    hummed: Floats = wave * edges
    return hummed


def _music(chance: np.random.Generator, length: int) -> Floats:
    seconds = np.arange(length) / RATE_HZ
    wave = np.zeros(length)
    beat = round(0.4 * RATE_HZ)
    for start in range(0, length, beat):
        root = 220 * 2 ** (int(chance.integers(0, 12)) / 12)
        part = seconds[start : start + beat]
        decay = np.exp(-(part - part[0]) / 0.5)
        for ratio in (1, 5 / 4, 3 / 2):
            for overtone in (1, 2, 3):
                wave[start : start + beat] += decay * np.sin(2 * np.pi * root * ratio * overtone * part) / overtone**2
    return wave
