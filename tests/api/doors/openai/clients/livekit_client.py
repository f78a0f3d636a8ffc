# mypy: ignore-errors
# Runs in an environment of its own, with livekit-plugins-openai.
"""LiveKit's plugin: speaks, breaks in, types a question that takes a tool; then its STT and TTS; prints what came."""

import asyncio
import json
import sys
import wave

from livekit import rtc
from livekit.agents import llm
from livekit.agents.utils import http_context
from livekit.plugins import openai

url, key, first, second = sys.argv[1:]
asked = []


@llm.function_tool
async def get_weather(city: str) -> str:
    """The weather in a city."""
    asked.append(city)
    return "sunny"


def frames_of(name, silence_s=1.5):
    with wave.open(name) as file:
        data = file.readframes(file.getnframes()) + bytes(int(48_000 * silence_s))
    for start in range(0, len(data) - 4_799, 4_800):
        yield rtc.AudioFrame(data[start : start + 4_800], 24_000, 1, 2_400)


async def speak(take, name):
    for frame in frames_of(name):
        take(frame)
        await asyncio.sleep(0.1)


async def words_of(message):
    return "".join([str(delta) async for delta in message.text_stream])


async def main():
    found = {"errors": [], "heard": [], "said": [], "interrupted": 0, "audio_s": 0.0, "tools": asked}
    over = asyncio.Queue()
    async with http_context.open() as http, asyncio.timeout(280), asyncio.TaskGroup() as tasks:
        model = openai.realtime.RealtimeModel(base_url=url, api_key=key, http_session=http)
        session = model.session()
        playing = {}

        async def read(generation):
            async for message in generation.message_stream:
                playing["id"] = message.message_id
                reading = asyncio.create_task(words_of(message))
                async for frame in message.audio_stream:
                    found["audio_s"] += frame.duration
                    if found["audio_s"] > 1 and "second" not in playing:
                        playing["first"].cancel()  # one microphone
                        playing["second"] = tasks.create_task(speak(session.push_audio, second))
                found["said"].append(await reading)
            async for call in generation.function_stream:
                output = await get_weather(**json.loads(call.arguments))
                context = session.chat_ctx.copy()
                context.items.append(
                    llm.FunctionCallOutput(call_id=call.call_id, name=call.name, output=output, is_error=False)
                )
                await session.update_chat_ctx(context)
                session.generate_reply()
            over.put_nowait(None)

        def started(_):
            if "id" in playing:
                found["interrupted"] += 1
                ms = int(found["audio_s"] * 1000)
                session.truncate(message_id=playing.pop("id"), modalities=["audio"], audio_end_ms=ms)

        session.on("generation_created", lambda event: tasks.create_task(read(event)))
        session.on("input_speech_started", started)
        session.on("error", lambda event: found["errors"].append(str(event.error)))
        session.on(
            "input_audio_transcription_completed",
            lambda event: found["heard"].append(event.transcript) if event.is_final else None,
        )
        await session.update_instructions("Be kind.")
        await session.update_tools([get_weather])
        playing["first"] = tasks.create_task(speak(session.push_audio, first))
        for _ in range(2):
            await over.get()
        context = session.chat_ctx.copy()
        context.add_message(role="user", content="How is the weather in Oslo?")
        await session.update_chat_ctx(context)
        await session.generate_reply()
        for _ in range(2):
            await over.get()
        await session.aclose()

        ears = openai.STT(base_url=url.replace("ws", "http", 1), api_key=key, model="whisper-1")
        event = await ears.recognize(list(frames_of(first)))
        found["recognised"] = event.alternatives[0].text
        live = openai.STT(base_url=url.replace("ws", "http", 1), api_key=key, model="whisper-1", use_realtime=True)
        stream = live.stream()
        speaking = tasks.create_task(speak(stream.push_frame, first))
        async for event in stream:
            if event.type == "final_transcript":
                found["streamed"] = event.alternatives[0].text
                break
        speaking.cancel()
        await stream.aclose()
        mouth = openai.TTS(base_url=url.replace("ws", "http", 1), api_key=key, voice="alloy", response_format="pcm")
        found["spoken_s"] = 0.0
        async for piece in mouth.synthesize("Good morning to you."):
            found["spoken_s"] += piece.frame.duration
    sys.stdout.write(json.dumps(found))


asyncio.run(main())
