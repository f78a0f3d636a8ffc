"""The sound floor's front desk: formats, wire bytes to frames and back, and whole recordings."""

from voice.containers import decode_file
from voice.formats import (
    FRAME,
    RATE_HZ,
    AudioFormat,
    Encoding,
    Float32Mono16k,
    Int16Mono,
    float32_of,
    int16_of,
    wav_bytes,
)
from voice.intake import AudioIntake
from voice.outlet import AudioOutlet

__all__ = [
    "FRAME",
    "RATE_HZ",
    "AudioFormat",
    "AudioIntake",
    "AudioOutlet",
    "Encoding",
    "Float32Mono16k",
    "Int16Mono",
    "decode_file",
    "float32_of",
    "int16_of",
    "wav_bytes",
]
