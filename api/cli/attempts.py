"""`glow attempts`: practise from a terminal or a script; every command is one operation of the service."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from api.cli import chat as cli_chat
from api.cli.commands import URL, AsJson, Body, Token, Url, add, ask, console, merged, show
from api.doors.glow.operation import Operation
from api.doors.glow.table import OPERATIONS


def practices(instance_url: Url = URL, token: Token = "", as_json: AsJson = False) -> None:
    """List what can be practised, for `start --practice`."""
    show(ask("/practice/search", {}, instance_url, token), as_json=as_json)


def start(
    practice: Annotated[str | None, typer.Option(help="A practice by its name.")] = None,
    practice_id: Annotated[str | None, typer.Option(help="A practice by its id.")] = None,
    home_id: Annotated[str | None, typer.Option(help="A home by its id.")] = None,
    infinite_mode: Annotated[bool, typer.Option("--infinite", help="As many chats as you like.")] = False,
    body: Body = None,
    instance_url: Url = URL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Start an attempt; prints the ids of its chats."""
    from api.cli.instance import Instance
    from api.client.call import ClientError

    if body is None and practice is None and practice_id is None and home_id is None:
        raise typer.BadParameter(
            "Say what to practise: --practice NAME, --practice-id or --home-id; `glow attempts practices` lists them."
        )
    with Instance(instance_url, token) as instance:
        if practice is not None:
            found = {str(item["name"]): item for item in instance.ask("/practice/search", {})["practices"]}
            if practice not in found:
                raise ClientError(f"There is no practice {practice!r}; there are: {', '.join(found)}.")
            kind = "home_id" if found[practice].get("kind") == "home" else "practice_id"
            given = {kind: found[practice]["practice_id"]}
        else:
            given = {"practice_id": practice_id, "home_id": home_id}
        request = merged(body, {**given, "infinite_mode": infinite_mode or None})
        show(instance.ask("/attempt/start", request), as_json=as_json)


def audio_upload(
    file: Annotated[Path, typer.Argument(help="A WAV, FLAC or Ogg file.")],
    instance_url: Url = URL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Upload a recording; prints the id to attach it by."""
    from api.cli.instance import Instance

    with Instance(instance_url, token) as instance:
        show({"audios_id": instance.upload(file)}, as_json=as_json)


def audio_download(
    audio_id: Annotated[str, typer.Argument(help="The recording.")],
    out: Annotated[Path, typer.Option(help="Where to write it.")],
    instance_url: Url = URL,
    token: Token = "",
) -> None:
    """Download a recording to a file."""
    from api.cli.instance import Instance
    from api.client.call import ClientError

    with Instance(instance_url, token) as instance:
        content = instance.download(audio_id)
    try:
        out.write_bytes(content)
    except OSError as error:
        raise ClientError(f"{out} cannot be written ({error.strerror}); choose another with --out.") from None
    typer.echo(f"Wrote {out}: {len(content)} bytes.", err=True)


def watch(
    chat_id: Annotated[str | None, typer.Argument(help="Only this chat's events.", show_default=False)] = None,
    group_id: Annotated[str | None, typer.Option(help="Only this group's events.")] = None,
    run_id: Annotated[str | None, typer.Option(help="Only this run's events.")] = None,
    instance_url: Url = URL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Print what happens as it happens, until Ctrl-C; sound only with --json."""
    from api.cli.instance import Instance
    from api.cli.tables import event_view, print_json

    with Instance(instance_url, token) as instance:
        try:
            for event in instance.watch(group_id=group_id, run_id=run_id):
                if chat_id is not None and chat_id not in (event.get("entity_id"), event["payload"].get("chat_id")):
                    continue
                if as_json:
                    print_json(console(), event)
                elif "audio" not in event["payload"]:
                    console().print(event_view(event))
        except KeyboardInterrupt:
            return


def commands(operations: Sequence[Operation]) -> typer.Typer:
    """Make the commands on attempts: those of the table, and those that are no single request."""
    app = typer.Typer(
        no_args_is_help=True,
        help="Attempts at a simulation and their chats. Exit codes: 0 done, 1 refused or unreachable, 2 wrong usage.",
    )
    app.add_typer(cli_chat.commands(operations), name="chat")
    for operation in operations:
        if operation.artifact == "attempt" and not operation.name.startswith("chat_"):
            add(app, operation, operation.name)
    for command in (practices, start, watch):
        app.command()(command)
    app.command(name="audio_upload")(audio_upload)
    app.command(name="audio_download")(audio_download)
    return app


app = commands(OPERATIONS)
