"""Idempotency keys: the same key with the same request again is answered with the first reply, and changes nothing."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable

from models.store import Store


class Keys:
    """Carries out what comes with a key once.

    Args:
        store: where keys and the replies under them are kept.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def once(
        self, user_id: str, key: str, operation: str, said: str, carry_out: Callable[[], Awaitable[str]]
    ) -> str:
        """Return the reply that was given under this key, or carry the request out and keep its reply.

        Args:
            operation: what is asked for, such as "attempt.chat_grade".
            said: the request without its key; the same words are the same request.
            carry_out: returns the reply; where it raises, the key stays free.

        Raises:
            Conflict: the key stands for another request, or its request is under way.
        """
        fingerprint = hashlib.sha256(f"{operation}\n{said}".encode("utf-8", "replace")).hexdigest()
        earlier = await self._store.begin_keyed_call(user_id, key, fingerprint)
        if earlier is not None:
            return earlier
        reply: str | None = None
        try:
            reply = await carry_out()
        finally:
            # Shielded: a client that goes away must not leave its key in progress.
            await asyncio.shield(self._store.end_keyed_call(user_id, key, reply))
        return reply
