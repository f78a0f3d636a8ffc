"""The end of chats and attempts, and their grading."""

from collections.abc import Sequence
from dataclasses import dataclass

from models.errors import Conflict
from models.records.core import Attempt, Chat
from models.records.outcomes import Grade
from models.store import Store
from pipeline.call.registry import Calls
from pipeline.chats.chats import Chats
from pipeline.chats.events import ChatChannel
from pipeline.chats.hub import Hub, profile_channel
from pipeline.practice.attempts import is_finished
from pipeline.practice.coaching import Coaching, WrittenFeedback, WrittenRemark
from pipeline.practice.grading import Graded, Grading
from pipeline.practice.own_chats import OwnChats

NOT_BEGUN = "Some scenarios were ended before they were begun."
CHAT_ENDED_ALREADY = "This chat has ended already: go on to the next one, or start another attempt."
HAD_ENDED = "This chat had ended already."
GRADED_AFTER_ITS_END = "This chat had ended already; it has been graded now."
ATTEMPT_ENDED_ALREADY = "This attempt had ended already."


@dataclass(frozen=True, slots=True)
class ChatVerdict:
    """A person's verdict on a chat that ends; omitted parts are not written.

    Attributes:
        score: by hand; without one the coach grades if `by_coach`.
        passed, taken_s: with a score, instead of the rubric's verdict and the measured time.
    """

    by_coach: bool = True
    score: int | None = None
    passed: bool | None = None
    taken_s: int | None = None
    feedback: Sequence[WrittenFeedback] = ()
    strengths: Sequence[WrittenRemark] = ()
    improvements: Sequence[WrittenRemark] = ()
    analyses: Sequence[str] = ()

    @property
    def by_hand(self) -> bool:
        """Whether a person wrote anything."""
        written = (self.feedback, self.strengths, self.improvements, self.analyses)
        return self.score is not None or any(written)


@dataclass(frozen=True, slots=True)
class EndedChat:
    """A chat that has ended, and whether its attempt is over with it.

    Attributes:
        message: a sentence to show if it had ended before.
    """

    chat: Chat
    grade: Grade | None
    finished: bool
    message: str | None = None


@dataclass(frozen=True, slots=True)
class EndedAttempt:
    """An attempt that has ended.

    Attributes:
        all_begun: every scenario was begun.
        message: a sentence to show if one was not, or if the attempt had ended before.
    """

    attempt: Attempt
    all_begun: bool
    message: str | None = None


