"""The headers of every page: what it may load, run and connect to, and who may show it in a frame."""

import re
from collections.abc import Iterable

from api.addresses import ORIGIN

PERMISSIONS = "microphone=(self), camera=(), geolocation=(), screen-wake-lock=(self)"

_HOST = re.compile(r"[A-Za-z0-9.-]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?")


def page_headers(host: str, *, secure: bool, embedders: Iterable[str] = ()) -> dict[str, str]:
    """Return the headers of a page.

    Args:
        host: the request's `Host`, name and port: what the page's websocket connects to. Safari before 15.4 does not
            take `'self'` for it.
        secure: whether the page came over https, and its websocket goes over wss.
        embedders: origins that may show the page in a frame, as in `https://museum.example`.

    Raises:
        ValueError: an embedder is no origin.
    """
    embedders = tuple(embedders)
    for origin in embedders:
        if not ORIGIN.fullmatch(origin):
            raise ValueError(f"{origin!r} is no origin: write the scheme and the host, as in https://museum.example.")
    # What is no host name was made up by the client: the page is then left with 'self'.
    socket = f" {'wss' if secure else 'ws'}://{host}" if _HOST.fullmatch(host) else ""
    policy = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "connect-src": "'self'" + socket,
        "img-src": "'self' data:",
        "media-src": "'self' blob:",
        "worker-src": "'self'",
        "font-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": " ".join(("'self'", *embedders)),
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "Permissions-Policy": PERMISSIONS,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
