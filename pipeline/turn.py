"""The turn machine: who has the floor, decided by a pure function. No I/O, no clock, no asyncio.

`step(state, event, now) -> (state, actions)`. Positions are samples of 16 kHz audio time since the call began. The
state is drawn in docs/turn-taking.md and described in pipeline/turn_state.py.
"""

from dataclasses import replace
from typing import assert_never

from pipeline.end_of_turn import Verdict
from pipeline.interruption import Sound, sounds_like
from pipeline.turn_events import (
    Action,
    Apologise,
    CloseUtterance,
    Committed,
    CutReply,
    Duck,
    Elapsed,
    End,
    EndReason,
    EndTurn,
    Event,
    GoOn,
    Hangup,
    Hold,
    Muted,
    NoWords,
    OpenUtterance,
    Partial,
    Prepare,
    Prompted,
    Release,
    ReopenUtterance,
    ReplyFinished,
    ReplyStarted,
    Restore,
    Samples,
    SpeechContinued,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    Stopped,
    StoreMessage,
    Suspend,
    Transcribe,
    Transcribed,
    Typed,
    Unmuted,
)
from pipeline.turn_state import Phase, Reply, Rules, Turn, samples

__all__ = ["Phase", "Reply", "Rules", "Step", "Turn", "samples", "step"]

Step = tuple[Turn, list[Action]]


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
            return _speech_started(state, at)
        case SpeechContinued(run, quiet):
            return _speech_continued(state, run, quiet)
        case SpeechPaused(last_speech):
            return _speech_paused(state, last_speech)
        case SpeechResumed():
            return _speech_resumed(state)
        case Elapsed():
            return _elapsed(state, now)
        case Partial(text, spoken):
            return _partial(state, text, spoken)
        case Transcribed(revision):
            return _transcribed(state, event, now) if revision == state.revision else (state, [])
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
            return _close_turn(state, reason, _last_speech(state, now)) if state.utterance_open else (state, [])
        case Unmuted():
            return replace(state, muted=False), []
        case Hangup():
            return _hangup(state, now)
        case _ as never:
            assert_never(never)


# ------------------------------------------------------ the learner speaks


def _speech_started(state: Turn, at: Samples) -> Step:
    match state.phase, state.reply:
        case Phase.LISTENING, Reply.NONE:
            return _open(state, at, [])
        case Phase.LISTENING, Reply.PLAYING:
            opened, actions = _open(state, at, [Duck()])
            return replace(opened, reply=Reply.DUCKED), actions
        case Phase.THINKING, _ if state.unasked:
            # The learner speaks first: what the persona was about to say is no longer wanted.
            opened, actions = _open(state, at, [])
            return opened, [Suspend(state.revision), *actions]
        case Phase.THINKING, _ if not state.hanging_up and state.closing != "limit":
            return _reopen(state, at)
        case _:
            return state, []


def _reopen(state: Turn, at: Samples) -> Step:
    """The reply has not begun: what comes now belongs to the same turn."""
    first = state.closing is None  # until now the turn was typed
    reopened = replace(
        state,
        phase=Phase.HEARING,
        started_at=at if first else state.started_at,
        last_speech=at,
        closing=None,
        unanswered=False,
        transcript=None,
        partial="",
        over_reply=state.over_reply and not first,
        tuned_out=False,
        failed=False,
    )
    reopened = replace(reopened, deadline=_limit(reopened))
    return reopened, [Suspend(state.revision), ReopenUtterance(state.number, at)]


def _open(state: Turn, at: Samples, actions: list[Action]) -> Step:
    number = state.number + 1
    opened = replace(
        state,
        phase=Phase.HEARING,
        number=number,
        started_at=at,
        last_speech=at,
        transcript=None,
        partial="",
        verdict=Verdict.UNSURE,
        stored=False,
        over_reply=state.reply is not Reply.NONE,
        tuned_out=False,
        failed=False,
        closing=None,
        unanswered=False,
    )
    return replace(opened, deadline=_limit(opened)), [OpenUtterance(number, at), *actions]


