"""`glow invite`: a link by which somebody talks to a persona once, without an account."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.commands import AsJson, show
from api.cli.stored import ask_store
from api.cli.tokens import duration

if TYPE_CHECKING:
    from models.store import Store

LIFETIME = timedelta(hours=1)


def invite(
    practice: Annotated[str, typer.Argument(help="Name or id of the practice.")],
    persona: Annotated[str | None, typer.Option(help="Name or id of the persona; by default the first one.")] = None,
    user: Annotated[str, typer.Option(help="Name of the user whose chat it will be; created if unknown.")] = "guest",
    expires_in: Annotated[
        timedelta | None,
        typer.Option(
            parser=duration, metavar="DURATION", help="When the link expires, such as 30m or 2d; by default in an hour."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a link for one call with one persona, and show it with its QR code."""
    from api.cli.links import advise, page_url, show_code
    from api.settings import Settings
    from pipeline.practice.naming import named_practice, persona_of

    async def make(store: "Store") -> tuple[str, str, str]:
        found = await named_practice(store, practice)
        chosen = await persona_of(store, found, persona)
        secret, token = await store.create_token(
            user,
            f"invitation to {found.name}",
            scope="invite",
            lifetime=expires_in or LIFETIME,
            persona_id=chosen.id,
            practice_ids=(found.id,),
        )
        return secret, token.id, f"{found.name} with {chosen.name}, until {token.expires_at:%Y-%m-%d %H:%M} UTC"

    secret, token_id, about = ask_store(make)
    url = page_url(Settings(), opens=f"invite={secret}")
    if as_json:
        show({"url": url, "token_id": token_id, "about": about}, as_json=True)
        return
    typer.echo(url)
    show_code(url)
    typer.echo(f"One call: {about}. `glow token revoke {token_id}` ends it.", err=True)
    advise(url, for_others=True)
