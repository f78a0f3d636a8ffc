"""`glow pack`: begin a content pack, and look one over before the service reads it."""

from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.commands import AsJson, show

app = typer.Typer(no_args_is_help=True, help="Begin content packs, and check them.")


@app.command()
def check(
    path: Annotated[Path, typer.Argument(help="Folder of a pack, or its one YAML file.")], as_json: AsJson = False
) -> None:
    """Check a pack, with its lessons: print what is in it, or every problem with its file and line."""
    from pipeline.practice.pack_check import check_pack

    checked = check_pack(path)
    problems = checked.problems
    found: dict[str, Any] = {"pack": checked.slug, "name": checked.name} if checked.slug else {}
    found |= {kind: list(names) for kind, names in checked.parts.items()}
    if as_json:
        show({"problems": list(problems), **found}, as_json=True)
    else:
        for problem in problems:
            typer.echo(problem, err=True)
    if problems:
        raise typer.Exit(1)
    if not as_json:
        typer.echo(f"{path} is whole: the pack {found['pack']!r}, called {found['name']!r}.")
        for kind, names in list(found.items())[2:]:
            if names and kind != "resources":
                typer.echo(f"  {kind}: {'; '.join(names)}")
        typer.echo(f"The service reads it with GLOW_PACKS={path}")


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="What the pack is called, such as 'Front desk'.")],
    folder: Annotated[Path, typer.Option("--in", help="Where its folder is made.")] = Path(),
) -> None:
    """Begin a pack: a folder with one persona, one scenario and a document, to be changed."""
    from models.packs.scaffold import new_pack

    try:
        made = new_pack(name, folder)
    except OSError as error:
        typer.echo(f"No pack can be made in {folder} ({error.strerror}): choose another with --in.", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"Made {made}. Change {made / 'pack.yaml'}, look it over with `glow pack check {made}`, and try it with")
    typer.echo(f"  GLOW_PACKS={made} glow serve")
    typer.echo(f"  glow talk --practice {_quoted(name)}")


def _quoted(name: str) -> str:
    from shlex import quote

    return quote(name)
