"""Whisper with a short window: encodes the utterance plus a margin instead of 30 s, and decodes greedily.

Stock Whisper weights at exactly the utterance's length fall into repetition. A margin of `MARGIN` mel frames after the
speech avoids this if it is filled as in training, with silence. A result that looks wrong nonetheless is retried with
the margin `WIDER`, or `AFTER_A_LOOP`, and one that is broken then at the full window. docs/benchmarks.md shows how the
margins were chosen.

Source: Radford et al. 2022, sections 2 and 4.5 (compression ratio, average log-probability, no-speech probability);
CTranslate2 `Whisper.encode` and `Whisper.generate`.
"""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from voice.audio.formats import RATE_HZ, Float32Mono16k
from voice.stt.whisper.speech_presence import holds_speech, speech_seconds
from voice.stt.whisper.suspicion import is_sparse, repeats_itself, words_of
from voice.stt.whisper.vocabulary import with_terms

if TYPE_CHECKING:
    from ctranslate2 import StorageView
    from ctranslate2.models import WhisperGenerationResult
    from faster_whisper import WhisperModel
    from faster_whisper.tokenizer import Tokenizer

HOP = 160
FULL_WINDOW = 3000
MARGIN, WIDER, AFTER_A_LOOP = 640, 1536, 1024
STEP = 128
"""Windows are multiples of this, so that utterances of similar length can be batched."""

SLICE = 48
"""Tokens decoded before the first check for cancellation; each further slice doubles them.

More frequent checks would slow down every decoding: CTranslate2's Whisper has no callback, and a continued slice
recomputes all steps before it and projects the encoder output again.
"""

REPETITIVE = 2.4
UNLIKELY = -0.6
"""Mean log-probability below which a wider window improves the words at least as often as it worsens them."""

UNSURE = -0.15
"""Mean log-probability below which an utterance is decoded again with the call's vocabulary as the prompt."""

_DECADES = 8.0 / 4  # dynamic range of the log-mel spectrum below its maximum, in Whisper's scale
_LEAST = (-10.0 + 4) / 4

Features = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Decoded:
    """A decoded utterance with the model's confidence.

    Attributes:
        text: the words.
        language: BCP 47 tag.
        log_probability: mean log-probability of the tokens.
        no_speech: probability that there is no speech.
        compression: compression ratio of the text; high if it repeats itself.
        capped: decoding stopped at the token cap.
        guess: the language that it sounds like and its probability, if the request tells an expected one.
    """

    text: str
    language: str
    log_probability: float
    no_speech: float
    compression: float
    capped: bool
    guess: tuple[str, float] | None = None

    @property
    def looks_wrong(self) -> bool:
        """Whether to retry at a wider window."""
        return self.is_broken or self.log_probability < UNLIKELY or repeats_itself(self.text)

    @property
    def is_broken(self) -> bool:
        """Whether it is certainly wrong: cut off at the token cap, or repetitive."""
        return self.capped or self.compression > REPETITIVE


Task = Literal["transcribe", "translate"]


@dataclass(frozen=True, slots=True)
class Request:
    """One utterance to decode.

    Attributes:
        audio: mono samples at 16 kHz in [-1, 1], shape (n,), 0 < n <= 30 * 16000.
        prompt: words likely to occur, used if the model is unsure.
        most_tokens: the token cap.
        language: BCP 47 tag; None detects it on the same encoder output.
        cancelled: polled between slices of decoding.
        expected: the language that is likelier than the model thinks; "" for none, None to guess none.
        sketch: one decoding is enough, however it looks.
        task: what is written: the words themselves, or what they are in English.
    """

    audio: Float32Mono16k
    prompt: str
    most_tokens: int
    language: str | None
    cancelled: Callable[[], bool]
    expected: str | None = None
    sketch: bool = False
    task: Task = "transcribe"


EXPECTED_ODDS = 5.0
"""How much likelier than the model thinks the expected language is: people mostly answer in the persona's language."""

Fill = Callable[[Features], float]
"""Returns the value that fills a window after the speech, given the log-mel features of the speech."""


