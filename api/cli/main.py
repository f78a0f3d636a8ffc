"""The `glow` command. Heavy imports are inside the commands, so that `glow --help` is fast."""

import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from api.cli.attempts import app as attempts
from api.cli.bench_numbers import bench_numbers
from api.cli.commands import show_list
from api.cli.models import app as models
from api.cli.oauth_clients import app as clients
from api.cli.packs import app as packs
from api.cli.replay import replay
from api.cli.tokens import app as tokens

if TYPE_CHECKING:
    from rich.console import Console

    from api.settings import SettingRow, Settings

USAGE, FAILED = 2, 1
_PIPE_COLUMNS = 120

NO_BENCHMARKS = (
    "The benchmarks are not part of the installed package: run them from a checkout of the source, after "
    "`make demo` or `pip install -e .` there."
)

app = typer.Typer(
    name="glow",
    help="Glow Voice: a voice for any chat.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
bench = typer.Typer(no_args_is_help=True)
app.add_typer(attempts, name="attempts")
app.add_typer(tokens, name="token")
app.add_typer(clients, name="client")
app.add_typer(models, name="models")
app.add_typer(packs, name="pack")
app.add_typer(bench, name="bench")
app.command(name="replay")(replay)


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


@bench.callback()
def needs_a_checkout() -> None:
    """Benchmark this machine, in real time over the real websocket."""
    if find_spec("api.bench") is None:
        typer.echo(NO_BENCHMARKS, err=True)
        raise typer.Exit(FAILED)


Engine = Annotated[str | None, typer.Option(help="Engine of this stage; `glow models` lists them.")]
Llm = Annotated[str | None, typer.Option(help="What generates replies: auto, scripted or openai.")]
Url = Annotated[str, typer.Option(envvar="GLOW_INSTANCE_URL", help="URL of the service.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 picks a free one.")] = None,
    stt: Engine = None,
    tts: Engine = None,
    llm: Llm = None,
    data_dir: Annotated[Path | None, typer.Option(help="Directory of the database and the models.")] = None,
    log_level: Annotated[str | None, typer.Option(help="Log level: debug, info, warning or error.")] = None,
) -> None:
    """Run the service. Each option overrides the setting of the same name; see `glow settings`."""
    given = {
        "host": host, "port": port, "stt": stt, "tts": tts, "llm": llm, "data_dir": data_dir, "log_level": log_level,
    }  # fmt: skip
    settings = load_settings(**{name: value for name, value in given.items() if value is not None})
    from api import serving
    from api.app import create_app
    from api.cli.progress import join_packaged
    from api.cli.welcome import welcome
    from models.errors import ModelError

    warn_of_unknown_variables()
    try:
        settings, token = serving.prepare(settings)
    except (OSError, ModelError) as error:
        fail(f"The service cannot start: {error}")
    language = None if settings.stt_language == "auto" else settings.stt_language
    # The service logs what cannot be joined, when it chooses its engines.
    join_packaged(settings.models_dir, stt=settings.stt, tts=settings.tts, language=language)
    application = create_app(settings)
    if not serving.run(settings, application, lambda port: welcome(console(), application, settings, port, token)):
        raise typer.Exit(FAILED)


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


@bench.command(name="turn")
def bench_turn(
    turns: Annotated[int, typer.Option(min=1, max=1000, help="How many turns to measure.")] = 16,
    as_json: Json = False,
    stt: Engine = None,
    tts: Engine = None,
    llm: Llm = None,
) -> None:
    """Measure the latency of answers, stage by stage: median and 95th percentile."""
    from api.bench.turn import bench_turn as measure

    measure(console(), turns=turns, as_json=as_json, stt=stt, tts=tts, llm=llm)


@bench.command(name="turns")
def bench_turns(
    turns: Annotated[int, typer.Option(min=10, max=10_000, help="How many turns to synthesize.")] = 300,
    seed: Annotated[int, typer.Option(min=0, help="Random seed of the turns.")] = 1,
    recognised: Annotated[int, typer.Option(min=0, help="How many of them to transcribe with PocketSphinx, too.")] = 12,
    audio: Annotated[Path | None, typer.Option(help="Directory of people's recordings to measure on.")] = None,
    as_json: Json = False,
    out: Annotated[Path | None, typer.Option(help="Markdown file for the report.")] = None,
    svg: Annotated[Path | None, typer.Option(help="SVG file for the plot of cut-offs against latency.")] = None,
) -> None:
    """Measure endpointing: false cut-offs in pauses and latency at ends of turns, compared with a silence timer."""
    from api.bench.turns import bench_turns as measure

    measure(console(), turns=turns, seed=seed, recognised=recognised, audio=audio, as_json=as_json, out=out, svg=svg)


bench.command(name="numbers")(bench_numbers)


