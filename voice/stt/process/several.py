"""Several child processes of one recogniser: each utterance goes to the one with the least to do."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

from voice.audio.formats import Float32Mono16k
from voice.stt.base import ByLanguage, PerCallTranscriber, StreamingTranscriber, Transcriber, Transcript
from voice.stt.call_language import CallLanguage
from voice.stt.process.process import REQUEST_S, ProcessTranscriber, in_process
from voice.work.cancellation import Cancelled, never_cancelled


@dataclass(slots=True)
class _Child:
    process: ProcessTranscriber
    transcripts: int = 0
    sketches: int = 0


class SeveralProcesses(ByLanguage):
    """A `Transcriber` on several child processes, each with its own copy of the model.

    A transcript goes to the child with the fewest transcripts, and among these to the one with the fewest sketches: it
    waits for no sketch, not even of its own call, as long as another child is idle.

    Args:
        processes: the children, at least one; closed with this.
    """

    def __init__(self, processes: Sequence[ProcessTranscriber]) -> None:
        self.name = processes[0].name
        self._children = [_Child(process) for process in processes]
        self._lock = Lock()

    @property
    def pending(self) -> int:
        """Number of requests that the children have not answered."""
        return sum(child.process.pending for child in self._children)

    @property
    def pids(self) -> list[int]:
        """Process ids of the children that were started."""
        return [child.process.pid for child in self._children if child.process.pid is not None]

    def observe_batches(self, batched: Callable[[int], None]) -> None:
        """See `BatchingTranscriber.observe_batches`."""
        for child in self._children:
            child.process.observe_batches(batched)

    def observe_restarts(self, restarted: Callable[[], None]) -> None:
        """See `ProcessTranscriber.observe_restarts`."""
        for child in self._children:
            child.process.observe_restarts(restarted)

    def warm(self) -> None:
        """Start the children and load their models, all at the same time. Blocking.

        Raises:
            EngineUnavailable: the engine cannot be loaded; the message says what to do.
        """
        with ThreadPoolExecutor(len(self._children)) as threads:
            list(threads.map(lambda child: child.process.warm(), self._children))

    def transcribe_in(
        self,
        language: str | None,
        audio: Float32Mono16k,
        prompt: str,
        cancelled: Cancelled,
        expected: str | None = None,
        *,
        sketch: bool = False,
    ) -> Transcript:
        """See `ProcessTranscriber.transcribe_in`."""
        with self._least_busy(sketch=sketch) as process:
            return process.transcribe_in(language, audio, prompt, cancelled, expected, sketch=sketch)

    def translate(
        self, audio: Float32Mono16k, *, prompt: str = "", cancelled: Cancelled = never_cancelled
    ) -> Transcript:
        """See `ProcessTranscriber.translate`."""
        with self._least_busy(sketch=False) as process:
            return process.translate(audio, prompt=prompt, cancelled=cancelled)

    def close(self) -> None:
        """Kill the children. Idempotent."""
        for child in self._children:
            child.process.close()

    @contextmanager
    def _least_busy(self, *, sketch: bool) -> Iterator[ProcessTranscriber]:
        with self._lock:
            child = min(self._children, key=lambda one: (one.transcripts, one.sketches))
            child.sketches += sketch
            child.transcripts += not sketch
        try:
            yield child.process
        finally:
            with self._lock:
                child.sketches -= sketch
                child.transcripts -= not sketch


class SeveralPerCallProcesses(SeveralProcesses):
    """`SeveralProcesses` that detect the language per call and keep it in the parent."""

    def for_call(self, expected: str = "") -> Transcriber:
        """See `PerCallTranscriber.for_call`."""
        return CallLanguage(self, expected)


def in_processes(
    make: Callable[[], Transcriber], example: Transcriber, *, count: int, request_s: float = REQUEST_S
) -> Transcriber:
    """Create a transcriber that runs the engine of `make` in so many child processes; one that streams, in one.

    Args:
        make, example, request_s: see `in_process`.
        count: number of processes, at least 1.
    """
    if count == 1 or isinstance(example, StreamingTranscriber):
        return in_process(make, example, request_s=request_s)
    kind = SeveralPerCallProcesses if isinstance(example, PerCallTranscriber) else SeveralProcesses
    return kind([ProcessTranscriber(make, name=example.name, request_s=request_s) for _ in range(count)])
