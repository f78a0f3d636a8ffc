"""Audio files of the client commands: packaged recordings, a recording to send, a conversation to save."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import voice
from api.client.call import ClientError, Recording
from api.client.handset import Int16
from voice.audio.formats import RATE_HZ
from voice.audio.resample import resample

ROOT = Path(voice.__file__).parent / "recordings"
_LONGEST_S = 600


@dataclass(frozen=True, slots=True)
class LearnerRecording:
    """A packaged recording of a learner: its text, and its samples at 16 kHz."""

    text: str
    samples: Int16


def learner_recording(scene: str, number: int, speaker: str = "slt") -> LearnerRecording:
    """Load recording `number` of a scene, such as number 3 of `records-office`."""
    name = f"{speaker}/{scene}/{number:02d}.flac"
    texts = {entry["file"]: entry["text"] for entry in json.loads((ROOT / "manifest.json").read_text("utf-8"))}
    return LearnerRecording(texts[name], read_recording(ROOT / name))


def read_recording(path: Path) -> Int16:
    """Read an audio file as 16 kHz mono.

    Raises:
        ClientError: the file cannot be read, is empty or too long.
    """
    import soundfile

    if not path.is_file():
        raise ClientError(f"There is no file {path}; give a WAV, FLAC or Ogg file.")
    try:
        with soundfile.SoundFile(path) as file:
            if file.frames > _LONGEST_S * file.samplerate:
                raise ClientError(f"{path} is longer than {_LONGEST_S} s; send a shorter recording.")
            samples, rate_hz = file.read(dtype="float32", always_2d=True), file.samplerate
    except (soundfile.LibsndfileError, OSError) as error:
        raise ClientError(f"{path} cannot be read as a sound file ({error}); give a WAV, FLAC or Ogg file.") from None
    if not len(samples):
        raise ClientError(f"{path} holds no sound; give a recording of someone speaking.")
    mono = np.clip(np.nan_to_num(samples.mean(axis=1)), -1, 1)
    return resample((mono * 32767).astype(np.int16), rate_hz, RATE_HZ)


def write_stereo(path: Path, recording: Recording) -> float:
    """Write both sides of a call in stereo, the learner left and the persona right; return the duration in seconds."""
    left = resample(recording.learner, recording.learner_rate_hz, recording.persona_rate_hz)
    length = max(len(left), len(recording.persona))
    sides = [np.pad(side, (0, length - len(side))) for side in (left, recording.persona)]
    _write(path, np.column_stack(sides), recording.persona_rate_hz)
    return length / recording.persona_rate_hz


def write_persona(path: Path, recording: Recording) -> float:
    """Write what was heard of the persona, trimmed to its first and last sound; return the duration in seconds."""
    sounding = np.flatnonzero(recording.persona)
    heard = recording.persona[sounding[0] : sounding[-1] + 1] if len(sounding) else recording.persona[:0]
    _write(path, heard, recording.persona_rate_hz)
    return len(heard) / recording.persona_rate_hz


def _write(path: Path, samples: Int16, rate_hz: int) -> None:
    import soundfile

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, samples, rate_hz, subtype="PCM_16", format="WAV")
    except (soundfile.LibsndfileError, OSError) as error:
        raise ClientError(f"{path} cannot be written ({error}); choose another place.") from None
