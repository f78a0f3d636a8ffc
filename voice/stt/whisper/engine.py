"""Whisper on faster-whisper: multilingual, one model shared by all calls, utterances decoded in batches."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Literal

import numpy as np

from voice.audio.formats import RATE_HZ, Float32Mono16k
from voice.errors import Cancelled as CancelledError
from voice.errors import CannotTranslate, EngineFailed, EngineUnavailable
from voice.stt.base import ByLanguage, LanguageGuess, Transcriber, Transcript, cannot_translate
from voice.stt.call_language import CallLanguage
from voice.stt.samples import checked
from voice.stt.whisper.batching import Batcher
from voice.stt.whisper.short_window import FULL_WINDOW, MARGIN, Decoded, Fill, Request, ShortWindow, Task, silence_of
from voice.stt.whisper.speech_presence import holds_speech, speech_seconds
from voice.work.cancellation import (
    Cancelled,
    never_cancelled,
)

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

_TOKENS_A_SECOND = 8
_SHORT_TOKENS_A_SECOND = 20  # for a small vocabulary, whose tokens are one or two letters
_SMALL_VOCABULARY = 10_000
_MOST_TOKENS = 200  # with the longest prompt still within Whisper's 448 positions
_REPETITIVE = 2.4
_SURE, _SURELY_SPEECH = -0.5, 0.1  # outside these thresholds, verify with the VAD that there is any speech
_SILENT_RMS = 1e-4
_SHORTEST_WORD = RATE_HZ // 20
_NEEDED = ("model.bin", "config.json", "tokenizer.json")


class FasterWhisper(ByLanguage):
    """A Transcriber on `faster_whisper.WhisperModel` with bounded greedy decoding: noise costs no more than speech.

    The model is loaded by `warm`, or else by the first utterance. Utterances that arrive while others are decoded form
    the next batch.

    Args:
        folder: a CTranslate2 Whisper model: model.bin, config.json, tokenizer.json, vocabulary.
        label: display name, e.g. "base"; the folder's name by default.
        language: BCP 47 tag; None detects it for each call (see `for_call`).
        device: "cpu", "cuda" or "auto".
        compute_type: "int8", "float16", "default" or another type of CTranslate2.
        cpu_threads: threads per decoding.
        no_speech: threshold of the no-speech probability above which unsure transcripts are discarded.
        unsure: mean log-probability below which a transcript counts as unsure.
        prompts: whether the model was trained with prompts; one that was not takes them for speech.
        window: "short" encodes the utterance plus a margin (see `short_window`), "full" always 30 seconds.
        margin, fill: length of the margin in mel frames, and its content; see `short_window`.

    Raises:
        EngineUnavailable: the folder or one of its files is missing.

    Source: Radford et al. 2022; faster-whisper `WhisperModel.transcribe`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        label: str = "",
        language: str | None = "en",
        device: str = "auto",
        compute_type: str = "default",
        cpu_threads: int = 2,
        no_speech: float = 0.6,
        unsure: float = -0.8,
        prompts: bool = True,
        window: Literal["short", "full"] = "short",
        margin: int = MARGIN,
        fill: Fill = silence_of,
    ) -> None:
        _complete(folder)
        self.name = f"whisper:{label or folder.name}"
        self._folder = folder
        self._language = language
        self._device = device
        self._compute_type = compute_type
        self._cpu_threads = cpu_threads
        self._no_speech = no_speech
        self._unsure = unsure
        self._prompts = prompts
        self._margin = FULL_WINDOW if window == "full" else margin
        self._fill = fill
        self._model: WhisperModel | None = None
        self._short: ShortWindow | None = None
        self._one_at_a_time = Lock()
        self._batcher: Batcher[Request, Decoded | None] = Batcher(self._decode_batch)

    def observe_batches(self, batched: Callable[[int], None]) -> None:
        """Have `batched` called with the size of each batch that is decoded, in the thread that decodes it."""
        self._batcher.batched = batched

    def warm(self) -> None:
        """Load the model and run it once, so that the first utterance is not slow. Blocking.

        Raises:
            EngineUnavailable: the model's files are damaged or inconsistent.
        """
        try:
            self.transcribe(np.full(RATE_HZ, 2 * _SILENT_RMS, np.float32))
        except EngineFailed as error:
            raise EngineUnavailable(
                f"The files of the Whisper model in {self._folder} do not belong together; "
                "delete it and get it again with `glow models pull`."
            ) from error

    def for_call(self, expected: str = "") -> Transcriber:
        """Return a transcriber for one call, which settles its language; see `CallLanguage`."""
        return self if self._language else CallLanguage(self, expected)

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
        """Transcribe in the configured language, else in the given one (if the model has it), else in a detected one.

        `expected` counts `EXPECTED_ODDS` times as much as the model's own probability. A sketch gives way between
        encoding and decoding.

        Raises:
            EngineUnavailable: the model's files are damaged (on first use).
        """
        return self._decoded(self._language or language, audio, prompt, cancelled, expected, sketch=sketch)

    def translate(
        self, audio: Float32Mono16k, *, prompt: str = "", cancelled: Cancelled = never_cancelled
    ) -> Transcript:
        """See `Translator.translate`; the language is detected, whatever the configured one."""
        if not self._loaded(cancelled).model.is_multilingual:
            raise CannotTranslate(cannot_translate(self.name))
        return replace(self._decoded(None, audio, prompt, cancelled, task="translate"), language="en")

    def _decoded(
        self,
        language: str | None,
        audio: Float32Mono16k,
        prompt: str,
        cancelled: Cancelled,
        expected: str | None = None,
        *,
        sketch: bool = False,
        task: Task = "transcribe",
    ) -> Transcript:
        audio = checked(audio)
        if len(audio) < _SHORTEST_WORD or math.sqrt(float(np.mean(audio * audio))) < _SILENT_RMS:
            return Transcript("", language or "en", 0.0)
        model = self._loaded(cancelled)
        prompt = prompt[:200] if self._prompts else ""
        if language not in model.supported_languages:
            language = None
        cap = token_cap(len(audio), model.hf_tokenizer.get_vocab_size())
        unwanted = (lambda: cancelled() or self._batcher.urgently_wanted) if sketch else cancelled
        request = Request(audio, prompt, cap, language, unwanted, expected, sketch, task)
        decoded = self._batcher.run(request, cancelled, urgent=not sketch)
        if decoded is None:
            raise CancelledError("The transcript is no longer wanted.")
        if not self._believable(audio, decoded.no_speech, decoded.log_probability, decoded.compression):
            return Transcript("", decoded.language, 0.0)
        guess = None
        if decoded.guess is not None:
            guess = LanguageGuess(*decoded.guess, speech_seconds(audio))
        return Transcript(decoded.text, decoded.language, math.exp(min(decoded.log_probability, 0.0)), guess)

    def _loaded(self, cancelled: Cancelled) -> "WhisperModel":
        while not self._one_at_a_time.acquire(timeout=0.05):
            _stop_if(cancelled)
        try:
            if self._model is None:
                self._model = load_model(self._folder, self._device, self._compute_type, self._cpu_threads)
                self._short = ShortWindow(self._model, margin=self._margin, fill=self._fill)
            return self._model
        finally:
            self._one_at_a_time.release()

    def _decode_batch(self, requests: Sequence[Request]) -> list[Decoded | None]:
        assert self._short is not None
        try:
            return self._short.decode(requests)
        except (RuntimeError, ValueError, IndexError) as error:
            raise EngineFailed(f"Whisper broke on this utterance ({type(error).__name__}); say it again.") from error

    def _believable(self, audio: Float32Mono16k, no_speech: float, log_probability: float, compression: float) -> bool:
        if compression > _REPETITIVE or (no_speech > self._no_speech and log_probability < self._unsure):
            return False
        return (no_speech <= _SURELY_SPEECH and log_probability >= _SURE) or holds_speech(audio)