@bench.command(name="stt")
def bench_stt(
    audio: Annotated[
        Path | None, typer.Option(help="Directory of recordings, with texts in manifest.json or a .txt file each.")
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="Directory of a CTranslate2 Whisper model; by default the best installed one.")
    ] = None,
    most: Annotated[
        int | None, typer.Option(min=1, max=10_000, help="Maximum number of recordings; by default all of --audio.")
    ] = None,
    windows: Annotated[
        bool, typer.Option("--windows", help="Also compare margins and prompts; a second per recording and window.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Compare Whisper with the short window and with the full 30 s: word error rate and CPU time."""
    from api.bench.stt import bench_stt as measure

    measure(console(), audio=audio, model=model, most=most, windows=windows, as_json=as_json)


@bench.command(name="load")
def bench_load(
    sessions: Annotated[
        list[int] | None, typer.Option(min=1, max=2000, help="Number of concurrent calls; may be given several times.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=5, max=3600, help="Duration of each measurement in seconds.")] = 15.0,
    listening: Annotated[bool, typer.Option("--listening", help="Silent callers only.")] = False,
    as_json: Json = False,
    stt: Engine = None,
    tts: Engine = None,
    llm: Llm = None,
) -> None:
    """Measure concurrent calls: CPU, memory, lag and answers, and how many calls this machine carries."""
    from api.bench.load import bench_load as measure

    measure(
        console(), sessions=sessions or [10, 50, 100, 150], seconds=seconds, talking=not listening, as_json=as_json,
        stt=stt, tts=tts, llm=llm,
    )  # fmt: skip


@bench.command(name="tts")
def bench_tts(
    voice: Annotated[
        str | None, typer.Option(help="Installed Piper voice or .onnx file; by default the best one.")
    ] = None,
    runs: Annotated[int, typer.Option(min=1, max=1000, help="Runs of each way of synthesis.")] = 9,
    as_json: Json = False,
) -> None:
    """Measure the time to first audio: incremental Piper, the stock library, and the other engines."""
    from api.bench.tts import bench_tts as measure

    measure(console(), voice=voice, runs=runs, models_dir=load_settings().models_dir, as_json=as_json)


@bench.command(name="peers")
def bench_peers(
    turns: Annotated[int, typer.Option(min=1, max=1000, help="Turns in each round.")] = 5,
    rounds: Annotated[int, typer.Option(min=1, max=100, help="Rounds, in each of which every system is measured.")] = 3,
    sessions: Annotated[
        list[int] | None, typer.Option(min=1, help="Number of concurrent sessions; may be given several times.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=5, max=3600, help="Duration of each measurement in seconds.")] = 20.0,
    engines: Annotated[
        list[str] | None, typer.Option(help="Engines: zero, fixed or real; may be given several times.")
    ] = None,
    system: Annotated[
        list[str] | None, typer.Option(help="System: glow, pipecat or livekit; may be given several times.")
    ] = None,
    interrupt_ms: Annotated[
        int | None,
        typer.Option(
            min=80, max=5000, help="Barge-in threshold of this service in ms; the default setting without it."
        ),
    ] = None,
    as_json: Json = False,
    out: Annotated[Path | None, typer.Option(help="JSON file for all measurements.")] = None,
    svg: Annotated[Path | None, typer.Option(help="SVG file for the plot.")] = None,
) -> None:
    """Compare with pipecat and livekit-agents on this machine, installed in the data directory; takes 20 minutes."""
    from api.bench.peers import COSTS_MS, SYSTEMS, Plan
    from api.bench.peers import bench_peers as measure

    for given, known in ((engines, COSTS_MS), (system, SYSTEMS)):
        if unknown := set(given or ()) - set(known):
            raise typer.BadParameter(f"{min(unknown)!r} is not one of {', '.join(known)}.")
    plan = Plan(
        turns, rounds, sessions or [1, 10], seconds, engines or ["zero", "fixed"], system or SYSTEMS, interrupt_ms
    )
    measure(console(), plan, data_dir=load_settings().data_dir, as_json=as_json, out=out, svg=svg)


@bench.command(name="interruptions")
def bench_interruptions(
    count: Annotated[int, typer.Option(min=1, max=10_000, help="Number of replies to interrupt.")] = 200,
    calls: Annotated[int, typer.Option(min=1, max=100, help="Number of concurrent callers.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="Random seed of the instants.")] = 1,
    tts: Annotated[str, typer.Option(help="Text-to-speech engine; `glow models` lists them.")] = "espeak",
    as_json: Json = False,
) -> None:
    """Barge in at random instants, and compare the history with what each caller's player has played."""
    from api.bench.interruptions import bench_interruptions as measure

    if not measure(console(), count=count, calls=min(calls, count), seed=seed, tts=tts, as_json=as_json):
        raise typer.Exit(FAILED)


@bench.command(name="idle")
def bench_idle(
    sessions: Annotated[int, typer.Option(min=1, max=1000, help="Number of listening sessions.")] = 50,
    seconds: Annotated[float, typer.Option(min=1, max=3600, help="Duration in seconds.")] = 20.0,
    as_json: Json = False,
) -> None:
    """Measure the CPU time of calls that only listen."""
    from api.bench.turn import bench_idle as measure

    measure(console(), sessions=sessions, seconds=seconds, as_json=as_json)


@bench.command(name="frame")
def bench_frame(
    rounds: Annotated[int, typer.Option(min=1, max=1000, help="Measurements of each format.")] = 9,
    as_json: Json = False,
) -> None:
    """Measure the CPU time of a 20 ms frame, from the message to the detector's result."""
    from api.bench.frame import bench_frame as measure

    measure(console(), rounds=rounds, as_json=as_json)


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
