"""The engines and the database of a simulation: queues before servers whose times were measured."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from api.bench.swarm.events import EventQueue, Processors
from api.bench.swarm.measured import DatabaseTimes, RecogniserTimes, SynthesizerTimes, at_quantile, on_curve
from voice.stt.whisper.batching import MAX_BATCH

CLAUSE_S = 2.2
"""Length of a spoken clause."""

FEW = 8
"""Up to so many recognisers, each utterance goes to the one with the least to do; of more, to the better of two."""


@dataclass(slots=True, eq=False)
class QueuedUtterance:
    """An utterance that was given to a recogniser.

    Attributes:
        seconds: its cost alone.
        sketch: whether a sketch is enough.
        done: called at its end, with whether there are words.
        at: when it was asked for.
        cancelled: nobody wants it any more.
        over: it came to its end.
    """

    seconds: float
    sketch: bool
    done: Callable[[bool], None]
    at: float
    cancelled: bool = False
    over: bool = False


@dataclass(slots=True)
class _Recogniser:
    waiting: list[QueuedUtterance] = field(default_factory=list)
    running: list[QueuedUtterance] = field(default_factory=list)

    @property
    def burden(self) -> tuple[int, int]:
        asked = [one for one in (*self.waiting, *self.running) if not one.cancelled]
        return sum(not one.sketch for one in asked), len(asked)


class Recognisers:
    """Recognisers that decode in batches, transcripts before sketches, as `Batcher` does.

    Args:
        events: the virtual time.
        processors: where they run.
        times: their measured times.
        count: how many there are.
        chance: of how much dearer an utterance is than another.
    """

    def __init__(
        self, events: EventQueue, processors: Processors, times: RecogniserTimes, count: int, chance: Random
    ) -> None:
        self._events, self._processors, self._times, self._chance = events, processors, times, chance
        self._all = [_Recogniser() for _ in range(count)]
        self.waits_s: list[float] = []
        self.batches: list[int] = []
        self.transcript_s = 0.0
        self.sketch_s = 0.0
        self.dropped = 0

    def ask(self, speech_s: float, *, sketch: bool, done: Callable[[bool], None]) -> QueuedUtterance:
        """Give an utterance to a recogniser."""
        alone = on_curve(self._times.seconds, self._times.wall_s, speech_s)
        alone *= at_quantile(self._times.spread, self._chance.random())
        asked = QueuedUtterance(alone * (self._times.sketch if sketch else 1.0), sketch, done, self._events.now)
        some = self._all if len(self._all) <= FEW else self._chance.sample(self._all, 2)
        chosen = min(some, key=lambda one: one.burden)
        chosen.waiting.append(asked)
        if not chosen.running:
            self._begin(chosen)
        return asked

    def used(self, seconds: float) -> float:
        """Return the share of their time in which they decode transcripts."""
        return self.transcript_s / (seconds * len(self._all))

    def sketching(self, seconds: float) -> float:
        """Return the share of their time in which they sketch."""
        return self.sketch_s / (seconds * len(self._all))

    def _begin(self, one: _Recogniser) -> None:
        one.waiting = [asked for asked in one.waiting if not asked.cancelled]
        urgent = [asked for asked in one.waiting if not asked.sketch]
        one.running = (urgent or one.waiting)[:MAX_BATCH]
        one.waiting = [asked for asked in one.waiting if asked not in one.running]
        if not one.running:
            return
        number = len(one.running)
        seconds = sum(asked.seconds for asked in one.running) / number * self._times.batch[number - 1]
        if urgent:
            self.batches.append(number)
            self.waits_s += [self._events.now - asked.at for asked in one.running]
            self._run(one, seconds, lambda: self._end(one))
        else:
            self._run(one, seconds * self._times.encoding, lambda: self._encoded(one, seconds))

    def _run(self, one: _Recogniser, seconds: float, done: Callable[[], None]) -> None:
        began, sketch = self._events.now, one.running[0].sketch

        def ended() -> None:
            taken = self._events.now - began
            self.sketch_s += taken * sketch
            self.transcript_s += taken * (not sketch)
            done()

        self._processors.run(seconds, self._times.threads, ended)

    def _encoded(self, one: _Recogniser, seconds: float) -> None:
        if any(not asked.sketch and not asked.cancelled for asked in one.waiting):
            self.dropped += len(one.running)
            self._end(one, words=False)
        else:
            self._run(one, seconds * (1 - self._times.encoding), lambda: self._end(one))

    def _end(self, one: _Recogniser, *, words: bool = True) -> None:
        ended, one.running = one.running, []
        for asked in ended:
            asked.over = True
            if not asked.cancelled:
                asked.done(words)
        if not one.running:
            self._begin(one)


class Synthesizers:
    """Threads that synthesize clause after clause, first come, first served.

    Args:
        events: the virtual time.
        processors: where they run.
        times: their measured times.
        count: how many there are.
    """

    def __init__(self, events: EventQueue, processors: Processors, times: SynthesizerTimes, count: int) -> None:
        self._events, self._processors, self._times = events, processors, times
        self._count = count
        self._busy = 0
        self._queue: deque[tuple[float, Callable[[], None], Callable[[], None]]] = deque()
        self.busy_s = 0.0

    def say(self, clause_s: float, first: Callable[[], None], done: Callable[[], None]) -> None:
        """Synthesize a clause; call `first` at its first audio and `done` at its end."""
        self._queue.append((clause_s, first, done))
        self._next()

    def used(self, seconds: float) -> float:
        """Return the share of their time in which they work."""
        return self.busy_s / (seconds * self._count)

    def _next(self) -> None:
        if self._busy >= self._count or not self._queue:
            return
        clause_s, first, done = self._queue.popleft()
        self._busy += 1
        began = self._events.now
        rest = max(0.0, clause_s * self._times.per_second - self._times.first_s)

        def sounded() -> None:
            first()
            self._processors.run(rest, 1, ended)

        def ended() -> None:
            self._busy -= 1
            self.busy_s += self._events.now - began
            done()
            self._next()

        self._processors.run(self._times.first_s, 1, sounded)


class SimulatedDatabase:
    """A database whose transactions take the longer the more of them there are at once.

    Args:
        events: the virtual time.
        times: its measured times.
    """

    def __init__(self, events: EventQueue, times: DatabaseTimes) -> None:
        self._events, self._times = events, times
        self._busy = 0
        self._queue: deque[float] = deque()
        self.took_s: list[float] = []
        self.done = 0

    @property
    def most_a_second(self) -> float:
        """The highest number of transactions a second that was measured."""
        return max(n / s for n, s in zip(self._times.connections, self._times.commit_s, strict=True))

    def commit(self) -> None:
        """Run a transaction."""
        self._queue.append(self._events.now)
        self._next()

    def used(self, seconds: float) -> float:
        """Return the share of the measured transactions a second that was used."""
        return self.done / seconds / self.most_a_second

    def _next(self) -> None:
        if self._busy >= self._times.connections[-1] or not self._queue:
            return
        asked = self._queue.popleft()
        self._busy += 1
        seconds = on_curve(self._times.connections, self._times.commit_s, self._busy)

        def ended() -> None:
            self._busy -= 1
            self.done += 1
            self.took_s.append(self._events.now - asked)
            self._next()

        self._events.after(seconds, ended)
