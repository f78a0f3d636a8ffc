"""Commands made from operations: their fields as arguments and options, `--body` for the rest."""

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.doors.glow.operation import Field, Operation

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

URL = "http://127.0.0.1:8010"

Body = Annotated[
    str | None,
    typer.Option(
        "--body", metavar="JSON", help="The request's body as JSON; @FILE reads it from a file, - from standard input."
    ),
]
Url = Annotated[
    str,
    typer.Option("--instance-url", "--url", envvar="GLOW_INSTANCE_URL", help="Address of the service."),
]
Token = Annotated[
    str, typer.Option("--token", envvar="GLOW_TOKEN", help="Bearer token; better in the environment than here.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the reply as one line of JSON, for scripts.")]


_COMMON: dict[str, tuple[Any, Any]] = {
    "body": (Body, None),
    "instance_url": (Url, URL),
    "token": (Token, ""),
    "as_json": (AsJson, False),
}


def add(app: typer.Typer, operation: Operation, name: str) -> None:
    """Register an operation that has a command; a name with an underscore is also typed with a dash."""
    made = operation.command
    if made is None:
        return

    def command(body: str | None, instance_url: str, token: str, as_json: bool, **given: Any) -> None:
        reply = ask(operation.path, merged(body, given), instance_url, token)
        show(reply, as_json=as_json)

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [_parameter(field) for field in made.fields]
    parameters += [
        inspect.Parameter(name, kind, default=default, annotation=annotation)
        for name, (annotation, default) in _COMMON.items()
    ]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    command.__doc__ = made.about
    app.command(name=name)(command)
    if "_" in name:
        app.command(name=name.replace("_", "-"), hidden=True)(command)


def _parameter(field: Field) -> inspect.Parameter:
    """Make a command's parameter from a field."""
    default = (
        typer.Option(None, field.flag, help=field.about)
        if field.flag
        else typer.Argument(None, help=field.about, show_default=False)
    )
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Parameter(field.name, kind, default=default, annotation=field.kind | None)


def merged(body: str | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """Merge `--body` with the arguments and options, which take precedence. Exit with a usage error if that fails."""
    import json

    if body is None:
        read: Any = {}
    else:
        try:
            read = json.loads(_text_of(body))
        except ValueError as error:
            raise typer.BadParameter(f"--body is not JSON: {error}.") from None
        if not isinstance(read, dict):
            raise typer.BadParameter('--body must be a JSON object, such as \'{"chat_id": "..."}\'.')
    return {**read, **{name: value for name, value in given.items() if value is not None and value != []}}


def ask(path: str, body: Mapping[str, Any], instance_url: str, token: str) -> dict[str, Any]:
    """Carry out one operation.

    Raises:
        ClientError: the service refused it, or is unreachable.
    """
    from api.cli.instance import Instance

    with Instance(instance_url, token) as instance:
        return instance.ask(path, body)


def show(
    reply: Mapping[str, Any],
    *,
    as_json: bool,
    view: Callable[[Mapping[str, Any]], "RenderableType"] | None = None,
) -> None:
    """Print a reply."""
    from api.cli.tables import print_json, reply_view

    if as_json:
        print_json(console(), reply)
    else:
        console().print((view or reply_view)(reply), soft_wrap=False)


def show_list(
    name: str, items: Sequence[Mapping[str, Any]], *, as_json: bool, lines: Iterable[str] | None = None, empty: str = ""
) -> None:
    """Print a list as a table, or as `lines` where they are given, or `empty`; with `as_json` as `{name: items}`."""
    if as_json:
        show({name: items}, as_json=True)
    elif lines is not None:
        typer.echo("\n".join(lines))
    elif items:
        show({name: items}, as_json=False)
    else:
        typer.echo(empty)


def console() -> "Console":
    """Return the console on standard output."""
    from rich.console import Console

    return Console(highlight=False)


def _text_of(body: str) -> str:
    if body == "-":
        return sys.stdin.read()
    if body.startswith("@"):
        try:
            return Path(body[1:]).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise typer.BadParameter(f"--body cannot be read from {body[1:]}: {error}.") from None
    return body
