# mypy: ignore-errors
# Runs in the environment of livekit-agents, whose types are not available here.
"""One job of `glow bench peers` with livekit-agents, without a server: a job on stdin, its result on stdout."""

import asyncio
import logging
import time
from contextlib import asynccontextmanager
from importlib.metadata import version

from livekit import rtc
from livekit.agents import Agent, AgentSession, inference, llm, stt, tokenize, tts, utils
from livekit.agents.types import TimedString
from livekit.agents.voice import io
from livekit.agents.voice.transcription import TranscriptSynchronizer
from peer_audio import (
    FRAME,
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
from scenarios import play


class Input(io.AudioInput):
    """The audio input of the session."""

    def __init__(self):
        super().__init__(label="microphone")
        self._frames = asyncio.Queue()

    def push(self, pcm):
        self._frames.put_nowait(rtc.AudioFrame(pcm, RATE_HZ, 1, FRAME))

    async def __anext__(self):
        return await self._frames.get()


class Output(io.AudioOutput):
    """The audio output of the session: buffers everything, can pause, and reports its playback position."""

    def __init__(self, loudspeaker, rate_hz):
        capabilities = io.AudioOutputCapabilities(pause=True)
        super().__init__(label="loudspeaker", capabilities=capabilities, sample_rate=rate_hz)
        self._loudspeaker = loudspeaker
        self._given_s, self._played_s = 0.0, None
        self._cleared = asyncio.Event()
        self._playing = None

    async def capture_frame(self, frame):
        await super().capture_frame(frame)
        if self._cleared.is_set():
            return
        if not self._given_s:
            self.on_playback_started(created_at=time.time())
        self._given_s += frame.duration
        self._loudspeaker.add(frame.duration)

    def flush(self):
        super().flush()
        if self._given_s and self._playing is None:
            self._playing = asyncio.create_task(self._play_out())

    def clear_buffer(self):
        if self._given_s and not self._cleared.is_set():
            self._played_s = self._given_s - self._loudspeaker.left_s
            self._loudspeaker.clear()
            self._cleared.set()

    def pause(self):
        super().pause()
        self._loudspeaker.pause()

    def resume(self):
        super().resume()
        self._loudspeaker.resume()

    async def _play_out(self):
        while not self._cleared.is_set() and (left_s := self._loudspeaker.left_s) > 0:
            try:
                await asyncio.wait_for(self._cleared.wait(), left_s)
            except TimeoutError:
                continue
        interrupted = self._cleared.is_set()
        position = self._played_s if interrupted else self._given_s
        self._given_s, self._played_s, self._playing = 0.0, None, None
        self._cleared.clear()
        self.on_playback_finished(playback_position=position, interrupted=interrupted)


class Ears(stt.STT):
    """The recogniser: constant words after a fixed latency, or faster-whisper in a thread; triggered by the VAD."""

    def __init__(self, job, real):
        # A streaming recogniser that is flushed at the end of speech, so that the VAD runs once, not twice.
        capabilities = stt.STTCapabilities(streaming=True, interim_results=False, manual_flush=True)
        super().__init__(capabilities=capabilities)
        self.seconds, self.real = job["stt_ms"] / 1000, real

    async def _recognize_impl(self, buffer, *, language=None, conn_options=None):
        raise NotImplementedError

    def stream(self, *, conn_options=None, **_others):
        return Hearing(stt=self, conn_options=conn_options)


class Hearing(stt.RecognizeStream):
    """The audio stream of a session."""

    async def _run(self):
        ears, audio = self._stt, bytearray()
        keep = 10 * RATE_HZ * 2
        async for item in self._input_ch:
            if not isinstance(item, self._FlushSentinel):
                if ears.real is not None:
                    audio += bytes(item.data)
                    del audio[:-keep]
                continue
            words = WORDS
            if ears.real is not None:
                words = await asyncio.to_thread(ears.real.transcribe, bytes(audio))
                audio.clear()
            elif ears.seconds:
                await asyncio.sleep(ears.seconds)
            if words:
                data = stt.SpeechData(language="en", text=words)
                self._event_ch.send_nowait(stt.SpeechEvent(stt.SpeechEventType.FINAL_TRANSCRIPT, alternatives=[data]))


class Brain(llm.LLM):
    """The language model: a constant reply after a fixed latency, word by word."""

    def __init__(self, job, reply):
        super().__init__()
        self.seconds, self.reply = job["llm_ms"] / 1000, reply
        self.given = []

    def chat(self, *, chat_ctx, tools=None, conn_options=None, **_others):
        self.given = [(item.role, item.text_content or "") for item in chat_ctx.items if item.type == "message"]
        return Thought(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options)


class Thought(llm.LLMStream):
    """The stream of a reply."""

    async def _run(self):
        if self._llm.seconds:
            await asyncio.sleep(self._llm.seconds)
        for word in self._llm.reply.split(" "):
            delta = llm.ChoiceDelta(role="assistant", content=word + " ")
            self._event_ch.send_nowait(llm.ChatChunk(id="reply", delta=delta))


class Mouth(tts.TTS):
    """The synthesizer: a hum after a fixed latency, with word timings; or Piper in a thread, without."""

    def __init__(self, job, real):
        super().__init__(
            capabilities=tts.TTSCapabilities(streaming=True, aligned_transcript=real is None),
            sample_rate=real.rate_hz if real else OUT_RATE_HZ,
            num_channels=1,
        )
        self.seconds, self.real = job["tts_ms"] / 1000, real

    def synthesize(self, text, *, conn_options=None):
        raise NotImplementedError

    def stream(self, *, conn_options=None):
        return Speech(tts=self, conn_options=conn_options)


class Speech(tts.SynthesizeStream):
    """The synthesis of a reply, sentence by sentence."""

    async def _run(self, output_emitter):
        mouth = self._tts
        sentences = tokenize.blingfire.SentenceTokenizer().stream()
        output_emitter.initialize(
            request_id=utils.shortuuid(),
            sample_rate=mouth.sample_rate,
            num_channels=1,
            mime_type="audio/pcm",
            stream=True,
        )
        output_emitter.start_segment(segment_id=utils.shortuuid())

        async def read():
            async for item in self._input_ch:
                if isinstance(item, self._FlushSentinel):
                    sentences.flush()
                else:
                    sentences.push_text(item)
            sentences.end_input()

        async def speak():
            begin = 0.0
            async for sentence in sentences:
                text = sentence.token.strip()
                if not text:
                    continue
                self._mark_started()
                if mouth.real is not None:
                    output_emitter.push(await asyncio.to_thread(mouth.real.speak, text))
                    output_emitter.flush()
                    continue
                if mouth.seconds:
                    await asyncio.sleep(mouth.seconds)
                audio, words = hum(text)
                timed = [TimedString(f"{word} ", begin + start, begin + end) for word, start, end in words]
                output_emitter.push_timed_transcript(timed)
                output_emitter.push(audio)
                output_emitter.flush()
                begin += len(audio) / 2 / OUT_RATE_HZ

        tasks = [asyncio.create_task(read()), asyncio.create_task(speak())]
        try:
            await asyncio.gather(*tasks)
        finally:
            await sentences.aclose()
            await utils.aio.cancel_and_wait(*tasks)


class Written(io.TextOutput):
    """A sink for captions, which the synchronizer requires."""

    def __init__(self):
        super().__init__(label="captions", next_in_chain=None)

    async def capture_text(self, text):
        pass

    def flush(self):
        pass


class Conversation:
    """A `scenarios.Session`."""

    def __init__(self, microphone, loudspeaker, brain):
        self._loudspeaker, self._brain = loudspeaker, brain
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
        loudspeaker, brain, source = Loudspeaker(), Brain(job, reply), Input()
        mouth = Mouth(job, real)
        session = AgentSession(
            stt=Ears(job, real),
            vad=inference.VAD(model="silero"),
            llm=brain,
            tts=mouth,
            turn_handling={
                "turn_detection": "vad",
                "endpointing": {"mode": "fixed", "min_delay": job["endpoint_ms"] / 1000},
                "interruption": {"mode": "vad"},
                "preemptive_generation": {"enabled": True, "preemptive_tts": True},
            },
            use_tts_aligned_transcript=real is None,
            aec_warmup_duration=None,
            user_away_timeout=None,
        )
        # Built as for a LiveKit room, so that the history of an interrupted reply follows playback.
        synchronizer = TranscriptSynchronizer(
            next_in_chain_audio=Output(loudspeaker, mouth.sample_rate), next_in_chain_text=Written()
        )
        session.input.audio = source
        session.output.audio = synchronizer.audio_output
        session.output.transcription = synchronizer.text_output
        await session.start(Agent(instructions="Answer."), record=False)
        microphone = Microphone(source.push, job["noise"])
        pacer.microphones.append(microphone)
        try:
            yield Conversation(microphone, loudspeaker, brain)
        finally:
            pacer.microphones.remove(microphone)
            await session.aclose()
            await synchronizer.aclose()

    pacing = asyncio.create_task(pacer.run())
    try:
        result = await play(job, script, open_session, ThisProcess())
    finally:
        pacing.cancel()
    write_result(result | {"version": version("livekit-agents")})


logging.basicConfig(level=logging.WARNING)
asyncio.run(main())
