"""The same conversation for every system under comparison: turns, interruptions, many sessions at once.

This module is imported by the service's own benchmark and by the scripts that run in the peers' environments, so it
knows nothing but the standard library and numpy.
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
"""How long the hum of one character is, in every system's synthesizer."""

LOOK_S = 0.005
PAUSE_S = 0.5
ANSWER_S = 12.0
SETTLE_S = 2.0
QUIET_S = 3.5
"""After each line of a talking session, time for its answer."""


class Session(Protocol):
    """One conversation with one system, with a microphone that is always on and a loudspeaker that keeps a record."""

    def now(self) -> float:
        """Return seconds on the clock that all times here are in."""

    async def say(self, samples: Int16) -> Stretch:
        """Speak into the microphone at real pace (16 kHz mono); returns when its first and last sample were said."""

    def stretches(self) -> Sequence[Stretch]:
        """Return when the loudspeaker sounded, oldest first; the last stretch may still be playing, its end in the future."""

    async def context(self) -> Context:
        """Return the conversation as it was given to the language model for the newest reply: (role, text), oldest first."""


class Meter(Protocol):
    """What the system's process uses."""

    def cpu_s(self) -> float:
        """Processor seconds so far."""

    def memory_mib(self) -> float:
        """Resident memory in MiB."""


OpenSession = Callable[[str], AbstractAsyncContextManager[Session]]
"""Opens a conversation in which every reply is this text."""


class NoAnswer(Exception):
    """Nothing was heard of a reply in time; the message says which."""


@dataclass(frozen=True, slots=True)
class Lines:
    """What is said: 16 kHz mono samples, and the text of the replies."""

    turns: Sequence[Int16]
    interruption: Int16
    reply: str


# Arithmetic on the loudspeaker's record


def first_sound(stretches: Sequence[Stretch], after: float) -> float | None:
    """Return when the first stretch that begins at or after a time began."""
    return next((start for start, _ in stretches if start >= after), None)


def last_sound(stretches: Sequence[Stretch], before: float) -> float | None:
    """Return the last instant before a time at which the loudspeaker sounded."""
    return max((min(end, before) for start, end in stretches if start < before), default=None)


def sounded_s(stretches: Sequence[Stretch], after: float, before: float) -> float:
    """For how many seconds between two times the loudspeaker sounded."""
    return sum(max(0.0, min(end, before) - max(start, after)) for start, end in stretches)


def words_heard(reply: str, seconds: float) -> int:
    """Return how many words of a reply were heard when so much of its hum was: those of which at least half sounded.

    A synthesizer is given sentence by sentence, so the blanks between sentences do not sound.
    """
    at, heard = 0.0, 0
    for word in reply.split():
        length = len(word) * SECONDS_A_CHARACTER
        heard += at + length / 2 <= seconds
        at += length + (0.0 if word[-1] in ".!?" else SECONDS_A_CHARACTER)
    return heard


def spoken_lines(context: Context) -> list[str]:
    """Return the assistant's side of a conversation."""
    return [text for role, text in context if role == "assistant"]


# The scenarios


async def turns(session: Session, lines: Lines, number: int) -> dict[str, Any]:
    """Say `number` lines and hear each answer to its end: ms from the line's last sound to its answer's first.

    Raises:
        NoAnswer: an answer was not heard.
    """
    latencies: list[float] = []
    early = 0
    for index in range(number):
        start, end = await session.say(lines.turns[index % len(lines.turns)])
        if first_sound(session.stretches(), start) is not None:
            early += 1  # the turn was taken for over before it was
        else:
            first = await _answer(session, end, f"to turn {index + 1}")
            latencies.append((first - end) * 1000)
        await _quiet(session)
    return {"voice_to_voice_ms": latencies, "early": early}


