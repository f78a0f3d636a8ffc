"""The turn machine at the end of the learner's turn: its transcript is judged, then stored and answered, or ignored."""

from dataclasses import replace

from pipeline.turn.actions import (
    Action,
    Apologise,
    CloseUtterance,
    CutReply,
    End,
    EndReason,
    EndTurn,
    GoOn,
    NoWords,
    Prepare,
    Release,
    Restore,
    StoreMessage,
    Suspend,
    Transcribe,
)
from pipeline.turn.dictated import Dictation, dictation
from pipeline.turn.end_of_turn import Verdict
from pipeline.turn.events import Transcribed
from pipeline.turn.interruption import Sound, sounds_like
from pipeline.turn.state import ENDINGS, IN_VAIN, Phase, ReplyPhase, Step, Turn
from voice.audio.formats import Samples


def elapsed(state: Turn, now: Samples) -> Step:
    """End the turn: its silence or its longest duration has elapsed."""
    if state.deadline is None or now < state.deadline:
        return state, []
    match state.phase:
        case Phase.HEARING:
            return close_turn(state, "limit", now)
        case Phase.PAUSING if state.rules.manual:
            return close_turn(state, "limit", state.last_speech)
        case Phase.PAUSING if state.transcript is None and not state.failed:
            return replace(state, deadline=None), []  # the transcript decides, and may still extend the time
        case Phase.PAUSING:
            return close_turn(_learned(state), "silence", state.last_speech)
        case _:
            return replace(state, deadline=None), []


def _learned(state: Turn) -> Turn:
    """Remember how high the voice is at the end of this turn; that counts more if the turn was waited on for it."""
    if state.prosody is None:
        return state
    times = IN_VAIN if state.verdict is Verdict.VOICE_UP else 1
    return replace(state, endings=(*state.endings, *[state.prosody] * times)[-ENDINGS:])


def end_of_speech(state: Turn, now: Samples) -> Samples:
    """Return the last sample of speech of an utterance that ends now."""
    return state.last_speech if state.phase is Phase.PAUSING else now


def close_turn(state: Turn, reason: EndReason, last_speech: Samples) -> Step:
    """Close the utterance: settle it if its transcript is known, else await that."""
    state = replace(state, closing=reason, last_speech=last_speech, deadline=None)
    if state.phase is Phase.PAUSING:
        state = replace(state, phase=Phase.THINKING)
        if state.failed:
            return _settle_failed(state)
        return (state, []) if state.transcript is None else _settle(state, state.transcript)
    revision = state.revision + 1
    return replace(state, phase=Phase.THINKING, revision=revision, transcript=None), [Transcribe(revision)]


def transcribed(state: Turn, event: Transcribed, now: Samples) -> Step:
    """Take the transcript of the utterance at its latest revision."""
    if event.failed:
        return _settle_failed(state) if state.awaits_transcript else _failed(state, now)
    if state.awaits_transcript:
        state = replace(state, transcript=event.text, partial=event.text, spoken=event.spoken)
        return _settle(state, event.text)
    if state.phase is not Phase.PAUSING or state.transcript is not None:
        return state, []
    state = replace(state, transcript=event.text, partial=event.text, spoken=event.spoken)
    state, actions = _act_on_words(state, event)
    dictated = dictation(event.text.strip(), event.spoken, state.so_far)
    verdict = state.judge.verdict(event.text, event.prosody, event.ending, dictated=dictated, endings=state.endings)
    state = replace(state, prosody=event.prosody if state.judge.heeds(event.text, dictated) else None)
    if verdict in (Verdict.UNFINISHED, Verdict.VOICE_UP) and state.reply is not ReplyPhase.NONE:
        verdict, dictated = Verdict.UNSURE, None  # the persona speaks on: nothing waits, and nothing was asked
    goes_on = dictated in (Dictation.GOES_ON, Dictation.ANY_LENGTH, Dictation.MAY_GO_ON)
    state = replace(state, verdict=verdict, so_far=event.text if goes_on else "")
    if state.rules.manual:
        return state, actions
    patience = state.rules.patience(verdict, dictated, pauses=state.pauses)
    state = replace(state, deadline=state.last_speech + patience)
    settled, more = elapsed(state, now)
    return settled, actions + more


def _failed(state: Turn, now: Samples) -> Step:
    """Note that the transcript of a pause failed: the default silence ends the turn."""
    state = replace(state, failed=True)
    if state.phase is not Phase.PAUSING or state.rules.manual:
        return state, []
    return elapsed(replace(state, deadline=state.last_speech + state.rules.patience(Verdict.UNSURE)), now)


def _act_on_words(state: Turn, event: Transcribed) -> Step:
    """Act on a transcript at a pause: prepare a reply, cut the one that is playing, or let it go on."""
    if state.protected_to:
        return state, []
    ahead: list[Action] = [Prepare(state.revision, state.number, event.text)] if state.answers else []
    if state.reply is ReplyPhase.NONE:
        return state, ahead if _judged(state, event.text) is Sound.WORDS else []
    if _judged(state, event.text) is Sound.WORDS:
        state, actions = cut(replace(state, over_reply=False))
        return state, [*actions, *ahead]
    if state.reply is ReplyPhase.HELD:
        return replace(state, reply=ReplyPhase.PLAYING, over_reply=True), [GoOn()]
    return state, []


