"""`glow bench phone`: calls from a carrier's side, with barge-in at random; what the chats hold is compared with what
the callers' loudspeakers have played, and how soon they were silent is measured."""

import asyncio
import json
import os
import random
import secrets
import tempfile
from bisect import bisect_right
from collections.abc import Coroutine, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import numpy as np
import yaml
from rich.console import Console
from rich.text import Text

from api.bench.interruptions import BARGE_INS, REPLIES, talkative_pack
from api.bench.turn import busy_note, spread
from api.client.carrier import CarrierAccount, CarrierCall, ringing
from api.client.own_service import embedded, own_service
from api.client.phone_speaker import PhoneSpeaker
from api.client.recordings import learner_recording
from api.settings import Settings
from models.records.core import Message
from models.store import Store
from voice.audio.g711 import mulaw_decode, mulaw_encode
from voice.audio.resample import resample
from voice.tts.base import VoiceStyle
from voice.tts.espeak.engine import EspeakSynthesizer
from voice.tts.synthesis import TextToSpeech
from voice.tts.text.clauses import ClauseSplitter
from voice.work.workers import InlineWorkers

NUMBER = "+15551230000"
SIGNED_URL = "https://phone.invalid"

LOUD = 600
"""Samples above this are speech, in a recording without noise."""

GAP = 800
"""Samples without any of the service's, after which the loudspeaker has stopped."""

ECHO_DELAY, ECHO_GAIN = 1_600, 0.1
"""An echo of 200 ms, at -20 dB."""

LATEST_S = 6.0


@dataclass(frozen=True, slots=True)
class PhoneInterruption:
    """A reply that was interrupted on the telephone.

    Attributes:
        silent_ms: from the caller's first sample of speech until the loudspeaker was silent.
        played_ms: how much of the reply the loudspeaker has played.
        stored_ms: how much the service thinks that it has.
        reply, stored: the whole reply, and its text in the chat.
        fewest, most: words that were played to their end, and that were begun.
    """

    silent_ms: float
    played_ms: float
    stored_ms: float
    reply: str
    stored: str
    fewest: int
    most: int

    @property
    def words_off(self) -> int:
        """Number of surplus words in the chat (negative: missing words)."""
        words = len(self.stored.split())
        return max(0, words - self.most) - max(0, self.fewest - words)

    @property
    def right(self) -> bool:
        """Whether the chat holds a prefix of the reply, within one word of what was played."""
        return self.reply.startswith(self.stored) and abs(self.words_off) <= 1


@dataclass(frozen=True, slots=True)
class PhoneReport:
    """The result: the interruptions, replies that were over before, and what a carrier would have failed with."""

    found: Sequence[PhoneInterruption]
    played_out: int
    errors: Sequence[str]

    @property
    def all_right(self) -> bool:
        """Whether every chat was right, and no carrier would have failed."""
        return bool(self.found) and not self.errors and all(each.right for each in self.found)


def bench_phone(
    console: Console, *, count: int, calls: int, seed: int, echo: bool, stt: str, limit_ms: int, as_json: bool
) -> bool:
    """Run the benchmark and print the results; return whether every chat was right, and every silence soon enough."""
    note = busy_note(os.getloadavg()[0], os.cpu_count() or 1)
    with console.status("Telephoning, in real time..."):
        report = telephoned(count, calls=calls, seed=seed, echo=echo, stt=stt)
    if as_json:
        each = [asdict(one) | {"right": one.right, "words_off": one.words_off} for one in report.found]
        console.print_json(json.dumps({"all_right": report.all_right, "errors": list(report.errors), "each": each}))
    else:
        for line in (*_lines(report), note):
            console.print(Text(line))
    return report.all_right and all(each.silent_ms <= limit_ms for each in report.found)


