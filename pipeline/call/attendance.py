"""How a line gets, attends and leaves a call, the same for every door and for replays.

call, was_open = await admit(calls, user.id, chat_id, wire, settings)
attendance = Attendance(calls, call)
missed = attendance.enter(listener)     no await in between: no other line can attend it
await obey(call, Say("Hello"))
attendance.leave(unsent)                the call waits to be resumed
"""

from collections.abc import Callable, Iterable

from pipeline.call.call import Call
from pipeline.call.registry import Calls
from pipeline.call.session import Listener, SessionSettings
from pipeline.conversation.events import SessionEvent
from voice.audio.formats import AudioFormat


class Attendance:
    """One line that attends one call, at most once.

    Args:
        calls: the registry that the call is in.
        call: an unattended one.
    """

    def __init__(self, calls: Calls, call: Call) -> None:
        self.call = call
        self._calls = calls
        self._unsubscribe: Callable[[], None] | None = None

    def enter(self, listener: Listener, *, lead_ms: int | None = None, by_hub: bool = False) -> list[SessionEvent]:
        """Attend the call and subscribe `listener` to its events.

        Args:
            listener: gets every event from now on.
            lead_ms: the lead; None adapts it to the line's jitter.
            by_hub: the caller has got the missed events from the hub; they stay in the backlog.

        Returns:
            The events of the unattended time, oldest first; the listener has not got them.
        """
        self._calls.attend(self.call, lead_ms)
        missed = [] if by_hub else self.call.take_backlog()
        self._unsubscribe = self.call.session.subscribe(listener)
        return missed

    async def superseded(self) -> None:
        """Return when another line resumes the call, or its caller is revoked: leave it then."""
        await self.call.evicted()

    def leave(self, unsent: Iterable[SessionEvent] = ()) -> None:
        """Leave the call, which waits to be resumed and ends if it is not. Leaving twice is harmless.

        Args:
            unsent: events that the listener got and that did not reach the caller.
        """
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
            self._calls.leave(self.call, unsent)


async def admit(
    calls: Calls,
    user_id: str,
    chat_id: str,
    wire: AudioFormat | None,
    settings: SessionSettings,
    *,
    resume: str | None = None,
    persona_id: str | None = None,
) -> tuple[Call, bool]:
    """Find the call of a chat that a line attends: the one it resumes, an unattended one, or a new one.

    Args:
        wire: the format of the learner's audio; None for that of the resumed call, or `AudioFormat()`.
        resume: the call's resume token; it also takes the call from a line that seems to be alive, and carries on
            a call of an earlier process.

    Returns:
        The call, and whether it was open before.

    Raises:
        NotFound: no such chat, somebody else's, or no call of this token any more.
        NotOwner: the chat's call is somebody else's.
        SessionConflict: the chat's call is attended, or the chat has ended.
        Busy: the limit of open calls is reached.
        UnsupportedFormat: as `AudioFormat.check`.
    """
    if resume is not None:
        if (kept := await calls.kept(user_id, chat_id, resume)) is not None:
            return await calls.adopt(kept, resume, wire, settings), True
        while (call := calls.resume(user_id, chat_id, resume)).attended:
            await call.evict()
        return call, True
    found = calls.find(user_id, chat_id=chat_id)
    if found is not None and not found.attended:
        return found, True
    if found is None and (kept := await calls.unattended_elsewhere(user_id, chat_id)) is not None:
        return await calls.adopt(kept, None, wire, settings), True
    return await calls.open(user_id, chat_id, wire or AudioFormat(), settings, persona_id), False


async def open_unattended(
    calls: Calls,
    user_id: str,
    chat_id: str,
    wire: AudioFormat,
    settings: SessionSettings,
    persona_id: str | None = None,
) -> Call:
    """Open an unattended call: its audio comes by request, and its events go to the backlog and the hub.

    Raises:
        NotFound, SessionConflict, Busy, UnsupportedFormat: as `Calls.open`.
    """
    call = await calls.open(user_id, chat_id, wire, settings, persona_id)
    call.keep_events()
    call.session.opening.announce()
    return call