def _judged(state: Turn, text: str) -> Sound:
    """Judge whether an utterance holds words that need an answer.

    While the persona is silent, any words do. Over a reply, a backchannel or an echo does not; after it, a backchannel
    is an answer, but an utterance that began over the reply may still be its echo. Words that stopped the reply were no
    echo, but the transcript may show a backchannel, or no words at all.
    """
    if state.reply is ReplyPhase.NONE and not state.over_reply:
        return Sound.WORDS if text.strip() else Sound.NOTHING
    sound = sounds_like(text, spoken=state.spoken if state.over_reply else "")
    answers = state.reply is ReplyPhase.NONE and sound in (Sound.BACKCHANNEL, Sound.FRAGMENT)
    return Sound.WORDS if answers else sound


def _settle(state: Turn, text: str) -> Step:
    """Settle a turn whose words are known: store and answer them, or ignore them."""
    reason = state.closing or "silence"
    ended = EndTurn(state.number, state.last_speech, reason)
    sound = _judged(state, text)
    if sound is not Sound.WORDS and not state.typed:
        return _nothing_said(state, ended)
    stored: list[Action] = [StoreMessage(state.number, text)] if sound is Sound.WORDS else []
    if state.protected_to:
        owed = replace(floor_is_free(state), owed=state.owed or state.answers)
        return owed, [ended, *stored, CloseUtterance(state.number)]
    state, actions = cut(replace(state, over_reply=state.over_reply and state.reply is ReplyPhase.NONE))
    actions = [ended, *actions, *stored]
    state = replace(staying(state), stored=True, deadline=None)
    if state.hanging_up:
        return _over(state, [*actions, CloseUtterance(state.number)])
    if not state.answers:
        return floor_is_free(state), [*actions, CloseUtterance(state.number)]
    actions += [Prepare(state.revision, state.number, text), Release(state.revision, state.number)]
    return replace(state, owed=False), actions


def _settle_failed(state: Turn) -> Step:
    """Settle a turn whose transcript failed: apologise rather than fall silent."""
    state, actions = cut(state)
    actions.insert(0, EndTurn(state.number, state.last_speech, state.closing or "silence"))
    state = replace(staying(state), failed=False, transcript="", deadline=None)
    if state.hanging_up:
        return _over(state, [*actions, CloseUtterance(state.number)])
    if not state.answers:
        return floor_is_free(state), [*actions, CloseUtterance(state.number)]
    reply = Prepare(state.revision, state.number, "") if state.typed else Apologise(state.revision, state.number)
    return replace(state, owed=False), [*actions, reply, Release(state.revision, state.number)]


def _over(state: Turn, actions: list[Action]) -> Step:
    """End the call: its last utterance is settled."""
    return replace(state, phase=Phase.ENDED), [*actions, End(state.ending)]


def floor_is_free(state: Turn) -> Turn:
    """Return the state with a free floor: nobody is waited for."""
    return replace(
        state,
        phase=Phase.LISTENING,
        closing=None,
        unanswered=False,
        typed=False,
        stored=False,
        deadline=None,
        line=None,
    )


def staying(state: Turn) -> Turn:
    """Return the state without a pending end of the call, unless that is final: the conversation goes on."""
    return state if state.going else replace(state, leaving=None)


def _nothing_said(state: Turn, ended: EndTurn) -> Step:
    actions: list[Action] = [ended]
    if state.closing == "commit":
        actions.append(NoWords(state.number))
    if state.stored and not state.hanging_up and state.answers:
        # A reopened turn, extended by mere noise: its message stands and still needs an answer.
        actions += [Prepare(state.revision, state.number, ""), Release(state.revision, state.number)]
        return replace(state, owed=False), actions
    actions.append(CloseUtterance(state.number))
    if state.hanging_up:
        return _over(state, actions)
    reply = state.reply
    if reply is ReplyPhase.HELD:
        actions.append(GoOn())
    elif reply is ReplyPhase.DUCKED:
        actions.append(Restore())
    after = ReplyPhase.NONE if reply is ReplyPhase.NONE else ReplyPhase.PLAYING
    return replace(floor_is_free(state), reply=after), actions


def discarded(state: Turn) -> Step:
    """Drop the open utterance; the reply that it sounded over goes on."""
    if not state.utterance_open:
        return state, []
    actions: list[Action] = [Suspend(state.revision), CloseUtterance(state.number)]
    if state.reply is ReplyPhase.HELD:
        actions.append(GoOn())
    elif state.reply is ReplyPhase.DUCKED:
        actions.append(Restore())
    after = ReplyPhase.NONE if state.reply is ReplyPhase.NONE else ReplyPhase.PLAYING
    return replace(floor_is_free(state), reply=after, owed=state.owed or state.typed), actions


def cut(state: Turn) -> Step:
    """Cut the reply, if there is one."""
    cut_off = replace(state, reply=ReplyPhase.NONE, protected_to=0)
    return cut_off, [] if state.reply is ReplyPhase.NONE else [CutReply(state.speaking_revision)]
