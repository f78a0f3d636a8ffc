"""Alignment of a text's words with the phonemes that eSpeak made of it."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

_WORD = re.compile(r"[^\W_]+(?:[.,:/'’-][^\W_]+)*")


@dataclass(frozen=True, slots=True)
class WordPhonemes:
    """A word and its phonemes.

    Attributes:
        text_start, text_end: character span in the text.
        first, last: index of its first phoneme and of the one after its last, within its sentence.
    """

    text_start: int
    text_end: int
    first: int
    last: int


def words_of(
    text: str, sentences: Sequence[Sequence[str]], phonemize: Callable[[str], list[list[str]]]
) -> list[list[WordPhonemes]]:
    """Align the words of `text` with the phonemes of its sentences.

    Args:
        text: the text that was phonemized.
        sentences: its phonemes (one code point each, " " between words), as `piper.PiperVoice.phonemize` gives them.
        phonemize: the same phonemizer, used for single words where spaces do not suffice ("of the" is one group).

    Returns:
        The words of each sentence, in order. A word that cannot be aligned is left out.
    """
    spans = [match.span() for match in _WORD.finditer(text)]
    groups = [(index, first, last) for index, phonemes in enumerate(sentences) for first, last in _groups(phonemes)]
    placed: list[list[WordPhonemes]] = [[] for _ in sentences]
    if len(groups) == len(spans):
        for span, (index, first, last) in zip(spans, groups, strict=True):
            placed[index].append(WordPhonemes(*span, first, last))
        return placed
    heard = [(index, at) for index, first, last in groups for at in range(first, last)]
    spoken = [sentences[index][at] for index, at in heard]
    starts = _starts([text[start:end] for start, end in spans], spoken, phonemize)
    for number, (word, at) in enumerate(starts):
        index, first = heard[at]
        until = heard[starts[number + 1][1]] if number + 1 < len(starts) else (index + 1, 0)
        ends = [last for group, _, last in groups if group == index and last > first]
        last = min(until[1], ends[-1]) if until[0] == index else ends[-1]
        placed[index].append(WordPhonemes(*spans[word], first, last))
    return placed


def _starts(words: list[str], spoken: list[str], phonemize: Callable[[str], list[list[str]]]) -> list[tuple[int, int]]:
    """Return (word, index in `spoken` of its first phoneme), both increasing, for the words that are found."""
    alone: list[str] = []
    owner: list[int] = []
    for number, word in enumerate(words):
        phonemes = [phoneme for sentence in phonemize(word) for phoneme in sentence if _sounds(phoneme)]
        alone += phonemes
        owner += [number] * len(phonemes)
    found: dict[int, int] = {}
    for block in SequenceMatcher(None, alone, spoken, autojunk=False).get_matching_blocks():
        for offset in range(block.size):
            found.setdefault(owner[block.a + offset], block.b + offset)
    return sorted(found.items())


def _groups(phonemes: Sequence[str]) -> list[tuple[int, int]]:
    """Return the runs of phonemes between spaces that contain a sound, without punctuation at their ends."""
    groups = []
    first: int | None = None
    last = 0
    for index, phoneme in enumerate([*phonemes, " "]):
        if phoneme == " ":
            if first is not None:
                groups.append((first, last))
            first = None
        elif _sounds(phoneme):
            first = index if first is None else first
            last = index + 1
    return groups


def _sounds(phoneme: str) -> bool:
    """Return whether it is a sound or a diacritic, rather than white space or punctuation."""
    return not phoneme.isspace() and unicodedata.category(phoneme[:1] or " ")[0] != "P"
