"""The other processes of the service, which may carry the call that is asked for here."""

from collections.abc import Mapping
from typing import Any, Protocol

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

    async def order(self, carrier: Carrier, order: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Have the process that carries a call give it an order (see `pipeline.call.orders`).

        Args:
            order: as JSON.

        Returns:
            The outcome, as JSON; None if the call is not there any more.

        Raises:
            Busy: it cannot be reached.
            PipelineError: it refuses.
        """
        ...

    async def refresh(self) -> None:
        """Have every other process read again what has changed of its content; one that cannot be reached does not."""
        ...
