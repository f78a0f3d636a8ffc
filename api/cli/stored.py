"""What commands ask of the database themselves, without a running service."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from models.store import Store

Result = TypeVar("Result")


def ask_store(verb: Callable[["Store"], Awaitable[Result]]) -> Result:
    """Open the database of the settings, and carry out one verb on it."""
    from api.settings import Settings
    from models.store import Store

    async def ask() -> Result:
        async with Store(Settings().database_url) as store:
            return await verb(store)

    return asyncio.run(ask())
