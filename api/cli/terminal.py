"""What every command shares: the console, the settings, options, and how a command fails."""

import os
import sys
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from api.settings import Settings

USAGE, FAILED = 2, 1
_PIPE_COLUMNS = 120

Engine = Annotated[str | None, typer.Option(help="Engine of this stage; `glow models` lists them.")]
Llm = Annotated[str | None, typer.Option(help="What generates replies: auto, scripted or openai.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def load_settings(**given: Any) -> "Settings":
    """Load the settings with the command line's overrides; exit with an explanation if one is invalid."""
    from pydantic import ValidationError

    from api.settings import Settings, explain

    try:
        return Settings(**given)
    except ValidationError as error:
        fail("\n".join(explain(error)), USAGE)


def warn_of_unknown_variables() -> None:
    """Warn of GLOW_ variables that nothing reads."""
    from api.settings import unknown_variables

    for name in unknown_variables(os.environ):
        typer.echo(f"{name} is set, and no setting has that name; see `glow settings`.", err=True)


def console() -> "Console":
    """Return the console of standard output."""
    from rich.console import Console

    # In a pipe, do not wrap lines or truncate table columns.
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else _PIPE_COLUMNS
    return Console(highlight=False, soft_wrap=True, width=width)


def fail(sentence: str, code: int = FAILED) -> NoReturn:
    """Exit with a message on standard error."""
    typer.echo(sentence, err=True)
    raise typer.Exit(code)
