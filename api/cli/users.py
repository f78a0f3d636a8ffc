"""`glow user`: list users, export what is theirs, delete and erase them."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.commands import AsJson, show_list
from api.cli.terminal import fail

if TYPE_CHECKING:
    from api.settings import Settings
    from models.records.core import Account

app = typer.Typer(no_args_is_help=True, help="List, export, delete and erase users, with everything that is theirs.")


@app.command(name="list")
def list_(as_json: AsJson = False) -> None:
    """List the users, oldest first, with how many tokens and clients still open something, and how many chats."""
    from api.settings import Settings
    from models.store import Store

    async def ask() -> tuple["Account", ...]:
        async with Store(Settings().database_url) as store:
            return await store.list_users()

    users = [
        {
            "id": account.user.id,
            "name": account.user.name,
            "created_at": account.created_at,
            "deleted_at": account.deleted_at,
            "tokens": account.tokens,
            "chats": account.chats,
        }
        for account in asyncio.run(ask())
    ]
    show_list("users", users, as_json=as_json, empty="There is no user; one is made with `glow token create USER`.")


@app.command()
def export(
    user: Annotated[str, typer.Argument(metavar="USER", help="Name of the user, or the id.")],
    to: Annotated[Path, typer.Argument(metavar="DEST", help="A new folder.")],
) -> None:
    """Write all that is stored of a user into a folder: rows as JSON, transcripts, recordings, uploads."""
    from api.settings import Settings
    from models.files import Files
    from models.store import Store
    from pipeline.practice.user_export import export_user

    settings = Settings()

    async def ask() -> tuple[str, int, int]:
        async with Store(settings.database_url) as store:
            found, chats, audios = await export_user(store, Files(settings.data_dir / "audio"), user, to)
            return found.name, chats, audios

    try:
        name, chats, audios = asyncio.run(ask())
    except OSError as error:
        fail(f"{to} cannot be written: {error.strerror}.")
    typer.echo(f"{to} has what is stored of {name}: {chats} chats, {audios} recordings and uploads.")


@app.command()
def erase(
    user: Annotated[str, typer.Argument(metavar="USER", help="Name of the user, or the id.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a user with everything that is theirs, look that nothing is left, and overwrite what SQLite keeps of it.

    Backups still have it: erase again after a restore.
    """
    from api.settings import Settings
    from models.files import Files
    from models.store import Store
    from pipeline.practice.user_removal import erase_user
    from pipeline.tasks.clock import LoopClock

    settings = Settings()
    if not yes:
        typer.confirm(f"Erase {user}, with everything that was said, graded and recorded?", abort=True)

    async def ask() -> tuple[str, int]:
        async with Store(settings.database_url) as store:
            return await erase_user(store, Files(settings.data_dir / "audio"), LoopClock(), user)

    name, chats = asyncio.run(ask())
    typer.echo(f"{name} is erased, with {chats} chats; nothing of theirs is left in the database or the files.")
    _warn_of_static_token(name, settings)


@app.command()
def delete(
    user: Annotated[str, typer.Argument(metavar="USER", help="Name of the user, or the id.")],
    keep_data: Annotated[
        bool,
        typer.Option(
            "--keep-data", help="Keep what was said, graded and recorded, without the name; nothing opens it."
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a user: tokens, clients and name at once, then all chats, grades, recordings, drafts and other data.

    What the user has open is closed within seconds.
    """
    from api.settings import Settings
    from models.files import Files
    from models.store import Store
    from pipeline.practice.user_removal import remove_user
    from pipeline.tasks.clock import LoopClock

    settings = Settings()
    if not yes:
        kept = "but keep what was said" if keep_data else "with everything that was said, graded and recorded"
        typer.confirm(f"Delete {user}, {kept}?", abort=True)

    async def ask() -> tuple[str, int]:
        async with Store(settings.database_url) as store:
            files = Files(settings.data_dir / "audio")
            return await remove_user(store, files, LoopClock(), user, keeps_data=keep_data)

    name, chats = asyncio.run(ask())
    what = "what was said is kept" if keep_data else f"{chats} chats are removed"
    typer.echo(f"{name} is deleted; {what}.")
    _warn_of_static_token(name, settings)


def _warn_of_static_token(name: str, settings: "Settings") -> None:
    if name in settings.static_tokens.values():
        typer.echo(f"GLOW_TOKENS still has a token of {name}, which makes the user anew: take it out there.", err=True)
