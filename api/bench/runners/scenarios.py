"""The scenarios that every compared system runs: turns, interruptions, concurrent sessions.

Imported by the service's own benchmark and by the runners in the peers' environments, so it depends on the standard
library and numpy only.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Int16 = npt.NDArray[np.int16]
Stretch = tuple[float, float]
Context = Sequence[tuple[str, str]]

SECONDS_A_CHARACTER = 1 / 15
"""Duration of the hum per character, in every system's synthesizer."""

LOOK_S = 0.005
PAUSE_S = 0.5
ANSWER_S = 12.0
SETTLE_S = 2.0
QUIET_S = 3.5
"""Silence after each utterance of a talking session, for its answer."""


class Session(Protocol):
    """A conversation with a system, with a microphone that is always on and a player that keeps a record."""

    def now(self) -> float:
        """Return the time in seconds, on the clock of all times here."""

    async def say(self, samples: Int16) -> Stretch:
        """Speak into the microphone in real time (16 kHz mono); return the times of the first and the last sample."""

    def stretches(self) -> Sequence[Stretch]:
        """Return the stretches of playback, oldest first; the last one may end in the future."""

    async def context(self) -> Context:
        """Return the language model's input for the newest reply: (role, text), oldest first."""


class Meter(Protocol):
    """The resource usage of a system's process."""

    def cpu_s(self) -> float:
        """Return the CPU seconds so far."""

    def memory_mib(self) -> float:
        """Return the resident memory in MiB."""


OpenSession = Callable[[str], AbstractAsyncContextManager[Session]]
"""Opens a session in which every reply is this text."""


class NoReply(Exception):
    """A reply was not heard in time; the message says which."""


@dataclass(frozen=True, slots=True)
class Script:
    """What both sides say: 16 kHz mono samples, and the text of the replies."""

    turns: Sequence[Int16]
    interruption: Int16
    reply: str


# Arithmetic on the player's record


def first_sound(stretches: Sequence[Stretch], after: float) -> float | None:
    """Return the start of the first stretch that begins at or after a time; None if there is none."""
    return next((start for start, _ in stretches if start >= after), None)


def last_sound(stretches: Sequence[Stretch], before: float) -> float | None:
    """Return the last time before a given one at which audio played; None if there is none."""
    return max((min(end, before) for start, end in stretches if start < before), default=None)


def sounded_s(stretches: Sequence[Stretch], after: float, before: float) -> float:
    """Return the duration of playback between two times, in seconds."""
    return sum(max(0.0, min(end, before) - max(start, after)) for start, end in stretches)


def words_heard(reply: str, seconds: float) -> int:
    """Count the words of a reply that were heard after this much of its hum: those of which at least half played.

    Replies are synthesized sentence by sentence, so the blanks between sentences do not count.
    """
    at, heard = 0.0, 0
    for word in reply.split():
        length = len(word) * SECONDS_A_CHARACTER
        heard += at + length / 2 <= seconds
        at += length + (0.0 if word[-1] in ".!?" else SECONDS_A_CHARACTER)
    return heard


def assistant_texts(context: Context) -> list[str]:
    """Return the assistant's messages of a conversation."""
    return [text for role, text in context if role == "assistant"]


# The scenarios


async def turns(session: Session, script: Script, number: int) -> dict[str, Any]:
    """Speak `number` turns and hear each answer to its end; measure ms from the last speech to the first audio.

    Raises:
        NoReply: an answer was not heard.
    """
    latencies: list[float] = []
    early = 0
    for index in range(number):
        start, end = await session.say(script.turns[index % len(script.turns)])
        if first_sound(session.stretches(), start) is not None:
            early += 1  # the turn was ended too early
        else:
            first = await _answer(session, end, f"to turn {index + 1}")
            latencies.append((first - end) * 1000)
        await _quiet(session)
    return {"voice_to_voice_ms": latencies, "early": early}


async def interruptions(session: Session, script: Script, instants_s: Sequence[float]) -> dict[str, Any]:
    """Interrupt successive replies, at these positions in seconds; each interruption triggers the next reply.

    Raises:
        NoReply: an answer was not heard.
    """
    trials: list[dict[str, Any]] = []
    _, end = await session.say(script.turns[0])
    first = await _answer(session, end, "to the first line")
    known = len(assistant_texts(await session.context()))
    for instant_s in instants_s:
        await asyncio.sleep(max(0.0, first + instant_s - session.now()))
        start, end = await session.say(script.interruption)
        answer = await _answer(session, end, f"after the interruption at {instant_s:g} s")
        stretches = session.stretches()
        spoken = assistant_texts(await session.context())
        stopped = last_sound(stretches, answer)
        kept = " ".join(spoken[known:])
        known = len(spoken)
        assert stopped is not None
        trials.append(
            {
                "after_s": instant_s,
                "last_audio_ms": (stopped - start) * 1000,
                "heard_words": words_heard(script.reply, sounded_s(stretches, first, answer)),
                "kept_words": len(kept.split()),
                "kept": kept,
            }
        )
        first = answer
    return {"trials": trials}


