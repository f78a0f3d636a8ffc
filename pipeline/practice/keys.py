"""Idempotency keys: a repeated request with the same key gets the first reply and changes nothing."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from contextlib import suppress

from models.errors import StorageFailed
from models.store import Store
from pipeline.tasks.clock import Clock, LoopClock

RENEW_S = 20.0
"""Seconds between two renewals of a key in progress, well below the minute after which it would be free."""


class Keys:
    """Carries out operations with an idempotency key once.

    Args:
        store: keeps the keys and their replies.
        clock: paces the renewals of keys in progress.
    """

    def __init__(self, store: Store, clock: Clock | None = None) -> None:
        self._store = store
        self._clock = clock or LoopClock()

    async def once(
        self, user_id: str, key: str, operation: str, said: str, carry_out: Callable[[], Awaitable[str]]
    ) -> str:
        """Return the stored reply of this key, or carry out the operation and store its reply.

        Args:
            operation: its name, such as "attempt.chat_grade".
            said: the request without its key; equal texts are the same request.
            carry_out: returns the reply; if it raises, the key stays free.

        Raises:
            Conflict: the key belongs to another request, or its request is in progress.
        """
        fingerprint = hashlib.sha256(f"{operation}\n{said}".encode("utf-8", "replace")).hexdigest()
        earlier = await self._store.begin_keyed_call(user_id, key, fingerprint)
        if earlier is not None:
            return earlier
        reply: str | None = None
        renewal = asyncio.create_task(self._renew(user_id, key), name="renew a key")
        try:
            reply = await carry_out()
        finally:
            renewal.cancel()
            # Shielded: a client that goes away must not leave its key in progress.
            await asyncio.shield(self._store.end_keyed_call(user_id, key, reply))
        return reply

    async def _renew(self, user_id: str, key: str) -> None:
        """Keep a key that is in progress; after a crash nobody does, and it is free in a minute."""
        while True:
            await self._clock.sleep(RENEW_S)
            with suppress(StorageFailed):
                await self._store.renew_keyed_call(user_id, key)