class Ending:
    """Ends chats and attempts.

    Args:
        store: keeps them.
        chats, calls: stop written replies; end calls.
        hub: takes the events.
        grading, coaching: grade ended chats.
        own: finds the chats.
    """

    def __init__(
        self,
        *,
        store: Store,
        chats: Chats,
        calls: Calls,
        hub: Hub,
        grading: Grading,
        coaching: Coaching,
        own: OwnChats,
    ) -> None:
        self._store = store
        self._chats = chats
        self._calls = calls
        self._hub = hub
        self._grading = grading
        self._coaching = coaching
        self._own = own

    async def complete_chat(self, user_id: str, chat_id: str, message: str | None = None) -> EndedChat:
        """Mark a chat completed; stop its written reply and end its call. One that had ended keeps its end.

        Raises:
            NotFound: unknown, or another user's.
        """
        had_ended = (await self._own.find(user_id, chat_id)).completed_at is not None
        await self._silence(user_id, chat_id)
        chat = await self._store.complete_chat(chat_id, message)
        ChatChannel(self._hub, chat.id, user_id).publish("attempt_chat_ended", {"is_attempt_finished": None})
        return EndedChat(chat, None, finished=False, message=HAD_ENDED if had_ended else None)

    async def end_chat(self, user_id: str, chat_id: str, attempt_id: str, verdict: ChatVerdict) -> EndedChat:
        """End one chat of an attempt, and grade it; one whose time ran out is graded, too.

        Raises:
            NotFound: unknown chat, another user's, or of another attempt.
            Conflict: it has ended already, and nothing is left to grade.
            Invalid: the verdict does not fit the rubric, or quotes what was not said.
        """
        chat = await self._own.find(user_id, chat_id, attempt_id)
        had_ended = chat.completed_at is not None
        if had_ended and not verdict.by_hand:
            graded = await self._store.grades_of([chat.id])
            if graded or not verdict.by_coach:
                raise Conflict(CHAT_ENDED_ALREADY)
        await self._silence(user_id, chat.id)
        chat = await self._store.complete_chat(chat.id)
        grade = await self._judge(user_id, chat, verdict)
        attempt = await self._store.attempt(user_id, chat.attempt_id)
        finished = is_finished(attempt)
        if finished:
            await self._store.complete_attempt(user_id, attempt.id)
        channel = ChatChannel(self._hub, chat.id, user_id)
        about = {"is_attempt_finished": finished, "grade_id": grade.id if grade else None}
        channel.publish("attempt_chat_ended", about)
        if finished:
            ended = {"attempt_id": attempt.id, "success": True, "all_scenarios_complete": True}
            channel.publish("attempt_ended", ended)
        return EndedChat(chat, grade, finished, GRADED_AFTER_ITS_END if had_ended else None)

    async def _judge(self, user_id: str, chat: Chat, verdict: ChatVerdict) -> Grade | None:
        coaching = self._coaching
        if verdict.feedback:
            await coaching.feedback(user_id, chat.id, verdict.feedback)
        if verdict.strengths:
            await coaching.strengths(user_id, chat.id, verdict.strengths)
        if verdict.improvements:
            await coaching.improvements(user_id, chat.id, verdict.improvements)
        if verdict.analyses:
            await coaching.analyses(user_id, chat.id, verdict.analyses)
        if verdict.score is not None:
            return await self._grading.by_hand(chat, verdict.score, passed=verdict.passed, taken_s=verdict.taken_s)
        return (await self._grading.grade(user_id, chat.id)).grade if verdict.by_coach else None

    async def end_all(self, user_id: str, attempt_id: str) -> EndedAttempt:
        """End every chat of an attempt; grade those with messages of the learner, unless they are graded already.

        Raises:
            NotFound: unknown, or another user's.
        """
        attempt = await self._store.attempt(user_id, attempt_id)
        graded = await self._store.grades_of([chat.id for chat in attempt.chats])
        await self._silence_all(user_id, attempt)
        ended = await self._store.complete_attempt(user_id, attempt.id)
        for chat in ended.chats:
            if chat.id not in graded and await self._was_spoken_in(chat):
                await self._grading.grade(user_id, chat.id)
        all_begun = all(chat.started_at is not None for chat in attempt.chats)
        message = ATTEMPT_ENDED_ALREADY if attempt.ended_at is not None else None if all_begun else NOT_BEGUN
        result = EndedAttempt(ended, all_begun, message)
        about = {
            "attempt_id": attempt.id,
            "success": True,
            "all_scenarios_complete": all_begun,
            "message": result.message,
        }
        self._hub.publish(profile_channel(user_id), "attempt_ended", about, user_id=user_id, entity_id=attempt.id)
        for chat in attempt.chats:
            ChatChannel(self._hub, chat.id, user_id).publish("attempt_ended", about)
        return result

    async def complete(self, user_id: str, attempt_id: str, message: str | None = None) -> Sequence[str]:
        """Mark an attempt and all its chats complete, without grading; return the chats that it ended.

        Raises:
            NotFound: unknown, or another user's.
        """
        attempt = await self._store.attempt(user_id, attempt_id)
        completed = await self._silence_all(user_id, attempt)
        await self._store.complete_attempt(user_id, attempt.id, message)
        return completed

    async def grade(
        self, user_id: str, attempt_id: str, *, chat_id: str | None = None, instructions: str = ""
    ) -> Graded:
        """Have the coach grade a chat of an attempt: the given one, else the last with messages of the learner.

        Raises:
            NotFound: unknown attempt or chat, or another user's.
        """
        attempt = await self._store.attempt(user_id, attempt_id)
        if not chat_id:
            chat_id = attempt.chats[0].id
            for chat in reversed(attempt.chats):
                if await self._was_spoken_in(chat):
                    chat_id = chat.id
                    break
        chat = await self._own.find(user_id, chat_id, attempt.id)
        return await self._grading.grade(user_id, chat.id, instructions=instructions)

    async def _was_spoken_in(self, chat: Chat) -> bool:
        return any(item.role == "user" for item in await self._store.messages(chat.id))

    async def _silence_all(self, user_id: str, attempt: Attempt) -> list[str]:
        left = [chat.id for chat in attempt.chats if chat.completed_at is None]
        for chat_id in left:
            await self._silence(user_id, chat_id)
        return left

    async def _silence(self, user_id: str, chat_id: str) -> None:
        """Stop the reply that is being written and end the call, if there is one."""
        await self._chats.stop(user_id, chat_id=chat_id)
        await self._calls.orders.end(user_id, chat_id)
