"""PocketSphinx: English, embedded in its wheel, with streaming decoding."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

import numpy as np

from voice.audio.formats import RATE_HZ, Float32Mono16k, Int16Mono16k
from voice.errors import Cancelled as CancelledError
from voice.errors import EngineFailed, EngineUnavailable
from voice.stt.base import Transcript
from voice.stt.samples import as_int16, checked
from voice.stt.sphinx.cepstra import cepstral_mean
from voice.stt.sphinx.decoder import sphinx_decoder
from voice.work.cancellation import (
    Cancelled,
    never_cancelled,
)

# This model depends on the cepstral mean, so decoding begins once enough speech is buffered to estimate it.
_LISTEN_FIRST = int(0.8 * RATE_HZ)
_STEP = RATE_HZ // 2
_LEAD, _TAIL = int(0.2 * RATE_HZ), int(0.1 * RATE_HZ)
_QUIET_PEAK = 3000
_MOST_GAIN = 30.0

_FILLER = re.compile(r"<.*>|\[.*\]|\+\+.*\+\+")
_VARIANT = re.compile(r"\(\d+\)$")
_FRAMES_A_SECOND = 100


class PocketSphinx:
    """A StreamingTranscriber on a small pool of PocketSphinx decoders (95 MB and 0.3 s to load each).

    `stream` uses a pool of `decoders`, each created on first use; `transcribe` has a decoder of its own, so that it
    never waits for a stream. Decoders are reset between utterances: nothing of one speaker leaks into the next.

    Args:
        decoders: maximum number of concurrent streams.

    Raises:
        EngineUnavailable: PocketSphinx or its model is not installed.

    Source: Huggins-Daines et al. 2006; CMU PocketSphinx 5.
    """

    name = "pocketsphinx"

    def __init__(self, decoders: int = 2) -> None:
        self._limit = decoders
        self._lent = 0
        self._idle: list[_Decoder] = []
        self._lock = Lock()
        self._whole: _Decoder | None = None
        self._whole_lock = Lock()

    def warm(self) -> None:
        """Load the first streaming decoder now rather than with the first utterance. Blocking."""
        stream = self.stream()
        if stream is not None:
            stream.close()

    def transcribe(
        self, audio: Float32Mono16k, *, prompt: str = "", cancelled: Cancelled = never_cancelled
    ) -> Transcript:
        """See `Transcriber.transcribe`. The prompt is ignored: the vocabulary is fixed."""
        del prompt
        samples = as_int16(checked(audio))
        while not self._whole_lock.acquire(timeout=0.05):
            if cancelled():
                raise CancelledError("The transcript is no longer wanted.")
        try:
            if self._whole is None:
                self._whole = _Decoder()
            stream = PocketSphinxStream(self._whole, lambda _: None)
            for start in range(0, len(samples), _STEP):
                if cancelled():
                    raise CancelledError("The transcript is no longer wanted.")
                stream.accept(samples[start : start + _STEP])
            return stream.finish()
        finally:
            self._whole_lock.release()

    def stream(self, *, prompt: str = "") -> "PocketSphinxStream | None":
        """Borrow a decoder for one utterance, until its `close`; None if all are in use. Blocks while one is loaded."""
        del prompt
        with self._lock:
            if self._lent >= self._limit:
                return None
            self._lent += 1
            decoder = self._idle.pop() if self._idle else None
        try:
            return PocketSphinxStream(decoder or _Decoder(), self._take_back)
        except BaseException:
            with self._lock:
                self._lent -= 1
            raise

    @property
    def lent(self) -> int:
        """Number of open streams."""
        return self._lent

    def _take_back(self, decoder: "_Decoder") -> None:
        with self._lock:
            self._lent -= 1
            if not decoder.broken:
                self._idle.append(decoder)


class PocketSphinxStream:
    """A `TranscriptStream` on a borrowed decoder."""

    def __init__(self, decoder: "_Decoder", give_back: Callable[["_Decoder"], None]) -> None:
        self._decoder = decoder
        self._give_back = give_back
        self._lock = Lock()
        self._closed = False
        self._ended = False
        self._begun = False
        self._first: list[Int16Mono16k] = []
        self._gain = 1.0

    def accept(self, audio: Int16Mono16k) -> None:
        """Decode the next samples.

        Raises:
            EngineFailed: the utterance has ended, or the decoder failed.
        """
        if self._closed or self._ended:
            raise EngineFailed("This utterance has ended; begin a new stream for more audio.")
        if self._begun:
            self._decoder.process(self._levelled(audio))
            return
        self._first.append(audio)
        if sum(map(len, self._first)) >= _LISTEN_FIRST:
            self._begin()

    def partial(self) -> str:
        """Return the partial transcript; empty for the first 0.8 s."""
        if not self._begun or self._ended or self._closed:
            return ""
        return self._decoder.partial()

    def finish(self) -> Transcript:
        """End the utterance and return its transcript.

        Raises:
            EngineFailed: it has ended already, or the decoder failed.
        """
        if self._closed or self._ended:
            raise EngineFailed("This utterance has ended; begin a new stream for more audio.")
        if not self._begun:
            self._begin()
        self._decoder.process(_hush(_TAIL))
        self._ended = True
        return self._decoder.end()

    def close(self) -> None:
        """Return the decoder to the pool; fast even in mid-utterance. Idempotent, thread-safe."""
        with self._lock:
            closed, self._closed = self._closed, True
        if not closed:
            self._give_back(self._decoder)

    def _begin(self) -> None:
        first = np.concatenate(self._first) if self._first else np.zeros(0, np.int16)
        self._first = []
        self._begun = True
        peak = float(np.quantile(np.abs(first.astype(np.int32)), 0.995)) if len(first) else 0.0
        self._gain = min(_QUIET_PEAK / max(peak, 1.0), _MOST_GAIN) if peak < _QUIET_PEAK else 1.0
        first = self._levelled(first)
        self._decoder.begin(first)
        self._decoder.process(_hush(_LEAD))
        self._decoder.process(first)

    def _levelled(self, audio: Int16Mono16k) -> Int16Mono16k:
        if self._gain == 1.0:
            return audio
        louder: Int16Mono16k = np.clip(audio * self._gain, -32768, 32767).astype(np.int16)
        return louder


class _Decoder:
    """A decoder and whether an utterance is open on it."""

    def __init__(self) -> None:
        self.broken = False
        self._open = False
        try:
            self._engine = sphinx_decoder()
        except (ImportError, RuntimeError, OSError) as error:
            remedy = "run `pip install --force-reinstall pocketsphinx`"
            raise EngineUnavailable(f"PocketSphinx does not load; {remedy}.") from error

    def begin(self, first: Int16Mono16k) -> None:
        with self._guard():
            if self._open:  # left open by an early `close`, since ending it is slow
                self._engine.end()
            self._engine.begin(",".join(f"{value:.3f}" for value in cepstral_mean(first)))
            self._open = True

    def process(self, audio: Int16Mono16k) -> None:
        if len(audio):
            with self._guard():
                self._engine.process(audio.tobytes())

    def partial(self) -> str:
        with self._guard():
            return " ".join(_words(self._engine.hypothesis()))

    def end(self) -> Transcript:
        words, sure, frames = [], 0.0, 0
        with self._guard():
            self._engine.end()
            self._open = False
            for segment in self._engine.segments() if self._engine.hypothesis() else ():
                spoken = _words(segment.word)
                # Steady noise is recognised as one endless "if" or "the", longer than any real word.
                if not spoken or segment.frames / _FRAMES_A_SECOND > 0.35 + 0.11 * len(spoken[0]):
                    continue
                words += spoken
                sure += min(segment.probability, 1.0) * segment.frames
                frames += segment.frames
        return Transcript(" ".join(words), confidence=sure / frames if frames else 0.0)

    @contextmanager
    def _guard(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            self.broken = True
            raise EngineFailed("PocketSphinx broke on this utterance; say it again.") from error


def _words(hypothesis: str) -> list[str]:
    """Return the words of a hypothesis, without fillers (`<sil>`, `[NOISE]`, `++UH++`) and variant marks (`the(2)`)."""
    return [_VARIANT.sub("", word) for word in hypothesis.split() if not _FILLER.fullmatch(word)]


def _hush(samples: int) -> Int16Mono16k:
    """Return faint, deterministic noise, since the model was never trained on digital silence."""
    return np.rint(np.random.default_rng(0).normal(0, 3, samples)).astype(np.int16)
