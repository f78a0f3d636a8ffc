"""At every instant of an interruption, the history holds what was heard: whole replies in virtual time.

Real replies, playout and ledger; an engine that says words of known lengths in chunks of any size, eSpeak, and Piper
with a voice made here; a client whose player is the truth about what was heard, and whose acknowledgements come late,
not at all, or lie.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.records.core import Chat, ChatContext, Persona
from pipeline.conversation.conversation import Conversation
from pipeline.conversation.events import ReplyAudio, ReplyBegan, ReplyCleared, ReplyEnded, SessionEvent
from pipeline.conversation.reply import ReplyContext
from pipeline.replay.virtual_time import run_virtually
from pipeline.speaking.preparation import Speaker
from pipeline.speaking.replies import Hooks, Replies
from pipeline.tasks.clock import LoopClock
from pipeline.tasks.slots import Slots
from pipeline.tasks.writer import Writer
from pipeline.turn.interruption import normalised_words
from tests.voices_piper import make_voice
from voice.tts.base import SpeechChunk, Synthesizer, VoiceStyle, Word
from voice.tts.espeak.engine import EspeakSynthesizer
from voice.tts.piper.engine import PiperSynthesizer
from voice.tts.synthesis import TextToSpeech
from voice.work.workers import InlineWorkers

RATE = 8000
LETTER_MS = 62  # about 16 letters and spaces a second


@dataclass
class Metronome:
    """An engine whose words take a known time each, in chunks of given sizes.

    Attributes:
        chunks: sizes in milliseconds, taken in turn.
        timed: whether it tells where its words are.
        stretch: for each word in turn, how much slower than its letters it is.
        said: every word with its length in samples, in order; a silence is a word without letters.
    """

    chunks: list[int]
    timed: bool
    stretch: list[float]
    name: str = "metronome"
    said: list[tuple[str, int]] = field(default_factory=list)

    def synthesize(self, text: str, style: VoiceStyle, *, cancelled: Callable[[], bool]) -> Iterator[SpeechChunk]:
        words, position, at = [], 0, 0
        for token in text.split():
            start = text.index(token, at)
            at = start + len(token)
            slower = self.stretch[len(self.said) % len(self.stretch)]
            length = round((len(token) + 1) * LETTER_MS * slower * RATE / 1000)
            words.append(Word(start, at, position, position + length))
            self.said.append((token, length))
            position += length
        sizes, sent = count(), 0
        while sent < position:
            end = min(position, sent + self.chunks[next(sizes) % len(self.chunks)] * RATE // 1000)
            inside = tuple(word for word in words if sent <= word.start < end) if self.timed else ()
            yield SpeechChunk(np.zeros(end - sent, np.int16), RATE, inside)
            sent = end


@dataclass
class Witness:
    """A real engine, and where it says that its words are.

    Attributes:
        engine: who speaks.
        said: as in `Metronome`, in samples of the call's rate.
    """

    engine: Synthesizer
    said: list[tuple[str, int]] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.engine.name

    def synthesize(self, text: str, style: VoiceStyle, *, cancelled: Callable[[], bool]) -> Iterator[SpeechChunk]:
        told, length = 0.0, 0.0
        for chunk in self.engine.synthesize(text, style, cancelled=cancelled):
            scale = RATE / chunk.rate_hz
            for word in chunk.words:
                self.said.append(("", round(word.start * scale - told)))
                self.said.append((text[word.text_start : word.text_end], round((word.end - word.start) * scale)))
                told += self.said[-2][1] + self.said[-1][1]
            length += len(chunk.audio) * scale
            yield chunk
        self.said.append(("", round(length - told)))


@dataclass
class Script:
    """A responder that writes one text, in pieces."""

    text: str
    pieces: int
    name: str = "script"

    async def reply(self, context: ReplyContext) -> AsyncIterator[str]:
        for start in range(0, len(self.text), self.pieces):
            yield self.text[start : start + self.pieces]


class Notebook:
    """Keeps messages in memory."""

    def __init__(self) -> None:
        self.messages: dict[str, dict[str, Any]] = {}

    async def add_message(self, chat_id: str, role: str, text: str, **fields: Any) -> None:
        self.messages[fields["id"]] = {"text": text, **fields}

    async def update_message(self, message_id: str, **changes: Any) -> None:
        self.messages[message_id].update(changes)


class Player:
    """The client's loudspeaker: plays what it was sent, in order, and knows which sample of the reply sounds."""

    def __init__(self, now: Callable[[], float], *, honest: bool) -> None:
        self._now = now
        self._honest = honest
        self._at = now()
        self._queue: list[tuple[float, float]] = []
        self._place = 0.0

    @property
    def place(self) -> float:
        """The sample of the reply that sounds now."""
        passed, self._at = (self._now() - self._at) * RATE, self._now()
        while passed > 0 and self._queue:
            start, end = self._queue[0]
            self._place = min(end, start + passed)
            passed -= end - start
            self._queue[0] = (self._place, end)
            if self._place >= end:
                self._queue.pop(0)
        return self._place

    def take(self, event: SessionEvent) -> None:
        """What comes over the line."""
        place = self.place
        if isinstance(event, ReplyAudio):
            start = event.at_ms * RATE / 1000
            self._queue.append((start, start + len(event.audio)))
            waiting_ms = sum(end - begin for begin, end in self._queue) * 1000 / RATE
            assert waiting_ms <= 420 or not self._honest, "at most 300 ms ahead, and what an acknowledgement is late"
        elif isinstance(event, ReplyCleared):
            self._queue.clear()
            self._place = place