def _limit(state: Turn) -> Samples:
    return state.started_at + samples(state.rules.max_turn_ms)


def _speech_continued(state: Turn, run: Samples, quiet: Samples) -> Step:
    rules = state.rules
    if not state.wants_frames:
        return state, []
    sound = sounds_like(state.partial, spoken=state.spoken)
    harmless = sound in (Sound.BACKCHANNEL, Sound.ECHO) or (sound is Sound.NOTHING and state.tuned_out)
    match state.reply:
        case Reply.HELD:
            noise = rules.partials and sound is not Sound.WORDS and run >= samples(rules.noise_ms)
            going_on = replace(state, reply=Reply.PLAYING, tuned_out=state.tuned_out or noise)
            return (going_on, [GoOn()]) if noise or harmless else (state, [])
        case Reply.PLAYING:
            again = run >= samples(rules.duck_ms) and quiet < samples(rules.restore_ms) and not harmless
            return (replace(state, reply=Reply.DUCKED), [Duck()]) if again else (state, [])
    if quiet >= samples(rules.restore_ms) or harmless:
        return replace(state, reply=Reply.PLAYING), [Restore()]
    if run < samples(rules.interrupt_ms):
        return state, []
    if sound is Sound.WORDS:
        return _interrupt(state)
    if not rules.partials or run >= samples(rules.interrupt_without_words_ms):
        return replace(state, reply=Reply.HELD), [Hold()]
    return state, []


def _partial(state: Turn, text: str, spoken: str) -> Step:
    if not state.utterance_open:
        return state, []
    state = replace(state, partial=text, spoken=spoken)
    if state.reply is Reply.HELD and sounds_like(text, spoken=spoken) is Sound.WORDS:
        return _interrupt(state)
    return state, []


def _interrupt(state: Turn) -> Step:
    """Words end the reply; once they have, they are the learner's whatever they repeat."""
    cut, actions = _cut(state)
    return replace(cut, over_reply=False), actions


def _cut(state: Turn) -> Step:
    return replace(state, reply=Reply.NONE), [CutReply(state.speaking_revision)]


def _speech_paused(state: Turn, last_speech: Samples) -> Step:
    if state.phase is not Phase.HEARING:
        return state, []
    revision = state.revision + 1
    paused = replace(
        state,
        phase=Phase.PAUSING,
        revision=revision,
        last_speech=last_speech,
        transcript=None,
        failed=False,
        tuned_out=False,
        verdict=Verdict.UNSURE,
        deadline=_limit(state) if state.rules.manual else last_speech + state.rules.patience(Verdict.UNSURE),
    )
    actions: list[Action] = [Transcribe(revision)]
    if state.reply is Reply.DUCKED:
        paused = replace(paused, reply=Reply.PLAYING)
        actions.insert(0, Restore())
    return paused, actions


def _speech_resumed(state: Turn) -> Step:
    if state.phase is not Phase.PAUSING:
        return state, []
    actions: list[Action] = [Suspend(state.revision)]
    resumed = replace(state, phase=Phase.HEARING, transcript=None, unanswered=False, deadline=_limit(state))
    return resumed, actions


# ------------------------------------------------------------ the turn ends


def _elapsed(state: Turn, now: Samples) -> Step:
    if state.deadline is None or now < state.deadline:
        return state, []
    match state.phase:
        case Phase.HEARING:
            return _close_turn(state, "limit", now)
        case Phase.PAUSING:
            return _close_turn(state, "limit" if state.rules.manual else "silence", state.last_speech)
        case _:
            return replace(state, deadline=None), []


def _last_speech(state: Turn, now: Samples) -> Samples:
    return state.last_speech if state.phase is Phase.PAUSING else now


def _close_turn(state: Turn, reason: EndReason, last_speech: Samples) -> Step:
    """The utterance is over: settle it if its transcript is known, else wait for that."""
    state = replace(state, closing=reason, last_speech=last_speech, deadline=None)
    if state.phase is Phase.PAUSING:
        state = replace(state, phase=Phase.THINKING)
        if state.failed:
            return _settle_failed(state)
        return (state, []) if state.transcript is None else _settle(state, state.transcript)
    revision = state.revision + 1
    return replace(state, phase=Phase.THINKING, revision=revision, transcript=None), [Transcribe(revision)]


