"""`glow bench spoken`: written values, said by the voice and heard by the recogniser, and how many come back right.

A value is right if its numbers, in order, and its other words are in what was heard, however the recogniser writes it:
"five to ten dollars" comes back as "$5 to $10", "Henry the eighth" as "Henry VIII".
"""

import asyncio
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from api.client.call import ClientError
from api.settings import Settings
from voice.audio.formats import RATE_HZ
from voice.errors import VoiceError
from voice.stt.base import Transcriber
from voice.stt.choose import choose_transcriber
from voice.tts.base import Synthesizer, VoiceStyle
from voice.tts.catalog import choose_synthesizer
from voice.tts.synthesis import TextToSpeech
from voice.work.workers import InlineWorkers

VALUES = Path(__file__).with_name("spoken_values.txt")

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_ORDINALS = {
    "first": 1, "second": 2, "third": 3, "fifth": 5, "eighth": 8, "ninth": 9, "twelfth": 12, "twentieth": 20,
    "thirtieth": 30, "eighties": 80, "nineties": 90,
}  # fmt: skip
_WORDS = {word: number for number, word in enumerate(_ONES)} | {word: 20 + 10 * at for at, word in enumerate(_TENS)}
_WORDS["oh"] = 0
_ROMAN = {"I": 1, "V": 5, "X": 10, "L": 50}
_MARKS = (
    (re.compile(r"(\d),(?=\d{3}\b)"), r"\1"),
    (re.compile(r"[$](\d[\d.]*)(?: ?([mbt]rillion|million|billion))?", re.IGNORECASE), r"\1 \2 dollars "),
    (re.compile(r"£(\d[\d.]*)"), r"\1 pounds "),
    (re.compile(r"€(\d[\d.]*)"), r"\1 euros "),
    (re.compile(r"(\d)\s*%"), r"\1 percent "),
    (re.compile(r"°\s*F\b"), " degrees Fahrenheit "),
    (re.compile(r"°\s*C\b"), " degrees Celsius "),
    (re.compile(r"°"), " degrees "),
    (re.compile(r"\b([AP])\.? ?M\b\.?", re.IGNORECASE), r" \1m "),
    (re.compile(r"(?<=\d)([ap])m\b", re.IGNORECASE), r" \1m "),
    (re.compile(r"½"), " 1 half "),
    (re.compile(r"¾"), " 3 quarters "),
    (re.compile(r"\b1/2\b"), " 1 half "),
    (re.compile(r"\b3/4(?:ths)?\b"), " 3 quarters "),
    (re.compile(r"(?<!\w)-(?=\d)"), " minus "),
    (re.compile(r"\+"), " plus "),
    (re.compile(r"&"), " and "),
    (re.compile(r"#"), " number "),
    (re.compile(r"(\d)(?:st|nd|rd|th|s)\b"), r"\1"),
)
_SAME = {
    "dollar": "dollars", "cent": "cents", "euro": "euros", "pound": "pounds", "dr": "doctor", "st": "street",
    "saint": "street",
    "mrs": "missis", "missus": "missis", "prof": "professor", "vs": "versus", "etc": "etcetera", "litres": "liters",
    "metres": "meters", "kilometres": "kilometers", "millilitres": "milliliters", "mph": "mph", "gb": "gigabytes",
    "kg": "kilograms", "km": "kilometers", "ml": "milliliters", "ghz": "gigahertz", "mbps": "megabits", "lbs": "pounds",
    "ft": "feet", "min": "minutes", "foot": "feet", "inch": "inches", "gbp": "pounds", "cups": "cups",
}  # fmt: skip
_IDLE = frozenset("the of a an and to point out in on o dollars at is it was by dot".split())
"""Words that recognisers write as signs, or leave to the figures; dollars, as ranges name them once or twice."""


@dataclass(frozen=True, slots=True)
class SpokenValue:
    """A sentence with a value in it, and how the value is said."""

    sentence: str
    said: str


@dataclass(frozen=True, slots=True)
class HeardValue:
    """What was heard of a sentence, and whether its value came back."""

    sentence: str
    said: str
    heard: str
    right: bool


def values_in(text: str) -> list[SpokenValue]:
    """Read lines such as "It costs [$5]. = five dollars"; comments begin with a # and a space."""
    lines = (line.strip() for line in text.splitlines())
    rows = (line.rpartition(" = ") for line in lines if line and not line.startswith("# "))
    return [SpokenValue(re.sub(r"[\[\]]", "", written, count=2), said.strip()) for written, _, said in rows]