async def crowd(
    open_session: OpenSession, meter: Meter, script: Script, sessions: int, seconds: float, *, talking: bool
) -> dict[str, Any]:
    """Run concurrent sessions in one process; measure the cost of each, and the answers of talking ones.

    Memory is measured from the second session on, to exclude what is loaded once.
    """
    async with AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(open_session(script.reply))]
        await _speak(opened[0], script, 1 if talking else 0)
        alone_mib = meter.memory_mib()
        while len(opened) < sessions:
            opened.append(await stack.enter_async_context(open_session(script.reply)))
        await asyncio.sleep(SETTLE_S)
        before, began = meter.cpu_s(), opened[0].now()
        said: list[list[Stretch]] = [[] for _ in opened]
        speakers = [
            asyncio.create_task(_keep_speaking(session, script, index / sessions, said[index]))
            for index, session in enumerate(opened if talking else [])
        ]
        try:
            await asyncio.sleep(max(0.0, began + seconds - opened[0].now()))
            after, ended = meter.cpu_s(), opened[0].now()
            full_mib = meter.memory_mib()
        finally:
            for speaker in speakers:
                speaker.cancel()
            await asyncio.gather(*speakers, return_exceptions=True)
        latencies, expected = _answers(opened, said, ended)
    return {
        "sessions": sessions,
        "talking": talking,
        "core_per_session": (after - before) / (ended - began) / sessions,
        "mib_per_session": (full_mib - alone_mib) / (sessions - 1) if sessions > 1 else None,
        "process_mib": full_mib,
        "answers": len(latencies),
        "expected": expected,
        "voice_to_voice_ms": latencies,
    }


async def play(job: dict[str, Any], script: Script, open_session: OpenSession, meter: Meter) -> dict[str, Any]:
    """Run a job: its `plan` is "conversation" (turns, then interruptions) or "crowd"."""
    if job["plan"] == "crowd":
        return await crowd(open_session, meter, script, job["sessions"], job["seconds"], talking=job["talking"])
    result: dict[str, Any] = {}
    if job["turns"]:
        async with open_session(script.reply) as session:
            await asyncio.sleep(SETTLE_S)
            # The first answer includes lazy loading, in every system.
            await turns(session, script, 1)
            result |= await turns(session, script, job["turns"])
    if job["instants_s"]:
        long = Script(script.turns, script.interruption, job["long_reply"])
        async with open_session(long.reply) as session:
            await asyncio.sleep(SETTLE_S)
            result |= await interruptions(session, long, job["instants_s"])
    return result


def _answers(sessions: Sequence[Session], said: Sequence[Sequence[Stretch]], ended: float) -> tuple[list[float], int]:
    """Return the latency in ms of each answer before the next utterance, and the number of expected answers."""
    latencies: list[float] = []
    expected = 0
    for session, spoken in zip(sessions, said, strict=True):
        for _, end in spoken:
            if end + QUIET_S > ended:
                continue
            expected += 1
            first = first_sound(session.stretches(), end)
            if first is not None and first < end + QUIET_S:
                latencies.append((first - end) * 1000)
    return latencies, expected


async def _answer(session: Session, after: float, which: str) -> float:
    async for _ in _looks(session, ANSWER_S):
        first = first_sound(session.stretches(), after)
        if first is not None:
            return first
    raise NoReply(f"No answer {which} was heard within {ANSWER_S:g} s.")


async def _quiet(session: Session) -> None:
    """Wait until the player has been silent for a moment."""
    async for _ in _looks(session, 60.0):
        stretches = session.stretches()
        if not stretches or stretches[-1][1] + PAUSE_S < session.now():
            return


async def _looks(session: Session, seconds: float) -> AsyncIterator[None]:
    until = session.now() + seconds
    while session.now() < until:
        yield
        await asyncio.sleep(LOOK_S)


async def _speak(session: Session, script: Script, number: int) -> None:
    await asyncio.sleep(SETTLE_S)
    for index in range(number):
        await session.say(script.turns[index % len(script.turns)])
        await asyncio.sleep(QUIET_S)


async def _keep_speaking(session: Session, script: Script, phase: float, said: list[Stretch]) -> None:
    cycle_s = QUIET_S + len(script.turns[0]) / 16_000
    await asyncio.sleep(phase * cycle_s)
    while True:
        said.append(await session.say(script.turns[0]))
        await asyncio.sleep(QUIET_S)
