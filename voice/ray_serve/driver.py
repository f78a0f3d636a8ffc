"""The driver of the engines on Ray, which runs in a child process of a gateway: never in the gateway itself.

When a cluster's head is gone, Ray ends the process of its driver after a minute; the gateway then starts another one.
"""

from collections.abc import Iterator
from typing import Any

from voice.audio.formats import RATE_HZ, Float32Mono16k
from voice.errors import EngineFailed, VoiceError
from voice.ray_serve.connection import RayRequests, connect
from voice.ray_serve.deployments import APP, SKETCH, STT, TTS
from voice.stt.base import ByLanguage, Transcript
from voice.stt.samples import checked
from voice.tts.base import SpeechChunk, VoiceStyle
from voice.work.cancellation import Cancelled, never_cancelled

NAME = "ray"
REQUEST_S, SECONDS_A_SECOND = 3.0, 0.25
"""Deadline of a transcript, plus this for each second of its audio: a caller hears an apology rather than nothing."""

CHUNK_S = 4.0
"""Deadline of the next audio of a clause."""


class RayEngines(ByLanguage):
    """A `MultilingualTranscriber` and `Synthesizer` on Ray.

    Args:
        address: of the cluster, such as "auto".
        app: name of the application.
        request_s: deadline of a transcript, without the length of its audio.
    """

    def __init__(self, address: str = "auto", app: str = APP, request_s: float = REQUEST_S) -> None:
        self.name = NAME
        self._address = address
        self._app = app
        self._request_s = request_s
        self._requests: RayRequests | None = None

    def warm(self) -> None:
        """Connect to the cluster. Blocking.

        Raises:
            EngineUnavailable: Ray is not installed, or the cluster cannot be reached.
        """
        connect(self._address)
        self._requests = self._requests or RayRequests(self._app)

    def transcribe_in(
        self,
        language: str | None,
        audio: Float32Mono16k,
        prompt: str,
        cancelled: Cancelled,
        expected: str | None = None,
        *,
        sketch: bool = False,
    ) -> Transcript:
        """See `MultilingualTranscriber.transcribe_in`; the replicas for sketches take few at once and refuse others."""
        audio = checked(audio)
        deployment = SKETCH if sketch else STT
        return self._answered(
            deployment, "transcribe", (language, audio, prompt, expected, sketch), len(audio), cancelled
        )

    def translate(
        self, audio: Float32Mono16k, *, prompt: str = "", cancelled: Cancelled = never_cancelled
    ) -> Transcript:
        """See `Translator.translate`."""
        audio = checked(audio)
        return self._answered(STT, "translate", (audio, prompt), len(audio), cancelled)

    def _answered(
        self, deployment: str, method: str, arguments: tuple[Any, ...], samples: int, cancelled: Cancelled
    ) -> Transcript:
        deadline_s = self._request_s + SECONDS_A_SECOND * samples / RATE_HZ
        answer = self._connected().ask(deployment, method, *arguments, deadline_s=deadline_s, cancelled=cancelled)
        if isinstance(answer, VoiceError):
            raise answer
        if not isinstance(answer, Transcript):
            raise EngineFailed("The engines on Ray are of another version; deploy them again with `glow ray deploy`.")
        return answer

    def synthesize(self, text: str, style: VoiceStyle, *, cancelled: Cancelled) -> Iterator[SpeechChunk]:
        """See `Synthesizer.synthesize`."""
        for item in self._connected().stream(TTS, "synthesize", text, style, item_s=CHUNK_S, cancelled=cancelled):
            if isinstance(item, VoiceError):
                raise item
            yield item

    def _connected(self) -> RayRequests:
        self.warm()
        assert self._requests is not None
        return self._requests
