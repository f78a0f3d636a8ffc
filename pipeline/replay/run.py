"""Replays a call and checks its outcome."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace

from pipeline.call.registry import CallLimits, Calls
from pipeline.llm.scripted import ScriptedResponder
from pipeline.replay.call_file import CallFile
from pipeline.replay.engines import FixedLines, Time, fixed_tools, replay_engines
from pipeline.replay.expectations import unmet
from pipeline.replay.golden import difference
from pipeline.replay.learner import Learner
from pipeline.replay.place import Aftermath, Stored, aftermath
from pipeline.replay.stage import Stage
from pipeline.replay.steady_store import counted_ids
from pipeline.replay.virtual_time import run_virtually
from pipeline.tasks.clock import LoopClock
from pipeline.timeline.timeline import Entry, Timeline
from voice.audio.formats import AudioFormat

NEVER_IDLE_S = 3600.0


@dataclass(frozen=True, slots=True)
class Replayed:
    """The outcome of a replayed call.

    Attributes:
        call: the call file.
        time: ideal or measured time.
        timeline: all entries of the timeline.
        history: the chat's messages after the call.
        lesson: the outcome of the lesson; None without one.
        problems: unmet expectations as "file:line: reason".
        diff: the first difference to the golden timeline, as lines of a unified diff; empty if there is none.
    """

    call: CallFile
    time: Time
    timeline: tuple[Entry, ...]
    history: tuple[Stored, ...]
    lesson: Mapping[str, int | bool] | None
    problems: tuple[str, ...]
    diff: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether the call met all expectations."""
        return not self.problems and not self.diff

    @property
    def explanation(self) -> list[str]:
        """The reasons why the call failed, line by line."""
        return [*self.problems, *self.diff]

    @property
    def lines(self) -> list[str]:
        """The timeline as text, line by line."""
        return [str(entry) for entry in self.timeline]


def replay(call: CallFile, stage: Stage, time: Time = "ideal", *, transcript_ms: float = 0) -> Replayed:
    """Replay a call in virtual time; call it outside any event loop.

    Ideal time is deterministic. In measured time, budgets and the golden timeline are not checked, since they depend on
    the machine's speed.

    Args:
        call: the call file.
        stage: the engines and the store.
        time: duration of an engine's work.
        transcript_ms: duration of a transcription in ideal time.
    """
    timeline, after, never_came = run_virtually(_live_through(call, stage, time, transcript_ms))
    problems = [*never_came, *unmet(call, timeline, after, ideal=time == "ideal")]
    lines = [str(entry) for entry in timeline]
    diff = difference(call.golden, lines) if call.golden is not None and time == "ideal" else []
    return Replayed(call, time, timeline, after.history, after.lesson, tuple(problems), tuple(diff))


async def _live_through(
    call: CallFile, stage: Stage, time: Time, transcript_ms: float
) -> tuple[tuple[Entry, ...], Aftermath, list[str]]:
    clock = LoopClock()
    place = await stage.place_for(call)
    timeline = Timeline(clock)
    responder = FixedLines(call.replies, clock) if call.replies else ScriptedResponder()
    engines = replay_engines(stage.transcriber, stage.synthesizer, responder, timeline, time, transcript_ms)
    limits = CallLimits(max_calls=1, idle_s=NEVER_IDLE_S, resume_s=call.resume_s)
    async with Calls(engines, stage.store, clock, limits, counted_ids(f"{place.chat_id}/id")) as calls:
        if place.tutor is not None:
            calls.register(place.tutor)
        settings = replace(call.settings, tools=fixed_tools(call.tools, clock))
        opened = await calls.open(place.user_id, place.chat_id, AudioFormat(), settings)
        learner = Learner(call, calls, opened, timeline, clock)
        opened.session.observe(timeline.on_step)
        opened.session.subscribe(timeline.on_event)
        opened.session.opening.when_recorded(timeline.recorded)
        learner.connect()
        await asyncio.sleep(0)  # let the session's tasks start
        if call.greet:
            opened.session.greet()
        await learner.run()
    after = await aftermath(place, stage.store)
    never_came = [
        f"{call.path}:{item.line}: the moment for this never came: {_described(item.when)}" for item in learner.left[:1]
    ]
    if learner.cut_off:
        never_came.append(f"{call.path}:1: the call had not come to rest after {call.limit_ms:g} ms ('limit_ms')")
    return tuple(timeline), after, never_came


def _described(when: object) -> str:
    match when:
        case _ if hasattr(when, "event"):
            return f"no {when.event} happened after the item before it"
        case _:
            return "the call was over or the reply too short"
