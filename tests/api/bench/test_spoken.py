"""`glow bench spoken`: what counts as right, and a small sample with real weights."""

import asyncio
from pathlib import Path

import pytest

from api.bench.spoken import VALUES, came_back, heard_values, values_in
from voice.stt.base import Transcriber
from voice.stt.choose import choose_transcriber
from voice.tts.catalog import choose_synthesizer
from voice.tts.text.speakable import speakable

RIGHT = [
    ("five to ten dollars", "Lunch is about $5 to $10 a person."),
    ("five to ten dollars", "Lunch is about five to ten dollars a person."),
    ("twelve dollars fifty", "Your total is $12.50 with tax."),
    ("three point two billion dollars", "We raised $3.2 billion so far."),
    ("one thousand two hundred thirty-four dollars", "They owe us $1,234 in all."),
    ("seventy-five cents", "75 cents on each"),
    ("Henry the eighth", "We read about Henry VIII in school."),
    ("World War two", "He fought in World War II."),
    ("nineteen ninety-nine", "It began in 1999."),
    ("zero zero four two", "My PIN is 0042 for now."),
    ("five five five zero one nine nine", "Call 555-0199."),
    ("seven oh five", "The bus leaves at 7:05 sharp."),
    ("minus five degrees", "It was -5 degrees outside."),
    ("ten A M to four P M", "We are open 10 a.m. to 4 p.m."),
    ("two million", "There were 2,000,000 of them."),
    ("twenty-first", "On the 21st of the month."),
]
WRONG = [
    ("five to ten dollars", "Lunch is about $5 to $11 a person."),
    ("minus five degrees", "It was 5 degrees outside."),
    ("Henry the eighth", "We read about Henry VII in school."),
    ("twelve euros fifty", "Your total is $12.50 with tax."),
    ("seven oh five", "The bus leaves at 7:50 sharp."),
]


def test_what_counts_as_right() -> None:
    assert [row for row in RIGHT if not came_back(*row)] == []
    assert [row for row in WRONG if came_back(*row)] == []


def test_every_value_is_said_as_its_line_says() -> None:
    values = values_in(VALUES.read_text("utf-8"))
    assert len(values) >= 100

    def plain(text: str) -> str:
        kept = "".join(letter if letter.isalpha() else " " for letter in text.lower())
        return f" {' '.join(kept.split())} "

    wrong = {value.sentence: said for value in values if plain(value.said) not in plain(said := _said(value.sentence))}
    assert wrong == {}


def _said(sentence: str) -> str:
    return speakable(sentence, spell_numbers=True).text


SAMPLE = ("[$5-10]", "[10am-4pm]", "[192.168.0.1]", "[Henry VIII]", "[72F]")


@pytest.mark.slow
def test_a_sample_comes_back_from_real_weights(neural_models: Path) -> None:
    lines = [line for line in VALUES.read_text("utf-8").splitlines() if any(value in line for value in SAMPLE)]
    voice = choose_synthesizer("piper", models_dir=neural_models)
    rows = asyncio.run(heard_values(values_in("\n".join(lines)), voice, _whisper(neural_models)))
    assert len(rows) == len(SAMPLE)
    assert sum(row.right for row in rows) >= len(SAMPLE) - 1, rows


def _whisper(models: Path) -> Transcriber:
    return choose_transcriber("whisper", models_dir=models, language="en")
