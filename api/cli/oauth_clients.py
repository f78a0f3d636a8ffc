"""`glow client`: create, list and revoke OAuth clients, and allow a token to act for other users."""

from typing import Annotated

import typer

from api.cli.commands import AsJson, show_list
from api.cli.stored import ask_store

app = typer.Typer(no_args_is_help=True, help="Create, list and revoke OAuth clients for POST /oauth2/token.")


@app.command()
def create(
    user: Annotated[str, typer.Argument(help="Name of the user that the client acts for; created if unknown.")],
    label: Annotated[str, typer.Option(help="What the client is for.")] = "",
) -> None:
    """Create a client and print its id and secret, once: only the secret's hash is stored."""
    secret, client = ask_store(lambda store: store.create_oauth_client(user, label))
    typer.echo(f"client_id={client.id}\nclient_secret={secret}")
    typer.echo(f"A client of {client.user.name}. The secret is not shown again.", err=True)


@app.command(name="list")
def list_(as_json: AsJson = False) -> None:
    """List the clients, oldest first."""
    clients = [
        {
            "id": client.id,
            "user": client.user.name,
            "label": client.label,
            "created_at": client.created_at,
            "revoked_at": client.revoked_at,
        }
        for client in ask_store(lambda store: store.list_oauth_clients())
    ]
    show_list("clients", clients, as_json=as_json, empty="There is no client; make one with `glow client create USER`.")


@app.command()
def revoke(client_id: Annotated[str, typer.Argument(metavar="ID", help="The client's id.")]) -> None:
    """Revoke a client and all its access tokens, permanently."""
    client = ask_store(lambda store: store.revoke_oauth_client(client_id))
    typer.echo(f"Client {client.id} of {client.user.name} opens nothing any more.")


@app.command(name="act-as")
def act_as(
    token_id: Annotated[str, typer.Argument(metavar="TOKEN_ID", help="Id of a token, or an unambiguous prefix of it.")],
) -> None:
    """Make a token an operator's: it may act for other users with the Glean headers X-Scio-Actas and X-Glean-ActAs."""
    ask_store(lambda store: store.allow_acting(token_id))
    typer.echo("The token may act for other users now; revoke it to undo this.")
