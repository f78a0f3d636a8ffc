"""`glow bench swarm`, the command."""

from pathlib import Path
from typing import Annotated

import typer

from api.cli.terminal import FAILED, Json, console


def bench_swarm(
    calls: Annotated[
        list[int] | None, typer.Option(min=1, max=100_000, help="Number of calls; may be given several times.")
    ] = None,
    gateways: Annotated[int | None, typer.Option(min=1, help="Gateways; by default as many as the calls need.")] = None,
    recognisers: Annotated[int | None, typer.Option(min=1, help="Recognisers, likewise.")] = None,
    synthesizers: Annotated[int | None, typer.Option(min=1, help="Threads that synthesize, likewise.")] = None,
    databases: Annotated[int | None, typer.Option(min=1, help="Databases, one for 5,000 calls.")] = None,
    cores: Annotated[
        float | None, typer.Option(min=1, help="Let all of them share so many cores, as on one machine.")
    ] = None,
    llm_ms: Annotated[float, typer.Option(min=0, help="Time to the first words of a reply.")] = 0.0,
    measure: Annotated[
        list[str] | None,
        typer.Option(
            help="Measure again: gateway, calls, answers, recogniser, synthesizer, database, or all; minutes."
        ),
    ] = None,
    postgres: Annotated[str | None, typer.Option(help="URL of an empty PostgreSQL database to measure.")] = None,
    figures: Annotated[Path | None, typer.Option(help="JSON file of the figures; the repository's by default.")] = None,
    svg: Annotated[Path | None, typer.Option(help="SVG file for the chart of calls against lag.")] = None,
    as_json: Json = False,
) -> None:
    """Simulate up to 100,000 calls in virtual time, from measured service times: latency, lag, what saturates first."""
    from api.bench.swarm.measured import KEPT, write_measured
    from api.bench.swarm.report import bench_swarm as run
    from api.bench.swarm.report import kept_figures

    measured = kept_figures(figures)
    if measure:
        from api.bench.swarm.measure import PARTS, measure_parts

        parts = PARTS if "all" in measure else tuple(measure)
        if unknown := set(parts) - set(PARTS):
            raise typer.BadParameter(f"{min(unknown)!r} is not one of {', '.join(PARTS)} or all.")
        measured = measure_parts(measured, parts, postgres, lambda sentence: typer.echo(sentence, err=True))
        write_measured(measured, figures or KEPT)
    holds = run(
        console(), calls=calls or [60, 1000], measured=measured, as_json=as_json, svg=svg, gateways=gateways,
        recognisers=recognisers, synthesizers=synthesizers, databases=databases, cores=cores, llm_s=llm_ms / 1000,
    )  # fmt: skip
    if not holds:
        raise typer.Exit(FAILED)
