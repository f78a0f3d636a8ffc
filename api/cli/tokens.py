"""`glow token`: create, list and revoke the Bearer tokens of users."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from api.cli.commands import AsJson, show_list

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
def list_(as_json: AsJson = False) -> None:
    """List the tokens, oldest first."""
    tokens = [
        {
            "id": token.id,
            "user": token.user.name,
            "label": token.label,
            "created_at": token.created_at,
            "revoked_at": token.revoked_at,
        }
        for token in _ask(lambda store: store.list_tokens())
    ]
    show_list("tokens", tokens, as_json=as_json, empty="There is no token; make one with `glow token create USER`.")


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
