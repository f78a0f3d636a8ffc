"""Loopback addresses, which the service trusts more, and which clients reach without a proxy."""

from urllib.parse import urlsplit

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
"""Loopback host names."""


def is_local(url: str) -> bool:
    """Return whether a URL points to this machine."""
    return (urlsplit(url).hostname or "") in LOOPBACK
