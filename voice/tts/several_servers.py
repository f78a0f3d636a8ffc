"""A synthesizer on several OpenAI-compatible servers: a clause that fails at one is asked of another, once."""

from collections.abc import Callable, Iterator, Sequence
from time import monotonic

from voice.errors import VoiceError
from voice.tts.base import SpeechChunk, VoiceStyle
from voice.tts.openai import OpenAISynthesizer
from voice.work.failover import Failover


class SeveralSpeechServers:
    """A `Synthesizer` on several servers of one model.

    Args:
        servers: one synthesizer for each, the preferred one first; closed with this.
        clock: the time in seconds.
    """

    def __init__(self, servers: Sequence[OpenAISynthesizer], clock: Callable[[], float] = monotonic) -> None:
        self.name = servers[0].name
        self.failover = Failover(servers, OpenAISynthesizer.is_well, clock)

    def synthesize(self, text: str, style: VoiceStyle, *, cancelled: Callable[[], bool]) -> Iterator[SpeechChunk]:
        """See `OpenAISynthesizer.synthesize`; before its first audio a clause is retried elsewhere, once.

        After it the clause fails: what another server said would begin anew.
        """
        failed = None
        for attempt in range(2):
            sounded = False
            try:
                with self.failover.server(but=failed) as server:
                    failed = server
                    for chunk in server.engine.synthesize(text, style, cancelled=cancelled):
                        sounded = True
                        yield chunk
                    return
            except VoiceError as error:
                if sounded or attempt or not error.elsewhere or len(self.failover.servers) == 1:
                    raise

    def close(self) -> None:
        """Close the connections."""
        self.failover.close()
        for server in self.failover.servers:
            server.engine.close()
