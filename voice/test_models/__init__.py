"""Small models that ship with the service for tests, CI and people without a network. `auto` never chooses them."""

from pathlib import Path

WHISPER_NANO = Path(__file__).parent / "whisper-nano"
"""A real Whisper architecture, trained on synthetic voices and about 620 words; `stt=whisper:nano`."""

PIPER_NANO = Path(__file__).parent / "piper-nano" / "nano.onnx"
"""A real Piper voice, a robot put together from pieces of eSpeak NG; `tts=piper:nano`."""
