"""No parser grows faster than its input: twice the input takes twice the processor time, however it was made.

A quadratic parser takes four times as long for twice as much. The measure is the least of several runs, of processor
time, and the bound lies between; where another program disturbs it, it is taken again.
"""

import asyncio
import base64
import gc
import json
import struct
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import httpx
import openai
import pytest

from api.auth import redacted
from api.doors.json_bounds import check_shape
from models.errors import ModelError
from models.packs.located import composed
from models.patterns import pattern
from models.records.core import Cue, Persona
from pipeline.conversation.reply import HistoryEntry
from pipeline.grounded.prose import lead_ins, sentences
from pipeline.llm.answer_text import AnswerText
from pipeline.llm.event_stream import AnswerStream
from pipeline.llm.reflection import normalised, topic
from pipeline.llm.scripted import answer as scripted_answer
from pipeline.turn.dictated import dictation
from pipeline.turn.end_of_turn import judge_text
from voice.audio.formats import AudioFormat
from voice.audio.framing import EbmlFraming, OggFraming
from voice.audio.intake import AudioIntake
from voice.audio.wav import WavStream
from voice.errors import VoiceError
from voice.stt.spoken_words import spoken_words
from voice.tts.text.clauses import ClauseSplitter
from voice.tts.text.speakable import speakable

pytestmark = pytest.mark.slow

MOST = 3.0
"""Times as long for twice as much; 2 is linear, 4 quadratic."""

LEAST_S = 0.02
"""A shorter run says little; the input is doubled until it is longer."""

Parser = Callable[[int], object]

WAV = b"RIFF\xff\xff\xff\xffWAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 16_000, 32_000, 2, 16)
OGG_PAGE = b"OggS\0\x02" + bytes(20) + b"\0"
EBML = b"\x1a\x45\xdf\xa3"


