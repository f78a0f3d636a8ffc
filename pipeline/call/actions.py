"""Carries out the turn machine's actions: on transcripts, on replies, and as events for the subscribers."""

from collections.abc import Callable
from dataclasses import dataclass

from pipeline.call.learner_messages import LearnerMessages
from pipeline.call.opening import OpeningPrompts
from pipeline.call.timers import Timers
from pipeline.conversation.events import Problem, SessionEvent, TransferAsked, UserEnded, UserStarted
from pipeline.conversation.waterfall import Waterfall
from pipeline.hearing.transcripts import Transcripts
from pipeline.speaking.replies import Replies
from pipeline.tasks.clock import Clock
from pipeline.turn import actions, events
from pipeline.turn.machine import Turn
from voice.audio.formats import RATE_HZ, Samples

LEAST_COMMIT_MS = 200
"""Shortest utterance of manual turns."""

ANSWERING = Problem("answering", "The persona is answering already; ask again when that is over.")
NO_WORDS = Problem("no_words", "No words were heard in that utterance; say it again or type it.")


@dataclass(frozen=True, slots=True)
class Actions:
    """Carries out actions on the parts of one call.

    Attributes:
        emit: publishes an event.
        end: ends the call, for this reason.
    """

    transcripts: Transcripts
    replies: Replies
    messages: LearnerMessages
    timers: Timers
    opening: OpeningPrompts
    waterfall: Waterfall
    clock: Clock
    emit: Callable[[SessionEvent], None]
    end: Callable[[events.CallEndReason], None]

    def carry_out(self, action: actions.Action, state: Turn, position: Samples) -> None:
        """Carry out one action of a step to `state` at `position`."""
        match action:
            case actions.OpenUtterance(turn, at) | actions.ReopenUtterance(turn, at):
                self.transcripts.open(at, position)
                self.emit(UserStarted(turn, milliseconds(at)))
            case actions.Transcribe(revision):
                self.transcripts.ask(revision, turn_is_over=not state.utterance_open)
            case actions.Suspend(revision):
                self.transcripts.suspend()
                self.replies.suspend(revision)
            case actions.EndTurn(turn, last_speech, reason):
                answered = state.answering or not state.rules.on_request
                self.waterfall.turn_ended(answered=answered and reason != "end")
                silence = max(0, position - last_speech)
                self.emit(UserEnded(turn, milliseconds(last_speech), milliseconds(silence), reason))
            case actions.StoreMessage(turn, text):
                self.timers.restart_plan()
                self.messages.spoken(turn, text)
            case actions.CloseUtterance():
                self.transcripts.close()
            case actions.NoWords():
                self.emit(NO_WORDS)
            case actions.Linger():
                self.timers.linger(self.replies.heard_out)
            case actions.TransferCall(target):
                self.timers.suspend_plan()
                self.emit(TransferAsked(state.number, target))
            case actions.End(reason):
                self.end(reason)
            case _:
                self._reply(action)

    def _reply(self, action: actions.Action) -> None:
        replies = self.replies
        match action:
            case actions.Prepare(revision, turn, text):
                replies.prepare(revision, turn, text)
            case actions.SayPrompt(revision, turn, prompted):
                self.opening.said(revision, prompted)
                replies.say(revision, turn, prompted)
            case actions.Apologise(revision, turn):
                replies.apologise(revision, turn)
            case actions.Release(revision):
                self.messages.once_stored(lambda: self._release(revision))
            case actions.Duck():
                replies.duck()
            case actions.Restore() | actions.GoOn():
                replies.go_on()
            case actions.Hold():
                replies.hold()
            case actions.CutReply(revision):
                replies.cut(revision)

    def _release(self, revision: int) -> None:
        self.waterfall.released(self.clock.now())
        self.replies.release(revision)


def milliseconds(position: Samples) -> int:
    """Convert samples to whole milliseconds."""
    return position * 1000 // RATE_HZ
