"""Speech to text: the `Transcriber` protocol, its engines, and an utterance on its way through one."""
