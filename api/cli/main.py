"""The `glow` command. Heavy imports are inside the commands, so that `glow --help` is fast."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.attempts import app as attempts
from api.cli.backups import backup, restore
from api.cli.benches import app as bench
from api.cli.commands import show_list
from api.cli.invite import invite
from api.cli.kiosks import app as kiosks
from api.cli.migrate import migrate
from api.cli.models import app as models
from api.cli.oauth_clients import app as clients
from api.cli.packs import app as packs
from api.cli.phones import app as phones
from api.cli.ray_engines import app as ray_engines
from api.cli.replay import replay
from api.cli.satellites import app as satellites
from api.cli.serving import proxy_config, serve
from api.cli.terminal import FAILED, USAGE, Engine, Json, Llm, console, load_settings, warn_of_unknown_variables
from api.cli.tokens import app as tokens
from api.cli.users import app as users

if TYPE_CHECKING:
    from api.settings import SettingRow

app = typer.Typer(
    name="glow",
    help="Glow Voice: a voice for any chat.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(attempts, name="attempts")
app.add_typer(tokens, name="token")
app.add_typer(clients, name="client")
app.add_typer(users, name="user")
app.add_typer(models, name="models")
app.add_typer(packs, name="pack")
app.add_typer(kiosks, name="kiosk")
app.add_typer(satellites, name="satellite")
app.add_typer(phones, name="phone")
app.add_typer(ray_engines, name="ray")
app.add_typer(bench, name="bench")
app.command(name="replay")(replay)
app.command(name="invite")(invite)
app.command(name="serve")(serve)
app.command(name="proxy-config")(proxy_config)
for command in (backup, restore, migrate):
    app.command()(command)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"glow {version('glow-voice')}")
        raise typer.Exit


@app.callback()
def glow(
    version: Annotated[  # printed as it is parsed
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and exit.")
    ] = False,
) -> None:
    """Glow Voice: a voice for any chat."""


Url = Annotated[str, typer.Option(envvar="GLOW_INSTANCE_URL", help="URL of the service.")]


@app.command(name="settings")
def show_settings(
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the README's table, with the defaults.")] = False,
    as_json: Json = False,
) -> None:
    """Show all settings: value, description, and the default if the value differs."""
    from api.settings import markdown_table, rows

    if markdown:
        typer.echo(markdown_table())
        return
    listed = rows(load_settings())
    show_list("settings", [asdict(row) for row in listed], as_json=as_json, lines=_explained(listed))
    warn_of_unknown_variables()


def _explained(listed: Iterable["SettingRow"]) -> Iterator[str]:
    """Write each setting over its description, and then where to set them."""
    for row in listed:
        yield f"{row.variable}={row.value}"
        yield f"    {row.help}" + (f" (default: {row.default or 'empty'})" if row.value != row.default else "")
    yield from ("", "Set them in the environment, or in a file .env in the working directory.")


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="WAV file for the conversation.")] = Path("demo.wav"),
    stt: Engine = None,
    tts: Engine = None,
    llm: Llm = None,
) -> None:
    """Run a spoken conversation on this machine, start to end, in under a minute."""
    from api.cli.demo import run_demo

    run_demo(console(), out, stt=stt, llm=llm, tts=tts)


@app.command()
def talk(
    file: Annotated[Path | None, typer.Argument(help="A recording of someone speaking: WAV, FLAC or Ogg.")] = None,
    url: Url = "http://127.0.0.1:8010",
    chat: Annotated[str | None, typer.Option(help="Chat to call; by default a new one, of the first practice.")] = None,
    practice: Annotated[
        str | None, typer.Option(help="Practice to begin; without a recording, it is talked to by microphone.")
    ] = None,
    token: Annotated[
        str, typer.Option(envvar="GLOW_TOKEN", show_envvar=True, help="Bearer token; better in the environment.")
    ] = "",
    out: Annotated[Path | None, typer.Option(help="WAV file for what was heard of the persona.")] = None,
    mic: Annotated[bool, typer.Option("--mic", help="Use the microphone and the loudspeaker.")] = False,
) -> None:
    """Call a running service, with a recording in real time or with the microphone; there the persona greets."""
    if mic == (file is not None) and (mic or practice is None):
        raise typer.BadParameter("Give a recording, or --mic, and not both.")
    if practice is not None and chat is not None:
        raise typer.BadParameter("Give --practice, which begins a new chat, or --chat, and not both.")
    from api.cli.talk import run_talk

    run_talk(console(), url=url, token=token, chat_id=chat, practice=practice, file=file, out=out)


def main() -> None:
    """Run the command line; an error that the user can act on is one line and exit code 1."""
    try:
        app()
    except Exception as error:
        from pydantic import ValidationError

        from api.client.call import ClientError
        from api.settings import explain
        from models.errors import ModelError
        from voice.errors import VoiceError

        match error:
            case ValidationError() if error.title == "Settings":
                typer.echo("\n".join(explain(error)), err=True)
                sys.exit(USAGE)
            case ClientError() | ModelError() | VoiceError():
                typer.echo(str(error), err=True)
                sys.exit(FAILED)
        raise


if __name__ == "__main__":
    main()
