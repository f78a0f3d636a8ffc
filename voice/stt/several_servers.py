"""A recogniser on several OpenAI-compatible servers: what fails at one is asked of another, once."""

from collections.abc import Callable, Sequence
from time import monotonic

from voice.audio.formats import Float32Mono16k
from voice.stt.base import Transcript
from voice.stt.openai import OpenAITranscriber
from voice.work.cancellation import Cancelled, never_cancelled
from voice.work.failover import Failover


class SeveralTranscriptionServers:
    """A `Transcriber` on several servers of one model.

    Args:
        servers: one transcriber for each, the preferred one first; closed with this.
        clock: the time in seconds.
    """

    def __init__(self, servers: Sequence[OpenAITranscriber], clock: Callable[[], float] = monotonic) -> None:
        self.name = servers[0].name
        self.failover = Failover(servers, OpenAITranscriber.is_well, clock)

    def transcribe(
        self, audio: Float32Mono16k, *, prompt: str = "", cancelled: Cancelled = never_cancelled
    ) -> Transcript:
        """See `Transcriber.transcribe`; a server that is away or broken is retried elsewhere, once."""
        return self.failover.run(lambda server: server.transcribe(audio, prompt=prompt, cancelled=cancelled))

    def translate(
        self, audio: Float32Mono16k, *, prompt: str = "", cancelled: Cancelled = never_cancelled
    ) -> Transcript:
        """See `Translator.translate`; retried elsewhere, once."""
        return self.failover.run(lambda server: server.translate(audio, prompt=prompt, cancelled=cancelled))

    def close(self) -> None:
        """Close the connections. Idempotent."""
        self.failover.close()
        for server in self.failover.servers:
            server.engine.close()