@dataclass(frozen=True)
class Scene:
    """A reply and what happens to it; times in milliseconds after its first audio.

    Attributes:
        phase: where the instants of interruption lie, as a part of the time between two.
    """

    text: str
    chunks: list[int]
    stretch: list[float]
    timed: bool
    pieces: int
    happenings: list[tuple[int, str]]
    phase: float
    acknowledges: str
    late_ms: int
    missing: list[bool]


@dataclass
class Outcome:
    """What came of it.

    Attributes:
        place: the sample that sounded when the reply was cut; None if it had ended by itself.
        ended: the last event.
        stored, remembered: the message's text in the store, and in the persona's memory.
        said: as in `Metronome`.
        sent: how far the audio reached that was sent, in milliseconds.
        lasted: milliseconds from its first audio to its end.
    """

    place: float | None
    ended: ReplyEnded
    stored: str
    remembered: str
    said: list[tuple[str, int]]
    sent: int
    lasted: float

    def words(self, *, begun: bool) -> int:
        """How many words had begun, or were over, at that place."""
        at, number = 0, 0
        for word, length in self.said:
            place = self.place if self.place is not None else float("inf")
            number += bool(word) and (at < place if begun else at + length <= place)
            at += length
        return number


async def act(scene: Scene, cut_ms: float | None = None, speaks: Synthesizer | None = None) -> Outcome:
    clock, notebook, writer, slots = LoopClock(), Notebook(), Writer(LoopClock()), Slots()
    chat = Chat("chat", "attempt", "user", "name", None, position=0, created_at=datetime(2024, 1, 1, tzinfo=UTC))
    persona = Persona("dana", "Dana")
    conversation = Conversation(ChatContext(chat, (persona,), None, (), ()))
    engine = Metronome(scene.chunks, scene.timed, scene.stretch) if speaks is None else Witness(speaks)
    connected, begun, over = asyncio.Event(), asyncio.Event(), asyncio.Event()
    connected.set()
    player, sent, ends = Player(clock.now, honest=scene.acknowledges != "lies"), [0], []

    def emit(event: SessionEvent) -> None:
        player.take(event)
        match event:
            case ReplyBegan():
                begun.set()
            case ReplyAudio():
                sent[0] = max(sent[0], event.at_ms + event.duration_ms)
            case ReplyEnded():
                ends.append(event)
                over.set()

    ids = count(1)
    replies = Replies(
        conversation,
        Script(scene.text, scene.pieces),
        Speaker(TextToSpeech(engine, InlineWorkers()), None, VoiceStyle(), RATE, "call"),
        notebook,
        writer.put,
        slots,
        clock,
        connected,
        lambda: f"m{next(ids)}",
        Hooks(emit, lambda revision, stamps: None, lambda revision, leave: None),
    )

    async def acknowledge() -> None:
        for number in count():
            await clock.sleep(0.1)
            milliseconds = int(player.place * 1000 / RATE)
            if scene.acknowledges == "nothing" or scene.missing[number % len(scene.missing)]:
                continue
            if scene.acknowledges == "lies":
                milliseconds = milliseconds * 3 + 100_000
            slots.replace(f"ack {number}", tell(milliseconds))

    async def tell(milliseconds: int) -> None:
        await clock.sleep(scene.late_ms / 1000)
        replies.played(1, milliseconds)

    place = None
    async with slots:
        slots.replace("writer", writer.run(lambda error: pytest.fail(str(error))))
        replies.prepare(1, 1, "hello")
        replies.release(1)
        await begun.wait()
        slots.replace("acknowledge", acknowledge())
        start = clock.now()
        ending = [] if cut_ms is None else [(cut_ms, "cut")]
        for at_ms, what in [*sorted(scene.happenings), *ending]:
            if cut_ms is not None and at_ms > cut_ms:
                continue
            await clock.sleep(start + at_ms / 1000 - clock.now())
            if over.is_set():
                break
            if what == "cut":
                place = player.place
                replies.cut(1)
            else:
                {"duck": replies.duck, "hold": replies.hold, "go on": replies.go_on}[what]()
        await over.wait()
        lasted = (clock.now() - start) * 1000
        await writer.drained()
        slots.cancel("acknowledge")
    (message,) = notebook.messages.values()
    remembered = conversation.context().history
    return Outcome(
        None if ends[0].text == ends[0].heard and not ends[0].interrupted else place,
        ends[0],
        message["text"],
        remembered[-1].text if remembered else "",
        engine.said,
        sent[0],
        lasted,
    )


