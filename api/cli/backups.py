"""`glow backup` and `glow restore`: everything that is stored, in a folder, and back."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from models.transfer.backup import Counted, Places


def backup(
    to: Annotated[Path, typer.Argument(metavar="DEST", help="A new folder.")],
) -> None:
    """Copy the database and all files into a new folder, while the service runs; every copy is read again.

    Left out are models, which `glow models pull` brings again, and settings: keep the environment elsewhere.
    """
    from importlib.metadata import version

    from models.store import utc_now
    from models.transfer.backup import back_up

    made = asyncio.run(back_up(_places(), to, utc_now(), version("glow-voice")))
    typer.echo(f"{to} has {_counted(made)}.")


def restore(
    source: Annotated[Path, typer.Argument(metavar="SRC", help="A folder that `glow backup` made.")],
    force: Annotated[
        bool, typer.Option("--force", help="Replace the data directory and the database, which are lost.")
    ] = False,
    check: Annotated[bool, typer.Option("--check", help="Only check that the backup is whole.")] = False,
) -> None:
    """Put a backup back, into the data directory and the database of the settings, of whichever kind.

    Stop the service first.
    """
    from models.transfer.backup import count, verify
    from models.transfer.restore import restore as put_back

    if check:
        manifest = verify(source)
        typer.echo(f"{source} is whole: {_counted(count(source, manifest))}, made at {manifest.made_at}.")
        return
    places = _places()
    put = asyncio.run(put_back(source, places, force=force))
    typer.echo(f"{places.data_dir} and the database have {_counted(put)}, of {put.manifest.made_at}.")
    if put.manifest.packs:
        packs = ",".join(str(places.data_dir / "packs" / name) for name in put.manifest.packs)
        typer.echo(f"Content packs were restored, too: GLOW_PACKS={packs}")


def _counted(made: "Counted") -> str:
    return f"{made.rows} rows and {made.files} files, {made.size / 1e6:.1f} MB"


def _places() -> "Places":
    from api.settings import Settings
    from models.transfer.backup import Places

    settings = Settings()
    return Places(settings.database_url, settings.data_dir, settings.models_dir, settings.packs)
