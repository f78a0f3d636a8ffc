"""The other processes of the service, which may carry the call that is asked for here."""

from typing import Protocol

from models.records.open_calls import Carrier


class Neighbours(Protocol):
    """Reaches the other processes."""

    async def release(self, carrier: Carrier, resume_hash: str | None) -> bool:
        """Have the process that carries a call release it, so that this one can go on with it.

        Args:
            resume_hash: of the call's resume token; without it a call is released only if nobody attends it.

        Returns:
            Whether it carries the call no more; False also if it cannot be reached.
        """
        ...
