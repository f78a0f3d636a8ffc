"""Text to speech: the `Synthesizer` protocol, its engines, and their use in a call."""
