"""`POST /v1/audio/transcriptions`: what is said in a recording, in every format of OpenAI's but speakers' names."""

import asyncio
import math
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.datastructures import FormData, UploadFile

from api.doors.openai.door import LARGEST_UPLOAD, BadParameter, OpenAIRoute, at_once, user_of
from api.doors.openai.forms import form_of
from api.doors.refusals import server_sent
from api.service import Service
from models.errors import TooLarge
from models.records.core import Grant
from pipeline.hearing.timed import HeardSegment, heard_segments, samples_of
from voice.audio.containers import decode_file
from voice.audio.formats import RATE_HZ, Int16Mono
from voice.errors import CannotTranslate, EmptyRecording

HEARING = "openai.transcriptions"
"""The right to have a recording transcribed."""

LONGEST_S = 1800.0
FORMATS = ("json", "text", "srt", "vtt", "verbose_json")

router = APIRouter(prefix="/v1/audio", tags=["openai"], route_class=OpenAIRoute)

Uploader = Annotated[Grant, Depends(user_of(HEARING))]

_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary", "description": "The recording, at most 25 MiB."},
                        "model": {"type": "string"},
                        "language": {"type": "string"},
                        "prompt": {"type": "string"},
                        "response_format": {"type": "string", "enum": list(FORMATS)},
                        "timestamp_granularities[]": {"type": "array", "items": {"type": "string"}},
                        "stream": {"type": "boolean"},
                    },
                }
            }
        },
    }
}


@dataclass(frozen=True, slots=True)
class TranscriptionForm:
    """A request, validated.

    Attributes:
        words: the times of the words are asked for.
    """

    data: bytes
    language: str
    prompt: str
    format: str
    words: bool
    segments: bool
    stream: bool


@router.post("/transcriptions", response_class=Response, openapi_extra=_FORM)
async def transcriptions(request: Request, grant: Uploader) -> Response:
    """Transcribe a recording."""
    service: Service = request.app.state.service
    form = await _form(request)
    audio = await _decoded(form.data)
    seconds = len(audio) / RATE_HZ
    heard = _heard(service, grant, form, audio)
    if form.stream:
        first = await anext(heard, None)
        return StreamingResponse(_events(first, heard, seconds), media_type="text/event-stream")
    return _rendered(form, [segment async for segment in heard], seconds)


@router.post("/translations", response_class=Response, openapi_extra=_FORM)
async def translations(request: Request, grant: Uploader) -> Response:
    """Write in English what is said in a recording of another language."""
    service: Service = request.app.state.service
    form = await _form(request)
    audio = await _decoded(form.data)
    try:
        heard = [segment async for segment in _heard(service, grant, form, audio, translated=True)]
    except CannotTranslate as error:
        raise BadParameter(str(error), "model", error.code) from None
    return _rendered(form, heard, len(audio) / RATE_HZ, task="translate")


async def _heard(
    service: Service, grant: Grant, form: TranscriptionForm, audio: Int16Mono, *, translated: bool = False
) -> AsyncGenerator[HeardSegment, None]:
    async with at_once(service, grant):
        call = f"transcription of {grant.user.id}"
        segments = heard_segments(
            service.engines.stt,
            audio,
            call=call,
            prompt=form.prompt,
            language=form.language,
            translated=translated,
        )
        async with aclosing(segments) as stream:
            async for segment in stream:
                yield segment


async def _decoded(data: bytes) -> Int16Mono:
    """Decode a recording; one that is empty has no samples."""
    try:
        return samples_of(await asyncio.to_thread(decode_file, data, max_seconds=LONGEST_S))
    except EmptyRecording:
        return np.zeros(0, np.int16)


async def _events(
    first: HeardSegment | None, heard: AsyncGenerator[HeardSegment, None], seconds: float
) -> AsyncIterator[str]:
    text = ""
    try:
        segment = first
        while segment is not None:
            delta = f" {segment.text}" if text else segment.text
            text += delta
            yield server_sent({"type": "transcript.text.delta", "delta": delta})
            segment = await anext(heard, None)
        yield server_sent({"type": "transcript.text.done", "text": text, "usage": _usage(seconds)})
    finally:
        await heard.aclose()


