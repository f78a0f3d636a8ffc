"""`glow satellite`: the Wyoming satellites that this machine's service dials."""

from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.commands import AsJson, show, show_list
from api.cli.stored import ask_store

if TYPE_CHECKING:
    from models.store import Store

app = typer.Typer(no_args_is_help=True, help="Add, list and remove satellites.")


@app.command()
def add(
    address: Annotated[str, typer.Argument(help="Address of the satellite, such as tcp://kitchen:10700.")],
    practice: Annotated[
        str, typer.Option(help="Name or id of the practice; by default the persona's, or the first one.")
    ] = "",
    persona: Annotated[str, typer.Option(help="Name or id of the persona; by default the practice's first.")] = "",
    as_json: AsJson = False,
) -> None:
    """Have a satellite dialled, within seconds if the service runs; a persona answers there."""
    from api.doors.wyoming.satellites import Satellite, add_satellite
    from api.settings import Settings
    from models.private import private_folder
    from pipeline.practice.naming import addressed, named_practice, persona_of

    async def find(store: "Store") -> str:
        if not practice:
            return (await addressed(store, persona or None))[1].name
        return (await persona_of(store, await named_practice(store, practice), persona or None)).name

    name = ask_store(find)
    folder = Settings().data_dir
    private_folder(folder)
    add_satellite(folder, Satellite(address, practice, persona))
    if as_json:
        show({"address": address, "persona": name}, as_json=True)
        return
    typer.echo(f"{name} answers at {address}.")


@app.command(name="list")
def list_(as_json: AsJson = False) -> None:
    """List the satellites, oldest first, those of GLOW_SATELLITES included."""
    from api.doors.wyoming.satellites import read_satellites
    from api.settings import Settings

    settings = Settings()
    listed = [
        {"address": one.address, "practice": one.practice, "persona": one.persona, "from": "glow satellite add"}
        for one in read_satellites(settings.data_dir)
    ]
    listed += [
        {"address": address, "practice": "", "persona": name or "", "from": "GLOW_SATELLITES"}
        for address, name in settings.satellite_addresses
    ]
    none = "There is no satellite; add one with `glow satellite add tcp://HOST:10700`."
    show_list("satellites", listed, as_json=as_json, empty=none)


@app.command()
def remove(address: Annotated[str, typer.Argument(help="Address of the satellite.")]) -> None:
    """Dial a satellite no more; a call on it ends within seconds."""
    from api.doors.wyoming.satellites import remove_satellite
    from api.settings import Settings

    remove_satellite(Settings().data_dir, address)
    typer.echo(f"{address} is not dialled any more.")
