# mypy: ignore-errors
# Runs in an environment of its own, with pipecat-ai.
"""pipecat's service: speaks, breaks in, asks for a tool; prints what came of it."""

import asyncio
import json
import sys
import wave

from loguru import logger
from pipecat.adapters.llm.schemas.function_schema import FunctionSchema
from pipecat.adapters.llm.schemas.tools_schema import ToolsSchema
from pipecat.frames.frames import (
    EndFrame,
    ErrorFrame,
    InputAudioRawFrame,
    InterruptionFrame,
    LLMContextFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    TTSTextFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.services.openai.realtime import events
from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService
from pipecat.workers.runner import WorkerRunner

url, key, first, second = sys.argv[1:]
logger.remove()
found = {"errors": [], "heard": [], "said": "", "interrupted": 0, "audio_s": 0.0, "tools": []}
news = asyncio.Event()


class Ear(FrameProcessor):
    """Keeps what came out of the service."""

    async def process_frame(self, frame, direction):
        await super().process_frame(frame, direction)
        match frame:
            case ErrorFrame():
                found["errors"].append(frame.error)
            case TTSAudioRawFrame():
                found["audio_s"] += len(frame.audio) / 48_000
            case TTSTextFrame():
                found["said"] += frame.text
            case InterruptionFrame():
                found["interrupted"] += 1
        news.set()
        await self.push_frame(frame, direction)


class Words(FrameProcessor):
    """Keeps what the service sends back: the user's words."""

    async def process_frame(self, frame, direction):
        await super().process_frame(frame, direction)
        if isinstance(frame, TranscriptionFrame):
            found["heard"].append(frame.text)
            news.set()
        await self.push_frame(frame, direction)


async def until(look):
    while not look():
        news.clear()
        await news.wait()


async def speak(worker, name):
    with wave.open(name) as file:
        data = file.readframes(file.getnframes()) + bytes(24_000 * 3)
    for start in range(0, len(data), 960):
        await worker.queue_frame(
            InputAudioRawFrame(audio=data[start : start + 960], sample_rate=24_000, num_channels=1)
        )
        await asyncio.sleep(0.02)


async def main():
    turns = events.SessionProperties(
        audio=events.AudioConfiguration(
            input=events.AudioInput(
                transcription=events.InputAudioTranscription(), turn_detection=events.TurnDetection()
            )
        )
    )
    service = OpenAIRealtimeLLMService(
        api_key=key,
        base_url=url,
        settings=OpenAIRealtimeLLMService.Settings(system_instruction="Be kind.", session_properties=turns),
    )

    async def get_weather(parameters):
        found["tools"].append(parameters.arguments["city"])
        await parameters.result_callback("sunny")

    service.register_function("get_weather", get_weather)
    tool = FunctionSchema("get_weather", "The weather in a city.", {"city": {"type": "string"}}, ["city"])
    context = LLMContext([{"role": "user", "content": "How is the weather in Oslo?"}], ToolsSchema([tool]))
    pair = LLMContextAggregatorPair(context)
    pipeline = Pipeline([pair.user(), Words(), service, Ear(), pair.assistant()])
    worker = PipelineWorker(pipeline, params=PipelineParams(audio_in_sample_rate=24_000, audio_out_sample_rate=24_000))
    runner = WorkerRunner(handle_sigint=False)
    async with asyncio.timeout(280), asyncio.TaskGroup() as tasks:
        await runner.add_workers(worker)
        running = tasks.create_task(runner.run())
        await worker.queue_frame(LLMContextFrame(context))
        await until(lambda: "sunny" in found["said"])
        found["before"], found["audio_s"] = found["said"], 0.0
        await speak(worker, first)
        await until(lambda: found["audio_s"] > 2)
        await speak(worker, second)
        await until(lambda: len(found["heard"]) >= 2 and found["said"].rstrip().endswith("never on time."))
        await worker.queue_frame(EndFrame())
        await running
    sys.stdout.write(json.dumps(found))


asyncio.run(main())
