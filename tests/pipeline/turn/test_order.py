"""Whatever happens, in whatever order: the floor stays in order, and no state is a dead end."""

from collections.abc import Callable
from dataclasses import dataclass, field

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
    OpenUtterance,
    Prepare,
    Release,
    ReopenUtterance,
    Restore,
    StoreMessage,
    Suspend,
    Transcribe,
)
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
from pipeline.turn.machine import Phase, Reply, Rules, Turn, samples, step
from voice.speech.endpointing import SpeechPaused, SpeechResumed, SpeechStarted

SPOKEN = "and what is the number on your receipt please"
WORDS = ["", "right", "wait a minute", "my number is", "what seems to be the problem", "the number on your receipt"]

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
    st.just(lambda state: ReplyFinished(state.speaking_revision)),
    st.just(lambda state: ReplyFinished(state.revision)),
    always(Typed()),
    always(Prompted()),
    st.builds(lambda at: lambda _: Committed(at), st.sampled_from([None, 0])),
    always(Stopped()),
    st.builds(lambda reason: lambda _: Muted(reason), st.sampled_from(["mute", "silence"])),
    always(Unmuted()),
    always(Hangup()),
)


@dataclass
class Client:
    """Whoever carries the actions out: it refuses what makes no sense."""

    state: Turn = field(default_factory=lambda: Turn(rules=Rules()))
    now: int = 0
    open_turn: int | None = None
    ended_turn: int = 0
    transcribing: int = 0
    prepared: set[int] = field(default_factory=set)
    released: set[int] = field(default_factory=set)
    sounding: int | None = None
    quiet: bool = False
    ends: int = 0

    def feed(self, event: Event) -> None:
        self.now += samples(200)
        match event:
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
            case Prepare(revision) | Apologise(revision):
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
            case End():
                self.ends += 1
            case _:
                pass

    def look(self) -> None:
        """What holds in every state."""
        state = self.state
        assert (state.reply is not Reply.NONE) == (self.sounding is not None)
        assert (state.reply in (Reply.DUCKED, Reply.HELD)) == self.quiet
        if state.reply is not Reply.NONE:
            assert state.speaking_revision == self.sounding
        if state.phase in (Phase.HEARING, Phase.PAUSING):
            awaited = state.phase is Phase.PAUSING and self.transcribing == state.revision
            assert state.deadline is not None or awaited, "a turn ends by itself, or by the words that are asked for"
            assert self.open_turn == state.number
        if state.phase is Phase.LISTENING:
            assert self.open_turn is None
            assert not self.quiet, "a reply is never silenced without an utterance that may bring it back"
            assert not self.released
        if state.phase is Phase.ENDED:
            assert (self.ends, self.open_turn, self.sounding) == (1, None, None)


stories = st.lists(CHOICES, max_size=50)


@settings(max_examples=600, deadline=None)
@given(stories)
def test_whatever_happens_the_floor_stays_in_order(choices: list[Choice]) -> None:
    client = Client()
    for choice in choices:
        client.feed(choice(client.state))


@settings(max_examples=400, deadline=None)
@given(stories, st.sampled_from(WORDS))
def test_from_every_state_the_call_comes_to_rest(choices: list[Choice], last_words: str) -> None:
    """Silence, a transcript and the end of a reply always lead back to an open floor."""
    client = Client()
    for choice in choices:
        client.feed(choice(client.state))
    for _ in range(12):
        state = client.state
        if state.phase is Phase.ENDED or (state.phase is Phase.LISTENING and state.reply is Reply.NONE):
            break
        if state.phase is Phase.HEARING:
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
    assert client.state.reply is Reply.NONE


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
