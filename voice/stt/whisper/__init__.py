"""Whisper through faster-whisper, on windows as short as the utterance."""