def _transcribed(state: Turn, event: Transcribed, now: Samples) -> Step:
    if event.failed:
        return _settle_failed(state) if state.awaits_transcript else (replace(state, failed=True), [])
    if state.awaits_transcript:
        state = replace(state, transcript=event.text, partial=event.text, spoken=event.spoken)
        return _settle(state, event.text)
    if state.phase is not Phase.PAUSING or state.transcript is not None:
        return state, []
    state = replace(state, transcript=event.text, partial=event.text, spoken=event.spoken)
    state, actions = _act_on_words(state, event)
    verdict = state.judge.verdict(event.text, event.ending)
    state = replace(state, verdict=verdict)
    if state.rules.manual:
        return state, actions
    state = replace(state, deadline=state.last_speech + state.rules.patience(verdict))
    settled, more = _elapsed(state, now)
    return settled, actions + more


def _act_on_words(state: Turn, event: Transcribed) -> Step:
    """What a transcript at a pause does at once: prepare a reply, cut the one that is playing, or let it go on."""
    if state.reply is Reply.NONE:
        wanted = _judged(state, event.text) is Sound.WORDS and not state.unanswered
        return state, [Prepare(state.revision, state.number, event.text)] if wanted else []
    if _judged(state, event.text) is Sound.WORDS:
        state, actions = _interrupt(state)
        return state, [*actions, Prepare(state.revision, state.number, event.text)]
    if state.reply is Reply.HELD:
        return replace(state, reply=Reply.PLAYING), [GoOn()]
    return state, []


def _judged(state: Turn, text: str) -> Sound:
    """Whether an utterance holds words that ask for an answer.

    Words are words while the persona is silent. Over her voice, a nod or her own echo is not meant for her; once she
    has finished, a nod is an answer, but what began over her voice may still be its echo.
    """
    if state.reply is Reply.NONE and not state.over_reply:
        return Sound.WORDS if text.strip() else Sound.NOTHING
    sound = sounds_like(text, spoken=state.spoken)
    return Sound.WORDS if sound is Sound.BACKCHANNEL and state.reply is Reply.NONE else sound


def _settle(state: Turn, text: str) -> Step:
    """The turn is over and its words are known: a message and a reply, or nothing at all."""
    reason = state.closing or "silence"
    ended = EndTurn(state.number, state.last_speech, reason)
    sound = _judged(state, text)
    if sound is not Sound.WORDS and not state.typed:
        return _nothing_said(state, ended)
    actions: list[Action] = [ended]
    if state.reply is not Reply.NONE:
        state, cut = _interrupt(state)
        actions += cut
    if sound is Sound.WORDS:
        actions.append(StoreMessage(state.number, text))
    state = replace(state, stored=True, deadline=None)
    if state.hanging_up:
        return replace(state, phase=Phase.ENDED), [*actions, CloseUtterance(state.number), End()]
    if state.unanswered:
        return _floor_is_free(state), [*actions, CloseUtterance(state.number)]
    return state, [*actions, Prepare(state.revision, state.number, text), Release(state.revision, state.number)]


def _settle_failed(state: Turn) -> Step:
    """The turn is over and its words are lost: say so, rather than fall silent."""
    actions: list[Action] = [EndTurn(state.number, state.last_speech, state.closing or "silence")]
    actions += _cut_if_any(state)
    state = replace(state, reply=Reply.NONE, failed=False, transcript="", deadline=None)
    if state.hanging_up:
        return replace(state, phase=Phase.ENDED), [*actions, CloseUtterance(state.number), End()]
    if state.unanswered:
        return _floor_is_free(state), [*actions, CloseUtterance(state.number)]
    reply = Prepare(state.revision, state.number, "") if state.typed else Apologise(state.revision, state.number)
    return state, [*actions, reply, Release(state.revision, state.number)]


