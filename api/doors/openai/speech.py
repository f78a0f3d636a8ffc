"""`POST /v1/audio/speech`: text in a voice, as a file that is sent while it is made."""

import asyncio
import base64
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from api.doors.openai.door import BadParameter, OpenAIRoute, at_once, user_of
from api.doors.openai.targets import personas_of
from api.doors.openai.voices import OPENAI_VOICES, voices_of
from api.doors.refusals import server_sent
from api.service import Service
from models.records.core import Grant
from pipeline.speaking.requested import RequestedSpeech
from voice.audio.encoders import MEDIA_TYPES, FileEncoder, FileFormat
from voice.tts.base import Int16Mono, VoiceStyle, with_rate

SPEAKING = "openai.speech"
"""The right to have a text spoken."""

RATE_HZ = 24_000
CHARACTERS_A_TOKEN = 4

WHOLE_FIRST = 300
"""Characters up to which a WAV file is made before it is sent, so that its header has its true size."""

router = APIRouter(prefix="/v1/audio", tags=["openai"], route_class=OpenAIRoute)

Speaking = Annotated[Grant, Depends(user_of(SPEAKING))]


class VoiceId(BaseModel):
    id: str


class SpeechBody(BaseModel):
    model_config = ConfigDict(extra="ignore")

    input: str = Field(min_length=1, max_length=4096)
    voice: str | VoiceId
    model: str = ""
    response_format: FileFormat = "mp3"
    speed: float = Field(default=1.0, ge=0.25, le=4.0)
    stream_format: Literal["audio", "sse"] = "audio"

    @property
    def voice_name(self) -> str:
        """The name of the voice."""
        return self.voice if isinstance(self.voice, str) else self.voice.id


@router.post("/speech", response_class=Response)
async def speech(request: Request, grant: Speaking, body: SpeechBody) -> Response:
    """Speak a text. The answer begins when there is audio: an engine's failure is an error and no broken file."""
    service: Service = request.app.state.service
    voices = voices_of(await personas_of(service, grant))
    style = voices.get(body.voice_name) or voices.get(body.voice_name.casefold())
    if style is None:
        known = ", ".join(sorted(OPENAI_VOICES))
        raise BadParameter(f"There is no voice {body.voice_name[:40]!r}: use a persona's name, or {known}.", "voice")
    parts = _file(service, grant, body, with_rate(style, body.speed))
    first = await anext(parts, b"")
    if body.stream_format == "sse":
        return StreamingResponse(_events(first, parts, body), media_type="text/event-stream")
    return StreamingResponse(_rest(first, parts), media_type=MEDIA_TYPES[body.response_format])


async def _file(service: Service, grant: Grant, body: SpeechBody, style: VoiceStyle) -> AsyncGenerator[bytes, None]:
    engines, call = service.engines, f"speech of {grant.user.id}"
    said = RequestedSpeech(engines.tts, engines.fallback, style, RATE_HZ, call).speak(_one(body.input))
    async with at_once(service, grant):
        samples = None
        if body.response_format == "wav" and len(body.input) <= WHOLE_FIRST:
            whole = [audio async for audio in said]
            samples, said = sum(map(len, whole)), _again(whole)
        encoder = FileEncoder(body.response_format, RATE_HZ, samples)
        async for audio in said:
            if data := await asyncio.to_thread(encoder.push, audio):
                yield data
        yield await asyncio.to_thread(encoder.finish)


async def _one(text: str) -> AsyncIterator[str]:
    yield text


async def _again(blocks: list[Int16Mono]) -> AsyncGenerator[Int16Mono, None]:
    for block in blocks:
        yield block


async def _rest(first: bytes, parts: AsyncGenerator[bytes, None]) -> AsyncIterator[bytes]:
    try:
        yield first
        async for part in parts:
            yield part
    finally:
        await parts.aclose()


async def _events(first: bytes, parts: AsyncGenerator[bytes, None], body: SpeechBody) -> AsyncIterator[str]:
    async for part in _rest(first, parts):
        if part:
            yield server_sent({"type": "speech.audio.delta", "audio": base64.b64encode(part).decode()})
    tokens = len(body.input) // CHARACTERS_A_TOKEN
    usage = {"input_tokens": tokens, "output_tokens": 0, "total_tokens": tokens}
    yield server_sent({"type": "speech.audio.done", "usage": usage})
