"""`glow bench gateways`, the command."""

from pathlib import Path
from typing import Annotated

import typer

from api.cli.terminal import FAILED, Json, console

CALLS = (4, 6, 8, 10, 12, 14, 16)


def bench_gateways(
    gateways: Annotated[
        list[int] | None, typer.Option(min=1, max=8, help="Number of gateways; by default 1 and 2, by turns.")
    ] = None,
    calls: Annotated[
        list[int] | None, typer.Option(min=1, max=500, help="Calls of each gateway; several times for several steps.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, max=100, help="How often everything is measured.")] = 2,
    seconds: Annotated[float, typer.Option(min=1, max=3600, help="Duration of each measurement in seconds.")] = 12.0,
    quota: Annotated[float, typer.Option(min=0.05, max=64, help="Cores of each gateway.")] = 0.3,
    period_ms: Annotated[
        float, typer.Option(min=5, max=1000, help="Period in which they are accounted, in milliseconds.")
    ] = 10.0,
    limit_ms: Annotated[
        list[float] | None,
        typer.Option(
            min=1,
            help="Lag (99th percentile) at which the calls are compared; the first decides. By default 20 ms / quota, "
            "as a gateway with a share of a core takes so much longer for everything.",
        ),
    ] = None,
    cost_calls: Annotated[
        int, typer.Option(min=0, max=500, help="Calls altogether for the processor time a call, without a quota.")
    ] = 20,
    database_url: Annotated[
        str | None, typer.Option(help="SQLAlchemy URL of an empty database; by default SQLite in a temporary folder.")
    ] = None,
    chart: Annotated[Path | None, typer.Option(help="SVG file for the picture of calls against lag.")] = None,
    as_json: Json = False,
) -> None:
    """Measure what one gateway carries and what two do, each with the same quota of a processor."""
    from api.bench.gateways import GatewaysPlan
    from api.bench.gateways_report import bench_gateways as measure
    from api.bench.load import LAG_LIMIT_MS

    plan = GatewaysPlan(
        gateways=gateways or (1, 2), calls=sorted(set(calls or CALLS)), rounds=rounds, seconds=seconds, quota=quota,
        period_ms=period_ms, cost_calls=cost_calls, database_url=database_url,
    )  # fmt: skip
    limits_ms = limit_ms or [LAG_LIMIT_MS / quota]

    def say(sentence: str) -> None:
        typer.echo(sentence, err=True)

    if not measure(console(), plan, limits_ms=limits_ms, as_json=as_json, chart=chart, say=say):
        raise typer.Exit(FAILED)
