"""Text to speech: the `Synthesizer` protocol, its engines, and synthesis for a call."""
