"""The persona's answer to a message typed into a call, once it has been spoken or never will be."""

import asyncio
from dataclasses import dataclass

from pipeline.call.learner_messages import KEPT
from pipeline.call.session import VoiceSession
from pipeline.conversation.events import CallEnded, Problem, ReplyBegan, ReplyEnded, SessionEvent
from pipeline.errors import ResponderFailed
from pipeline.turn.actions import Action
from pipeline.turn.events import Event

NOT_STORED = "The persona's answer could not be stored; send the message again."


@dataclass(frozen=True, slots=True)
class Answer:
    """A persona's message as stored: all of it, or what was heard of it if it was interrupted."""

    id: str
    text: str
    interrupted: bool = False


def spoken_answer(session: VoiceSession) -> "asyncio.Future[Answer | None]":
    """Await the answer to what has just been typed; call it before anything else happens in the call.

    The future resolves to None if nothing is said, as the reply was stopped before its first word or the call ended,
    and to ResponderFailed if what was said could not be stored. It always resolves, as a call always ends.
    """
    return _Awaited(session).answer


class _Awaited:
    """Follows a call until the turn with the typed words is answered."""

    def __init__(self, session: VoiceSession) -> None:
        self.answer: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()
        self._session = session
        self._turn = session.state.number
        self._begun = False
        stops = session.subscribe(self._hear), session.observe(self._stepped)
        self.answer.add_done_callback(lambda _: [stop() for stop in stops])

    def _hear(self, event: SessionEvent) -> None:
        match event:
            case _ if self.answer.done():
                pass
            case ReplyBegan(turn) if turn >= self._turn:
                self._begun = True
            case ReplyEnded(turn, message_id, _, heard, interrupted) if turn >= self._turn:
                self.answer.set_result(Answer(message_id, heard, interrupted))
            case Problem("storage_failed") if self._begun and event != KEPT:
                self.answer.set_exception(ResponderFailed(NOT_STORED))
                self.answer.exception()  # retrieved, whether anybody awaits it or not
            case CallEnded():
                self.answer.set_result(None)

    def _stepped(self, _event: Event, _actions: list[Action]) -> None:
        """Resolve to None once the words await no answer and none has begun."""
        state = self._session.state
        waits = state.typed or state.owed or state.answering
        if not waits and not self._begun and not self.answer.done():
            self.answer.set_result(None)
