"""Two gateways of one service, each on a loop and a port of its own in this process, with one database."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.service import RunningService, unhearing

Gateways = list[RunningService]

SECRET = "secret-of-the-neighbours-0123456789"


@contextmanager
def neighbours(folder: Path, number: int = 2, **chosen: str) -> Iterator[list[RunningService]]:
    """Gateways that hand calls and requests to each other; with SQLite in the folder, unless a database is chosen."""
    with ExitStack() as stack:
        yield [stack.enter_context(unhearing(folder, gateway_secret=SECRET, **chosen)) for _ in range(number)]
