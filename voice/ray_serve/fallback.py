"""A local engine for the time in which the one on Ray fails: no caller loses a turn for it."""

from collections.abc import Callable, Iterator
from threading import Lock
from time import monotonic
from typing import Generic, TypeVar

import numpy as np

from voice.audio.formats import RATE_HZ, Float32Mono16k
from voice.errors import Cancelled as CancelledError
from voice.errors import CannotTranslate, EngineBusy, InvalidAudio, VoiceError
from voice.ray_serve.gateway import RayPerCallTranscriber, RaySynthesizer, RayTranscriber
from voice.ray_serve.outage import EngineOutage
from voice.stt.base import ByLanguage, MultilingualTranscriber, Transcriber, Transcript, Translator, cannot_translate
from voice.stt.call_language import CallLanguage
from voice.tts.base import SpeechChunk, Synthesizer, VoiceStyle
from voice.work.cancellation import Cancelled, never_cancelled

Engine = TypeVar("Engine")

_ROOM = np.random.default_rng(1).normal(0, 0.001, RATE_HZ // 2).astype(np.float32)


class FallbackTranscriber(ByLanguage):
    """A `MultilingualTranscriber` on Ray, with a local one for its failures.

    What fails on Ray is transcribed here; once Ray has failed for `after_s`, it is not even asked, until it is well.

    Args:
        primary: the one on Ray.
        make_local: factory of the local one, called at the first failure.
        after_s: see above.
        clock: the time in seconds.
    """

    def __init__(
        self,
        primary: RayTranscriber,
        make_local: Callable[[], Transcriber],
        after_s: float,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.name = primary.name
        self._primary = primary
        self._local = _Once(make_local)
        self.outage = EngineOutage(after_s, lambda: primary.transcribe(_ROOM), clock)

    @property
    def pending(self) -> int:
        """Number of requests that were not answered."""
        return self._primary.pending

    def observe_restarts(self, restarted: Callable[[], None]) -> None:
        """See `ProcessTranscriber.observe_restarts`: those of the child that is connected to Ray."""
        self._primary.observe_restarts(restarted)

    def warm(self) -> None:
        """Connect to Ray; where it is away, load the local engine. Blocking.

        Raises:
            EngineUnavailable: neither works; the message says what to do.
        """
        try:
            self._primary.warm()
            self._primary.transcribe(_ROOM)
        except VoiceError:
            self.outage.failed()
            local = self._local.get()
            warm = getattr(local, "warm", None)
            if warm is not None:
                warm()

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
        """See `MultilingualTranscriber.transcribe_in`; a sketch that fails on Ray is not repeated here."""

        def on_ray() -> Transcript:
            return self._primary.transcribe_in(language, audio, prompt, cancelled, expected, sketch=sketch)

        def here(local: Transcriber) -> Transcript:
            if isinstance(local, MultilingualTranscriber):
                return local.transcribe_in(language, audio, prompt, cancelled, expected, sketch=sketch)
            return local.transcribe(audio, prompt=prompt, cancelled=cancelled)

        return self._done(on_ray, here, repeats=not sketch)

    def translate(
        self, audio: Float32Mono16k, *, prompt: str = "", cancelled: Cancelled = never_cancelled
    ) -> Transcript:
        """See `Translator.translate`."""

        def here(local: Transcriber) -> Transcript:
            if not isinstance(local, Translator):
                raise CannotTranslate(cannot_translate(local.name))
            return local.translate(audio, prompt=prompt, cancelled=cancelled)

        return self._done(lambda: self._primary.translate(audio, prompt=prompt, cancelled=cancelled), here)

    def _done(
        self, on_ray: Callable[[], Transcript], here: Callable[[Transcriber], Transcript], *, repeats: bool = True
    ) -> Transcript:
        if not self.outage.lasts:
            try:
                transcript = on_ray()
            except (CancelledError, InvalidAudio, EngineBusy, CannotTranslate):
                raise
            except VoiceError:
                self.outage.failed()
                if not repeats:
                    raise
            else:
                self.outage.worked()
                return transcript
        return here(self._local.get())

    def close(self) -> None:
        """End the processes. Idempotent."""
        self._primary.close()
        self.outage.close()
        self._local.close()


class FallbackPerCallTranscriber(FallbackTranscriber):
    """A `FallbackTranscriber` that detects the language per call."""

    def for_call(self, expected: str = "") -> Transcriber:
        """See `PerCallTranscriber.for_call`."""
        return CallLanguage(self, expected)


class FallbackSynthesizer:
    """A `Synthesizer` on Ray, with a local one for its failures before a clause's first audio.

    Args:
        primary: the one on Ray.
        make_local: factory of the local one, called at the first failure.
        after_s: once Ray has failed for so long, it is not even asked, until it is well.
        clock: the time in seconds.
    """

    def __init__(
        self,
        primary: RaySynthesizer,
        make_local: Callable[[], Synthesizer],
        after_s: float,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.name = primary.name
        self._primary = primary
        self._local = _Once(make_local)
        self.outage = EngineOutage(after_s, lambda: self._say(primary), clock)

    def warm(self) -> None:
        """Connect to Ray; where it is away, load the local engine. Blocking.

        Raises:
            EngineUnavailable: neither works; the message says what to do.
        """
        try:
            self._primary.warm()
            self._say(self._primary)
        except VoiceError:
            self.outage.failed()
            self._local.get()

    def synthesize(self, text: str, style: VoiceStyle, *, cancelled: Cancelled) -> Iterator[SpeechChunk]:
        """See `Synthesizer.synthesize`."""
        if not self.outage.lasts:
            sounded = False
            try:
                for chunk in self._primary.synthesize(text, style, cancelled=cancelled):
                    sounded = True
                    yield chunk
            except CancelledError:
                raise
            except VoiceError:
                self.outage.failed()
                if sounded:
                    raise
            else:
                self.outage.worked()
                return
        yield from self._local.get().synthesize(text, style, cancelled=cancelled)

    def close(self) -> None:
        """End the process. Idempotent."""
        self._primary.close()
        self.outage.close()
        self._local.close()

    @staticmethod
    def _say(engine: Synthesizer) -> None:
        for _ in engine.synthesize("Yes.", VoiceStyle(), cancelled=never_cancelled):
            pass


class _Once(Generic[Engine]):
    """An engine that is made when it is needed first."""

    def __init__(self, make: Callable[[], Engine]) -> None:
        self._make = make
        self._engine: Engine | None = None
        self._lock = Lock()

    def get(self) -> Engine:
        with self._lock:
            if self._engine is None:
                self._engine = self._make()
            return self._engine

    def close(self) -> None:
        close = getattr(self._engine, "close", None)
        if close is not None:
            close()


def with_fallback(
    primary: RayTranscriber, make_local: Callable[[], Transcriber], after_s: float
) -> FallbackTranscriber:
    """Return a transcriber on Ray with a local one for its failures, which detects languages if the one on Ray does."""
    kind = FallbackPerCallTranscriber if isinstance(primary, RayPerCallTranscriber) else FallbackTranscriber
    return kind(primary, make_local, after_s)