INSTANTS = 8


def interrupted(scene: Scene, speaks: Synthesizer | None = None) -> Iterator[Outcome]:
    """The reply as a whole, then interrupted at instants spread evenly over it."""
    whole = run_virtually(act(scene, None, speaks))
    yield whole
    for number in range(INSTANTS):
        yield run_virtually(act(scene, whole.lasted * (number + scene.phase) / INSTANTS, speaks))


VOCABULARY = (
    "the letter apple garden window seven morning teacher because small river under yellow music people answer between "
    "summer kitchen table doctor question father number paper winter open simple across station"
).split()
clause = st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=9).map(" ".join)
texts = st.lists(st.tuples(clause, st.sampled_from([", ", ". ", "? "])), min_size=1, max_size=5).map(
    lambda parts: "".join(text.capitalize() + end for text, end in parts).strip()
)
stops = st.lists(st.tuples(st.integers(0, 60), st.sampled_from(["duck", "hold"]), st.integers(1, 16)), max_size=3)
happenings = stops.map(
    lambda them: [one for at, what, long in them for one in ((100 * at, what), (100 * at + 50 * long, "go on"))]
)
"""Ducked or held for a while; of those that overlap, the first to end lets it go on."""


def scenes(acknowledges: str, *, timed: bool) -> st.SearchStrategy[Scene]:
    return st.builds(
        Scene,
        text=texts,
        chunks=st.lists(st.integers(5, 700), min_size=1, max_size=5),
        stretch=st.lists(st.floats(0.7, 1.6) if timed else st.floats(0.95, 1.05), min_size=1, max_size=7),
        timed=st.just(timed),
        pieces=st.integers(1, 60),
        happenings=happenings,
        phase=st.floats(0, 1),
        acknowledges=st.just(acknowledges),
        late_ms=st.integers(0, 100) if acknowledges == "late" else st.just(0),
        missing=st.lists(st.booleans(), min_size=1, max_size=6) if acknowledges == "late" else st.just([False]),
    )


