"""`glow token`: create, list and revoke the Bearer tokens of users."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

if TYPE_CHECKING:
    from models.store import Store

Result = TypeVar("Result")

app = typer.Typer(no_args_is_help=True, help="Create, list and revoke Bearer tokens.")


@app.command()
def create(
    user: Annotated[str, typer.Argument(help="Name of the user; created if unknown.")],
    label: Annotated[str, typer.Option(help="What the token is for.")] = "",
) -> None:
    """Create a token and print it, once: only its hash is stored."""
    secret, token = _ask(lambda store: store.create_token(user, label))
    typer.echo(secret)
    typer.echo(f"Token {token.id} of {token.user.name}. It is not shown again.", err=True)


@app.command(name="list")
def list_() -> None:
    """List the tokens, oldest first."""
    from rich.console import Console
    from rich.table import Table

    tokens = _ask(lambda store: store.list_tokens())
    if not tokens:
        typer.echo("There is no token; make one with `glow token create USER`.")
        return
    table = Table("id", "user", "label", "made", "revoked")
    for token in tokens:
        revoked = f"{token.revoked_at:%Y-%m-%d %H:%M}" if token.revoked_at else ""
        table.add_row(token.id, token.user.name, token.label, f"{token.created_at:%Y-%m-%d %H:%M}", revoked)
    Console(highlight=False).print(table, markup=False)


@app.command()
def revoke(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="Id of the token, or an unambiguous prefix of it.")],
) -> None:
    """Revoke a token, permanently."""
    token = _ask(lambda store: store.revoke_token(token_id))
    typer.echo(f"Token {token.id} of {token.user.name} opens nothing any more.")


def _ask(verb: Callable[["Store"], Awaitable[Result]]) -> Result:
    from api.settings import Settings
    from models.store import Store

    async def ask() -> Result:
        async with Store(Settings().database_url) as store:
            return await verb(store)

    return asyncio.run(ask())
