"""A caller's place in a call, whatever door it comes by: which call it gets, what it hears of it, how it leaves.

call, was_open = await admit(calls, user.id, chat_id, wire, settings)
attendance = Attendance(calls, call)
missed = attendance.enter(listener)     no await in between: nobody else can take the call
await obey(call, Say("Hello"))
attendance.leave(unsent)                the call waits for whoever resumes it
"""

from collections.abc import Callable, Iterable

from pipeline.call.call import Call
from pipeline.call.registry import Calls
from pipeline.call.session import Listener, SessionSettings
from pipeline.conversation.events import SessionEvent
from voice.audio.formats import AudioFormat


class Attendance:
    """One connection that attends one call, at most once.

    Args:
        calls: the registry that the call is in.
        call: nobody else attends it.
    """

    def __init__(self, calls: Calls, call: Call) -> None:
        self.call = call
        self._calls = calls
        self._unsubscribe: Callable[[], None] | None = None

    def enter(
        self, listener: Listener, *, lead_ms: int | None = None, told_elsewhere: bool = False
    ) -> list[SessionEvent]:
        """Attend the call and subscribe `listener` to its events.

        Args:
            listener: told every event from now on.
            lead_ms: how far ahead of playback audio is handed out; None adapts it to the connection's jitter.
            told_elsewhere: a hub has told this caller what happened meanwhile; it stays kept for whoever resumes.

        Returns:
            What happened while nobody attended, oldest first; the listener has not been told of it.
        """
        self._calls.attend(self.call, lead_ms)
        missed = [] if told_elsewhere else self.call.take_backlog()
        self._unsubscribe = self.call.session.listen(listener)
        return missed

    async def superseded(self) -> None:
        """Return when another connection resumes the call: leave it then."""
        await self.call.evicted()

    def leave(self, unsent: Iterable[SessionEvent] = ()) -> None:
        """Leave the call, which waits to be resumed and ends if nobody does. Leaving twice is harmless.

        Args:
            unsent: events that the listener was told and that did not reach the caller.
        """
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
            self._calls.leave(self.call, unsent)


async def admit(
    calls: Calls,
    user_id: str,
    chat_id: str,
    wire: AudioFormat,
    settings: SessionSettings,
    *,
    resume: str | None = None,
    persona_id: str | None = None,
) -> tuple[Call, bool]:
    """Choose the call that a caller gets on a chat: the one it resumes, one that nobody attends, or a new one.

    Args:
        resume: the call's own token: it takes the call from a connection that seems to be alive, too.

    Returns:
        The call, and whether it was open before.

    Raises:
        NotFound: no such chat, somebody else's, or no call of this token any more.
        NotOwner: the chat's call is somebody else's.
        SessionConflict: somebody attends the chat's call, or the chat has ended.
        Busy: as many calls as the service carries are open.
        UnsupportedFormat: audio that nobody here understands.
    """
    if resume is not None:
        while (call := calls.resume(user_id, chat_id, resume)).attended:
            await call.evict()
        return call, True
    found = calls.find(user_id, chat_id=chat_id)
    if found is not None and not found.attended:
        return found, True
    return await calls.open(user_id, chat_id, wire, settings, persona_id), False


async def open_unattended(
    calls: Calls, user_id: str, chat_id: str, wire: AudioFormat, settings: SessionSettings
) -> Call:
    """Open a call that no connection attends yet: it is spoken to by request, and heard by its chat's room.

    Raises:
        NotFound, SessionConflict, Busy, UnsupportedFormat: as `Calls.open`.
    """
    call = await calls.open(user_id, chat_id, wire, settings)
    call.keep_events()
    return call
