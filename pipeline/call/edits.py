"""What a client changes of the conversation behind a call: messages, results of its tools, what was heard."""

from collections.abc import Callable

from models.errors import Conflict, NotFound
from models.records.core import Role
from pipeline.call.learner_messages import LearnerMessages
from pipeline.conversation.conversation import Conversation
from pipeline.speaking.replies import Replies
from pipeline.turn import events


class Edits:
    """The client's changes of one call's conversation.

    Args:
        conversation: what replies are written from.
        messages: stores the messages.
        replies: know what was heard of them.
        turn: returns the number of the latest turn.
        feed: feeds an event to the turn machine.
    """

    def __init__(
        self,
        conversation: Conversation,
        messages: LearnerMessages,
        replies: Replies,
        turn: Callable[[], int],
        feed: Callable[[events.Event], None],
    ) -> None:
        self._conversation = conversation
        self._messages = messages
        self._replies = replies
        self._turn = turn
        self._feed = feed

    def note(self, text: str, message_id: str, *, role: Role = "user", after: str | None = None) -> None:
        """Add a typed message, which the next reply takes into account; nothing is answered now.

        Raises:
            Conflict: there is such a message.
            StorageBehind: too many messages wait to be stored.
        """
        if self._conversation.has(message_id):
            raise Conflict("There is a message with this id already; give another one.")
        if role == "user":
            self._feed(events.Typed(answered=False))
        self._messages.typed(self._turn(), text, message_id, role=role, after=after)

    def forget(self, message_id: str) -> None:
        """Leave a message out of the context of further replies; the chat keeps it."""
        self._conversation.forget(message_id)

    def heard_until(self, message_id: str, milliseconds: int) -> None:
        """Take it from the client how much was heard of a reply; one that is on the air goes on."""
        self._replies.heard_until(message_id, milliseconds)

    def answer_call(self, call_id: str, result: str) -> None:
        """Take the result of a tool that the client has carried out.

        Raises:
            NotFound: there was no such call.
        """
        if not self._conversation.answer_call(call_id, result):
            raise NotFound("No tool was called with this id; give the id of a call of this conversation.")
