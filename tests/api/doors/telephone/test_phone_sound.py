"""The sound of telephones: keys and comfort noise are no speech; echoes, mu-law and low levels cost nearly nothing."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
import pytest
from numpy.typing import NDArray

from api.bench.phone import stopped_at
from api.client.recordings import learner_recording
from models.store import Store
from pipeline.replay.virtual_time import run_virtually
from tests.api.doors.telephone.scene import desk_in, entry
from tests.api.doors.telephone.twilio.scene import spoken
from tests.api.doors.telephone.twilio.simulated import GREETING, Delay, SimulatedCall
from tests.neural import people
from tests.pipeline.scene import engines, steadily
from voice.audio.g711 import mulaw_decode, mulaw_encode
from voice.audio.resample import resample
from voice.speech.endpointing import Endpointer, EndpointRules
from voice.speech.high_pass import HighPass
from voice.speech.vad import SpeechDetector
from voice.stt.whisper.engine import FasterWhisper
from voice.tts.base import VoiceStyle
from voice.tts.piper.engine import PiperSynthesizer
from voice.tts.synthesis import TextToSpeech
from voice.work.workers import InlineWorkers

KEYS = {
    "1": (697, 1209), "2": (697, 1336), "3": (697, 1477), "4": (770, 1209), "5": (770, 1336), "6": (770, 1477),
    "7": (852, 1209), "8": (852, 1336), "9": (852, 1477), "*": (941, 1209), "0": (941, 1336), "#": (941, 1477),
}  # fmt: skip
"""The tones of keys, ITU-T Q.23."""

LEVEL_LOSS_DB = -20

Samples = NDArray[np.floating[Any]]


def telephoned(audio: Samples) -> NDArray[np.int16]:
    """Samples of 8 kHz after mu-law, at 16 kHz."""
    return resample(mulaw_decode(mulaw_encode(audio.clip(-32768, 32767).astype(np.int16))), 8_000, 16_000)


def speech_in(audio: NDArray[np.int16]) -> list[str]:
    """What the endpointer hears."""
    detector, high_pass, endpointer = SpeechDetector(), HighPass(), Endpointer(EndpointRules())
    heard: list[str] = []
    for start in range(0, len(audio) - 319, 320):
        speech = detector.push(high_pass.push(audio[start : start + 320]))
        heard += [type(event).__name__ for event in endpointer.push(speech, start + 320)]
    return heard


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("level_db", [-10, -20, -30])
def test_a_key_that_reaches_the_recogniser_is_no_speech(key: str, level_db: int) -> None:
    noise = np.random.default_rng(1).normal(0, 20, 8_000)
    for milliseconds in (60, 200, 1_000):
        times = np.arange(milliseconds * 8) / 8_000
        tone = sum(np.sin(2 * np.pi * hertz * times) for hertz in KEYS[key]) * 16_383 * 10 ** (level_db / 20)
        assert speech_in(telephoned(np.concatenate([noise, tone, noise]))) == []


@pytest.mark.parametrize("level_db", [-65, -55, -45, -40])
def test_comfort_noise_is_no_speech(level_db: int) -> None:
    noise = np.random.default_rng(2).normal(0, 32_767 * 10 ** (level_db / 20), 80_000)
    assert speech_in(telephoned(noise)) == []
    assert speech_in(telephoned(np.concatenate([np.zeros(16_000), noise]))) == []


def words_wrong(said: list[str], heard: list[str]) -> float:
    """The share of words that are wrong."""
    norm = jiwer.Compose(
        [
            jiwer.ToLowerCase(),
            jiwer.RemovePunctuation(),
            jiwer.RemoveMultipleSpaces(),
            jiwer.Strip(),
            jiwer.ReduceToListOfListOfWords(),
        ]
    )
    return float(jiwer.wer(said, heard, reference_transform=norm, hypothesis_transform=norm))


def word_error(whisper: FasterWhisper, changed: Callable[[NDArray[np.int16]], NDArray[np.int16]]) -> float:
    """The share of words that are wrong in what people say on the telephone, changed so."""
    said, heard = [], []
    for one in people("prompts"):
        narrow = resample((one.audio * 32_767).astype(np.int16), 16_000, 8_000)
        wide = resample(changed(narrow), 8_000, 16_000).astype(np.float32) / 32_768
        said.append(one.text)
        heard.append(whisper.transcribe(wide).text)
    return words_wrong(said, heard)


def quieter(audio: NDArray[np.int16]) -> NDArray[np.int16]:
    return (audio * 10 ** (LEVEL_LOSS_DB / 20)).astype(np.int16)


@pytest.mark.slow
def test_mulaw_and_a_level_20_db_lower_cost_at_most_one_and_a_half_points(whisper_base: FasterWhisper) -> None:
    clean = word_error(whisper_base, lambda audio: audio)
    mulaw = word_error(whisper_base, lambda audio: mulaw_decode(mulaw_encode(audio)))
    low = word_error(whisper_base, lambda audio: mulaw_decode(mulaw_encode(quieter(audio))))
    assert mulaw <= clean + 0.015
    assert low <= clean + 0.015


@pytest.mark.slow
def test_pipers_voice_is_understood_on_the_telephone_as_at_16_khz(
    neural_models: Path, whisper_base: FasterWhisper
) -> None:
    lines = [(scene, number) for scene in ("records-office", "repair-desk", "clinic") for number in range(1, 9)]
    said = [learner_recording(*line).text for line in lines]
    piper = PiperSynthesizer(neural_models / "piper" / "en_US-joe-medium.onnx", same_each_time=True)

    async def spoken_by_piper(text: str) -> NDArray[np.int16]:
        chunks = TextToSpeech(piper, InlineWorkers()).speak(text, VoiceStyle(), 24_000, "test")
        return np.concatenate([chunk.audio async for chunk in chunks])

    def heard(audio: NDArray[np.int16]) -> str:
        return whisper_base.transcribe(audio.astype(np.float32) / 32_768).text

    voiced = [asyncio.run(spoken_by_piper(text)) for text in said]
    wide = words_wrong(said, [heard(resample(audio, 24_000, 16_000)) for audio in voiced])
    narrow = words_wrong(said, [heard(telephoned(resample(audio, 24_000, 8_000))) for audio in voiced])
    assert narrow <= wide + 0.03


def real_engines(neural_models: Path, whisper: FasterWhisper) -> Any:
    voice = PiperSynthesizer(neural_models / "piper" / "en_US-joe-medium.onnx", same_each_time=True)
    return engines(transcriber=whisper, tts=TextToSpeech(voice, InlineWorkers()))


@pytest.mark.slow
@pytest.mark.parametrize("echo_ms", [100, 200, 300])
def test_an_echo_at_20_db_does_not_interrupt_and_a_caller_over_it_does(
    neural_models: Path, whisper_base: FasterWhisper, echo_ms: int
) -> None:
    async def story(store: Store) -> None:
        chosen = real_engines(neural_models, whisper_base)
        async with desk_in(store, entry(greeting=GREETING, silence_s=[]), chosen=chosen) as desk:
            alone = SimulatedCall(desk, "CA-alone", Delay(0.02, 0.02), echo_ms)

            async def listen(call: SimulatedCall) -> None:
                await call.until(lambda: call.speaker.is_playing)
                await call.until(lambda: not call.speaker.is_playing)
                await asyncio.sleep(2)

            await alone.run(listen)
            assert len(alone.speaker.clears) <= 1, "before the echo was found"
            record = await store.phone_call_of("twilio", "CA-alone")
            said = await store.messages(record.chat_id)  # type: ignore[union-attr,arg-type]
            assert [(one.role, one.text) for one in said] == [("assistant", GREETING)]

            over = SimulatedCall(desk, "CA-over", Delay(0.02, 0.02), echo_ms)
            speech = spoken("slt/turns/07")

            async def interrupt(call: SimulatedCall) -> None:
                await call.until(lambda: len(call.speaker.marks) > 30)
                call.say(speech)
                await call.until(lambda: not call.speech)
                await asyncio.sleep(1)

            await over.run(interrupt)
            onset = over.spoken_at + int(np.argmax(np.abs(mulaw_decode(speech)) > 600))
            silent_ms = (stopped_at(bytes(over.speaker.voiced), onset) - onset) / 8
            assert silent_ms <= 500

    steadily(story, run_virtually)
