"""The turn machine: who has the floor, decided by a pure function. No I/O, no clock, no asyncio.

`step(state, event, now) -> (state, actions)`. Positions are samples of 16 kHz audio time since the call began. The
state is drawn in docs/turn-taking.md and described in pipeline/turn/state.py. The learner's speech is handled in
pipeline/turn/speech.py, the end of a turn in pipeline/turn/end.py, a free floor in pipeline/turn/floor.py, and the
rest here.
"""

from dataclasses import replace
from typing import assert_never

from pipeline.turn.actions import CloseUtterance, End, Prepare, Release, Suspend, TransferCall
from pipeline.turn.end import close_turn, cut, discarded, elapsed, end_of_speech, floor_is_free, staying, transcribed
from pipeline.turn.events import (
    UNINTERRUPTED,
    CallEndReason,
    Committed,
    Discarded,
    Elapsed,
    Event,
    Hangup,
    Leave,
    Lingered,
    Muted,
    Partial,
    Prompted,
    ReplyFinished,
    ReplyStarted,
    Requested,
    SpeechContinued,
    Stopped,
    Transcribed,
    Typed,
    Unmuted,
)
from pipeline.turn.floor import prompt, take_floor
from pipeline.turn.speech import (
    open_utterance,
    partial,
    speech_continued,
    speech_paused,
    speech_resumed,
    speech_started,
)
from pipeline.turn.state import Phase, ReplyPhase, Rules, Step, Turn, samples
from voice.audio.formats import Samples
from voice.speech.endpointing import SpeechPaused, SpeechResumed, SpeechStarted

__all__ = ["Phase", "ReplyPhase", "Rules", "Step", "Turn", "samples", "step"]


def step(state: Turn, event: Event, now: Samples) -> Step:
    """Return the next state and the actions, in order. Events without meaning in a state change nothing.

    Args:
        state: the current one.
        event: the next one.
        now: the call's audio time, in samples.
    """
    if state.phase is Phase.ENDED:
        return state, []
    if state.protected_to <= now:
        state = replace(state, protected_to=0)
    state, actions = _react(state, event, now)
    state, more = take_floor(state)
    return state, actions + more


def _react(state: Turn, event: Event, now: Samples) -> Step:
    match event:
        case SpeechStarted(at):
            return speech_started(state, at)
        case SpeechContinued(run, quiet, stands_out):
            return speech_continued(state, run, quiet, stands_out=stands_out)
        case SpeechPaused(last_speech):
            return speech_paused(state, last_speech)
        case SpeechResumed(at):
            return speech_resumed(state, at)
        case Elapsed():
            return elapsed(state, now)
        case Partial(text, spoken):
            return partial(state, text, spoken)
        case Transcribed(revision):
            return transcribed(state, event, now) if revision == state.revision else (state, [])
        case ReplyStarted(revision):
            return _reply_started(state, revision, now)
        case ReplyFinished(revision, leave):
            return _reply_finished(state, revision, leave)
        case Typed(answered):
            return _typed(state, answered=answered)
        case Prompted():
            return prompt(state, event)
        case Requested(anyway):
            return _requested(state, anyway=anyway)
        case Discarded():
            return discarded(state)
        case Lingered():
            return _lingered(state, now)
        case Committed(started_at):
            return _committed(state, started_at, now)
        case Stopped():
            return _stopped(state)
        case Muted(reason):
            state = replace(state, muted=reason == "mute" or state.muted)
            return close_turn(state, reason, end_of_speech(state, now)) if state.utterance_open else (state, [])
        case Unmuted():
            return replace(state, muted=False), []
        case Hangup(reason):
            return _hangup(state, reason, now)
        case _ as never:
            assert_never(never)


# -------------------------------------------------------- the persona speaks


def _reply_started(state: Turn, revision: int, now: Samples) -> Step:
    if revision != state.revision or state.phase is not Phase.THINKING:
        return state, []
    protected_to = now + state.line.protected if state.line is not None and state.line.protected else 0
    if not state.rules.barge_in:
        protected_to = max(protected_to, UNINTERRUPTED)
    started = replace(
        floor_is_free(state), reply=ReplyPhase.PLAYING, speaking_revision=revision, protected_to=protected_to
    )
    return started, [CloseUtterance(state.number)]


