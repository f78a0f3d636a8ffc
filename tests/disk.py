"""A disk that is full for a while, without one: no file of this process may grow beyond its size."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def full_disk(grows: Path) -> Iterator[None]:
    """Let no write make any file longer than `grows` is now; `grows` is the longest that the test writes to."""
    before, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (grows.stat().st_size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, hard))