def _rendered(form: TranscriptionForm, heard: list[HeardSegment], seconds: float, task: str = "transcribe") -> Response:
    text = " ".join(segment.text for segment in heard)
    match form.format:
        case "text":
            return PlainTextResponse(f"{text}\n")
        case "srt":
            blocks = (f"{number}\n{_times(one, ',')}\n{one.text}\n" for number, one in enumerate(heard, 1))
            return PlainTextResponse("\n".join(blocks))
        case "vtt":
            return PlainTextResponse("\n".join(["WEBVTT\n", *(f"{_times(one, '.')}\n{one.text}\n" for one in heard)]))
        case "verbose_json":
            return JSONResponse({"task": task, **_verbose(form, heard, text, seconds)})
        case _:
            return JSONResponse({"text": text, "usage": _usage(seconds)})


def _verbose(form: TranscriptionForm, heard: list[HeardSegment], text: str, seconds: float) -> dict[str, Any]:
    body: dict[str, Any] = {
        "language": heard[0].language if heard else form.language or "en",
        "duration": round(seconds, 3),
        "text": text,
    }
    if form.segments:
        body["segments"] = [_segment(number, one) for number, one in enumerate(heard)]
    if form.words:
        body["words"] = [
            {"word": word.text, "start": round(word.start_s, 3), "end": round(word.end_s, 3)}
            for segment in heard
            for word in segment.words()
        ]
    return {**body, "usage": _usage(seconds)}


def _segment(number: int, heard: HeardSegment) -> dict[str, Any]:
    sure = heard.confidence
    return {
        "id": number,
        "seek": round(heard.start_s * 100),
        "start": round(heard.start_s, 3),
        "end": round(heard.end_s, 3),
        "text": heard.text,
        "tokens": [],
        "temperature": 0.0,
        "avg_logprob": 0.0 if sure is None else round(math.log(max(sure, 1e-6)), 4),
        "compression_ratio": 1.0,
        "no_speech_prob": 0.0,
    }


def _usage(seconds: float) -> dict[str, Any]:
    return {"type": "duration", "seconds": math.ceil(seconds)}


def _times(heard: HeardSegment, point: str) -> str:
    return f"{_clock(heard.start_s, point)} --> {_clock(heard.end_s, point)}"


def _clock(seconds: float, point: str) -> str:
    whole = round(seconds * 1000)
    return f"{whole // 3_600_000:02}:{whole // 60_000 % 60:02}:{whole // 1000 % 60:02}{point}{whole % 1000:03}"


async def _form(request: Request) -> TranscriptionForm:
    """Read the multipart form.

    Raises:
        BadParameter: it is none, or a field cannot be used.
        TooLarge: the recording is.
    """
    async with form_of(request, "file") as form:
        return await _read(form)


async def _read(form: FormData) -> TranscriptionForm:
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise BadParameter(
            "The recording is missing: send it in the field `file`.", "file", "missing_required_parameter"
        )
    data = await file.read()
    if len(data) > LARGEST_UPLOAD:
        raise TooLarge(f"A recording has at most {LARGEST_UPLOAD // 2**20} MiB: shorten or compress it.")
    kind = _field(form, "response_format") or "json"
    if kind not in FORMATS:
        raise BadParameter(f"The format is one of {', '.join(FORMATS)}.", "response_format")
    given = [
        str(value) for key in ("timestamp_granularities[]", "timestamp_granularities") for value in form.getlist(key)
    ]
    asked = {part.strip() for value in given for part in value.split(",") if part.strip()}
    if asked - {"word", "segment"}:
        raise BadParameter("Times are those of a word or of a segment.", "timestamp_granularities")
    stream = _field(form, "stream").lower() in ("true", "1")
    if stream and kind != "json":
        raise BadParameter("Only the format json is streamed.", "response_format")
    return TranscriptionForm(
        data=data,
        language=_field(form, "language")[:20],
        prompt=_field(form, "prompt")[:200],
        format=kind,
        words="word" in asked,
        segments=not asked or "segment" in asked,
        stream=stream,
    )


def _field(form: FormData, name: str) -> str:
    value = form.get(name)
    return value.strip() if isinstance(value, str) else ""
