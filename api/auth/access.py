"""Access: which calls a grant may open, and the end of everything that a revoked or expired one has open."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import TracebackType
from typing import Self, TypeVar

from api.auth.scopes import OTHER_CHAT, Forbidden, calls_only, check_right
from models.errors import StorageFailed
from models.records.core import Grant
from models.store import Store
from pipeline.call.call import Call
from pipeline.call.registry import Calls
from pipeline.errors import NotOwner
from pipeline.tasks.clock import Clock

log = logging.getLogger(__name__)

Part = TypeVar("Part")

LOOK_EVERY_S = 2.0
"""Seconds between two looks at the database, which other processes revoke tokens in."""

SPENT = "This invitation has had its one call: ask for another."


class Access:
    """What grants may open, and have open. Use as an async context manager, in which revoked ones are closed.

    Args:
        store: where tokens, clients and users are.
        calls: the open calls.
        clock: the source of time.
    """

    def __init__(self, store: Store, calls: Calls, clock: Clock) -> None:
        self._store = store
        self._calls = calls
        self._clock = clock
        self._held: dict[object, tuple[Grant, Callable[[], object]]] = {}
        self._tasks = asyncio.TaskGroup()

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self._watching = self._tasks.create_task(self._watch(), name="revoked tokens")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._watching.cancel()
        await self._tasks.__aexit__(kind, error, trace)

    # ---------------------------------------------------------- what is allowed

    async def check(
        self, grant: Grant, right: str, *, chat_id: str | None = None, conversation_id: str | None = None
    ) -> None:
        """Check that a caller has a right, and may have a call on this chat, or is in this conversation.

        Raises:
            Forbidden: its scope does not include it, or the chat was not started with its token.
            StorageFailed: the store is away.
        """
        check_right(grant, right)
        if not calls_only(grant.scope) or (chat_id is None and conversation_id is None):
            return
        try:
            call = self._calls.find(grant.user.id, chat_id=chat_id, conversation_id=conversation_id)
        except NotOwner:  # never reveals whether somebody else's chat exists
            raise Forbidden(OTHER_CHAT) from None
        if call is not None and self.may_attend(grant, call):
            return
        if call is not None:
            chat_id = call.session.conversation.chat_id
        elif chat_id is None:  # one of an earlier process goes on by its conversation alone, as with a user's token
            kept = await self._calls.left(grant.user.id, conversation_id=conversation_id)
            there = None if kept is not None else await self._elsewhere(grant, conversation_id=conversation_id)
            chat_id = kept.chat_id if kept is not None else there
        if chat_id is None or not await self._store.has_started(grant.credential_id, chat_id):
            raise Forbidden(OTHER_CHAT)

    async def _elsewhere(
        self, grant: Grant, *, chat_id: str | None = None, conversation_id: str | None = None
    ) -> str | None:
        """Return the chat of the user's call that another process carries, if one does."""
        try:
            call = await self._calls.orders.named(grant.user.id, chat_id=chat_id, conversation_id=conversation_id)
        except NotOwner:  # never reveals whether somebody else's chat exists
            return None
        return call.chat_id if call is not None else None

    @staticmethod
    def may_attend(grant: Grant, call: Call) -> bool:
        """Return whether a user's caller may attend this call of theirs, whoever opened it."""
        return not calls_only(grant.scope) or call.grant == grant

    @staticmethod
    def check_practice(grant: Grant | None, practice_id: str | None) -> None:
        """Check that a caller may start this practice; None for what is none.

        Raises:
            Forbidden: its token is for other practices.
        """
        if grant is not None and grant.practice_ids and practice_id not in grant.practice_ids:
            raise Forbidden("This token is for other practices: start one of those that it was made for.")

    async def started(self, grant: Grant | None, *chat_ids: str) -> None:
        """Remember which chats were started with a token that may have calls on those only."""
        if grant is not None and calls_only(grant.scope):
            await self._store.keep_started(grant.credential_id, chat_ids)

    @asynccontextmanager
    async def opening(self, grant: Grant, chat_id: str, resume: str | None = None) -> AsyncIterator[str | None]:
        """Allow one call to be opened on a chat, or the open one to be found or resumed, within the block.

        Yields:
            The id of the persona that it has to be with; None for any.

        Raises:
            Forbidden: the invite is spent, or the chat has not its persona.
        """
        if grant.scope != "invite":
            yield None
            return
        call = self._calls.find(grant.user.id, chat_id=chat_id)
        mine = call is not None and call.grant == grant
        goes_on = resume is not None or mine
        if not goes_on and call is None:  # this chat was started with the invitation, and so its call, too
            left = await self._calls.left(grant.user.id, chat_id=chat_id)
            goes_on = left is not None or await self._elsewhere(grant, chat_id=chat_id) is not None
        if goes_on:
            yield grant.persona_id
            return
        context = await self._store.context(chat_id)
        if all(persona.id != grant.persona_id for persona in context.personas):
            raise Forbidden("This invitation is to another persona: start a practice with that one.")
        if not await self._store.spend_token(grant.credential_id):
            raise Forbidden(SPENT)
        try:
            yield grant.persona_id
        except BaseException:
            await self._store.restore_token(grant.credential_id)
            raise

    # ------------------------------------------------------------- what is open

    @contextmanager
    def holding(self, grant: Grant, close: Callable[[], object]) -> Iterator[None]:
        """Have `close` called, once, if the grant is revoked within the block."""
        held = object()
        self._held[held] = (grant, close)
        try:
            yield
        finally:
            self._held.pop(held, None)

    async def until_revoked(self, grant: Grant, parts: AsyncIterator[Part]) -> AsyncIterator[Part]:
        """Yield the parts of a stream until its end, or until the grant is revoked."""
        revoked = asyncio.Event()
        waiting: set[asyncio.Timeout] = set()

        def revoke() -> None:
            revoked.set()
            for wait in waiting:
                wait.reschedule(0.0)

        try:
            with self.holding(grant, revoke):
                while not revoked.is_set():
                    try:
                        async with asyncio.timeout(None) as wait:
                            waiting.add(wait)
                            part = await anext(parts)
                    except StopAsyncIteration:
                        return
                    except TimeoutError:
                        if revoked.is_set():
                            return
                        raise
                    finally:
                        waiting.clear()
                    yield part
        finally:
            if isinstance(parts, AsyncGenerator):
                await parts.aclose()

    async def close_revoked(self) -> int:
        """Close what tokens and clients that open nothing any more, and users that are gone, have open; count it.

        Work in the background that was begun by them is stopped, too.
        """
        opened = [(call.grant, call) for call in self._calls.open_calls() if call.grant is not None]
        held = list(self._held.items())
        grants = {grant for grant, _ in opened} | {grant for _, (grant, _) in held}
        if not grants:
            return 0
        revoked = grants - await self._store.standing(grants)
        closed = 0
        for grant, call in opened:
            if grant in revoked:
                self._calls.revoke(call)
                closed += 1
        for key, (grant, close) in held:
            if grant in revoked and self._held.pop(key, None) is not None:
                close()
                closed += 1
        return closed

    async def _watch(self) -> None:
        while True:
            await self._clock.sleep(LOOK_EVERY_S)
            try:
                closed = await self.close_revoked()
            except StorageFailed:
                continue  # the store logs it; everything stays open meanwhile
            except Exception as error:  # noqa: BLE001  # it is looked up again, whatever it was
                log.warning("Revoked tokens cannot be looked up (%s); trying again.", type(error).__name__)
            else:
                if closed:
                    log.info("Closed or stopped %d things of revoked or expired tokens or deleted users.", closed)
