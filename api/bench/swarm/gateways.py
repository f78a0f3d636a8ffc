"""The lag of one gateway: every frame of its calls through one interpreter, in virtual time."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from api.bench.swarm.measured import GatewayTimes

FRAME_S = 0.02
SENDING_S = 40e-6
"""Time between two frames that one benchmark client sends in a row."""


@dataclass(frozen=True, slots=True)
class CallScript:
    """What a caller does again and again; the lengths vary by up to `varies` of themselves.

    Attributes:
        speech_s: how long the caller speaks.
        reply_s: how long the persona speaks, if nobody interrupts.
        pause_s: from the end of the reply to the caller's next words.
        cycle_s: from one utterance to the next, whatever the persona does; None to let the persona finish.
        varies: 0 for the same every time.
        answer_s: an answer that comes later is none.
        at_once: the frames of all callers come together, as from one benchmark client, not spread over 20 ms.
    """

    speech_s: float
    reply_s: float
    pause_s: float
    cycle_s: float | None = None
    varies: float = 0.0
    answer_s: float = 10.0
    at_once: bool = False

    @property
    def mean_cycle_s(self) -> float:
        """The time from one utterance to the next, with an answer after half a second."""
        return self.cycle_s or self.speech_s + 0.5 + self.reply_s + self.pause_s

    @property
    def mean_played_s(self) -> float:
        """How much of a reply is played until the caller speaks again."""
        left = self.mean_cycle_s - self.speech_s - 0.5 + 0.3  # a barge-in takes 0.3 s
        return min(self.reply_s, left) if self.cycle_s else self.reply_s


@dataclass(frozen=True, slots=True)
class GatewayLag:
    """The lag of a gateway with a number of calls.

    Attributes:
        calls: how many.
        used: the share of the interpreter's time that is used; 1 and more is more than it can do.
        lags_ms: the lag of frames, shape (n,).
    """

    calls: int
    used: float
    lags_ms: NDArray[np.float64]

    def percentile(self, percent: float) -> float:
        """Return a percentile of the lag in milliseconds."""
        return float(np.percentile(self.lags_ms, percent))


def talking_core(times: GatewayTimes, script: CallScript) -> float:
    """Return the share of a core that a call's frames and turns take."""
    cycle, played = script.mean_cycle_s, script.mean_played_s
    speech_ms = (times.speech_frame_ms - times.quiet_frame_ms) * script.speech_s / FRAME_S
    played_ms = times.played_frame_ms * played / FRAME_S
    return (times.quiet_frame_ms / 20) + (speech_ms + played_ms + times.turn_ms) / (1000 * cycle)


def gateway_lag(
    times: GatewayTimes, script: CallScript, calls: int, *, seconds: float = 40.0, seed: int = 1
) -> GatewayLag:
    """Push every frame of so many calls, and the work of their turns, through one interpreter, in order of arrival.

    Args:
        times: the costs.
        script: what the callers do.
        calls: how many, at least 1.
        seconds: virtual time.
        seed: of when each call begins.
    """
    chance = np.random.default_rng(seed)
    ticks = round(seconds / FRAME_S)
    frames = np.arange(ticks) * FRAME_S
    cycle, played = script.mean_cycle_s, script.mean_played_s
    arrivals, costs, is_frame = [], [], []
    for call in range(calls):
        begun = chance.uniform(0, cycle)
        offset = call * SENDING_S if script.at_once else chance.uniform(0, FRAME_S)
        at = frames + offset
        into = (at - begun) % cycle
        answered = script.speech_s + 0.5
        cost = np.full(ticks, times.quiet_frame_ms)
        cost[into < script.speech_s] = times.speech_frame_ms
        playing = (into >= answered) & (into < answered + played) | (into + cycle < answered + played)
        arrivals.append(at)
        costs.append(cost + playing * times.played_frame_ms)
        is_frame.append(np.ones(ticks, bool))
        # The work of a turn: some of it at the pause, the rest when the answer begins.
        turns = np.arange(begun - cycle, seconds, cycle)
        jobs = np.linspace(0.0, 0.4, times.turn_jobs) + script.speech_s + 0.18
        when = (turns[:, None] + jobs[None, :]).ravel()
        when = when[(when >= 0) & (when < seconds)]
        arrivals.append(when)
        costs.append(np.full(len(when), times.turn_ms * (1 - times.in_threads) / times.turn_jobs))
        is_frame.append(np.zeros(len(when), bool))
    at, cost, kind = np.concatenate(arrivals), np.concatenate(costs) / 1000, np.concatenate(is_frame)
    order = np.argsort(at, kind="stable")
    at, cost, kind = at[order], cost[order], kind[order]
    done = np.cumsum(cost)
    ended = done + np.maximum.accumulate(at - (done - cost))
    lags = (ended - at)[kind] * 1000
    idle = np.interp(chance.uniform(0, 1, len(lags)), np.linspace(0, 1, len(times.lag_ms)), times.lag_ms)
    return GatewayLag(calls, float(cost.sum() / seconds), lags + idle)
