"""Any ASGI application on uvicorn, in a thread of its own."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

WAIT_S = 60.0


@contextmanager
def serving(config: uvicorn.Config) -> Iterator[int]:
    """Serve for the length of the block, and give the port."""
    server, listening = uvicorn.Server(config), threading.Event()
    startup = server.startup

    async def announced(*args: Any, **kwargs: Any) -> None:
        await startup(*args, **kwargs)
        listening.set()

    server.startup = announced  # type: ignore[method-assign]
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert listening.wait(WAIT_S)
        yield int(server.servers[0].sockets[0].getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(WAIT_S)
