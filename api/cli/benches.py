"""`glow bench`: the benchmarks, which only a checkout of the source has."""

from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from api.cli.bench_gateways import bench_gateways
from api.cli.bench_numbers import bench_numbers
from api.cli.bench_swarm import bench_swarm
from api.cli.terminal import FAILED, Engine, Json, Llm, console, load_settings

NO_BENCHMARKS = (
    "The benchmarks are not part of the installed package: run them from a checkout of the source, after "
    "`make demo` or `pip install -e .` there."
)

app = typer.Typer(no_args_is_help=True)


class PartialsWay(StrEnum):
    """The values of `GLOW_PARTIALS`."""

    PACED = "paced"
    BARGE_IN = "barge-in"
    ALWAYS = "always"
    NEVER = "never"


@app.callback()
def needs_a_checkout() -> None:
    """Benchmark this machine, in real time over the real websocket."""
    if find_spec("api.bench") is None:
        typer.echo(NO_BENCHMARKS, err=True)
        raise typer.Exit(FAILED)


@app.command(name="turn")
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


@app.command(name="turns")
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


app.command(name="numbers")(bench_numbers)
app.command(name="swarm")(bench_swarm)
app.command(name="gateways")(bench_gateways)


@app.command(name="stt")
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


@app.command(name="spoken")
def bench_spoken(
    most: Annotated[int | None, typer.Option(min=1, help="Maximum number of values; by default all.")] = None,
    as_json: Json = False,
) -> None:
    """Say written values with the Piper voice, hear them with Whisper, and list those that do not come back."""
    from api.bench.spoken import bench_spoken as measure

    measure(console(), most=most, as_json=as_json)


@app.command(name="load")
def bench_load(
    sessions: Annotated[
        list[int] | None, typer.Option(min=1, max=2000, help="Number of concurrent calls; may be given several times.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=5, max=3600, help="Duration of each measurement in seconds.")] = 15.0,
    listening: Annotated[bool, typer.Option("--listening", help="Silent callers only.")] = False,
    partials: Annotated[
        list[PartialsWay] | None,
        typer.Option(help="How partials are asked for; given several times, these take turns and are compared."),
    ] = None,
    gateways: Annotated[
        int, typer.Option(min=1, max=16, help="Number of gateways; several share a recogniser: a server, or --stt ray.")
    ] = 1,
    as_json: Json = False,
    stt: Engine = None,
    tts: Engine = None,
    llm: Llm = None,
) -> None:
    """Measure concurrent calls: CPU, memory, lag and answers, and how many calls this machine carries."""
    from api.bench.load_report import bench_load as measure

    measure(
        console(), sessions=sessions or [10, 50, 100, 150], seconds=seconds, talking=not listening,
        partials=[way.value for way in partials or []], gateways=gateways, as_json=as_json, stt=stt, tts=tts,
        llm=llm,
    )  # fmt: skip


@app.command(name="telemetry")
def bench_telemetry(
    sessions: Annotated[int, typer.Option(min=1, max=200, help="Number of concurrent calls on each service.")] = 5,
    seconds: Annotated[float, typer.Option(min=5, max=3600, help="Duration of each round in seconds.")] = 20.0,
    rounds: Annotated[int, typer.Option(min=1, max=100, help="Number of rounds.")] = 5,
    out: Annotated[Path | None, typer.Option(help="Folder for the metrics and traces that came out.")] = None,
    as_json: Json = False,
    stt: Engine = None,
    tts: Engine = None,
    llm: Llm = None,
) -> None:
    """Measure what metrics and traces cost a talking call: services in turn, with and without."""
    from api.bench.telemetry_cost import bench_telemetry as measure

    measure(
        console(), sessions=sessions, seconds=seconds, rounds=rounds, out=out, as_json=as_json, stt=stt, tts=tts,
        llm=llm,
    )  # fmt: skip


@app.command(name="tts")
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


@app.command(name="peers")
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


@app.command(name="interruptions")
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


@app.command(name="phone")
def bench_phone(
    count: Annotated[int, typer.Option(min=1, max=10_000, help="Number of calls, each with one barge-in.")] = 50,
    calls: Annotated[int, typer.Option(min=1, max=100, help="Number of concurrent calls.")] = 5,
    seed: Annotated[int, typer.Option(min=0, help="Random seed of the instants.")] = 1,
    echo: Annotated[bool, typer.Option("--echo", help="What is played comes back at -20 dB, 200 ms later.")] = False,
    stt: Annotated[str, typer.Option(help="Speech-to-text engine; with an echo, one that hears words.")] = "fixed",
    limit_ms: Annotated[int, typer.Option(min=1, help="Longest time until the loudspeaker is silent.")] = 200,
    as_json: Json = False,
) -> None:
    """Telephone from a carrier's side, barge in at random, and compare the chats with what the loudspeakers played."""
    from api.bench.phone import bench_phone as measure

    if not measure(
        console(), count=count, calls=min(calls, count), seed=seed, echo=echo, stt=stt, limit_ms=limit_ms,
        as_json=as_json,
    ):  # fmt: skip
        raise typer.Exit(FAILED)


@app.command(name="search")
def bench_search(
    chosen: Annotated[
        list[str] | None,
        typer.Option("--set", help="Questions: tuning, seen, fitting or heldout; several times for several."),
    ] = None,
    database_url: Annotated[
        str | None, typer.Option(help="SQLAlchemy URL of an empty database; by default SQLite in a temporary folder.")
    ] = None,
    each: Annotated[bool, typer.Option("--each", help="Print each question that went wrong.")] = False,
    as_json: Json = False,
) -> None:
    """Search the packaged documents for 787 questions: what is found, and what is cited where nothing answers."""
    from api.bench.search import SETS
    from api.bench.search import bench_search as measure

    if unknown := set(chosen or ()) - set(SETS):
        raise typer.BadParameter(f"{min(unknown)!r} is not one of {', '.join(SETS)}.", param_hint="--set")
    models_dir = load_settings().models_dir
    measure(
        console(), models_dir=models_dir, database_url=database_url, sets=chosen or SETS, each=each, as_json=as_json
    )


@app.command(name="idle")
def bench_idle(
    sessions: Annotated[int, typer.Option(min=1, max=1000, help="Number of listening sessions.")] = 50,
    seconds: Annotated[float, typer.Option(min=1, max=3600, help="Duration in seconds.")] = 20.0,
    as_json: Json = False,
) -> None:
    """Measure the CPU time of calls that only listen."""
    from api.bench.turn import bench_idle as measure

    measure(console(), sessions=sessions, seconds=seconds, as_json=as_json)


@app.command(name="frame")
def bench_frame(
    rounds: Annotated[int, typer.Option(min=1, max=1000, help="Measurements of each format.")] = 9,
    as_json: Json = False,
) -> None:
    """Measure the CPU time of a 20 ms frame, from the message to the detector's result."""
    from api.bench.frame import bench_frame as measure

    measure(console(), rounds=rounds, as_json=as_json)
