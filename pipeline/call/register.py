"""The open calls of this process: found by any door, attended and left by lines, resumed after a dropped connection."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from models.errors import NotFound
from models.store import Store
from pipeline.call.call import Call
from pipeline.call.keeping import CallKeeper, hash_of, is_resumed_by
from pipeline.conversation.events import SessionEvent
from pipeline.errors import Busy, NotOwner
from pipeline.tasks.clock import Clock

CLOSING = "The service is closing; try again in a moment."


@dataclass(frozen=True, slots=True)
class CallLimits:
    """How many calls may be open, and how long one may be idle.

    Attributes:
        max_calls: calls open at once.
        idle_s: a call without input for this long is ended.
        resume_s: a dropped connection may be resumed for this long.
        per_user: calls of one user open at once; 0 for no limit.
    """

    max_calls: int = 100
    idle_s: float = 300.0
    resume_s: float = 60.0
    per_user: int = 0


class CallRegister:
    """The open calls, at most one a chat. `Calls` opens and ends them.

    Args:
        store: has what names the calls, for the next process.
        clock: the source of time.
        limits: the limits on calls.
    """

    def __init__(self, store: Store, clock: Clock, limits: CallLimits) -> None:
        self._clock = clock
        self._limits = limits
        self._calls: dict[str, Call] = {}
        self._opening: dict[str, str] = {}
        """The users by the chats on which calls are being opened."""
        self._expiries: dict[str, asyncio.Task[None]] = {}
        self._keeper = CallKeeper(store, clock, limits.resume_s, self._let_go)
        self._closing = False
        self._tasks = asyncio.TaskGroup()

    def __len__(self) -> int:
        return len(self._calls)

    @property
    def closing(self) -> bool:
        """Whether no further call is opened, as the service stops."""
        return self._closing

    @property
    def vacant(self) -> bool:
        """Whether a further call can be opened."""
        return not self._closing and len(self._calls) + len(self._opening) < self._limits.max_calls

    @property
    def chat_ids(self) -> frozenset[str]:
        """The chats with an open call, or one that is being opened."""
        return frozenset((*self._calls, *self._opening))

    def check_vacancy(self, user_id: str) -> None:
        """Check that this user can open another call.

        Raises:
            Busy: the limit of open calls, or of this user's, is reached, or the service is closing.
        """
        if self._closing:
            raise Busy(CLOSING)
        if len(self._calls) + len(self._opening) >= self._limits.max_calls:
            raise Busy("As many calls as this service carries are open; try again in a moment.")
        own = sum(call.user_id == user_id for call in self._calls.values())
        own += sum(opening == user_id for opening in self._opening.values())
        if 0 < self._limits.per_user <= own:
            raise Busy("You have as many calls open as one user may have; end one of them first.")

    def find(self, user_id: str, *, chat_id: str | None = None, conversation_id: str | None = None) -> Call | None:
        """Find the open call on a chat, or of that conversation id.

        Raises:
            NotOwner: it is somebody else's.
        """
        call = self._calls.get(chat_id or "") or next(
            (call for call in self._calls.values() if call.session.conversation_id == conversation_id), None
        )
        if call is not None and call.user_id != user_id:
            raise NotOwner("Not the owner of this session.")
        return call

    def resume(self, user_id: str, chat_id: str, token: str) -> Call:
        """Return the call to resume after a dropped connection.

        Raises:
            NotFound: it has ended, or the token is not its.
            Busy: the service restarts; the next process has the call.
        """
        call = self._calls.get(chat_id)
        if self._closing and (call is None or call.session.over):
            raise Busy("The service restarts; resume the call in a moment.")
        if call is None or call.user_id != user_id or not is_resumed_by(call, hash_of(token)):
            raise NotFound("There is no call to resume here any more; open a new one without `resume`.")
        return call

    def attend(self, call: Call, lead_ms: int | None = None) -> None:
        """Mark the call as attended, with a lead of `lead_ms`; None adapts it to the line's jitter."""
        call.occupy()
        if (lease := self._expiries.pop(call.session.conversation_id, None)) is not None:
            lease.cancel()
        call.session.connect(lead_ms)
        self._keeper.attended(call)

    def leave(self, call: Call, missed: Iterable[SessionEvent] = ()) -> None:
        """Mark the call as unattended: it waits to be resumed, and ends if it is not.

        Args:
            call: an attended one.
            missed: events that did not reach the line any more.
        """
        call.vacate()
        if call.session.ended:
            return
        call.session.disconnect()
        unheard = list(missed)
        call.keep_events(unheard)
        self._keeper.unheard(call, unheard)
        if self._closing or call.revoked:
            call.session.hang_up("revoked" if call.revoked else "closing")
            return
        name = call.session.conversation_id
        self._expiries[name] = self._tasks.create_task(self._expire(call), name=f"lease {name}")

    def open_calls(self) -> list[Call]:
        """List the calls that are open."""
        return list(self._calls.values())

    def revoke(self, call: Call) -> None:
        """End a call whose caller may not speak any more; a line that attends it leaves first."""
        call.revoke()
        if not call.attended:
            call.session.hang_up("revoked")

    async def _expire(self, call: Call) -> None:
        await self._clock.sleep(self._limits.resume_s)
        call.session.hang_up("lost")

    def let_go(self) -> None:
        """End all calls here at once, as other processes may carry them; their owners resume them."""
        for call in self.open_calls():
            call.session.let_go()

    def _let_go(self, chat_id: str) -> None:
        if (call := self._calls.get(chat_id)) is not None:
            call.session.let_go()