def came_back(said: str, heard: str) -> bool:
    """Return whether the numbers of a value, in order, and its other words are in what was heard."""
    figures, words = _read(said)
    heard_figures, heard_words = _read(heard)
    return figures in heard_figures and words <= heard_words


def _read(text: str) -> tuple[str, frozenset[str]]:
    """Return the figures of a text, one after the other, and its other words."""
    for mark, written in _MARKS:
        text = mark.sub(written, text)
    figures, words = _Figures(), set[str]()
    for token in re.findall(r"[A-Za-z]+|\d+", text.replace("-", " ")):
        word = token.lower()
        if token.isdigit():
            millions = token.removesuffix("000000")
            words |= {"million"} if millions != token else set()
            figures.written(millions)
        elif (number := _number(token)) is not None:
            figures.said(number)
        elif not figures.scaled(word):
            figures.end()
            if word not in _IDLE:
                words.add(_SAME.get(word, word))
    figures.end()
    return figures.text, frozenset(words)


class _Figures:
    """Joins number words to numbers: "two", "hundred", "three" is 203, and "two", "three" is 2 and 3."""

    def __init__(self) -> None:
        self.text = ""
        self._thousands = 0
        self._number: int | None = None

    def written(self, digits: str) -> None:
        self.end()
        self.text += digits

    def said(self, number: int) -> None:
        before = self._number
        joins = before is not None and (
            (before >= 100 and before % 100 == 0 and number < 100)
            or (before % 100 >= 20 and before % 10 == 0 and 0 < number < 10)
        )
        if before is None or joins:
            self._number = (before or 0) + number
        else:
            self.end()
            self._number = number

    def scaled(self, word: str) -> bool:
        """Take a word such as "hundred" after a number; return whether it was one."""
        if self._number is None or word not in ("hundred", "thousand"):
            return False
        if word == "hundred":
            self._number *= 100
        else:
            self._thousands, self._number = self._number * 1000, None
        return True

    def end(self) -> None:
        """End the number."""
        if self._number is not None or self._thousands:
            self.text += str(self._thousands + (self._number or 0))
        self._thousands, self._number = 0, None


def _number(token: str) -> int | None:
    word = token.lower()
    if word in _WORDS:
        return _WORDS[word]
    if word in _ORDINALS:
        return _ORDINALS[word]
    if word.endswith("th") and word[:-2] in _WORDS:
        return _WORDS[word[:-2]]
    if len(token) > 1 and set(token) <= set(_ROMAN):
        values = [_ROMAN[letter] for letter in token]
        return sum(-one if one < max(values[at:]) else one for at, one in enumerate(values))
    return None


async def heard_values(
    values: Sequence[SpokenValue], synthesizer: Synthesizer, transcriber: Transcriber
) -> list[HeardValue]:
    """Say every sentence and transcribe it."""
    tts = TextToSpeech(synthesizer, InlineWorkers())
    found = []
    for value in values:
        chunks = [chunk.audio async for chunk in tts.speak(value.sentence, VoiceStyle(), RATE_HZ, "bench")]
        pause = np.zeros(RATE_HZ // 4, np.float32)
        audio = np.concatenate([pause, np.concatenate(chunks).astype(np.float32) / 32768, pause])
        heard = transcriber.transcribe(audio).text
        found.append(HeardValue(value.sentence, value.said, heard, came_back(value.said, heard)))
    return found


def bench_spoken(console: Console, *, most: int | None = None, as_json: bool = False) -> None:
    """Measure and print how many values come back, and those that do not.

    Raises:
        ClientError: no real voice or no Whisper weights are on this machine.
    """
    settings = Settings()
    values = values_in(VALUES.read_text("utf-8"))[:most]
    try:
        synthesizer = choose_synthesizer("piper", models_dir=settings.models_dir)
        transcriber = choose_transcriber("whisper", models_dir=settings.models_dir, language="en")
    except VoiceError as error:
        raise ClientError(str(error)) from None
    rows = asyncio.run(heard_values(values, synthesizer, transcriber))
    right = sum(row.right for row in rows)
    if as_json:
        told = {"values": len(rows), "right": right, "voice": synthesizer.name, "recogniser": transcriber.name}
        console.print_json(json.dumps(told | {"rows": [asdict(row) for row in rows]}))
        return
    table = Table(title=f"{right} of {len(rows)} values come back ({synthesizer.name}, {transcriber.name}); not these:")
    for name in ("written", "said", "heard"):
        table.add_column(name, overflow="fold")
    for row in rows:
        if not row.right:
            table.add_row(row.sentence, row.said, row.heard)
    console.print(table)