async def interruptions(session: Session, lines: Lines, instants_s: Sequence[float]) -> dict[str, Any]:
    """Interrupt one reply after the other, so many seconds after its first sound; each brings the next reply.

    Raises:
        NoAnswer: an answer was not heard.
    """
    trials: list[dict[str, Any]] = []
    _, end = await session.say(lines.turns[0])
    first = await _answer(session, end, "to the first line")
    known = len(spoken_lines(await session.context()))
    for instant_s in instants_s:
        await asyncio.sleep(max(0.0, first + instant_s - session.now()))
        start, end = await session.say(lines.interruption)
        answer = await _answer(session, end, f"after the interruption at {instant_s:g} s")
        stretches = session.stretches()
        spoken = spoken_lines(await session.context())
        stopped = last_sound(stretches, answer)
        kept = " ".join(spoken[known:])
        known = len(spoken)
        assert stopped is not None
        trials.append(
            {
                "after_s": instant_s,
                "last_audio_ms": (stopped - start) * 1000,
                "heard_words": words_heard(lines.reply, sounded_s(stretches, first, answer)),
                "kept_words": len(kept.split()),
                "kept": kept,
            }
        )
        first = answer
    return {"trials": trials}


async def crowd(
    open_session: OpenSession, meter: Meter, lines: Lines, sessions: int, seconds: float, *, talking: bool
) -> dict[str, Any]:
    """So many sessions at once in one process: what each costs, and how talking ones are answered.

    Memory is counted from the second session on, so that what is loaded once is not.
    """
    async with AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(open_session(lines.reply))]
        await _speak(opened[0], lines, 1 if talking else 0)
        alone_mib = meter.memory_mib()
        while len(opened) < sessions:
            opened.append(await stack.enter_async_context(open_session(lines.reply)))
        await asyncio.sleep(SETTLE_S)
        before, began = meter.cpu_s(), opened[0].now()
        said: list[list[Stretch]] = [[] for _ in opened]
        speakers = [
            asyncio.create_task(_keep_speaking(session, lines, index / sessions, said[index]))
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


async def play(job: dict[str, Any], lines: Lines, open_session: OpenSession, meter: Meter) -> dict[str, Any]:
    """Do what a job says: its `plan` is "conversation" (turns, then interruptions) or "crowd"."""
    if job["plan"] == "crowd":
        return await crowd(open_session, meter, lines, job["sessions"], job["seconds"], talking=job["talking"])
    result: dict[str, Any] = {}
    if job["turns"]:
        async with open_session(lines.reply) as session:
            await asyncio.sleep(SETTLE_S)
            # The first answer pays for what is loaded late, in every system.
            await turns(session, lines, 1)
            result |= await turns(session, lines, job["turns"])
    if job["instants_s"]:
        long = Lines(lines.turns, lines.interruption, job["long_reply"])
        async with open_session(long.reply) as session:
            await asyncio.sleep(SETTLE_S)
            result |= await interruptions(session, long, job["instants_s"])
    return result


def _answers(sessions: Sequence[Session], said: Sequence[Sequence[Stretch]], ended: float) -> tuple[list[float], int]:
    """Return milliseconds to each answer that came before the next line, and how many lines should have had one."""
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
    raise NoAnswer(f"No answer {which} was heard within {ANSWER_S:g} s.")


async def _quiet(session: Session) -> None:
    """Wait until the loudspeaker has been silent for a moment."""
    async for _ in _looks(session, 60.0):
        stretches = session.stretches()
        if not stretches or stretches[-1][1] + PAUSE_S < session.now():
            return


async def _looks(session: Session, seconds: float) -> AsyncIterator[None]:
    until = session.now() + seconds
    while session.now() < until:
        yield
        await asyncio.sleep(LOOK_S)


async def _speak(session: Session, lines: Lines, number: int) -> None:
    await asyncio.sleep(SETTLE_S)
    for index in range(number):
        await session.say(lines.turns[index % len(lines.turns)])
        await asyncio.sleep(QUIET_S)


async def _keep_speaking(session: Session, lines: Lines, phase: float, said: list[Stretch]) -> None:
    cycle_s = QUIET_S + len(lines.turns[0]) / 16_000
    await asyncio.sleep(phase * cycle_s)
    while True:
        said.append(await session.say(lines.turns[0]))
        await asyncio.sleep(QUIET_S)