def _floor_is_free(state: Turn) -> Turn:
    return replace(
        state, phase=Phase.LISTENING, closing=None, unanswered=False, typed=False, stored=False, deadline=None
    )


def _nothing_said(state: Turn, ended: EndTurn) -> Step:
    actions: list[Action] = [ended]
    if state.closing == "commit":
        actions.append(NoWords(state.number))
    if state.stored and not state.hanging_up and not state.unanswered:
        # A reopened turn whose addition was only noise: its message stands, so does the need for an answer.
        return state, [*actions, Prepare(state.revision, state.number, ""), Release(state.revision, state.number)]
    actions.append(CloseUtterance(state.number))
    if state.hanging_up:
        return replace(state, phase=Phase.ENDED), [*actions, End()]
    reply = state.reply
    if reply is Reply.HELD:
        actions.append(GoOn())
    elif reply is Reply.DUCKED:
        actions.append(Restore())
    after = Reply.NONE if reply is Reply.NONE else Reply.PLAYING
    return replace(_floor_is_free(state), reply=after), actions


def _cut_if_any(state: Turn) -> list[Action]:
    return [] if state.reply is Reply.NONE else [CutReply(state.speaking_revision)]


# -------------------------------------------------------- the persona speaks


def _reply_started(state: Turn, revision: int) -> Step:
    if revision != state.revision or state.phase is not Phase.THINKING:
        return state, []
    started = replace(_floor_is_free(state), reply=Reply.PLAYING, speaking_revision=revision)
    return started, [CloseUtterance(state.number)]


def _reply_finished(state: Turn, revision: int) -> Step:
    if state.reply is not Reply.NONE and revision == state.speaking_revision:
        return replace(state, reply=Reply.NONE), []
    if state.phase is Phase.THINKING and revision == state.revision:
        # It ended before any audio: there was nothing to say, or nothing could be said.
        return _floor_is_free(state), [CloseUtterance(state.number)]
    return state, []


def _prompted(state: Turn) -> Step:
    if state.phase is not Phase.LISTENING or state.reply is not Reply.NONE:
        return state, []
    revision = state.revision + 1
    prompted = replace(state, phase=Phase.THINKING, revision=revision, closing=None)
    return prompted, [Prepare(revision, state.number, ""), Release(revision, state.number)]


# ------------------------------------------------------- the learner's hands


def _typed(state: Turn) -> Step:
    actions = _cut_if_any(state)
    unasked = state.unasked
    state = replace(state, typed=True, unanswered=False, reply=Reply.NONE)
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
        return _close_turn(state, "commit", _last_speech(state, now))
    if state.phase is Phase.LISTENING and started_at is not None:
        # Nothing was recognised as speech, but the learner says that it was: let the recogniser judge.
        opened, actions = _open(state, started_at, [])
        closed, more = _close_turn(opened, "commit", now)
        return closed, actions + more
    return state, []


def _stopped(state: Turn) -> Step:
    if state.reply is not Reply.NONE:
        return _cut(state)
    if state.awaits_transcript:
        return replace(state, unanswered=True), []
    if state.phase is Phase.PAUSING and not state.rules.manual:
        # Its transcript is still wanted: the words become a message all the same.
        return replace(state, unanswered=True), [] if state.transcript is None else [Suspend(state.revision)]
    if state.phase is Phase.THINKING:
        silenced = replace(_floor_is_free(state), revision=state.revision + 1)
        return silenced, [Suspend(state.revision), CloseUtterance(state.number)]
    return state, []


def _hangup(state: Turn, now: Samples) -> Step:
    # Nobody hears any more: a reply is over at once, not when the last words are transcribed.
    actions = _cut_if_any(state)
    state = replace(state, hanging_up=True, reply=Reply.NONE)
    if state.utterance_open:
        closed, more = _close_turn(state, "end", _last_speech(state, now))
        return closed, [*actions, *more]
    if state.awaits_transcript:
        return state, actions
    if state.phase is Phase.THINKING:
        actions += [Suspend(state.revision), CloseUtterance(state.number)]
    return replace(state, phase=Phase.ENDED), [*actions, End()]
