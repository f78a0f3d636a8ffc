"""The turn machine when the floor is free: it ends the call, answers what is due, or says the next prompt."""

from dataclasses import replace

from pipeline.turn.actions import Action, Linger, Prepare, Release, SayPrompt
from pipeline.turn.events import Prompted
from pipeline.turn.state import Phase, Step, Turn

WAITING_LIMIT = 4
"""Most prompts that may wait for the floor; a further one is dropped, and so is a duplicate."""


def take_floor(state: Turn) -> Step:
    """Use the free floor after any event for at most one thing; do nothing while somebody speaks or is waited for."""
    free = state.floor_is_free
    stays = state.phase is Phase.ENDED or state.hanging_up  # the call is over, or will be with the last transcript
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
    """Say a prompt: now, or, if it insists, when the floor is free."""
    if state.floor_is_free and state.leaving is None:
        return _say(state, line)
    if not line.insists or line in state.waiting or len(state.waiting) >= WAITING_LIMIT:
        return state, []
    return replace(state, waiting=(*state.waiting, line)), []


def _say(state: Turn, line: Prompted) -> Step:
    revision, number = state.revision + 1, state.number
    said = SayPrompt(revision, number, line) if line.text else Prepare(revision, number, "")
    actions: list[Action] = [said, Release(revision, number)]
    return replace(state, phase=Phase.THINKING, revision=revision, closing=None, line=line), actions


def _answer(state: Turn) -> Step:
    revision, number = state.revision + 1, state.number
    answering = replace(
        state, phase=Phase.THINKING, revision=revision, closing=None, line=None, owed=False, leaving=None
    )
    return answering, [Prepare(revision, number, ""), Release(revision, number)]
