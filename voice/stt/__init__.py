"""Speech to text: the `Transcriber` protocol, its engines, and a segment of speech on its way through one."""