def token_cap(samples: int, vocabulary: int) -> int:
    """Return the token cap of an utterance: the fastest speech has no more.

    Args:
        samples: its length at 16 kHz.
        vocabulary: size of the model's vocabulary; the tokens of a small one are short.
    """
    rate = _TOKENS_A_SECOND if vocabulary > _SMALL_VOCABULARY else _SHORT_TOKENS_A_SECOND
    return min(8 + math.ceil(samples / RATE_HZ * rate), _MOST_TOKENS)


def load_model(folder: Path, device: str, compute_type: str, cpu_threads: int) -> "WhisperModel":
    """Load a CTranslate2 Whisper model from a folder, never from the network. Blocking; takes seconds for a large one.

    Raises:
        EngineUnavailable: a file is missing or damaged, or the device or compute type is unavailable.
    """
    from faster_whisper import WhisperModel

    _complete(folder)
    try:
        model = WhisperModel(
            str(folder), device=device, compute_type=compute_type, cpu_threads=cpu_threads, local_files_only=True
        )
        model.max_length = _places(folder, model.max_length)
    except Exception as error:
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise EngineUnavailable(
            f"The Whisper model in {folder} does not load ({reason}); "
            "delete it and get it again with `glow models pull`."
        ) from error
    return model


def _complete(folder: Path) -> None:
    missing = [file for file in _NEEDED if not (folder / file).is_file()]
    if missing:
        raise EngineUnavailable(
            f"The Whisper model in {folder} lacks {', '.join(missing)}; "
            "get one with `glow models pull whisper:base.en`."
        )


def _places(folder: Path, usual: int) -> int:
    """Return the number of decoder positions: `max_target_positions` of config.json, or `usual` if it is missing.

    CTranslate2 does not expose the number, and fails in mid-utterance when a decoding exceeds it.
    """
    places = json.loads((folder / "config.json").read_text("utf-8")).get("max_target_positions", usual)
    return min(int(places), usual)


def _stop_if(cancelled: Cancelled) -> None:
    if cancelled():
        raise CancelledError("The transcript is no longer wanted.")
