"""The turn machine while the learner speaks: utterances begin, pause and resume; barge-in."""

from dataclasses import replace

from pipeline.turn.actions import Action, Duck, GoOn, Hold, OpenUtterance, ReopenUtterance, Restore, Suspend, Transcribe
from pipeline.turn.end_of_turn import Verdict
from pipeline.turn.interruption import Sound, sounds_like
from pipeline.turn.state import PAUSES, Phase, ReplyPhase, Step, Turn, samples
from voice.audio.formats import Samples


def speech_started(state: Turn, at: Samples) -> Step:
    """Open an utterance, or reopen the turn's if the reply has not begun."""
    match state.phase, state.reply:
        case Phase.LISTENING, ReplyPhase.NONE:
            return open_utterance(state, at, [])
        case Phase.LISTENING, ReplyPhase.PLAYING if state.protected_to:
            return open_utterance(state, at, [])
        case Phase.LISTENING, ReplyPhase.PLAYING:
            opened, actions = open_utterance(state, at, [Duck()])
            return replace(opened, reply=ReplyPhase.DUCKED), actions
        case Phase.THINKING, _ if state.insistent:
            return state, []  # speech that lasts is reported again once the prompt has begun
        case Phase.THINKING, _ if state.unasked:
            # The learner speaks first: the pending prompt is dropped, or waits.
            waiting = (state.line, *state.waiting) if state.line and state.line.insists else state.waiting
            opened, actions = open_utterance(replace(state, waiting=waiting), at, [])
            return opened, [Suspend(state.revision), *actions]
        case Phase.THINKING, _ if not state.hanging_up and state.closing != "limit":
            return _reopen(state, at)
        case _:
            return state, []


def _reopen(state: Turn, at: Samples) -> Step:
    """Reopen the turn: its reply has not begun, so the new speech belongs to it."""
    first = state.closing is None  # until now the turn was typed
    reopened = replace(
        state,
        phase=Phase.HEARING,
        started_at=at if first else state.started_at,
        last_speech=at,
        pauses=() if first else _with_pause(state, at),
        closing=None,
        unanswered=False,
        owed=state.owed or (state.rules.on_request and not state.awaits_transcript),
        transcript=None,
        partial="",
        over_reply=state.over_reply and not first,
        tuned_out=False,
        failed=False,
        endings=_no_end(state),
    )
    reopened = replace(reopened, deadline=_limit(reopened))
    return reopened, [Suspend(state.revision), ReopenUtterance(state.number, at)]


def _with_pause(state: Turn, at: Samples) -> tuple[Samples, ...]:
    return (*state.pauses, at - state.last_speech)[-PAUSES:]


def _no_end(state: Turn) -> tuple[float, ...]:
    """Return the ends of turns that still count: none with the voice as high as at a pause that was no end."""
    return tuple(ending for ending in state.endings if state.prosody is None or ending > state.prosody)


def open_utterance(state: Turn, at: Samples, actions: list[Action]) -> Step:
    """Begin a turn."""
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
        so_far="",
        pauses=(),
        stored=False,
        over_reply=state.reply is not ReplyPhase.NONE,
        tuned_out=False,
        failed=False,
        closing=None,
        unanswered=False,
        line=None,
    )
    return replace(opened, deadline=_limit(opened)), [OpenUtterance(number, at), *actions]


def _limit(state: Turn) -> Samples:
    return state.started_at + samples(state.rules.max_turn_ms)


def speech_continued(state: Turn, run: Samples, quiet: Samples, *, stands_out: bool = True) -> Step:
    """Take a frame of speech over a reply: duck, restore, hold or resume it."""
    rules = state.rules
    if not state.wants_frames or state.protected_to:
        return state, []
    sound = sounds_like(state.partial, spoken=state.spoken)
    harmless = sound in (Sound.BACKCHANNEL, Sound.ECHO) or (sound is Sound.NOTHING and state.tuned_out)
    match state.reply:
        case ReplyPhase.HELD if not state.over_reply:
            return state, []  # words stopped it: their transcript decides
        case ReplyPhase.HELD:
            noise = rules.partials and sound is not Sound.WORDS and run >= samples(rules.noise_ms)
            going_on = replace(state, reply=ReplyPhase.PLAYING, tuned_out=state.tuned_out or noise)
            return (going_on, [GoOn()]) if noise or harmless else (state, [])
        case ReplyPhase.PLAYING:
            again = run >= samples(rules.duck_ms) and quiet < samples(rules.restore_ms) and not harmless
            return (replace(state, reply=ReplyPhase.DUCKED), [Duck()]) if again else (state, [])
    if quiet >= samples(rules.restore_ms) or harmless:
        return replace(state, reply=ReplyPhase.PLAYING), [Restore()]
    if run < samples(rules.interrupt_ms):
        return state, []
    if sound is Sound.WORDS:
        return _stop_for_words(state)
    if rules.partials and run < samples(rules.interrupt_without_words_ms):
        return state, []
    if not stands_out:  # people in the background, so far: only words stop the reply
        return replace(state, reply=ReplyPhase.PLAYING, tuned_out=True), [Restore()]
    return replace(state, reply=ReplyPhase.HELD), [Hold()]


def partial(state: Turn, text: str, spoken: str) -> Step:
    """Take the words so far; real words stop a reply that is held already."""
    if not state.utterance_open:
        return state, []
    state = replace(state, partial=text, spoken=spoken)
    if state.reply is ReplyPhase.HELD and sounds_like(text, spoken=spoken) is Sound.WORDS:
        return _stop_for_words(state)
    return state, []


def _stop_for_words(state: Turn) -> Step:
    """Let words stop the reply; they count as the learner's, even as a repetition. The transcript decides on a cut."""
    stopped = replace(state, reply=ReplyPhase.HELD, over_reply=False)
    return stopped, [] if state.reply is ReplyPhase.HELD else [Hold()]


def speech_paused(state: Turn, last_speech: Samples) -> Step:
    """Pause the utterance: transcribe what was said so far as a new revision."""
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
        prosody=None,
        deadline=_limit(state) if state.rules.manual else last_speech + state.rules.patience(Verdict.UNSURE),
    )
    actions: list[Action] = [Transcribe(revision)]
    if state.reply is ReplyPhase.DUCKED:
        paused = replace(paused, reply=ReplyPhase.PLAYING)
        actions.insert(0, Restore())
    return paused, actions


def speech_resumed(state: Turn, at: Samples) -> Step:
    """Resume after a false pause: discard the speculative transcript and reply."""
    if state.phase is not Phase.PAUSING:
        return state, []
    actions: list[Action] = [Suspend(state.revision)]
    resumed = replace(
        state,
        phase=Phase.HEARING,
        transcript=None,
        unanswered=False,
        deadline=_limit(state),
        pauses=_with_pause(state, at),
        endings=_no_end(state),
    )
    return resumed, actions