def repeated(unit: bytes, size: int) -> bytes:
    return unit * (size // len(unit))


def wav(chunk: bytes, step: int) -> Parser:
    def parse(size: int) -> None:
        data, stream = WAV + repeated(chunk, size), WavStream()
        for start in range(0, len(data), step):
            stream.push(data[start : start + step])

    return parse


def intake(unit: bytes) -> Parser:
    """A container in one message, as `chat_speak` may send it."""

    def parse(size: int) -> None:
        async def story() -> None:
            taken = AudioIntake(AudioFormat("container"))
            await taken.push(repeated(unit, size))
            await taken.close()

        asyncio.run(story())

    return parse


def streamed(unit: bytes, step: int) -> Parser:
    """A model's answer as server-sent events, in pieces of so many bytes."""

    def parse(size: int) -> None:
        data = repeated(unit, size)

        async def pieces() -> AsyncIterator[bytes]:
            for start in range(0, len(data), step):
                yield data[start : start + step]

        async def story() -> None:
            async with openai.AsyncOpenAI(api_key="none") as client:
                response = httpx.Response(200, content=pieces(), request=httpx.Request("POST", "http://model"))
                stream = AnswerStream(openai.AsyncStream(cast_to=object, response=response, client=client))
                with suppress(ValueError, TypeError, openai.APIError):
                    while await stream.next() is not None:
                        pass

        asyncio.run(story())

    return parse


def of_text(read: Callable[[str], object], unit: str) -> Parser:
    return lambda size: read(unit * (size // len(unit)))


def answer(text: str) -> None:
    words = AnswerText()
    for start in range(0, len(text), 4):
        words.push(text[start : start + 4])
    words.flush()


def split(text: str) -> None:
    splitter = ClauseSplitter()
    for letter in text:
        splitter.push(letter)
    splitter.flush()


def script(said: str, messages: bool) -> Parser:
    """A scripted reply to one long message, or to many, none of which was answered."""
    persona = Persona("mo", "Mo", cues=(Cue("late", ("late",), ("The bus.",)),))

    def reply(size: int) -> None:
        texts = (
            [f"{said} {number}" for number in range(size // len(said))] if messages else [said * (size // len(said))]
        )
        scripted_answer(persona, [HistoryEntry("user", text) for text in texts])

    return reply


PARSERS: dict[str, Parser] = {
    "wav: empty chunks": wav(b"junk\0\0\0\0", 2_048),
    "wav: byte by byte": wav(b"junk\0\0\0\0", 1),
    "wav: formats": wav(WAV[12:], 2_048),
    "ogg pages": lambda size: OggFraming().feed(repeated(OGG_PAGE, size)),
    "ebml elements": lambda size: EbmlFraming().feed(repeated(EBML + b"\x80", size)),
    "container: ogg pages": intake(OGG_PAGE),
    "container: webm headers": intake(EBML),
    "container: wav headers": intake(b"RIFF\xff\xff\xff\xffWAVE"),
    "container: damaged wavs": intake(b"RIFF\x40\0\0\0WAVEfmt \x04\0\0\0abcd" + bytes(44)),
    "container: ogg in webm": intake(EBML + OGG_PAGE),
    "json: lists": lambda size: check_shape(repeated(b"[],", size)),
    "json: texts": lambda size: check_shape(b'["' + repeated(b'\\"[,', size) + b'"]'),
    "json: half a text": lambda size: check_shape(b"[" * 50 + b'"' + repeated(b"\\\\,", size)),
    "json: parsed": lambda size: json.loads(b"[" + repeated(b'"a",', size) + b"0]"),
    "base64": lambda size: base64.b64decode(repeated(b"AAAA", size), validate=True),
    "sse: events": streamed(b'data: {"a": 1}\n\n', 4_096),
    "sse: byte by byte": streamed(b'data: {"a": 1}\n\n', 1),
    "sse: one line": streamed(b"data: [[", 64),
    "sse: one event": streamed(b"data: [\n", 64),
    "sse: line ends": streamed(b"\n", 64),
    "sse: plain json": streamed(b"{\n", 64),
    "yaml: list": of_text(composed, "- a\n"),
    "yaml: mapping": lambda size: composed("".join(f"k{number}: v\n" for number in range(size // 8))),
    "log: tokens": of_text(redacted, 'bearer.x "token": "'),
    "log: half tokens": of_text(redacted, "glow_"),
    "pattern: repeated repetition": lambda size: pattern("(a+)+$").found_in("a" * size + "!"),
    "pattern: wildcards": lambda size: pattern("a.*b.*c.*d").found_in("abc" * (size // 3)),
    "prose: lead-ins": of_text(lead_ins, "\n"),
    "prose: sentences": of_text(sentences, "a. "),
    "reflection: normalised": of_text(normalised, "i'm "),
    "reflection: topic": of_text(topic, "my number is "),
    "turn: verdict": of_text(judge_text, "x, y, and "),
    "turn: digits": of_text(dictation, "1, "),
    "turn: letters": of_text(dictation, "S-M-I-"),
    "script: a long message": script("is it late? ", messages=False),
    "script: unanswered messages": script("is it late by now, and if it is why? ", messages=True),
    "clauses, letter by letter": of_text(split, "a, b "),
    "clauses: open directions": of_text(split, "*a (b, "),
    **{
        f"transcript: {unit!r}": of_text(lambda text: spoken_words(text, 16_000 * len(text)), unit)
        for unit in ("[a", "(a ", "1\n", "0:00 ", "♪a", "*a", "<|", " ")
    },
    "answer: half markers": of_text(answer, "<|a [/I"),
    "answer: markers": of_text(answer, "a<s>"),
    "answer: a thought": lambda size: answer("The user asks. " + "b " * (size // 2)),
    **{
        f"speakable: {unit!r}": of_text(lambda text: speakable(text, spell_numbers=True), unit)
        for unit in (*"1$`&", "1,", "**", "[a](", "a.", "<b>", "x@", "10-", "1/", "| ", "http://", "*sighs* ", "(a ")
    },
}


def seconds(parse: Parser, size: int) -> float:
    """The least processor time of three runs."""
    found = []
    gc.disable()  # it looks at everything that the tests hold, now and then
    for _ in range(3):
        began = time.process_time()
        with suppress(VoiceError, ModelError):  # to refuse what cannot be used takes its time as well
            parse(size)
        found.append(time.process_time() - began)
    gc.enable()
    return min(found)


@pytest.mark.parametrize("name", PARSERS)
def test_twice_the_input_takes_twice_the_time(name: str) -> None:
    parse, size = PARSERS[name], 4_096
    while (once := seconds(parse, size)) < LEAST_S and size < 2**22:
        size *= 2
    growths = []
    for _ in range(4):
        growths.append(seconds(parse, 2 * size) / max(once, 1e-4))
        if growths[-1] < MOST:
            return
        once = seconds(parse, size)
    pytest.fail(f"{name}: twice {size} bytes took {min(growths):.1f} times as long")
