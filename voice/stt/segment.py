"""Recognition of a segment of speech: streamed if the engine can, else transcribed whole."""

from contextlib import suppress
from dataclasses import replace

import numpy as np

from voice.audio.formats import RATE_HZ, Int16Mono16k
from voice.errors import Cancelled as CancelledError
from voice.errors import EngineBusy
from voice.stt.base import SketchingTranscriber, StreamingTranscriber, Transcriber, Transcript
from voice.stt.samples import LONGEST_SECONDS, as_float32
from voice.stt.segment_stream import SegmentStream
from voice.stt.spoken_words import spoken_words
from voice.work.cancellation import Cancelled
from voice.work.workers import Pressure, Priority, Workers

LONGEST = LONGEST_SECONDS * RATE_HZ


class Segment:
    """At most 30 s of speech, the maximum that a recogniser accepts.

    Takes audio frame by frame; its transcript can be requested at any time, and again after more audio. Everything runs
    on the event loop, except the engine, which runs in the workers. Close it, or use `async with`.
    """

    def __init__(
        self,
        transcriber: Transcriber,
        workers: Workers,
        call: str,
        prompt: str,
        priority: Priority = Priority.FINAL,
    ) -> None:
        self._transcriber = transcriber
        self._priority = priority
        self._workers = workers
        self._call = call
        self._prompt = prompt
        self._samples = np.empty(5 * RATE_HZ, np.int16)
        self._length = 0
        self._result: tuple[int, Transcript] | None = None
        self._sketch = (0, Transcript(""))
        self._closed = False
        self._stream = (
            SegmentStream(transcriber, workers, call, prompt, priority)
            if isinstance(transcriber, StreamingTranscriber)
            else None
        )

    async def __aenter__(self) -> "Segment":
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    @property
    def audio(self) -> Int16Mono16k:
        """The samples pushed so far, shape (n,), n <= 30 * 16000; a view that later pushes do not change."""
        return self._samples[: self._length]

    @property
    def streams(self) -> bool:
        """Whether a decoder takes the audio as it is pushed, so that a transcript has little left to do."""
        return self._stream is not None

    @property
    def pressure(self) -> Pressure:
        """How much the workers have to do, as far as a partial adds to it: one of a decoder that streams does not."""
        return Pressure() if self._stream is not None else self._workers.pressure()

    @property
    def full(self) -> bool:
        """Whether the segment has reached 30 s; further audio is ignored."""
        return self._length >= LONGEST

    @property
    def text_ready(self) -> bool:
        """Whether `transcript` would return immediately, since nothing was pushed after its last result."""
        return self._result is not None and self._result[0] == self._length

    def push(self, frame: Int16Mono16k) -> None:
        """Add samples (any number; 320 on the live path). Never blocks; ignored once `full` or closed.

        Args:
            frame: int16 mono samples at 16 kHz, shape (n,).
        """
        frame = frame[: LONGEST - self._length]
        if self._closed or not len(frame):
            return
        end = self._length + len(frame)
        if end > len(self._samples):
            grown = np.empty(min(max(end, 2 * len(self._samples)), LONGEST), np.int16)
            grown[: self._length] = self.audio
            self._samples = grown
        self._samples[self._length : end] = frame
        self._length = end
        if self._stream is not None:
            self._stream.feed(self.audio)

    def resumed(self) -> None:
        """Decode the segment again in the background, from its beginning, since speech resumed after a `transcript`.

        Otherwise this starts by itself after another second of audio, or with the next `transcript`.
        """
        if self._stream is not None and not self._closed:
            self._stream.resume()

    async def transcript(self) -> Transcript:
        """Transcribe everything pushed so far; without new audio return the last transcript.

        Raises:
            Cancelled: the segment was closed meanwhile.
            EngineBusy: the workers' queue is full.
            EngineFailed: the engine failed, or wrote more than the audio can hold.
            EngineUnavailable: the engine's files or server are missing.
        """
        if self._closed:
            raise CancelledError("The segment is closed; begin a new one.")
        if self._result is not None and self._result[0] == self._length:
            return self._result[1]
        audio, end = self.audio, self._length
        if not end:
            return Transcript("")
        text = await self._stream.finish(audio) if self._stream is not None else None
        if text is None:
            text = await self._whole(audio, self._priority)
        text = replace(text, text=spoken_words(text.text, end))
        if self._result is None or self._result[0] <= end:
            self._result = (end, text)
        return text

    async def partial(self) -> Transcript:
        """Return the partial transcript, which may still change, and lags if the engine is busy.

        Raises:
            Cancelled: the engine was wanted for a transcript, or the segment was closed meanwhile.
            EngineFailed: the engine failed, or wrote more than the audio can hold.
        """
        if self.text_ready and self._result is not None:
            return self._result[1]
        if self._stream is not None:
            return Transcript(spoken_words(self._stream.partial, self._length))
        audio, end = self.audio, self._length
        if end > self._sketch[0] and not self._closed:
            with suppress(EngineBusy):  # a late partial is useless: keep the last one
                sketch = await self._sketched(audio)
                self._sketch = (end, replace(sketch, text=spoken_words(sketch.text, end)))
        return self._sketch[1]

    def close(self) -> None:
        """End the segment and return its decoder to the pool, cancelling running jobs. Idempotent, never blocks."""
        self._closed = True
        if self._stream is not None:
            self._stream.close()

    async def _sketched(self, audio: Int16Mono16k) -> Transcript:
        sketching = self._transcriber
        if not isinstance(sketching, SketchingTranscriber):
            return await self._whole(audio, max(Priority.PARTIAL, self._priority))
        return await self._workers.run(
            lambda cancelled: sketching.sketch(as_float32(audio), cancelled=lambda: self._closed or cancelled()),
            call=self._call,
            priority=max(Priority.PARTIAL, self._priority),
        )

    async def _whole(self, audio: Int16Mono16k, priority: Priority) -> Transcript:
        def job(cancelled: Cancelled) -> Transcript:
            return self._transcriber.transcribe(
                as_float32(audio), prompt=self._prompt, cancelled=lambda: self._closed or cancelled()
            )

        return await self._workers.run(job, call=self._call, priority=priority)
