"""Whatever happens, in whatever order: the floor stays in order, and no state is a dead end."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.turn.actions import (
    Action,
    Apologise,
    CloseUtterance,
    CutReply,
    Duck,
    End,
    EndTurn,
    GoOn,
    Hold,
    Linger,
    OpenUtterance,
    Prepare,
    Release,
    ReopenUtterance,
    Restore,
    SayPrompt,
    StoreMessage,
    Suspend,
    Transcribe,
    TransferCall,
)
from pipeline.turn.events import (
    WHOLE,
    Committed,
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
from pipeline.turn.machine import Phase, ReplyPhase, Rules, Turn, samples, step
from voice.speech.endpointing import SpeechPaused, SpeechResumed, SpeechStarted

SPOKEN = "and what is the number on your receipt please"
WORDS = ["", "right", "wait a minute", "my number is", "what seems to be the problem", "the number on your receipt"]

LEAVES = [None, Leave(), Leave("transfer", "human"), Leave("duration", final=True)]
LINES = [
    Prompted("Hello.", protected=samples(500)),
    Prompted("This call is recorded.", WHOLE, insists=True, aside=True),
    Prompted("One minute is left.", insists=True),
    Prompted("Our time is up.", WHOLE, insists=True, leave=Leave("duration", final=True)),
]

Choice = Callable[[Turn], Event]
"""An event that may depend on the state: engines answer what they were asked."""


def always(event: Event) -> st.SearchStrategy[Choice]:
    return st.just(lambda _: event)


CHOICES = st.one_of(
    always(SpeechStarted(0)),
    st.builds(
        lambda run, quiet: lambda _: SpeechContinued(samples(run), samples(quiet)),
        st.integers(0, 4000),
        st.sampled_from([0, 0, 120]),
    ),
    st.just(lambda state: SpeechPaused(state.last_speech)),
    always(SpeechResumed(0)),
    always(Elapsed()),
    st.builds(lambda text: lambda _: Partial(text, SPOKEN), st.sampled_from(WORDS)),
    st.builds(
        lambda behind, text, failed: lambda state: Transcribed(state.revision - behind, text, SPOKEN, failed=failed),
        st.sampled_from([0, 0, 0, 1]),
        st.sampled_from(WORDS),
        st.sampled_from([False, False, False, True]),
    ),
    st.just(lambda state: ReplyStarted(state.revision)),
    st.builds(
        lambda leave: lambda state: ReplyFinished(state.speaking_revision, _asked(state, leave)),
        st.sampled_from(LEAVES),
    ),
    st.builds(lambda leave: lambda state: ReplyFinished(state.revision, leave), st.sampled_from(LEAVES)),
    always(Typed()),
    always(Prompted()),
    st.builds(lambda line: lambda _: line, st.sampled_from(LINES)),
    always(Requested()),
    always(Lingered()),
    st.builds(lambda at: lambda _: Committed(at), st.sampled_from([None, 0])),
    always(Stopped()),
    st.builds(lambda reason: lambda _: Muted(reason), st.sampled_from(["mute", "silence"])),
    always(Unmuted()),
    always(Hangup()),
)


def _asked(state: Turn, leave: Leave | None) -> Leave | None:
    """What nothing interrupts either asks for nothing or has the last word; no other reply has."""
    if leave is not None and leave.final != state.insistent:
        return None
    return leave


@pytest.mark.slow
@dataclass
class Client:
    """Whoever carries the actions out: it refuses what makes no sense."""

    rules: Rules = field(default_factory=Rules)
    state: Turn = field(init=False)
    now: int = 0
    open_turn: int | None = None
    ended_turn: int = 0
    transcribing: int = 0
    prepared: set[int] = field(default_factory=set)
    released: set[int] = field(default_factory=set)
    sounding: int | None = None
    quiet: bool = False
    ends: int = 0
    lingering: bool = False

    def __post_init__(self) -> None:
        self.state = Turn(rules=self.rules)

    def feed(self, event: Event) -> None:
        self.now += samples(200)
        match event:
            case Lingered() if not self.lingering:
                return  # it comes when it was asked for
            case Lingered():
                self.lingering = False
            case ReplyStarted(revision) if revision not in self.released or self.sounding is not None:
                return  # nothing is heard that was not released, and one reply at a time
            case ReplyFinished(revision) if revision != self.sounding and revision not in self.released:
                return
            case ReplyStarted(revision):
                self.released.discard(revision)
                self.sounding = revision
            case ReplyFinished(revision):
                self.released.discard(revision)
                if self.sounding == revision:
                    self.sounding, self.quiet = None, False
            case _:
                pass
        self.state, actions = step(self.state, event, self.now)
        for action in actions:
            self.carry_out(action)
        self.look()

    def carry_out(self, action: Action) -> None:
        match action:
            case OpenUtterance(turn, _):
                assert self.open_turn is None
                assert turn > self.ended_turn
                self.open_turn = turn
            case ReopenUtterance(turn, _):
                assert self.open_turn in (None, turn)
                self.open_turn = turn
            case CloseUtterance():
                self.open_turn = None
            case Transcribe(revision):
                assert revision > self.transcribing, "a revision is asked for once"
                self.transcribing = revision
            case Prepare(revision) | SayPrompt(revision) | Apologise(revision):
                self.prepared.add(revision)
            case Suspend(revision):
                self.prepared.discard(revision)
                self.released.discard(revision)
            case EndTurn(turn, _, _):
                assert turn == self.open_turn
                self.ended_turn = turn
            case StoreMessage(turn, text):
                assert turn == self.ended_turn, "nothing of a turn is stored before its end"
                assert text.strip()
            case Release(revision):
                assert revision in self.prepared, "nothing is released that was not prepared, or was suspended"
                assert revision == self.state.revision
                self.released = {revision}
            case Duck():
                assert self.sounding is not None
                assert not self.quiet
                self.quiet = True
            case Hold():
                assert self.sounding is not None
                self.quiet = True
            case Restore() | GoOn():
                assert self.sounding is not None
                assert self.quiet
                self.quiet = False
            case CutReply(revision):
                assert revision == self.sounding, "a reply is cut once, while it is heard"
                self.sounding, self.quiet = None, False
            case Linger():
                assert self.sounding is None, "nobody leaves before the last word was heard"
                self.lingering = True
            case TransferCall(target):
                assert target
                assert self.open_turn is None, "nobody is handed on while they speak"
            case End():
                self.ends += 1
            case _:
                pass

    def look(self) -> None:
        """What holds in every state."""
        state = self.state
        assert (state.reply is not ReplyPhase.NONE) == (self.sounding is not None)
        assert (state.reply in (ReplyPhase.DUCKED, ReplyPhase.HELD)) == self.quiet
        if state.reply is not ReplyPhase.NONE:
            assert state.speaking_revision == self.sounding
        if state.phase in (Phase.HEARING, Phase.PAUSING):
            awaited = state.phase is Phase.PAUSING and self.transcribing == state.revision
            assert state.deadline is not None or awaited, "a turn ends by itself, or by the words that are asked for"
            assert self.open_turn == state.number
        if state.protected_to:
            assert state.reply is ReplyPhase.PLAYING, "what is protected sounds on"
        if state.lingering:
            assert self.lingering or state.phase is Phase.ENDED, "who lingers is told when that is over"
            assert state.reply is ReplyPhase.NONE or state.going
        if state.floor_is_free:
            assert not state.owed, "an answer that is due is given as soon as it can be"
            assert state.leaving is None or state.lingering
        if state.phase is Phase.LISTENING:
            assert self.open_turn is None
            assert not self.quiet, "a reply is never silenced without an utterance that may bring it back"
            assert not self.released
        if state.phase is Phase.ENDED:
            assert (self.ends, self.open_turn, self.sounding) == (1, None, None)


stories = st.lists(CHOICES, max_size=50)


rules = st.sampled_from([Rules(), Rules(), Rules(on_request=True), Rules(manual=True, on_request=True)])


@pytest.mark.slow
@settings(max_examples=600, deadline=None)
@given(stories, rules)
def test_whatever_happens_the_floor_stays_in_order(choices: list[Choice], rules: Rules) -> None:
    client = Client(rules)
    for choice in choices:
        client.feed(choice(client.state))


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(stories, st.sampled_from(WORDS), rules)
def test_from_every_state_the_call_comes_to_rest(choices: list[Choice], last_words: str, rules: Rules) -> None:
    """Silence, a transcript and the end of a reply always lead back to an open floor."""
    client = Client(rules)
    for choice in choices:
        client.feed(choice(client.state))
    for _ in range(40):
        state = client.state
        if state.phase is Phase.ENDED or (state.floor_is_free and not state.lingering):
            break
        if client.lingering and (state.floor_is_free or state.going):
            client.feed(Lingered())
        elif state.phase is Phase.HEARING:
            client.feed(SpeechPaused(state.last_speech))
        elif state.utterance_open or state.awaits_transcript:
            client.feed(Transcribed(state.revision, last_words, SPOKEN))
            client.now = max(client.now, client.state.deadline or 0)
            client.feed(Elapsed())
        elif state.phase is Phase.THINKING:
            assert client.released == {state.revision}, "who waits for a reply has one coming"
            client.feed(ReplyStarted(state.revision))
        else:
            client.feed(ReplyFinished(state.speaking_revision))
    assert client.state.phase in (Phase.LISTENING, Phase.ENDED)
    assert client.state.reply is ReplyPhase.NONE


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(stories)
def test_what_is_answered_on_request_is_answered_on_no_other_account(choices: list[Choice]) -> None:
    """Nothing is prepared in answer to words before it was asked for."""
    client, asked = Client(Rules(on_request=True)), False
    for choice in choices:
        event = choice(client.state)
        asked = asked or isinstance(event, Requested | Prompted)
        client.feed(event)
        assert asked or not client.prepared


@settings(max_examples=200, deadline=None)
@given(stories)
def test_the_machine_is_a_function(choices: list[Choice]) -> None:
    """The same events give the same states and actions: a recorded call replays the same way every time."""
    state, now = Turn(rules=Rules()), 0
    for choice in choices:
        now += samples(200)
        event = choice(state)
        first, second = step(state, event, now), step(state, event, now)
        assert first == second
        state = first[0]
