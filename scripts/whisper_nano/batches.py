"""Training batches: mel windows as in faster-whisper's inference, and prompted token sequences."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from faster_whisper.feature_extractor import FeatureExtractor
from numpy.typing import NDArray
from speech import Float32Mono, Spoken, read_shard, roughened
from tokenizers import Tokenizer

from voice.stt.whisper.short_window import FULL_WINDOW

LETTERS = "abcdefghijklmnopqrstuvwxyz "
MOST_PREVIOUS = 24
"""Maximum number of tokens of previous text."""

MARGIN = 256
MARGINS = [(16, 0.42), (MARGIN // 2, 0.2), (MARGIN, 0.22), (800, 0.09), (FULL_WINDOW, 0.07)]
"""Margins after the speech in frames, with their probabilities; those from 800 on are whole windows of 8 s and 30 s."""

MASKED = -100

HELD_OUT = 32
"""Number of held-out utterances of the first shard, for the validation loss."""


@dataclass(frozen=True)
class Batch:
    """Utterances of similar length.

    Attributes:
        mel: log-mel features, shape (n, 80, window), zero-padded after the speech.
        tokens: decoder input, shape (n, m).
        labels: next tokens, shape (n, m); MASKED where there is no loss.
        letters: concatenated CTC targets; letter 1 is "a", 0 is the blank.
        letter_counts, frame_counts: letters and encoder positions per utterance, shape (n,).
    """

    mel: torch.Tensor
    tokens: torch.Tensor
    labels: torch.Tensor
    letters: torch.Tensor
    letter_counts: torch.Tensor
    frame_counts: torch.Tensor


class Batches:
    """Samples batches from the shards of a folder; `look` picks up new shards.

    Args:
        folder: the output folder of speech.py.
        tokenizer: the model's tokenizer.
        size: batch size; an eighth of it at 30 s.
        seed: random seed.
    """

    def __init__(self, folder: Path, tokenizer: Tokenizer, size: int, seed: int) -> None:
        self._folder = folder
        self._tokenizer = tokenizer
        self._size = size
        self._pick = np.random.default_rng(seed)
        self._mel = FeatureExtractor()
        self._taken: set[Path] = set()
        self._spoken: list[Spoken] = []
        self._held_out: list[Spoken] = []
        names = ("<|endoftext|>", "<|startoftranscript|>", "<|notimestamps|>", "<|startofprev|>", "<|0.00|>")
        self.end, self._start, self._untimed, self._previous, self._zero = map(tokenizer.token_to_id, names)

    def look(self) -> int:
        """Load new shards; return the number of utterances."""
        for path in sorted(self._folder.glob("shard-*.npz")):
            if path not in self._taken:
                self._taken.add(path)
                spoken = read_shard(path)
                if not self._held_out:
                    self._held_out, spoken = spoken[:HELD_OUT], spoken[HELD_OUT:]
                self._spoken += spoken
        return len(self._spoken)

    def draw(self) -> Batch:
        """Sample a batch, with augmented audio, SpecAugment, and a random window and prompts."""
        margin = self._pick.choice([margin for margin, _ in MARGINS], p=[share for _, share in MARGINS])
        size = max(4, self._size // 8) if margin == FULL_WINDOW else self._size
        pool = sorted(
            (self._spoken[index] for index in self._pick.integers(0, len(self._spoken), size * 8)),
            key=lambda one: len(one[1]),
        )
        start = int(self._pick.integers(0, len(pool) - size + 1))
        chosen = pool[start : start + size]
        heard = [_masked(self._features(roughened(audio, self._pick)), self._pick) for _, audio in chosen]
        longest = max(mel.shape[1] for mel in heard)
        window = max(longest, margin) if margin >= 800 else longest + margin
        return self._batch(chosen, heard, window, [self._prompted(*one) for one in zip(chosen, heard, strict=True)])

    def held_out(self) -> Batch:
        """Return the held-out utterances, clean, at the windows of ShortWindow; deterministic."""
        heard = [self._features(audio.astype(np.float32) / 32768) for _, audio in self._held_out]
        said = [self._tokenizer.encode(f" {text}").ids for text, _ in self._held_out]
        prompts = [([self._start, self._untimed, *tokens, self.end], 2) for tokens in said]
        return self._batch(self._held_out, heard, max(mel.shape[1] for mel in heard) + MARGIN, prompts)

    def _batch(
        self,
        spoken: list[Spoken],
        heard: list[NDArray[np.float32]],
        window: int,
        prompts: list[tuple[list[int], int]],
    ) -> Batch:
        mel = np.zeros((len(spoken), heard[0].shape[0], window + window % 2), np.float32)
        for row, one in zip(mel, heard, strict=True):
            row[:, : one.shape[1]] = one
        tokens, labels = self._padded(prompts)
        spelled = [[LETTERS.index(letter) + 1 for letter in text] for text, _ in spoken]
        return Batch(
            torch.from_numpy(mel),
            tokens,
            labels,
            torch.tensor([letter for word in spelled for letter in word]),
            torch.tensor([len(word) for word in spelled]),
            torch.tensor([one.shape[1] // 2 for one in heard]),
        )

    def _features(self, audio: Float32Mono) -> NDArray[np.float32]:
        return np.asarray(self._mel(audio), np.float32)

    def _prompted(self, spoken: Spoken, mel: NDArray[np.float32]) -> tuple[list[int], int]:
        """Return the tokens of an utterance, and the number of prompt tokens without a loss."""
        text, frames = spoken[0], mel.shape[1]
        said = self._tokenizer.encode(f" {text}").ids
        if self._pick.random() < 0.3:
            # A timestamp token is 20 ms, two frames. The first one has a loss, too.
            given, said = [self._start], [self._zero, *said, self._zero + frames // 2]
        else:
            given = [self._start, self._untimed]
        if self._pick.random() < 0.08:
            other, _ = self._spoken[int(self._pick.integers(len(self._spoken)))]
            given = [self._previous, *self._tokenizer.encode(f" {other}").ids[:MOST_PREVIOUS], *given]
        return [*given, *said, self.end], len(given)

    def _padded(self, prompts: list[tuple[list[int], int]]) -> tuple[torch.Tensor, torch.Tensor]:
        longest = max(len(tokens) for tokens, _ in prompts)
        tokens = torch.full((len(prompts), longest), self.end)
        labels = torch.full((len(prompts), longest), MASKED)
        for row, (said, given) in enumerate(prompts):
            tokens[row, : len(said)] = torch.tensor(said)
            labels[row, given - 1 : len(said) - 1] = torch.tensor(said[given:])
        return tokens, labels


def _masked(mel: NDArray[np.float32], pick: np.random.Generator) -> NDArray[np.float32]:
    """Apply SpecAugment: mask one band of up to 12 mels and one stretch of up to 12 frames (Park et al. 2019)."""
    mel = mel.copy()
    for axis in (0, 1):
        width = int(pick.integers(0, 13))
        start = int(pick.integers(0, max(1, mel.shape[axis] - width)))
        cut = slice(start, start + width)
        mel[(cut, slice(None)) if axis == 0 else (slice(None), cut)] = 0
    return mel
