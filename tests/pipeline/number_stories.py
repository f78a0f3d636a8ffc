"""Stories of dictated numbers, spelled names and lists, read from YAML and told to the turn machine."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.pauses.number_stories import NumberStory, read_stories
from pipeline.turn.actions import EndTurn, StoreMessage
from pipeline.turn.events import Elapsed, Event, ReplyStarted, Transcribed
from pipeline.turn.machine import Phase, Turn, step
from tests.pipeline.turn_story import ms
from voice.speech.endpointing import SpeechPaused, SpeechResumed, SpeechStarted

FOLDER = Path(__file__).parent / "turn" / "numbers"

PAUSE_MS, CONFIRMED_MS = 180, 80
"""Silence that is a pause, and speech that is no click: the endpointer's."""

TRANSCRIPT_MS = 250
"""A recogniser's time, from the notice of a pause to its transcript."""

REPLY_MS = 100
"""A reply is prepared in the pause, so it begins this soon after the turn's end."""

SPOKEN_MS = 600
"""How long every part takes to say, where nobody says it aloud."""


@dataclass
class Outcome:
    """What came of a story: the milliseconds after the last word at which it ended, and everything stored."""

    cut_off_at: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    delay_ms: float | None = None


def stories(file: str) -> list[NumberStory]:
    """The stories of a file under `numbers`."""
    return read_stories(FOLDER / file)


def spoken(story: NumberStory) -> Iterator[tuple[float, Event | None, str]]:
    """What happens when, in milliseconds: the caller's speech, and the transcript that a pause will have."""
    at = 1000.0
    for number, text in enumerate(story.hears):
        yield at + CONFIRMED_MS, SpeechResumed(ms(at)) if number else SpeechStarted(ms(at)), ""
        at += SPOKEN_MS
        if number == len(story.pauses_ms) or story.pauses_ms[number] > PAUSE_MS - CONFIRMED_MS:
            yield at + PAUSE_MS, SpeechPaused(ms(at)), text
        at += story.pauses_ms[number] if number < len(story.pauses_ms) else 0


def tell(story: NumberStory, transcript_ms: float = TRANSCRIPT_MS) -> Outcome:
    """Tell a story to the turn machine; a turn that ends in a pause is answered at once, as in a call."""
    state, outcome, last = Turn(), Outcome(), 0.0
    waiting: list[tuple[float, Event | None, str]] = list(spoken(story))
    end = max(time for time, _, _ in waiting) - PAUSE_MS
    while waiting or state.deadline is not None:
        due = state.deadline / 16 if state.deadline is not None else float("inf")
        waiting.sort(key=lambda item: item[0])
        if waiting and waiting[0][0] <= due:
            now, event, text = waiting.pop(0)
            assert event is not None
        else:
            now, event, text = -(-due // 20) * 20, Elapsed(), ""
        if isinstance(event, SpeechResumed) and state.phase in (Phase.THINKING, Phase.LISTENING):
            event = SpeechStarted(event.at)
        now = max(now, last)
        last = now
        state, actions = step(state, event, ms(now))
        if isinstance(event, SpeechPaused):
            words = Transcribed(state.revision, text, story.asked)
            waiting.append((now + transcript_ms, words, ""))
        for action in actions:
            if isinstance(action, EndTurn):
                waiting.append((now + REPLY_MS, ReplyStarted(state.revision), ""))
                if now < end:
                    outcome.cut_off_at.append(state.transcript or "")
                else:
                    outcome.delay_ms = now - end
            elif isinstance(action, StoreMessage):
                outcome.messages.append(action.text)
    return outcome
