"""The turn machine while the learner speaks: utterances that begin, pause and go on, and what they do to a reply."""

from dataclasses import replace

from pipeline.turn.actions import Action, Duck, GoOn, Hold, OpenUtterance, ReopenUtterance, Restore, Suspend, Transcribe
from pipeline.turn.end_of_turn import Verdict
from pipeline.turn.interruption import Sound, sounds_like
from pipeline.turn.state import Phase, Reply, Step, Turn, samples
from voice.audio.formats import Samples


def speech_started(state: Turn, at: Samples) -> Step:
    """The learner begins to speak, or goes on before the reply has begun."""
    match state.phase, state.reply:
        case Phase.LISTENING, Reply.NONE:
            return open_utterance(state, at, [])
        case Phase.LISTENING, Reply.PLAYING if state.protected_to:
            return open_utterance(state, at, [])
        case Phase.LISTENING, Reply.PLAYING:
            opened, actions = open_utterance(state, at, [Duck()])
            return replace(opened, reply=Reply.DUCKED), actions
        case Phase.THINKING, _ if state.insistent:
            return state, []  # speech that lasts is told again once the line has begun
        case Phase.THINKING, _ if state.unasked:
            # The learner speaks first: what the persona was about to say is no longer wanted, or waits.
            waiting = (state.line, *state.waiting) if state.line and state.line.insists else state.waiting
            opened, actions = open_utterance(replace(state, waiting=waiting), at, [])
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
        owed=state.owed or (state.rules.on_request and not state.awaits_transcript),
        transcript=None,
        partial="",
        over_reply=state.over_reply and not first,
        tuned_out=False,
        failed=False,
    )
    reopened = replace(reopened, deadline=_limit(reopened))
    return reopened, [Suspend(state.revision), ReopenUtterance(state.number, at)]


def open_utterance(state: Turn, at: Samples, actions: list[Action]) -> Step:
    """A turn begins."""
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
        line=None,
    )
    return replace(opened, deadline=_limit(opened)), [OpenUtterance(number, at), *actions]


def _limit(state: Turn) -> Samples:
    return state.started_at + samples(state.rules.max_turn_ms)


def speech_continued(state: Turn, run: Samples, quiet: Samples) -> Step:
    """A frame over the persona's voice: she is ducked, restored, held or goes on."""
    rules = state.rules
    if not state.wants_frames or state.protected_to:
        return state, []
    sound = sounds_like(state.partial, spoken=state.spoken)
    harmless = sound in (Sound.BACKCHANNEL, Sound.ECHO) or (sound is Sound.NOTHING and state.tuned_out)
    match state.reply:
        case Reply.HELD if not state.over_reply:
            return state, []  # words stopped it: their transcript decides
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
        return _stop_for_words(state)
    if not rules.partials or run >= samples(rules.interrupt_without_words_ms):
        return replace(state, reply=Reply.HELD), [Hold()]
    return state, []


def partial(state: Turn, text: str, spoken: str) -> Step:
    """The words so far; words stop a reply that is held already."""
    if not state.utterance_open:
        return state, []
    state = replace(state, partial=text, spoken=spoken)
    if state.reply is Reply.HELD and sounds_like(text, spoken=spoken) is Sound.WORDS:
        return _stop_for_words(state)
    return state, []


def _stop_for_words(state: Turn) -> Step:
    """Words stop the reply, and are the learner's whatever they repeat; their transcript says whether it is over."""
    stopped = replace(state, reply=Reply.HELD, over_reply=False)
    return stopped, [] if state.reply is Reply.HELD else [Hold()]


def speech_paused(state: Turn, last_speech: Samples) -> Step:
    """A silence inside the utterance: what was said so far is transcribed as a new revision."""
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


def speech_resumed(state: Turn) -> Step:
    """The pause was none: what was prepared in it is dropped."""
    if state.phase is not Phase.PAUSING:
        return state, []
    actions: list[Action] = [Suspend(state.revision)]
    resumed = replace(state, phase=Phase.HEARING, transcript=None, unanswered=False, deadline=_limit(state))
    return resumed, actions
