"""Links to the pages: their addresses, and the QR code of one in a terminal.

What opens something stands in the fragment, which browsers send to nobody: it is in no log, and in no Referer.
"""

import io
import sys
from typing import TYPE_CHECKING

import typer

from api.addresses import is_local, own_url

if TYPE_CHECKING:
    from api.settings import Settings

NO_MICROPHONE = (
    "Browsers give no microphone to a page of plain http on a network: serve https with `glow serve --tls-cert "
    "FILE --tls-key FILE`, or --tls-self-signed, or put a proxy in front and name it in GLOW_PUBLIC_URL."
)
NOT_FROM_HERE = (
    "This link works on this machine only: `glow serve --host 0.0.0.0 --tls-self-signed` opens the service to the "
    "network, and GLOW_PUBLIC_URL names its address."
)


def page_url(settings: "Settings", path: str = "/", *, port: int | None = None, opens: str = "") -> str:
    """Return the address of a page.

    Args:
        path: the page's.
        port: the port that the service listens on; by default that of the settings.
        opens: what the page opens, such as "invite=..."; it becomes the fragment.
    """
    base = settings.public_url or own_url(settings.scheme, settings.host, settings.port if port is None else port)
    return f"{base}{path}{f'#{opens}' if opens else ''}"


def has_microphone(url: str) -> bool:
    """Return whether a browser gives the page a microphone."""
    return url.startswith("https:") or is_local(url)


def show_code(url: str) -> None:
    """Draw the QR code of a link, where standard output is a terminal."""
    if sys.stdout.isatty():
        typer.echo(code_of(url))


def code_of(url: str) -> str:
    """Draw a QR code with block characters, two modules in the height of a line."""
    import segno

    drawn = io.StringIO()
    segno.make(url, micro=False).terminal(out=drawn, border=2, compact=True)
    return drawn.getvalue()


def advise(url: str, *, for_others: bool) -> None:
    """Say on standard error why a link does not do everywhere what it should, if so."""
    if not has_microphone(url):
        typer.echo(NO_MICROPHONE, err=True)
    elif for_others and is_local(url):
        typer.echo(NOT_FROM_HERE, err=True)
