"""Small models that ship with the service, for tests, CI and machines without a network; `auto` never chooses them."""

from pathlib import Path

WHISPER_NANO = Path(__file__).parent / "whisper-nano"
"""A real Whisper architecture, trained on synthetic voices with a vocabulary of about 620 words; `stt=whisper:nano`."""

PIPER_NANO = Path(__file__).parent / "piper-nano" / "nano.onnx"
"""A real Piper voice, synthesized from half-phonemes of eSpeak NG; `tts=piper:nano`."""
