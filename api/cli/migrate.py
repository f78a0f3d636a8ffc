"""`glow migrate`: from the database of one service to that of many."""

import asyncio
from typing import Annotated

import typer


def migrate(
    to: Annotated[
        str,
        typer.Option(
            "--to",
            envvar="GLOW_MIGRATE_TO",
            metavar="URL",
            help="The new database, empty, such as postgresql+asyncpg://user:password@host/glow; with a password "
            "better in the environment than here.",
        ),
    ],
) -> None:
    """Copy the database of the settings to an empty one of another kind: all of it, compared row by row, or nothing.

    Stop the service first; the old database stays as it is.
    """
    from api.settings import Settings
    from models.transfer.databases import move_database, shown

    source = Settings().database_url
    moved = asyncio.run(move_database(source, to))
    for name, total in sorted(moved.items()):
        if total.rows:
            typer.echo(f"{total.rows:>9}  {name}")
    typer.echo(
        f"{sum(total.rows for total in moved.values())} rows of {len(moved)} tables are in {shown(to)}, each as it was."
    )
    typer.echo("Set GLOW_DATABASE_URL to it, and start the service; the old database is not read any more.")
