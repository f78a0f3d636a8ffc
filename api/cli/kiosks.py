"""`glow kiosk`: the device keys of kiosks, which open calls on their practices and nothing else."""

from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.commands import AsJson, show, show_list
from api.cli.stored import ask_store

if TYPE_CHECKING:
    from models.records.core import Token
    from models.store import Store

LABEL = "kiosk: "
"""What the label of a kiosk's token begins with; its name follows."""

BROWSER = (
    "chromium --kiosk --noerrdialogs --disable-session-crashed-bubble --overscroll-history-navigation=0 "
    "--disable-pinch --autoplay-policy=no-user-gesture-required --use-fake-ui-for-media-stream"
)
"""Chromium on a kiosk. The last option grants the real microphone without asking."""

app = typer.Typer(no_args_is_help=True, help="Add, list and remove kiosks.")


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Name of the kiosk, such as hall-2.")],
    practice: Annotated[
        list[str] | None,
        typer.Option(help="Name or id of a practice that it offers; may be given several times; all by default."),
    ] = None,
    language: Annotated[str, typer.Option(help="Language that its screens begin in, as a BCP 47 tag.")] = "en",
    idle: Annotated[
        int, typer.Option(min=15, max=600, help="Seconds without a word or a touch until it asks who is there.")
    ] = 45,
    as_json: AsJson = False,
) -> None:
    """Make a kiosk's device key; print its address, once, and the browser's command line."""
    from api.cli.links import advise, page_url
    from api.settings import Settings
    from models.errors import Conflict
    from pipeline.practice.naming import named_practice

    async def make(store: "Store") -> tuple[str, "Token"]:
        if any(token.label == LABEL + name for token in await _kiosks(store)):
            raise Conflict(f"There is a kiosk {name!r} already: choose another name, or remove it first.")
        offered = [(await named_practice(store, one)).id for one in practice or ()]
        return await store.create_token(f"kiosk-{name}", LABEL + name, scope="kiosk", practice_ids=offered)

    secret, token = ask_store(make)
    url = page_url(Settings(), f"/kiosk?lang={language}&idle={idle}", opens=f"key={secret}")
    if as_json:
        show({"url": url, "token_id": token.id, "browser": f"{BROWSER} '{url}'"}, as_json=True)
        return
    typer.echo(url)
    typer.echo(f"{BROWSER} '{url}'")
    typer.echo("The address holds the kiosk's key, and is not shown again.", err=True)
    advise(url, for_others=False)


@app.command(name="list")
def list_(as_json: AsJson = False) -> None:
    """List the kiosks, oldest first."""

    async def find(store: "Store") -> list[dict[str, object]]:
        names = {practice.id: practice.name for practice in await store.practices()}
        return [
            {
                "name": token.label.removeprefix(LABEL),
                "practices": [names.get(ident, ident) for ident in token.practice_ids] or ["all"],
                "created_at": token.created_at,
                "token_id": token.id,
            }
            for token in await _kiosks(store)
        ]

    none = "There is no kiosk; make one with `glow kiosk add NAME`."
    show_list("kiosks", ask_store(find), as_json=as_json, empty=none)


@app.command()
def remove(name: Annotated[str, typer.Argument(help="Name of the kiosk.")]) -> None:
    """Revoke a kiosk's key; what it has open is closed within seconds."""
    from models.errors import NotFound

    async def revoke(store: "Store") -> None:
        for token in await _kiosks(store):
            if token.label == LABEL + name:
                await store.revoke_token(token.id)
                return
        raise NotFound(f"There is no kiosk {name!r}: list them with `glow kiosk list`.")

    ask_store(revoke)
    typer.echo(f"The kiosk {name} opens nothing any more.")


async def _kiosks(store: "Store") -> list["Token"]:
    tokens = await store.list_tokens()
    return [token for token in tokens if token.label.startswith(LABEL) and token.revoked_at is None]
