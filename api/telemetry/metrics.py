"""The metrics of the service: turns, calls, engines and the event loop. No label names a user, a chat or a call."""

from collections.abc import Callable, Iterable
from itertools import product
from typing import Protocol, get_args

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from api.telemetry import names
from api.telemetry.turns import TurnRecord, TurnStage
from pipeline.call.keeping import AdoptionCause
from pipeline.conversation.events import CallEnded, Problem, ReplyStalled, SessionEvent
from voice.work.fair_queue import Dropped, Priority

ADOPTIONS = ("resumed", "asked")
"""How a call of another process goes on: its client resumes it, or it is asked for without a token."""

CAUSES: tuple[AdoptionCause, ...] = ("deploy", "crash", "moved")


class OpenCalls(Protocol):
    """What is asked of the registry of calls."""

    @property
    def closing(self) -> bool: ...

    def __len__(self) -> int: ...


class ConnectedBus(Protocol):
    """What is asked of the bus."""

    @property
    def connected(self) -> bool: ...


class Metrics:
    """The instruments, and what is recorded with them.

    Args:
        meter: makes the instruments.
        calls: whose number is observed.
        limit: most concurrent calls.
        engines: the names of the engines by stage, such as {"stt": "whisper:base"}; read at each measurement, since a
            damaged engine is replaced.
        writes: counts the writes of the fullest call that wait for the store.
    """

    def __init__(
        self,
        meter: Meter,
        calls: OpenCalls,
        limit: int,
        engines: Callable[[], dict[str, str]],
        writes: Callable[[], int],
    ) -> None:
        self._engines = engines
        seconds, lag = list(names.BUCKETS_S), list(names.LAG_BUCKETS_S)
        self._stages = {
            stage: meter.create_histogram(name, "s", _STAGE_HELP[stage], explicit_bucket_boundaries_advisory=seconds)
            for stage, name in names.STAGE_METRICS.items()
        }
        self._operations = meter.create_histogram(
            names.OPERATION_DURATION,
            "s",
            "Duration of an engine's work on a turn, eager work that was discarded included.",
            explicit_bucket_boundaries_advisory=seconds,
        )
        self._first_chunk = meter.create_histogram(
            names.TIME_TO_FIRST_CHUNK,
            "s",
            "Time to the first text of a language model, and to the first audio of a synthesizer.",
            explicit_bucket_boundaries_advisory=seconds,
        )
        self._tokens = meter.create_histogram(
            names.TOKEN_USAGE,
            "{token}",
            "Tokens of prompts and answers, as the servers of language models report them.",
            explicit_bucket_boundaries_advisory=list(names.TOKENS),
        )
        self._underruns = meter.create_counter(
            names.UNDERRUNS, "{gap}", "Gaps in what is played of a reply, as its next audio was not there in time."
        )
        self._waits = meter.create_histogram(
            names.QUEUE_WAIT,
            "s",
            "How long work waited in the queue of the local engines, by priority.",
            explicit_bucket_boundaries_advisory=lag,
        )
        self._lag = meter.create_histogram(
            names.LOOP_LAG,
            "s",
            "By how much the event loop was late for a timer.",
            explicit_bucket_boundaries_advisory=lag,
        )
        self._store = meter.create_histogram(
            names.STORE_DURATION,
            "s",
            "Duration of a transaction, its wait for a connection included, by use: reading or writing.",
            explicit_bucket_boundaries_advisory=lag,
        )
        self._bus_lag = meter.create_histogram(
            names.BUS_LAG,
            "s",
            "How long a message of this process took over the bus and back.",
            explicit_bucket_boundaries_advisory=lag,
        )
        self._batches = meter.create_histogram(
            names.BATCH_SIZE,
            "{utterance}",
            "Utterances that the recogniser decoded at once.",
            explicit_bucket_boundaries_advisory=list(names.BATCHES),
        )
        self._restarts = meter.create_counter(
            names.RESTARTS, "{restart}", "Child processes of the recogniser that took the place of one that died."
        )
        self._partials = meter.create_counter(
            names.PARTIALS_DROPPED,
            "{partial}",
            "Partial transcripts that were refused, or given up before they were done, by reason.",
        )
        self._bus_dropped = meter.create_counter(
            names.BUS_DROPPED, "{message}", "Messages to other processes that were dropped: too many waited."
        )
        self._adopted = meter.create_counter(
            names.CALLS_ADOPTED,
            "{call}",
            "Calls of other processes, or earlier ones, that went on in this one, by reason.",
        )
        self._lost = meter.create_counter(names.CALLS_LOST, "{call}", "Calls that ended as nobody resumed them.")
        self._ended = meter.create_counter(names.CALLS_ENDED, "{call}", "Calls that ended, by reason.")
        self._interruptions = meter.create_counter(
            names.INTERRUPTIONS, "{interruption}", "Speech over a reply, by how it was judged."
        )
        self._problems = meter.create_counter(names.PROBLEMS, "{problem}", "Typed errors in calls, by code.")

        # Shown from the start, so that the first one is seen as an increase.
        for counter in (self._lost, self._restarts, self._bus_dropped, self._underruns):
            counter.add(0)
        for reason in get_args(Dropped):
            self._partials.add(0, {"reason": reason})
        for by, cause in product(ADOPTIONS, CAUSES):
            self._adopted.add(0, {"reason": cause, "by": by})

        def active(_: CallbackOptions) -> Iterable[Observation]:
            yield Observation(len(calls))

        def most(_: CallbackOptions) -> Iterable[Observation]:
            yield Observation(limit)

        def draining(_: CallbackOptions) -> Iterable[Observation]:
            yield Observation(int(calls.closing))

        def load(_: CallbackOptions) -> Iterable[Observation]:
            yield Observation(1.0 if calls.closing else min(1.0, len(calls) / limit))

        def writing(_: CallbackOptions) -> Iterable[Observation]:
            yield Observation(writes())

        meter.create_observable_gauge(
            names.WRITER_QUEUE, [writing], "{write}", "Writes of the fullest call that wait for the store; at most 256."
        )
        meter.create_observable_gauge(names.CALLS_ACTIVE, [active], "{call}", "Open calls.")
        meter.create_observable_gauge(names.CALLS_LIMIT, [most], "{call}", "Most calls that may be open.")
        meter.create_observable_gauge(names.CALLS_DRAINING, [draining], "1", "1 while the service stops.")
        meter.create_observable_gauge(names.LOAD, [load], "1", "Open calls as a share of their limit, 0 to 1.")

    def hear(self, event: SessionEvent) -> None:
        """Count an event of a call."""
        match event:
            case CallEnded():
                self._ended.add(1, {"reason": event.reason})
                if event.reason == "lost":
                    self._lost.add(1)
            case ReplyStalled():
                self._underruns.add(1)
            case Problem():
                self._problems.add(1, {"code": event.code})
            case _:
                pass

    def turn(self, record: TurnRecord) -> None:
        """Record a turn that is over."""
        if record.latency is not None:
            for stage, milliseconds in record.latency.stages.items():
                self._stages[stage].record(milliseconds / 1000)
            self._first_chunk.record(record.latency.llm_ms / 1000, self._labels("invoke_llm"))
            self._first_chunk.record(record.latency.tts_ms / 1000, self._labels("speech"))
        for work in record.stages:
            if work.name in names.OPERATIONS and work.end is not None:
                self._operations.record(work.end - work.start, {**self._labels(work.name), **_failure(work)})

    def interruption(self, judged: str) -> None:
        """Count speech over a reply: true, false or backchannel."""
        self._interruptions.add(1, {"judged": judged})

    def waited(self, priority: Priority, seconds: float) -> None:
        """Record how long work waited for an engine. Thread-safe."""
        self._waits.record(seconds, {"priority": priority.name.lower()})

    def gave_up(self, priority: Priority, reason: Dropped) -> None:
        """Count a partial that an engine did not finish. Thread-safe."""
        if priority is Priority.PARTIAL:
            self._partials.add(1, {"reason": reason})

    def batched(self, utterances: int) -> None:
        """Record the size of a batch. Thread-safe."""
        self._batches.record(utterances)

    def restarted(self) -> None:
        """Count a restart of the recogniser's process. Thread-safe."""
        self._restarts.add(1)

    def stored(self, use: str, seconds: float) -> None:
        """Record how long a transaction took."""
        self._store.record(seconds, {"use": use})

    def bus_lagged(self, seconds: float) -> None:
        """Record how long a message took over the bus and back."""
        self._bus_lag.record(seconds)

    def bus_dropped(self, messages: int) -> None:
        """Count dropped messages of the bus."""
        self._bus_dropped.add(messages)

    def adopted(self, by: str, reason: AdoptionCause) -> None:
        """Count a call that goes on in this process: "resumed" by its client, or "asked" for; and why."""
        self._adopted.add(1, {"reason": reason, "by": by})

    def counted(self, model: str, asked: int, answered: int) -> None:
        """Record the tokens of an answer of a language model: of its prompt, and of itself."""
        about = {**self._labels("invoke_llm"), names.MODEL: model}
        self._tokens.record(asked, {**about, names.TOKEN_TYPE: "input"})
        self._tokens.record(answered, {**about, names.TOKEN_TYPE: "output"})

    def lagged(self, seconds: float) -> None:
        """Record by how much the event loop was late."""
        self._lag.record(seconds)

    def _labels(self, stage: str) -> dict[str, str]:
        provider, _, model = self._engines()[_ENGINE_OF[stage]].partition(":")
        return {
            names.OPERATION: names.OPERATIONS[stage],
            names.PROVIDER: provider,
            names.MODEL: model or provider,
        }


def observe_connection(meter: Meter, bus: ConnectedBus) -> None:
    """Show whether the server of the bus can be reached."""

    def connected(_: CallbackOptions) -> Iterable[Observation]:
        yield Observation(int(bus.connected))

    meter.create_observable_gauge(names.BUS_CONNECTED, [connected], "1", "1 while the bus reaches its server.")


_ENGINE_OF = {"transcribe": "stt", "invoke_llm": "llm", "speech": "tts"}

_STAGE_HELP = {
    "endpoint_ms": "From the last speech sample to the release of the reply.",
    "stt_ms": "From the request of a transcript to its arrival.",
    "llm_ms": "From the beginning of a reply to its first text.",
    "tts_ms": "From the first clause of a reply to its first audio.",
    "voice_to_voice_ms": "From the last speech sample to the first audio of the answer.",
}


def _failure(stage: TurnStage) -> dict[str, str]:
    return {names.ERROR: str(stage.attributes[names.ERROR])} if names.ERROR in stage.attributes else {}
