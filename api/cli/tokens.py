"""`glow token`: create, list and revoke the Bearer tokens of users."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

import typer

from api.cli.commands import AsJson, show_list
from api.cli.stored import ask_store

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_LONGEST_S = 100 * 366 * 86_400


class TokenScope(StrEnum):
    """The scopes of tokens, as the command line lists them."""

    user = "user"
    operator = "operator"
    kiosk = "kiosk"
    phone = "phone"
    invite = "invite"


def duration(text: str) -> timedelta:
    """Parse a duration: a number and its unit, such as 90m.

    Raises:
        typer.BadParameter: it is none.
    """
    number, unit = text[:-1], _UNITS_S.get(text[-1:])
    if unit is None or not number.isascii() or not number.isdigit() or not 0 < int(number) * unit <= _LONGEST_S:
        raise typer.BadParameter(f"{text!r} is no duration: give a number with s, m, h, d or w, such as 12h.")
    return timedelta(seconds=int(number) * unit)


app = typer.Typer(no_args_is_help=True, help="Create, list and revoke Bearer tokens.")


@app.command()
def create(
    user: Annotated[str, typer.Argument(help="Name of the user; created if unknown.")],
    label: Annotated[str, typer.Option(help="What the token is for.")] = "",
    scope: Annotated[
        TokenScope,
        typer.Option(
            help="What it opens: user, all of the user's own; operator, also acting for others; kiosk and phone, calls "
            "on the chats that are started with it; invite, one such call with one persona."
        ),
    ] = TokenScope.user,
    expires_in: Annotated[
        timedelta | None,
        typer.Option(parser=duration, metavar="DURATION", help="When it expires, such as 90m, 12h or 30d; else never."),
    ] = None,
    persona: Annotated[str | None, typer.Option(help="Id of the persona that an invite's call is with.")] = None,
) -> None:
    """Create a token and print it, once: only its hash is stored."""
    secret, token = ask_store(
        lambda store: store.create_token(user, label, scope=scope.value, lifetime=expires_in, persona_id=persona)
    )
    typer.echo(secret)
    until = f", until {token.expires_at:%Y-%m-%d %H:%M} UTC" if token.expires_at else ""
    typer.echo(f"Token {token.id} of {token.user.name}: {token.scope}{until}. It is not shown again.", err=True)


@app.command(name="list")
def list_(as_json: AsJson = False) -> None:
    """List the tokens, oldest first."""
    tokens = [
        {
            "id": token.id,
            "user": token.user.name,
            "scope": token.scope,
            "label": token.label,
            "created_at": token.created_at,
            "expires_at": token.expires_at,
            "revoked_at": token.revoked_at,
            "persona_id": token.persona_id,
            "spent_at": token.spent_at,
            "practice_ids": list(token.practice_ids),
        }
        for token in ask_store(lambda store: store.list_tokens())
    ]
    show_list("tokens", tokens, as_json=as_json, empty="There is no token; make one with `glow token create USER`.")


@app.command()
def revoke(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="Id of the token, or an unambiguous prefix of it.")],
) -> None:
    """Revoke a token, permanently; what it has open is closed within seconds."""
    token = ask_store(lambda store: store.revoke_token(token_id))
    typer.echo(f"Token {token.id} of {token.user.name} opens nothing any more.")
