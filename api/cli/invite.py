"""`glow invite`: a link by which somebody talks to a persona once, without an account."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.commands import AsJson, show
from api.cli.stored import ask_store
from api.cli.tokens import duration

if TYPE_CHECKING:
    from models.records.core import Persona, Practice
    from models.store import Store

LIFETIME = timedelta(hours=1)


async def named_practice(store: "Store", name: str) -> "Practice":
    """Find a practice by its id or its name, in any case.

    Raises:
        NotFound: there is none; the message lists those there are.
    """
    from models.errors import NotFound

    practices = await store.practices()
    for practice in practices:
        if practice.id == name or practice.name.casefold() == name.strip().casefold():
            return practice
    known = ", ".join(practice.name for practice in practices)
    raise NotFound(
        f"There is no practice {name!r}; "
        + (f"there are: {known}." if known else "`glow serve` installs those of its packs.")
    )


async def persona_of(store: "Store", practice: "Practice", name: str | None) -> "Persona":
    """Find a persona of a practice by its id or its name; the first one without a name.

    Raises:
        NotFound: the practice has no such persona.
    """
    from models.errors import NotFound

    personas = list["Persona"]()
    for scenario_id in (await store.simulation(practice.simulation_id)).scenario_ids:
        personas += [await store.persona(ident) for ident in (await store.scenario(scenario_id)).persona_ids]
    for persona in personas:
        if name is None or persona.id == name or persona.name.casefold() == name.strip().casefold():
            return persona
    if not personas:
        raise NotFound(f"{practice.name} has no persona to talk to.")
    known = ", ".join(persona.name for persona in personas)
    raise NotFound(f"{practice.name} has no persona {name!r}; it has: {known}.")


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
