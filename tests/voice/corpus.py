"""The packaged recordings with what is said in them, and how well a recogniser hears them."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from tests.voice.sound import RECORDINGS, recording
from voice.stt.word_error import WordErrors, word_errors

ROLE_PLAYS = ("records-office", "repair-desk", "clinic")


@dataclass(frozen=True)
class Line:
    """One recorded line."""

    name: str
    text: str
    voice: str

    @property
    def audio(self) -> NDArray[np.int16]:
        """Its samples at 16 kHz."""
        return recording(self.name)

    @property
    def folder(self) -> str:
        """Which role-play it belongs to, or "turns"."""
        return self.name.split("/")[1]


@cache
def corpus() -> tuple[Line, ...]:
    """All lines."""
    entries = json.loads((RECORDINGS / "manifest.json").read_text(encoding="utf-8"))
    return tuple(Line(entry["file"].removesuffix(".flac"), entry["text"], entry["voice"]) for entry in entries)


def errors_of(hear: Callable[[NDArray[np.int16]], str], lines: Iterable[Line]) -> WordErrors:
    """Word errors of a recogniser over lines."""
    return sum((word_errors(line.text, hear(line.audio)) for line in lines), WordErrors())
