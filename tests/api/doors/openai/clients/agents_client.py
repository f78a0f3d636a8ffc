# mypy: ignore-errors
# Runs in an environment of its own, with openai-agents.
"""openai-agents: speaks, breaks in, types a question that takes a tool; prints what came of it."""

import asyncio
import json
import sys
import wave

from agents import function_tool
from agents.realtime import RealtimeAgent, RealtimeRunner

url, key, first, second = sys.argv[1:]
asked = []


@function_tool
def get_weather(city: str) -> str:
    """The weather in a city."""
    asked.append(city)
    return "sunny"


async def speak(session, name):
    with wave.open(name) as file:
        data = file.readframes(file.getnframes()) + bytes(24_000 * 3)
    for start in range(0, len(data), 4_800):
        await session.send_audio(data[start : start + 4_800])
        await asyncio.sleep(0.1)


async def main():
    agent = RealtimeAgent(name="Robin", instructions="Be kind.", tools=[get_weather])
    session = await RealtimeRunner(agent).run(model_config={"url": url, "api_key": key})
    found = {"errors": [], "interrupted": False, "audio": 0, "ended": 0}
    async with asyncio.timeout(280), session, asyncio.TaskGroup() as tasks:
        speaking = tasks.create_task(speak(session, first))
        async for event in session:
            match event.type:
                case "error":
                    found["errors"].append(str(event.error))
                case "audio":
                    found["audio"] += 1
                    if found["audio"] == 10:
                        speaking.cancel()  # one microphone
                        tasks.create_task(speak(session, second))
                case "audio_interrupted":
                    if not found["interrupted"]:
                        found["interrupted"] = True
                case "agent_end":
                    found["ended"] += 1
                    if found["ended"] == 2:
                        await session.send_message("How is the weather in Oslo?")
                    if found["ended"] == 4:
                        break
        history = [item.model_dump() for item in session._history]
    found["tools"] = asked
    found["lines"] = [
        (item["role"], item.get("status"), [part.get("transcript") or part.get("text") for part in item["content"]])
        for item in history
        if item["type"] == "message"
    ]
    sys.stdout.write(json.dumps(found))


asyncio.run(main())