def check_always(outcome: Outcome) -> None:
    heard = outcome.ended.heard
    synthesized = normalised_words(" ".join(word for word, _ in outcome.said))
    assert synthesized[: len(heard.split())] == normalised_words(heard), "a prefix of what was synthesized"
    assert outcome.stored == heard
    assert outcome.remembered == heard.strip() or not heard
    assert outcome.ended.text.startswith(heard)


def check_to_the_word(outcome: Outcome) -> None:
    check_always(outcome)
    assert outcome.words(begun=False) <= len(outcome.ended.heard.split()) <= outcome.words(begun=True)


slowly = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.slow
@slowly
@given(scenes("nothing", timed=True))
def test_without_acknowledgements_the_last_word_is_the_one_that_sounded(scene: Scene) -> None:
    for outcome in interrupted(scene):
        check_to_the_word(outcome)


@pytest.mark.slow
@slowly
@given(scenes("promptly", timed=True))
def test_with_acknowledgements_too(scene: Scene) -> None:
    for outcome in interrupted(scene):
        check_to_the_word(outcome)


@pytest.mark.slow
@slowly
@given(scenes("late", timed=True))
def test_late_and_missing_acknowledgements_cost_at_most_a_word(scene: Scene) -> None:
    for outcome in interrupted(scene):
        check_always(outcome)
        number = len(outcome.ended.heard.split())
        assert outcome.words(begun=False) - 1 <= number <= outcome.words(begun=True)


@pytest.mark.slow
@slowly
@given(scenes("nothing", timed=False))
def test_an_engine_without_timings_is_within_a_word(scene: Scene) -> None:
    for outcome in interrupted(scene):
        check_always(outcome)
        number = len(outcome.ended.heard.split())
        assert outcome.words(begun=False) - 1 <= number <= outcome.words(begun=True) + 1


@pytest.mark.slow
@slowly
@given(scenes("lies", timed=True))
def test_a_client_that_lies_hears_no_more_than_it_was_sent(scene: Scene) -> None:
    for outcome in interrupted(scene):
        check_always(outcome)
        at = 0
        for _, length in outcome.said[: len(outcome.ended.heard.split())]:
            assert at * 1000 / RATE <= outcome.sent
            at += length


@pytest.fixture(scope="module")
def piper(tmp_path_factory: pytest.TempPathFactory) -> PiperSynthesizer:
    return PiperSynthesizer(make_voice(tmp_path_factory.mktemp("voices")))


@pytest.mark.slow
@slowly
@given(scenes("promptly", timed=True))
def test_what_espeak_says_is_heard_to_the_word(scene: Scene) -> None:
    for outcome in interrupted(scene, EspeakSynthesizer()):
        check_to_the_word(outcome)


@pytest.mark.slow
@slowly
@given(scenes("promptly", timed=True))
def test_what_piper_says_is_heard_to_the_word(piper: PiperSynthesizer, scene: Scene) -> None:
    for outcome in interrupted(scene, piper):
        check_to_the_word(outcome)


def test_a_reply_that_was_played_to_its_end_while_ducked_was_not_interrupted() -> None:
    scene = Scene("The garden.", [100], [1.0], True, 5, [(600, "duck")], 0, "nothing", 0, [False])
    outcome = run_virtually(act(scene, 5000))
    assert outcome.ended.heard == outcome.ended.text
    assert not outcome.ended.interrupted
