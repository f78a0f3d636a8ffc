"""Whisper on faster-whisper, with encoder windows as short as the utterance."""