def telephoned(count: int, *, calls: int, seed: int, echo: bool = False, stt: str = "fixed") -> PhoneReport:
    """Make `count` calls, `calls` at once, and interrupt a reply in each.

    Raises:
        ClientError: the service does not start, or does not answer as a carrier expects.
    """
    secret = secrets.token_urlsafe(24)
    with tempfile.TemporaryDirectory(prefix="glow-phone-") as name:
        folder = Path(name)
        (folder / "talkative.yaml").write_text(talkative_pack(), encoding="utf-8")
        entry = {
            "number": NUMBER,
            "practice": "The talkative one",
            "user": "local",
            "greeting": "Hello.",
            "lines": calls,
        }
        (folder / "numbers.yaml").write_text(yaml.safe_dump({"numbers": [entry]}), encoding="utf-8")
        database_url = f"sqlite+aiosqlite:///{folder / 'phone.db'}"
        settings = embedded(stt=stt, tts="espeak") | {
            "GLOW_PACKS": str(folder / "talkative.yaml"),
            "GLOW_PHONE_NUMBERS": str(folder / "numbers.yaml"),
            "GLOW_DATABASE_URL": database_url,
            "GLOW_PHONE_URL": SIGNED_URL,
            "GLOW_TWILIO_AUTH_TOKEN": secret,
            "GLOW_CALLS_PER_USER": "0",
        }
        with own_service(settings, Settings().models_dir) as service:
            account = CarrierAccount(service.url, SIGNED_URL, secret)
            try:
                return asyncio.run(_all(account, database_url, count, calls, seed, echo=echo))
            except ExceptionGroup as group:
                raise group.exceptions[0] from None  # the caller wants the one reason


async def _all(
    account: CarrierAccount, database_url: str, count: int, calls: int, seed: int, *, echo: bool
) -> PhoneReport:
    found: list[PhoneInterruption] = []
    errors: list[str] = []
    played_out = 0
    free = asyncio.Semaphore(calls)
    async with Store(database_url) as store:

        async def one(number: int) -> None:
            nonlocal played_out
            async with free:
                call = CarrierCall(
                    account, f"+1555999{number:04d}", NUMBER, echo=echoed if echo else None, echo_delay=ECHO_DELAY
                )
                interruption = await _interrupted(call, store, random.Random(seed * 1000 + number))
                errors.extend(call.speaker.errors)
                if interruption is None:
                    played_out += 1
                else:
                    found.append(interruption)

        async with asyncio.TaskGroup() as group:
            for number in range(count):
                group.create_task(one(number))
    return PhoneReport(found, played_out, errors)


async def _interrupted(call: CarrierCall, store: Store, chance: random.Random) -> PhoneInterruption | None:
    """Make one call, and interrupt the first long reply at a random instant."""
    opening, barge_in = (_recording(*one) for one in chance.sample(BARGE_INS, 2))
    speaker = call.speaker
    async with ringing(call):
        await call.quiet(0.6)
        call.say(opening)
        await call.until(lambda: not call.speaking)
        begun = len(speaker.played)
        await call.until(lambda: b"\x01" in speaker.voiced[begun:])
        at = len(speaker.played) + round(chance.uniform(0.1, LATEST_S) * 8_000)
        await call.until(lambda: len(speaker.played) >= at)
        spoke_at = len(speaker.played)
        call.say(barge_in)
        await call.until(lambda: not call.speaking)
        await call.quiet(0.3, within_s=8.0)
        call.hang_up()
    record = await _ended(store, call)
    if record is None:
        return None
    replies = [
        one
        for one in record
        if one.role == "assistant" and (one.full_text or one.text) in REPLIES and (one.started_ms or 0) <= spoke_at / 8
    ]
    if not replies or not replies[-1].interrupted:
        return None
    return compared(call.speaker, replies[-1], spoke_at, barge_in)  # an earlier one, the opening has interrupted


async def _ended(store: Store, call: CarrierCall) -> tuple[Message, ...] | None:
    for _ in range(200):
        record = await store.phone_call_of("twilio", call.call_sid)
        if record is not None and record.ended_at is not None:
            return await store.messages(record.chat_id) if record.chat_id else None
        await asyncio.sleep(0.05)
    return None


def compared(speaker: PhoneSpeaker, reply: Message, spoke_at: int, barge_in: bytes) -> PhoneInterruption:
    """Compare what is stored of an interrupted reply with what a loudspeaker has played.

    Args:
        speaker: the loudspeaker.
        reply: as it is stored; eSpeak's default voice has said it.
        spoke_at: how much it had played when the caller began to send `barge_in`, in samples.
    """
    onset = spoke_at + int(np.argmax(np.abs(mulaw_decode(barge_in)) > LOUD))
    stopped = stopped_at(bytes(speaker.voiced), onset)
    played_ms = _played_ms(speaker, stopped)
    text = reply.full_text or reply.text
    words = _words(text)
    fewest = sum(end <= played_ms for _, end in words)
    most = bisect_right([start for start, _ in words], played_ms)
    silent_ms = (stopped - onset) / 8
    return PhoneInterruption(silent_ms, played_ms, float(reply.heard_ms or 0), text, reply.text, fewest, most)


