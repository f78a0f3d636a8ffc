"""Words, nods and echoes over the persona's voice."""

import pytest

from pipeline.turn.interruption import Sound, sounds_like

SPOKEN = "Well, that is a shame. He is my son, and I pay for his studies. Is there anything you can do?"


@pytest.mark.parametrize("text", ["", "  ", "..."])
def test_nothing(text: str) -> None:
    assert sounds_like(text) is Sound.NOTHING


@pytest.mark.parametrize("text", ["uh-huh", "Uh huh.", "right", "okay, yeah", "I see", "mm-hmm", "yes yes", "and uh"])
def test_a_nod(text: str) -> None:
    assert sounds_like(text, spoken=SPOKEN) is Sound.BACKCHANNEL


@pytest.mark.parametrize("text", ["the", "But", "of of", "and the"])
def test_the_beginning_of_something_or_a_nod_misheard(text: str) -> None:
    assert sounds_like(text, spoken=SPOKEN) is Sound.FRAGMENT


@pytest.mark.parametrize(
    "text", ["he is my son", "pay for his studies", "is there anything you can", "my son and i pay"]
)
def test_an_echo(text: str) -> None:
    assert sounds_like(text, spoken=SPOKEN) is Sound.ECHO


@pytest.mark.parametrize(
    "text",
    [
        "stop",
        "no",
        "wait let me explain",
        "right, but listen",
        "is that your son",
        "can you hold on",
        "son",
        "but no",
        "and of the",
    ],
)
def test_words(text: str) -> None:
    assert sounds_like(text, spoken=SPOKEN) is Sound.WORDS
