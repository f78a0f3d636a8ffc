# mypy: ignore-errors
# Runs in the environment of pipecat, whose types are not available here.
"""One job of `glow bench peers` with pipecat: a job on standard input, its result on standard output."""

import asyncio
import sys
import time
from contextlib import asynccontextmanager
from dataclasses import fields
from importlib.metadata import version

from loguru import logger
from peer_audio import (
    OUT_RATE_HZ,
    RATE_HZ,
    WORDS,
    Loudspeaker,
    Microphone,
    Pacer,
    RealEngines,
    ThisProcess,
    hum,
    read_job,
    write_result,
)
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.audio.vad.vad_analyzer import VADParams
from pipecat.frames.frames import (
    InputAudioRawFrame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair, LLMUserAggregatorParams
from pipecat.services.llm_service import LLMService
from pipecat.services.settings import LLMSettings, STTSettings, TTSSettings
from pipecat.services.stt_service import SegmentedSTTService
from pipecat.services.tts_service import TTSService
from pipecat.transports.base_input import BaseInputTransport
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import TransportParams
from pipecat.turns.user_start import TranscriptionUserTurnStartStrategy, VADUserTurnStartStrategy
from pipecat.turns.user_stop import SpeechTimeoutUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies
from pipecat.workers.runner import WorkerRunner
from scenarios import play

VAD_STOP_S = 0.2  # pipecat's default; the rest of the endpoint delay follows it


class Input(BaseInputTransport):
    """The audio input of the pipeline."""

    def __init__(self, params):
        super().__init__(params)
        self.ready = asyncio.Event()

    async def start(self, frame):
        await super().start(frame)
        await self.set_transport_ready(frame)
        self.ready.set()

    def push(self, pcm):
        if self.ready.is_set():
            self._audio_in_queue.put_nowait(InputAudioRawFrame(audio=pcm, sample_rate=RATE_HZ, num_channels=1))


class Output(BaseOutputTransport):
    """The audio output of the pipeline: accepts a chunk once there is room for it, as a sound card does."""

    def __init__(self, params, loudspeaker):
        super().__init__(params)
        self._loudspeaker = loudspeaker

    async def start(self, frame):
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def write_audio_frame(self, frame):
        seconds = len(frame.audio) / 2 / frame.sample_rate
        self._loudspeaker.add(seconds)
        await asyncio.sleep(max(0.0, self._loudspeaker.left_s - seconds))
        return True


class Ears(SegmentedSTTService):
    """The recogniser: constant words after a fixed latency, or faster-whisper in a thread."""

    def __init__(self, job, real):
        super().__init__(
            sample_rate=RATE_HZ,
            ttfs_p99_latency=job["stt_ms"] / 1000
            + 2 * VAD_STOP_S,  # upper bound only: the final transcript comes sooner
            settings=STTSettings(model=None, language=None),
        )
        self._seconds, self._real = job["stt_ms"] / 1000, real

    @property
    def wants_wav_segments(self):
        return False

    async def run_stt(self, audio):
        if self._real is not None:
            words = await asyncio.to_thread(self._real.transcribe, audio)
        else:
            words = WORDS
            if self._seconds:
                await asyncio.sleep(self._seconds)
        if words:
            yield TranscriptionFrame(words, "", str(time.time()))


class Brain(LLMService):
    """The language model: a constant reply after a fixed latency, word by word."""

    def __init__(self, job, reply):
        super().__init__(
            settings=LLMSettings(**{field.name: None for field in fields(LLMSettings) if field.name != "extra"})
        )
        self._seconds, self._reply = job["llm_ms"] / 1000, reply
        self.given = []

    async def process_frame(self, frame, direction):
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMContextFrame):
            await self.push_frame(frame, direction)
            return
        self.given = [
            (message["role"], message["content"])
            for message in frame.context.get_messages()
            if isinstance(message.get("content"), str)
        ]
        await self.push_frame(LLMFullResponseStartFrame())
        if self._seconds:
            await asyncio.sleep(self._seconds)
        for word in self._reply.split(" "):
            await self.push_frame(LLMTextFrame(word + " "))
        await self.push_frame(LLMFullResponseEndFrame())


