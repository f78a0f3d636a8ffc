"""Speech to text: the `Transcriber` protocol, its engines, and the recognition of a segment of speech."""
