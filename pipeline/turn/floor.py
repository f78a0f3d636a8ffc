"""The turn machine where the floor is free: who leaves, which answer is due, which line has waited for it."""

from dataclasses import replace

from pipeline.turn.actions import Action, Linger, Prepare, Release, Say
from pipeline.turn.events import Prompted
from pipeline.turn.state import Phase, Step, Turn

WAITING_LIMIT = 4
"""Lines that wait for the floor; a further one is dropped, as is one that waits already."""


def take_floor(state: Turn) -> Step:
    """What comes by itself after any event: at most one thing, and nothing while somebody speaks or is waited for."""
    free = state.floor_is_free
    stays = state.phase is Phase.ENDED or state.hanging_up  # it is over, or as soon as the last words are known
    leaves = not stays and (state.going or (free and state.leaving is not None and not state.owed))
    if leaves:
        return (state, []) if state.lingering else (replace(state, lingering=True), [Linger()])
    state = replace(state, lingering=False)
    if not free:
        return state, []
    if state.owed:
        return _answer(state)
    if state.waiting:
        return _say(replace(state, waiting=state.waiting[1:]), state.waiting[0])
    return state, []


def prompt(state: Turn, line: Prompted) -> Step:
    """The persona is to say something unasked: now, or where it insists, when the floor is free."""
    if state.floor_is_free and state.leaving is None:
        return _say(state, line)
    if not line.insists or line in state.waiting or len(state.waiting) >= WAITING_LIMIT:
        return state, []
    return replace(state, waiting=(*state.waiting, line)), []


def _say(state: Turn, line: Prompted) -> Step:
    revision, number = state.revision + 1, state.number
    said = Say(revision, number, line) if line.text else Prepare(revision, number, "")
    actions: list[Action] = [said, Release(revision, number)]
    return replace(state, phase=Phase.THINKING, revision=revision, closing=None, line=line), actions


def _answer(state: Turn) -> Step:
    revision, number = state.revision + 1, state.number
    answering = replace(
        state, phase=Phase.THINKING, revision=revision, closing=None, line=None, owed=False, leaving=None
    )
    return answering, [Prepare(revision, number, ""), Release(revision, number)]
