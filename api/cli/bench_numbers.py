"""`glow bench numbers`, the command."""

from typing import Annotated

import typer


def bench_numbers(
    chosen: Annotated[
        list[str] | None, typer.Option("--set", help="Stories: tuning, unseen or held_out; may be given several times.")
    ] = None,
    stt: Annotated[str, typer.Option(help="Recogniser; `glow models` lists them.")] = "auto",
    tts: Annotated[str, typer.Option(help="The second speaker's voice; `glow models` lists them.")] = "auto",
    most: Annotated[int | None, typer.Option(min=1, help="So many stories of each kind; all by default.")] = None,
    each: Annotated[bool, typer.Option("--each", help="Print what was heard of every story that went wrong.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Let three speakers dictate numbers, names and lists: what is cut off, and how long the end takes; minutes."""
    from api.bench.numbers import SETS
    from api.bench.numbers import bench_numbers as measure
    from api.cli.commands import console

    if unknown := set(chosen or ()) - set(SETS):
        raise typer.BadParameter(f"{min(unknown)!r} is not one of {', '.join(SETS)}.", param_hint="--set")
    measure(console(), stt=stt, tts=tts, sets=chosen or SETS, most=most, each=each, as_json=as_json)
