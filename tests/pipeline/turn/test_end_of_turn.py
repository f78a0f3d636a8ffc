"""What reads as finished, and what does not."""

import json
from pathlib import Path

import pytest

from pipeline.turn.end_of_turn import EndOfTurn, Verdict, judge_text
from pipeline.turn.events import Elapsed, ReplyFinished, ReplyStarted, Transcribed
from pipeline.turn.machine import Rules, Turn, samples, step
from pipeline.turn.state import Phase
from voice.audio.formats import RATE_HZ
from voice.speech.endpointing import SpeechPaused, SpeechResumed, SpeechStarted

MANIFEST = Path(__file__).parents[3] / "voice" / "recordings" / "manifest.json"
LINES = sorted({entry["text"] for entry in json.loads(MANIFEST.read_text()) if "/turns/" not in entry["file"]})


@pytest.mark.parametrize(
    "text",
    [
        "my number is",
        "i would like to",
        "because",
        "i think",
        "and another thing",
        "he can sign the form and",
        "um",
        "well,",
        "the order number is 55 -",
        "I wanted to ask whether",
        "I went home and then",
        "100 end.",
    ],
)
def test_unfinished(text: str) -> None:
    assert judge_text(text) is Verdict.UNFINISHED


QUESTIONS = [line for line in LINES if line.split()[0] in ("when", "would", "can", "how", "does", "do", "is", "what")]


@pytest.mark.parametrize(
    "text",
    [
        "yes",
        "goodbye",
        "thank you",
        "is that all?",
        "can you repeat that please",
        "okay thank you for your patience",
        "I lost my card. Can you send me a new one?",
        *QUESTIONS,
    ],
)
def test_complete(text: str) -> None:
    assert judge_text(text) is Verdict.COMPLETE


@pytest.mark.parametrize("text", LINES)
def test_no_whole_line_reads_as_unfinished(text: str) -> None:
    assert judge_text(text) is not Verdict.UNFINISHED


@pytest.mark.parametrize(
    "text",
    [
        "can you tell me",
        "could you please",
        "can you tell me how long",
        "i have tried to",
        "they told us that the",
        "my number is four seven",
        "i am calling because my bill",
        "it is the first",
        "how much would it",
        "the road is",
        "i would like to speak with um",
        "do you have any",
        "what is the main reason that",
        "five five five one two",
        "...5",
        "i'm going to",
        "she wants",
    ],
)
def test_what_hangs_is_unfinished(text: str) -> None:
    assert judge_text(text) is Verdict.UNFINISHED


@pytest.mark.parametrize(
    "text",
    [
        "yes i can",
        "no i have not",
        "it does not turn on",
        "i think so",
        "tell me more about that",
        "did you get the email that you sent",
        "what should i get",
        "i did not know that",
        "you can come in",
        "see you then",
        "i will read it to the end",
        "Mi número es 45.",
    ],
)
def test_what_may_stand_last_does_not_hang(text: str) -> None:
    assert judge_text(text) is not Verdict.UNFINISHED


@pytest.mark.parametrize("text", ["", "a red one", "it costs 45"])
def test_unsure(text: str) -> None:
    assert judge_text(text) is Verdict.UNSURE


@pytest.mark.parametrize(
    ("text", "prosody", "model", "verdict"),
    [
        ("a red one", None, None, Verdict.UNSURE),
        ("a red one", 0.2, None, Verdict.VOICE_UP),
        ("a red one", 0.9, None, Verdict.UNSURE),
        ("a red one", None, 0.95, Verdict.COMPLETE),
        ("a red one", None, 0.1, Verdict.UNFINISHED),
        ("a red one", None, 0.5, Verdict.UNSURE),
        ("a red one", 0.2, 0.95, Verdict.VOICE_UP),
        ("a red one", 0.5, 0.95, Verdict.COMPLETE),
        ("a red one", 0.5, 0.1, Verdict.UNFINISHED),
        ("a red one", 0.9, 0.1, Verdict.UNSURE),
        ("what seems to be the problem", 0.2, 0.1, Verdict.COMPLETE),
        ("my number is", 0.9, 0.95, Verdict.UNFINISHED),
        ("", 0.1, 0.1, Verdict.UNSURE),
        ("it is in room 412.", 0.1, 0.1, Verdict.UNSURE),
        ("555 2671", 0.1, 0.95, Verdict.UNSURE),
    ],
)
def test_votes_count_where_the_words_do_not_settle_it(
    text: str, prosody: float | None, model: float | None, verdict: Verdict
) -> None:
    assert EndOfTurn().verdict(text, prosody, model) is verdict


def waits(state: Turn, at: int, prosody: float, *, resumed: bool = False, text: str = "a red one") -> tuple[Turn, int]:
    """Say a statement that ends at `at` ms in this prosody: the state after it, and the silence in ms until its end."""
    state, _ = step(state, SpeechStarted(samples(at - 1000)), samples(at - 900))
    state, _ = step(state, SpeechPaused(samples(at)), samples(at + 180))
    state, _ = step(state, Transcribed(state.revision, text, prosody=prosody), samples(at + 200))
    assert state.deadline is not None
    silence_ms = (state.deadline - samples(at)) * 1000 // RATE_HZ
    if resumed:
        state, _ = step(state, SpeechResumed(samples(at + 250)), samples(at + 250))
        state, _ = step(state, SpeechPaused(samples(at + 1000)), samples(at + 1180))
        state, _ = step(state, Transcribed(state.revision, text, prosody=1.0), samples(at + 1200))
        assert state.deadline is not None
    state, _ = step(state, Elapsed(), state.deadline or 0)
    state, _ = step(state, ReplyStarted(state.revision), samples(at + 3000))
    state, _ = step(state, ReplyFinished(state.revision), samples(at + 4000))
    assert state.phase is Phase.LISTENING
    return state, silence_ms


def test_a_voice_that_is_up_is_waited_for_unless_this_caller_ends_turns_in_one() -> None:
    up, down = 0.1, 0.9
    rules = Rules()
    waited = (rules.endpoint_ms + rules.unfinished_ms) // 2
    state, first = waits(Turn(), 10_000, up)
    state, second = waits(state, 20_000, up)
    assert (first, second) == (waited, rules.endpoint_ms)
    state, _ = waits(state, 30_000, up, resumed=True)
    state, fourth = waits(state, 40_000, up)
    assert fourth == waited, "a pause in such a voice was none: it is up again"
    for number in range(3):
        state, _ = waits(state, 50_000 + 10_000 * number, down)
        assert (waits(state, 80_000, up)[1] == waited) is (number == 2), "mostly this caller lowers the voice"


@pytest.mark.parametrize(
    ("text", "learned"),
    [
        ("what seems to be the problem", True),
        ("thank you", True),
        ("is there anything else", False),
        ("you moved here?", False),
        ("it is in room 412", False),
        ("my number is", False),
    ],
)
def test_the_end_of_words_that_settle_it_shows_how_a_caller_ends(text: str, *, learned: bool) -> None:
    state, _ = waits(Turn(), 10_000, 0.25, text=text)
    assert (waits(state, 20_000, 0.25)[1] == Rules().endpoint_ms) is learned
    assert waits(state, 30_000, 0.1)[1] > Rules().endpoint_ms, "higher than there it is up all the same"
