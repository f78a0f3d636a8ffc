"""Addresses: which are of this machine, and under which one others reach the service."""

import re
import socket
from urllib.parse import urlsplit

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
"""Loopback host names."""

ANY = frozenset({"0.0.0.0", "::", ""})
"""What a service listens on that listens on every address."""

ORIGIN = re.compile(r"https?://[A-Za-z0-9.*-]+(:\d{1,5})?")
"""A web origin: scheme, host and port; `*` for any name below a domain."""

_FAR = ("192.0.2.1", 9)
"""An address for documentation (RFC 5737), which nothing is sent to."""


def is_local(url: str) -> bool:
    """Return whether a URL points to this machine."""
    return (urlsplit(url).hostname or "") in LOOPBACK


def network_address() -> str:
    """Return this machine's address on its network, by its route outwards; loopback where it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_FAR)  # chooses a route, and sends nothing
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"


def own_url(scheme: str, host: str, port: int) -> str:
    """Return the URL of a service that listens on this host and port; on all addresses: the one on the network."""
    host = network_address() if host in ANY else host
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