def _played_ms(speaker: PhoneSpeaker, stopped: int) -> float:
    """Return how much was played of the reply that was on the air at `stopped`, by its marks: `TURN:MS:...`."""
    turns = [(name.split(":")[0], int(name.split(":")[1]), at) for name, at in speaker.marks]
    before = [turn for turn, _, at in turns if at <= stopped]
    if not before:
        return speaker.voiced[:stopped].count(1) / 8
    _, end_ms, at = [one for one in turns if one[0] == before[-1]][-1]
    silent = speaker.voiced.find(b"\x00", at)
    return end_ms + (silent - at if silent >= 0 else len(speaker.voiced) - at) / 8


def stopped_at(voiced: bytes, onset: int) -> int:
    """Return where the loudspeaker has stopped: the last sample that came from the service before a gap."""
    at = onset
    while (following := voiced.find(b"\x01", at)) >= 0 and following - at < GAP:
        silent = voiced.find(b"\x00", following)
        at = silent if silent >= 0 else len(voiced)
    return at


@cache
def _words(text: str) -> tuple[tuple[float, float], ...]:
    """Return when each word of a reply begins and ends, in ms, as the same voice says it."""

    async def spoken() -> list[tuple[float, float]]:
        tts, splitter = TextToSpeech(EspeakSynthesizer(), InlineWorkers()), ClauseSplitter()
        found: dict[int, tuple[float, float]] = {}
        begun, offset = 0.0, 0
        for clause in [*splitter.push(text), *splitter.flush()]:
            length = 0
            async for chunk in tts.speak(clause, VoiceStyle(), 24_000, "bench"):
                for word in chunk.words:
                    start, end = begun + word.start / 24, begun + word.end / 24
                    for place in _places(text, offset + word.text_start, offset + word.text_end):
                        known = found.get(place, (start, end))
                        found[place] = (min(known[0], start), max(known[1], end))
                length += len(chunk.audio)
            begun += length / 24
            offset += len(clause)
        return [found[place] for place in sorted(found)]

    return tuple(_run(spoken()))


def _places(text: str, start: int, end: int) -> range:
    """Return which words of a text a span of it holds, or a part of."""
    return range(max(0, len(text[: start + 1].split()) - 1), len(text[:end].split()))


def _run(work: Coroutine[None, None, list[tuple[float, float]]]) -> list[tuple[float, float]]:
    """Run work that never waits, within a loop that runs already."""
    try:
        while True:
            work.send(None)
    except StopIteration as done:
        result: list[tuple[float, float]] = done.value
        return result


def echoed(frame: bytes, played: bytes) -> bytes:
    """Mix a frame of the microphone's with what comes back of the loudspeaker's, at -20 dB; mu-law, all of it."""
    mixed = mulaw_decode(frame) + mulaw_decode(played) * ECHO_GAIN
    return mulaw_encode(mixed.clip(-32768, 32767).astype(np.int16))


def _recording(scene: str, number: int) -> bytes:
    return mulaw_encode(resample(learner_recording(scene, number).samples, 16_000, 8_000))


def _lines(report: PhoneReport) -> list[str]:
    found = report.found
    if not found:
        return ["No reply was interrupted.", *report.errors]
    right = sum(each.right for each in found)
    silent, off = spread([each.silent_ms for each in found]), [abs(each.played_ms - each.stored_ms) for each in found]
    return [
        f"{len(found)} replies interrupted on the telephone; {report.played_out} more were over before.",
        f"The chat was right in {right}: within one word of what the caller's loudspeaker played.",
        f"The loudspeaker was silent {silent.median:.0f} ms after the caller's first sound (median; 95th percentile "
        f"{silent.p95:.0f} ms, longest {max(each.silent_ms for each in found):.0f} ms).",
        f"How far playback was, the service knew to {spread(off).median:.0f} ms (median; 95th percentile "
        f"{spread(off).p95:.0f} ms).",
        *(
            f"Wrong: {each.words_off} words off; played {each.played_ms:.0f} ms, stored {each.stored_ms:.0f} ms and "
            f"{each.stored!r}, {each.fewest} to {each.most} words of {each.reply!r}."
            for each in found
            if not each.right
        ),
        *report.errors,
    ]
