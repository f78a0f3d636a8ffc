"""Streaming recognition of a segment, on a borrowed decoder."""

import asyncio

from voice.audio.formats import RATE_HZ, Int16Mono16k
from voice.errors import Cancelled as CancelledError
from voice.errors import VoiceError
from voice.stt.base import StreamingTranscriber, Transcript, TranscriptStream
from voice.work.cancellation import Cancelled
from voice.work.serial_queue import SerialQueue
from voice.work.workers import Priority, Workers

_BATCH = RATE_HZ // 10  # minimum samples of a job
_BITE = RATE_HZ // 2  # maximum samples of a job, for fairness between calls
_GOES_ON = RATE_HZ  # after a transcript, this much more audio means that the speaker has resumed


class SegmentStream:
    """Feeds a segment's audio in order to a borrowed decoder in the workers, and returns the decoder to the pool.

    A decoder cannot resume a segment that it has finished: if the speaker resumes, the segment is decoded again on a
    new decoder, in the background. The jobs run in a serial queue, never two at once, and only they touch the decoder.

    Args:
        transcriber: owner of the decoders.
        workers: where they run.
        call: id of the call, for fairness between calls.
        prompt: words that are likely to occur.
        priority: of the decoding.
    """

    def __init__(
        self,
        transcriber: StreamingTranscriber,
        workers: Workers,
        call: str,
        prompt: str,
        priority: Priority = Priority.FINAL,
    ) -> None:
        self._transcriber = transcriber
        self._priority = priority
        self._jobs = SerialQueue(workers, call=call)
        self._prompt = prompt
        self._decoder: TranscriptStream | None = None
        self._fed = 0
        self._finished: tuple[int, Transcript] | None = None
        self._resumed = False
        self._wait_for = 0
        self._feeding: asyncio.Future[None] | None = None
        self._latest: Int16Mono16k | None = None
        self.partial = ""
        """The partial transcript."""

    def feed(self, audio: Int16Mono16k) -> None:
        """Feed more audio. Never blocks.

        Args:
            audio: the whole segment so far, shape (n,); its samples must not change any more.
        """
        self._latest = audio
        if self._feeding is None and self._wanted(len(audio)):
            self._feeding = self._jobs.submit(lambda cancelled: self._feed(audio, cancelled), priority=self._priority)
            self._feeding.add_done_callback(self._went_in)

    def resume(self) -> None:
        """Decode a finished segment again, immediately, since the speaker resumed."""
        if self._finished is not None:
            self._resumed = True
            if self._latest is not None:
                self.feed(self._latest)

    async def finish(self, audio: Int16Mono16k) -> Transcript | None:
        """Return the transcript of the segment so far; None if no decoder is free, or it failed.

        Raises:
            Cancelled: the stream was closed meanwhile.
            EngineBusy, EngineUnavailable: raised by the workers.
        """
        return await self._jobs.submit(lambda cancelled: self._finish(audio, cancelled), priority=self._priority)

    def close(self) -> None:
        """Stop, and return the decoder to the pool once no job uses it. Idempotent, never blocks."""
        self._jobs.close(self._give_back)

    def _wanted(self, length: int) -> bool:
        if length < self._wait_for:
            return False
        if self._finished is not None:
            return self._resumed or length - self._finished[0] >= _GOES_ON
        return length - self._fed >= _BATCH

    def _went_in(self, done: "asyncio.Future[None]") -> None:
        self._feeding = None
        # After a refusal the next push retries; `finish` reports a failure.
        if not done.cancelled() and done.exception() is None and self._latest is not None:
            self.feed(self._latest)

    def _feed(self, audio: Int16Mono16k, cancelled: Cancelled) -> None:
        if not self._wanted(len(audio)):
            return  # a transcript was finished since the request
        try:
            if self._opened():
                self._accept(audio[: self._fed + _BITE], cancelled)
            else:
                self._wait_for = len(audio) + RATE_HZ
        except CancelledError:
            raise
        except VoiceError:
            self._give_back()
            self._wait_for = len(audio) + RATE_HZ

    def _finish(self, audio: Int16Mono16k, cancelled: Cancelled) -> Transcript | None:
        if self._finished is not None and self._finished[0] == len(audio):
            return self._finished[1]
        try:
            if not self._opened():
                return None
            assert self._decoder is not None
            self._accept(audio, cancelled)
            self._finished = (len(audio), self._decoder.finish())
        except CancelledError:
            raise
        except VoiceError:
            self._give_back()
            return None
        self._give_back()
        self.partial = self._finished[1].text
        return self._finished[1]

    def _opened(self) -> bool:
        if self._decoder is None:
            self._decoder = self._transcriber.stream(prompt=self._prompt)
            if self._decoder is None:
                return False
            self._fed = 0
            self._finished = None
            self._resumed = False
        return True

    def _accept(self, audio: Int16Mono16k, cancelled: Cancelled) -> None:
        assert self._decoder is not None
        while self._fed < len(audio):
            if cancelled():
                raise CancelledError("The transcript is no longer wanted.")
            bite = audio[self._fed : self._fed + _BITE]
            self._decoder.accept(bite)
            self._fed += len(bite)
        # While a segment is decoded again, keep its old words until new ones arrive.
        self.partial = self._decoder.partial() or self.partial

    def _give_back(self) -> None:
        decoder, self._decoder = self._decoder, None
        if decoder is not None:
            decoder.close()