def _reply_finished(state: Turn, revision: int, leave: Leave | None) -> Step:
    if state.reply is not ReplyPhase.NONE and revision == state.speaking_revision:
        return replace(state, reply=ReplyPhase.NONE, protected_to=0, leaving=leave), []
    if state.phase is Phase.THINKING and revision == state.revision:
        # It ended before any audio: there was nothing to say, or synthesis failed.
        return replace(floor_is_free(state), leaving=leave), [CloseUtterance(state.number)]
    return state, []


def _lingered(state: Turn, now: Samples) -> Step:
    """End or transfer the call: its last word was heard a moment ago and nobody went on."""
    leaving = state.leaving
    if leaving is None or not state.lingering:
        return state, []
    if not state.floor_is_free:
        return _hangup(state, leaving.reason, now)
    if leaving.target:
        return replace(state, leaving=None, lingering=False), [TransferCall(leaving.target)]
    return replace(state, phase=Phase.ENDED), [End(leaving.reason)]


# ------------------------------------------------------- the learner's hands


def _typed(state: Turn, *, answered: bool) -> Step:
    if state.rules.on_request or state.going or not answered:
        number = state.number + 1 if state.phase is Phase.LISTENING else state.number
        return replace(staying(state), number=number), []
    unasked = state.unasked
    if state.insistent and (state.utterance_open or state.awaits_transcript):
        return replace(state, typed=True, unanswered=False), []
    if state.insistent:
        return replace(state, number=state.number + 1, owed=True), []
    state, actions = cut(replace(staying(state), typed=True, unanswered=False))
    if state.phase is Phase.PAUSING and state.transcript is not None:
        # The prepared reply does not include the typed words: prepare another revision.
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
    state = replace(state, phase=Phase.THINKING, revision=revision, stored=True, line=None)
    return state, [*actions, Prepare(revision, state.number, ""), Release(revision, state.number)]


def _requested(state: Turn, *, anyway: bool) -> Step:
    """Answer: now if the floor is free, else at the end of the open turn, or of the answer that is on its way."""
    if state.going or (state.has_answer and not anyway):
        return state, []
    return replace(staying(state), owed=True), []


def _committed(state: Turn, started_at: Samples | None, now: Samples) -> Step:
    if state.utterance_open:
        return close_turn(state, "commit", end_of_speech(state, now))
    if state.phase is Phase.LISTENING and started_at is not None:
        # No speech was detected, but the learner says that there was some: let the recogniser judge.
        opened, actions = open_utterance(state, started_at, [])
        closed, more = close_turn(opened, "commit", now)
        return closed, actions + more
    return state, []


def _stopped(state: Turn) -> Step:
    if state.insistent:
        return state, []
    state = replace(staying(state), owed=False)
    if state.reply is not ReplyPhase.NONE:
        return cut(state)
    if state.awaits_transcript:
        return replace(state, unanswered=True), []
    if state.phase is Phase.PAUSING and not state.rules.manual:
        # Its transcript is still needed: the words become a message all the same.
        return replace(state, unanswered=True), [] if state.transcript is None else [Suspend(state.revision)]
    if state.phase is Phase.THINKING:
        silenced = replace(floor_is_free(state), revision=state.revision + 1)
        return silenced, [Suspend(state.revision), CloseUtterance(state.number)]
    return state, []


def _hangup(state: Turn, reason: CallEndReason, now: Samples) -> Step:
    # Nobody listens any more: a reply ends at once, not when the last words are transcribed.
    ending = state.ending if state.hanging_up else reason
    state, actions = cut(replace(state, hanging_up=True, ending=ending))
    if state.utterance_open:
        closed, more = close_turn(state, "end", end_of_speech(state, now))
        return closed, [*actions, *more]
    if state.awaits_transcript:
        return state, actions
    if state.phase is Phase.THINKING:
        actions += [Suspend(state.revision), CloseUtterance(state.number)]
    return replace(state, phase=Phase.ENDED), [*actions, End(ending)]
