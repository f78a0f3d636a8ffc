"""A conversation told to the turn machine: events at their times, in the words of the stories."""

from dataclasses import dataclass

from pipeline.turn.actions import (
    Action,
    CloseUtterance,
    Duck,
    EndTurn,
    Hold,
    OpenUtterance,
    Prepare,
    Release,
    StoreMessage,
    Transcribe,
)
from pipeline.turn.events import Elapsed, Event, Partial, ReplyStarted, SpeechContinued, Transcribed
from pipeline.turn.machine import Rules, Turn, samples, step
from voice.speech.endpointing import SpeechPaused, SpeechResumed, SpeechStarted

RULES = Rules(endpoint_ms=500, complete_ms=400, unfinished_ms=1200)
COMPLETE = "what seems to be the problem"
UNFINISHED = "my number is"
UNSURE = "a red one"


def ms(milliseconds: float) -> int:
    return samples(milliseconds)


@dataclass(frozen=True)
class At:
    """An event at a time of the call, in milliseconds."""

    time: float
    event: Event


def starts(at: float) -> At:
    return At(at + 80, SpeechStarted(ms(at)))


def pauses(last_speech: float) -> At:
    return At(last_speech + 180, SpeechPaused(ms(last_speech)))


def resumes(at: float) -> At:
    return At(at, SpeechResumed(ms(at)))


def goes_on(at: float, run: float, *, stands_out: bool = True) -> At:
    return At(at, SpeechContinued(ms(run), 0, stands_out))


def is_quiet(at: float, quiet: float) -> At:
    return At(at, SpeechContinued(0, ms(quiet)))


def transcribed(at: float, revision: int, text: str, spoken: str = "") -> At:
    return At(at, Transcribed(revision, text, spoken))


def elapses(at: float) -> At:
    return At(at, Elapsed())


def said(text: str, *, start: float = 1000, end: float = 2000, revision: int = 1) -> list[At]:
    """An utterance up to its transcript at the pause."""
    return [starts(start), pauses(end), transcribed(end + 250, revision, text)]


def answered(text: str = COMPLETE) -> list[At]:
    """A whole turn up to the first audio of its reply, at 2.5 s."""
    return [*said(text), elapses(2400), At(2410, ReplyStarted(1))]


def play(story: list[At], rules: Rules = RULES) -> tuple[Turn, list[Action]]:
    state, done = Turn(rules=rules), []
    for item in story:
        state, actions = step(state, item.event, ms(item.time))
        done += actions
    return state, done


OPENED = [OpenUtterance(1, ms(1000))]
ANSWERED = [
    *OPENED,
    Transcribe(1),
    Prepare(1, 1, COMPLETE),
    EndTurn(1, ms(2000), "silence"),
    StoreMessage(1, COMPLETE),
    Prepare(1, 1, COMPLETE),
    Release(1, 1),
    CloseUtterance(1),
]
INTERRUPTED = [*answered(), starts(4000), At(4280, Partial("wait", "")), goes_on(4300, 300), pauses(4700)]
DUCKED = [*ANSWERED, OpenUtterance(2, ms(4000)), Duck()]
STOPPED = [*DUCKED, Hold(), Transcribe(2)]
REPLIES_DIGITS = "and what is the number on your receipt please"

Story = tuple[str, list[At], list[Action]]
"""What must hold, what happens, and what must come of it."""