class Mouth(TTSService):
    """The synthesizer: a hum after a fixed latency, with word timings; or Piper in a thread, without."""

    def __init__(self, job, real):
        super().__init__(
            push_start_frame=True,
            push_stop_frames=True,
            push_text_frames=real is not None,
            sample_rate=real.rate_hz if real else OUT_RATE_HZ,
            settings=TTSSettings(model=None, voice=None, language=None),
        )
        self._seconds, self._real = job["tts_ms"] / 1000, real
        self._spoken_s = {}

    async def run_tts(self, text, context_id):
        if self._real is not None:
            audio = await asyncio.to_thread(self._real.speak, text)
            yield TTSAudioRawFrame(audio, self._real.rate_hz, 1, context_id=context_id)
            return
        if self._seconds:
            await asyncio.sleep(self._seconds)
        audio, words = hum(text)
        # The sentences of a reply share a context, and word timings are relative to its beginning.
        begin = self._spoken_s.get(context_id, 0.0)
        self._spoken_s = {context_id: begin + len(audio) / 2 / OUT_RATE_HZ}
        await self.add_word_timestamps([(word, begin + start) for word, start, _ in words], context_id)
        yield TTSAudioRawFrame(audio, OUT_RATE_HZ, 1, context_id=context_id)


class Conversation:
    """A `scenarios.Session`."""

    def __init__(self, microphone, loudspeaker, brain):
        self._microphone, self._loudspeaker, self._brain = microphone, loudspeaker, brain
        self.say = microphone.say

    def now(self):
        return time.monotonic()

    def stretches(self):
        return self._loudspeaker.stretches

    async def context(self):
        return self._brain.given


async def main():
    job, script = read_job()
    real = RealEngines(job["whisper"], job["piper"]) if job.get("whisper") else None
    pacer = Pacer()

    @asynccontextmanager
    async def open_session(reply):
        loudspeaker = Loudspeaker()
        source = Input(TransportParams(audio_in_enabled=True, audio_in_sample_rate=RATE_HZ))
        rate_hz = real.rate_hz if real else OUT_RATE_HZ
        sink = Output(TransportParams(audio_out_enabled=True, audio_out_sample_rate=rate_hz), loudspeaker)
        brain = Brain(job, reply)
        stop = SpeechTimeoutUserTurnStopStrategy(user_speech_timeout=job["endpoint_ms"] / 1000 - VAD_STOP_S)
        start = [VADUserTurnStartStrategy(), TranscriptionUserTurnStartStrategy()]
        user, assistant = LLMContextAggregatorPair(
            LLMContext(),
            user_params=LLMUserAggregatorParams(
                user_turn_strategies=UserTurnStrategies(start=start, stop=[stop]),
                vad_analyzer=SileroVADAnalyzer(params=VADParams(stop_secs=VAD_STOP_S)),
            ),
        )
        pipeline = Pipeline([source, Ears(job, real), user, brain, Mouth(job, real), sink, assistant])
        worker = PipelineWorker(
            pipeline,
            params=PipelineParams(audio_in_sample_rate=RATE_HZ, audio_out_sample_rate=rate_hz),
            idle_timeout_secs=None,
            enable_rtvi=False,
        )
        runner = WorkerRunner(handle_sigint=False, handle_sigterm=False)
        await runner.add_workers(worker)
        running = asyncio.create_task(runner.run())
        await source.ready.wait()
        microphone = Microphone(source.push, job["noise"])
        pacer.microphones.append(microphone)
        try:
            yield Conversation(microphone, loudspeaker, brain)
        finally:
            pacer.microphones.remove(microphone)
            await worker.cancel()
            await asyncio.gather(running, return_exceptions=True)

    pacing = asyncio.create_task(pacer.run())
    try:
        result = await play(job, script, open_session, ThisProcess())
    finally:
        pacing.cancel()
    write_result(result | {"version": version("pipecat-ai")})


logger.remove()
logger.add(sys.stderr, level="WARNING")
asyncio.run(main())
