"""The turn machine: who has the floor, decided by a pure function. No I/O, no clock, no asyncio.

`step(state, event, now) -> (state, actions)`. Positions are samples of 16 kHz audio time since the call began. The
state is drawn in docs/turn-taking.md and described in pipeline/turn/state.py. What the learner's speech does is in
pipeline/turn/speech.py, and what comes of a turn that ends in pipeline/turn/end.py; the rest is here.
"""

from dataclasses import replace
from typing import assert_never

from pipeline.turn.actions import CloseUtterance, End, Prepare, Release, Suspend
from pipeline.turn.end import close_turn, cut, elapsed, end_of_speech, floor_is_free, transcribed
from pipeline.turn.events import (
    Committed,
    Elapsed,
    Event,
    Hangup,
    Muted,
    Partial,
    Prompted,
    ReplyFinished,
    ReplyStarted,
    SpeechContinued,
    Stopped,
    Transcribed,
    Typed,
    Unmuted,
)
from pipeline.turn.speech import (
    open_utterance,
    partial,
    speech_continued,
    speech_paused,
    speech_resumed,
    speech_started,
)
from pipeline.turn.state import Phase, Reply, Rules, Step, Turn, samples
from voice.audio.formats import Samples
from voice.speech.endpointing import SpeechPaused, SpeechResumed, SpeechStarted

__all__ = ["Phase", "Reply", "Rules", "Step", "Turn", "samples", "step"]


def step(state: Turn, event: Event, now: Samples) -> Step:
    """The next state and what to do, in order. Events that mean nothing in this state change nothing.

    Args:
        state: where the conversation stands.
        event: what happened.
        now: the call's audio time, in samples.
    """
    if state.phase is Phase.ENDED:
        return state, []
    match event:
        case SpeechStarted(at):
            return speech_started(state, at)
        case SpeechContinued(run, quiet):
            return speech_continued(state, run, quiet)
        case SpeechPaused(last_speech):
            return speech_paused(state, last_speech)
        case SpeechResumed():
            return speech_resumed(state)
        case Elapsed():
            return elapsed(state, now)
        case Partial(text, spoken):
            return partial(state, text, spoken)
        case Transcribed(revision):
            return transcribed(state, event, now) if revision == state.revision else (state, [])
        case ReplyStarted(revision):
            return _reply_started(state, revision)
        case ReplyFinished(revision):
            return _reply_finished(state, revision)
        case Typed():
            return _typed(state)
        case Prompted():
            return _prompted(state)
        case Committed(started_at):
            return _committed(state, started_at, now)
        case Stopped():
            return _stopped(state)
        case Muted(reason):
            state = replace(state, muted=reason == "mute" or state.muted)
            return close_turn(state, reason, end_of_speech(state, now)) if state.utterance_open else (state, [])
        case Unmuted():
            return replace(state, muted=False), []
        case Hangup():
            return _hangup(state, now)
        case _ as never:
            assert_never(never)


# -------------------------------------------------------- the persona speaks


def _reply_started(state: Turn, revision: int) -> Step:
    if revision != state.revision or state.phase is not Phase.THINKING:
        return state, []
    started = replace(floor_is_free(state), reply=Reply.PLAYING, speaking_revision=revision)
    return started, [CloseUtterance(state.number)]


def _reply_finished(state: Turn, revision: int) -> Step:
    if state.reply is not Reply.NONE and revision == state.speaking_revision:
        return replace(state, reply=Reply.NONE), []
    if state.phase is Phase.THINKING and revision == state.revision:
        # It ended before any audio: there was nothing to say, or nothing could be said.
        return floor_is_free(state), [CloseUtterance(state.number)]
    return state, []


def _prompted(state: Turn) -> Step:
    if state.phase is not Phase.LISTENING or state.reply is not Reply.NONE:
        return state, []
    revision = state.revision + 1
    prompted = replace(state, phase=Phase.THINKING, revision=revision, closing=None)
    return prompted, [Prepare(revision, state.number, ""), Release(revision, state.number)]


# ------------------------------------------------------- the learner's hands


def _typed(state: Turn) -> Step:
    unasked = state.unasked
    state, actions = cut(replace(state, typed=True, unanswered=False))
    if state.phase is Phase.PAUSING and state.transcript is not None:
        # What was prepared does not know the typed words: prepare anew, as another revision.
        revision = state.revision + 1
        actions += [Suspend(state.revision), Prepare(revision, state.number, state.transcript)]
        return replace(state, revision=revision), actions
    if state.utterance_open or state.awaits_transcript:
        return state, actions
    if state.phase is Phase.THINKING:
        actions.append(Suspend(state.revision))
    if state.phase is Phase.LISTENING or unasked:
        state = replace(state, number=state.number + 1, closing=None)
    revision = state.revision + 1
    state = replace(state, phase=Phase.THINKING, revision=revision, stored=True)
    return state, [*actions, Prepare(revision, state.number, ""), Release(revision, state.number)]


def _committed(state: Turn, started_at: Samples | None, now: Samples) -> Step:
    if state.utterance_open:
        return close_turn(state, "commit", end_of_speech(state, now))
    if state.phase is Phase.LISTENING and started_at is not None:
        # Nothing was recognised as speech, but the learner says that it was: let the recogniser judge.
        opened, actions = open_utterance(state, started_at, [])
        closed, more = close_turn(opened, "commit", now)
        return closed, actions + more
    return state, []


def _stopped(state: Turn) -> Step:
    if state.reply is not Reply.NONE:
        return cut(state)
    if state.awaits_transcript:
        return replace(state, unanswered=True), []
    if state.phase is Phase.PAUSING and not state.rules.manual:
        # Its transcript is still wanted: the words become a message all the same.
        return replace(state, unanswered=True), [] if state.transcript is None else [Suspend(state.revision)]
    if state.phase is Phase.THINKING:
        silenced = replace(floor_is_free(state), revision=state.revision + 1)
        return silenced, [Suspend(state.revision), CloseUtterance(state.number)]
    return state, []


def _hangup(state: Turn, now: Samples) -> Step:
    # Nobody hears any more: a reply is over at once, not when the last words are transcribed.
    state, actions = cut(replace(state, hanging_up=True))
    if state.utterance_open:
        closed, more = close_turn(state, "end", end_of_speech(state, now))
        return closed, [*actions, *more]
    if state.awaits_transcript:
        return state, actions
    if state.phase is Phase.THINKING:
        actions += [Suspend(state.revision), CloseUtterance(state.number)]
    return replace(state, phase=Phase.ENDED), [*actions, End()]
