"""A recogniser's text: words are kept, names of noises, tags and time stamps go, and nobody says a book in a breath."""

import asyncio

import numpy as np
import pytest

from tests.servers.stt import transcription_server
from voice.audio.formats import RATE_HZ
from voice.errors import EngineFailed
from voice.stt.openai import OpenAITranscriber
from voice.stt.speech_to_text import SpeechToText
from voice.stt.spoken_words import spoken_words
from voice.work.workers import InlineWorkers

TWO_SECONDS = 2 * RATE_HZ
WRITTEN = [
    ("[BLANK_AUDIO]", ""),
    (" [ Silence ]", ""),
    ("(phone ringing)", ""),
    ("(speaking in foreign language)", ""),
    ("*coughs*", ""),
    ("♪", ""),
    ("♪ ♪ ♪", ""),
    ("🎵 la la la 🎵", ""),
    ("...", ""),
    (" . . . ", ""),
    ("…", ""),
    ("-", ""),
    ("（音楽）", ""),
    ("【音楽】", ""),
    ("(phone ringing) Hello?", "Hello?"),
    ("[MUSIC] Hello [inaudible] there.", "Hello there."),
    ("Thank you. (upbeat music)", "Thank you."),
    ("♪ la la la ♪ Hello.", "Hello."),
    ("<|en|><|NEUTRAL|><|Speech|><|woitn|>Hello there.", "Hello there."),
    ("<|en|><|NEUTRAL|><|Event_UNK|><|woitn|>", ""),
    ("<|startoftranscript|><|en|><|0.00|> Hello there.<|2.00|>", "Hello there."),
    ("[00:00:00.000 --> 00:00:02.000]   Hello there.", "Hello there."),
    ("1\n00:00:00,000 --> 00:00:02,000\nHello\n\n2\n00:00:02,000 --> 00:00:03,000\nthere.\n", "Hello there."),
    ("WEBVTT\n\n00:00.000 --> 00:02.000\nHello there.", "Hello there."),
    ("[00:01] Hello (00:02) there.", "Hello there."),
    ("Hello \ud83d there.\x00", "Hello \ufffd there.\ufffd"),
    ("Call (555) 123-4567 at 12:30.", "Call (555) 123-4567 at 12:30."),
    ("It is John (the manager) here.", "It is John (the manager) here."),
    ("Hello,\n  there. ", "Hello, there."),
    ("你好。", "你好。"),
]  # fmt: skip


@pytest.mark.parametrize(("written", "words"), WRITTEN)
def test_only_words_are_words(written: str, words: str) -> None:
    assert spoken_words(written, TWO_SECONDS) == words
    assert spoken_words(words, TWO_SECONDS) == words


@pytest.mark.parametrize("characters", [400, 50_000, 5_000_000])
def test_two_seconds_hold_no_book(characters: int) -> None:
    with pytest.raises(EngineFailed, match=r"characters for 2\.0 s of sound, more than anyone says"):
        spoken_words("word " * (characters // 5), TWO_SECONDS)


def test_the_fastest_speaker_is_heard_whole() -> None:
    words = "words " * 10 * 30
    assert spoken_words(words, 30 * RATE_HZ) == words.strip()


@pytest.mark.slow
def test_a_segment_is_asked_through_the_same_gate_from_its_first_partial() -> None:
    async def story() -> None:
        workers = InlineWorkers()
        with transcription_server() as server:
            engine = OpenAITranscriber(base_url=server.url, timeout_s=100)
            server.behaviour = '{"text": "(phone ringing) <|en|>Hello \\ud83d there."}'
            async with SpeechToText(engine, workers).segment("call") as segment:
                segment.push(np.full(RATE_HZ, 100, np.int16))
                assert (await segment.partial()).text == "Hello \ufffd there."
                assert (await segment.transcript()).text == "Hello \ufffd there."
            server.behaviour = '{"text": "' + "x" * 50_000 + '"}'
            async with SpeechToText(engine, workers).segment("call") as segment:
                segment.push(np.full(RATE_HZ, 100, np.int16))
                for asked in (segment.partial, segment.transcript):
                    with pytest.raises(EngineFailed, match="more than anyone says"):
                        await asked()
            server.behaviour = '{"text": "' + "x" * 9_000_000 + '"}'
            with pytest.raises(EngineFailed, match="gave an answer that is none"):
                engine.transcribe(np.zeros(RATE_HZ, np.float32))
            engine.close()
        await workers.close()

    asyncio.run(story())