def silence_of(heard: Features) -> float:
    """Return the log-mel value of silence relative to this speech, which follows speech in Whisper's training."""
    return max(float(heard.max()) - _DECADES, _LEAST)


def zeros_of(heard: Features) -> float:  # noqa: ARG001
    """Return the padding of faster-whisper, which our test model was trained on; other models take it for sound."""
    return 0.0


def window_of(samples: int, margin: int = MARGIN) -> int:
    """Return the encoder window in mel frames for this many samples: the speech plus the margin, rounded up."""
    frames = -(-samples // HOP) + margin
    return min(FULL_WINDOW, -(-frames // STEP) * STEP)


def likeliest(ranked: Sequence[tuple[str, float]], expected: str | None) -> tuple[str, float]:
    """Return the likeliest language and its probability, the odds of the expected one multiplied."""
    weighted = [(language, EXPECTED_ODDS * own if language == expected else own) for language, own in ranked]
    language, weight = max(weighted, key=lambda one: one[1])
    return language, weight / max(sum(other for _, other in weighted), 1e-9)


class ShortWindow:
    """Decodes utterances greedily on a faster-whisper model, at windows of their own length.

    Args:
        model: a loaded faster-whisper model; its `max_length` is the number of decoder positions.
        tokens_a_slice: tokens of the first slice.
        margin: margin of the first decoding, in mel frames; with `FULL_WINDOW` it always encodes 30 s.
        fill: the content of the margin.
    """

    def __init__(
        self, model: "WhisperModel", tokens_a_slice: int = SLICE, margin: int = MARGIN, fill: Fill = silence_of
    ) -> None:
        self._model = model
        self._margin = margin
        self._fill = fill
        self._slice = tokens_a_slice
        self._tokenizers: dict[tuple[str, Task], Tokenizer] = {}

    def decode(self, requests: Sequence[Request]) -> list[Decoded | None]:
        """Decode utterances, batched by window; None for a cancelled one.

        A result that looks wrong is retried at a wider window, unless it is a sketch or not speech at all; the better
        of the two is returned.
        """
        looks = zip(requests, self.at_window(requests), strict=True)
        return [
            first if first is None or request.sketch else self._looked_again(request, first) for request, first in looks
        ]

    def _looked_again(self, request: Request, first: Decoded) -> Decoded:
        own = window_of(len(request.audio), self._margin)
        wider = window_of(len(request.audio), AFTER_A_LOOP if first.is_broken else WIDER)
        sparse = _too_few_words(first.text, request.audio)
        # No retry without speech: noise must cost no more than speech.
        if wider <= own or not (sparse or (first.looks_wrong and holds_speech(request.audio))):
            return first
        second = self._at([request], wider)[0]
        if second is None:
            return first
        best = second if _better(second, first) else first
        if sparse and not second.looks_wrong:
            best = max(first, second, key=lambda decoded: len(decoded.text))
        # A second retry only for a repetition with a high log-probability; babble has a low one.
        looping = best.is_broken and best.log_probability >= UNLIKELY
        if wider == FULL_WINDOW or not (looping or _disagree(first, second)):
            return best
        third = self._at([request], FULL_WINDOW)[0]
        return best if third is None or third.is_broken else third

    def at_window(self, requests: Sequence[Request]) -> list[Decoded | None]:
        """Decode utterances at their own windows, without a retry."""
        results: list[Decoded | None] = [None] * len(requests)
        by_window: dict[int, list[int]] = {}
        for index, request in enumerate(requests):
            by_window.setdefault(window_of(len(request.audio), self._margin), []).append(index)
        for window, indices in by_window.items():
            for index, decoded in zip(indices, self._at([requests[i] for i in indices], window), strict=True):
                results[index] = decoded
        return results

    def one_look(self, request: Request) -> Decoded | None:
        """Decode one utterance once, with its prompt and without a retry; for measurements."""
        encoded = self._encoded([request], window_of(len(request.audio), self._margin))
        language, _ = self._languages([request], encoded)[0]
        return self._generate([request], encoded, [self._prompt(request.prompt, language, request.task)], [language])[0]

    def _encoded(self, requests: Sequence[Request], window: int) -> "StorageView":
        features = np.empty((len(requests), self._model.feature_extractor.mel_filters.shape[0], window), np.float32)
        for row, request in zip(features, requests, strict=True):
            heard = self._model.feature_extractor(request.audio)[:, :window]
            row[:] = self._fill(heard)
            row[:, : heard.shape[1]] = heard
        return self._model.encode(features)

    def _at(self, requests: Sequence[Request], window: int) -> list[Decoded | None]:
        encoded = self._encoded(requests, window)
        detected = self._languages(requests, encoded)
        languages = [language for language, _ in detected]
        prompts = [
            self._prompt("", language, request.task) for language, request in zip(languages, requests, strict=True)
        ]
        results = self._generate(requests, encoded, prompts, languages)
        for index, (first, (_, guess)) in enumerate(zip(results, detected, strict=True)):
            if first is None:
                continue
            results[index] = first = replace(first, guess=guess)
            if requests[index].prompt.strip() and first.log_probability < UNSURE:
                results[index] = self._with_terms(requests[index], first, encoded, index)
        return results

    def _with_terms(self, request: Request, first: Decoded, encoded: "StorageView", index: int) -> Decoded:
        """Decode the same encoder output again with the prompt, and adopt its words that fit."""
        prompted = self._generate(
            [request],
            _row_of(encoded, index),
            [self._prompt(request.prompt, first.language, request.task)],
            [first.language],
        )[0]
        if prompted is None or prompted.is_broken:
            return first
        return replace(first, text=with_terms(first.text, prompted.text, request.prompt))

    def _generate(
        self, requests: Sequence[Request], encoded: "StorageView", prompts: list[list[int]], languages: list[str]
    ) -> list[Decoded | None]:
        rows = [_Row() for _ in requests]
        most = min(max(request.most_tokens for request in requests), self._model.max_length - len(prompts[0]))
        suppressed = self._suppressed(languages[0])
        done = 0
        while done < most and any(row.open_ended for row in rows):
            if all(request.cancelled() for request in requests):
                return [None] * len(requests)
            # The last token is decoded again: CTranslate2 allows no end token right after a given prefix.
            given = max(done - 1, 0)
            done = _next_length(done, self._slice, most)
            results = self._model.model.generate(
                encoded,
                [prompt + row.given(given) for prompt, row in zip(prompts, rows, strict=True)],
                beam_size=1,
                max_length=_limit(len(prompts[0]), done),
                return_scores=True,
                return_no_speech_prob=True,
                suppress_blank=given == 0,
                suppress_tokens=suppressed,
            )
            for row, result in zip(rows, results, strict=True):
                if row.open_ended:
                    row.take(result, given, done)
        return [
            None if request.cancelled() else self._decoded(row, language)
            for request, row, language in zip(requests, rows, languages, strict=True)
        ]

    def most_new_tokens(self, prompt: str, language: str, most: int) -> int:
        """Return the `max_new_tokens` for which `WhisperModel.transcribe` generates up to `most` tokens.

        Bounded by the decoder's positions. CTranslate2 halves what faster-whisper passes on: these and the prompt's.
        """
        taken, places = len(self._prompt(prompt, language)), int(self._model.max_length)
        return min(max(2 * most - taken, most), places - taken)

    def _decoded(self, row: "_Row", language: str) -> Decoded:
        text = self._tokenizer(language).decode(row.tokens).strip()
        raw = text.encode()
        compression = len(raw) / len(zlib.compress(raw)) if raw else 0.0
        return Decoded(text, language, row.score / (row.scored + 1), row.no_speech, compression, row.open_ended)

    def _languages(
        self, requests: Sequence[Request], encoded: "StorageView"
    ) -> list[tuple[str, tuple[str, float] | None]]:
        """Return the language to decode each utterance in, and the guess that was asked for."""
        if not self._model.model.is_multilingual:
            return [("en", None)] * len(requests)
        if all(request.language and request.expected is None for request in requests):
            return [(request.language or "en", None) for request in requests]
        detected = []
        for request, ranked in zip(requests, self._model.model.detect_language(encoded), strict=True):
            guess = likeliest([(token.strip("<|>"), probability) for token, probability in ranked], request.expected)
            detected.append((request.language or guess[0], None if request.expected is None else guess))
        return detected

    def _prompt(self, prompt: str, language: str, task: Task = "transcribe") -> list[int]:
        tokenizer = self._tokenizer(language, task)
        before = tokenizer.encode(" " + prompt.strip()) if prompt.strip() else []
        return list(self._model.get_prompt(tokenizer, before, without_timestamps=True))

    def _tokenizer(self, language: str, task: Task = "transcribe") -> "Tokenizer":
        if (language, task) not in self._tokenizers:
            from faster_whisper.tokenizer import Tokenizer

            self._tokenizers[language, task] = Tokenizer(
                self._model.hf_tokenizer,
                self._model.model.is_multilingual,
                task=task,
                language=language,
            )
        return self._tokenizers[language, task]

    def _suppressed(self, language: str) -> list[int]:
        from faster_whisper.transcribe import get_suppressed_tokens

        return list(get_suppressed_tokens(self._tokenizer(language), (-1,)) or [])


@dataclass(slots=True)
class _Row:
    """The decoding state of one utterance of a batch.

    Attributes:
        tokens: the tokens generated so far.
        score, scored: sum of log-probabilities, and the number of tokens in it; a repeated token counts again.
        no_speech: see `Decoded`.
        open_ended: no end token was generated yet.
    """

    tokens: list[int] = field(default_factory=list)
    score: float = 0.0
    scored: int = 0
    no_speech: float = 0.0
    open_ended: bool = True

    def given(self, length: int) -> list[int]:
        """Return its first `length` tokens as a prefix; pad one that ended earlier, whose continuation is ignored."""
        return (self.tokens + (self.tokens[-1:] or [0]) * length)[:length]

    def take(self, result: "WhisperGenerationResult", given: int, most: int) -> None:
        """Add a result, which repeats the given tokens, without a score."""
        self.tokens = result.sequences_ids[0]
        self.score += result.scores[0] * len(self.tokens)
        self.scored += len(self.tokens) - given
        self.no_speech = self.no_speech if given else result.no_speech_prob
        self.open_ended = len(self.tokens) == most


def _row_of(encoded: "StorageView", index: int) -> "StorageView":
    """Return one utterance's row of a batch's encoder output."""
    if encoded.shape[0] == 1:
        return encoded
    import ctranslate2

    on_host = encoded.to_device(ctranslate2.Device.cpu) if encoded.device != "cpu" else encoded
    return ctranslate2.StorageView.from_array(np.ascontiguousarray(np.asarray(on_host)[index : index + 1]))


def _too_few_words(text: str, audio: Float32Mono16k) -> bool:
    # Check the whole length first: it bounds that of the speech, which takes milliseconds to compute.
    return is_sparse(text, len(audio) / RATE_HZ) and is_sparse(text, speech_seconds(audio))


def _next_length(done: int, first: int, most: int) -> int:
    """Return the next slice's end in tokens: doubled each time, without a short last slice."""
    length = 2 * done or first
    return length if 3 * length <= 2 * most else most


def _limit(prompt: int, tokens: int) -> int:
    """Return the `max_length` for so many tokens after the prompt; CTranslate2 uses half of it, or what is left."""
    return max(2 * tokens, prompt - 1 + tokens)


def _disagree(first: Decoded, second: Decoded) -> bool:
    """Return whether a phrase is repeated in one result, and not, or less often, in the other: it may be meant."""
    repeated = repeats_itself(first.text) or repeats_itself(second.text)
    return repeated and not first.is_broken and words_of(first.text) != words_of(second.text)


def _better(second: Decoded, first: Decoded) -> bool:
    if first.looks_wrong != second.looks_wrong:
        return first.looks_wrong
    return second.log_probability > first.log_probability
