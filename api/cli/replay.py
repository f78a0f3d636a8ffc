"""`glow replay`: replays calls from their files, faster than real time."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from pipeline.replay import CallFile, Replayed

DIVERGED, INVALID = 1, 2


def replay(
    files: Annotated[list[Path], typer.Argument(help="Call files; see docs/replay.md.")],
    time: Annotated[
        str, typer.Option(help="Duration of the engines' work in virtual time: ideal (none) or measured.")
    ] = "ideal",
    update: Annotated[
        bool, typer.Option("--update", help="Write the timeline into the file's golden section.")
    ] = False,
    picture: Annotated[Path | None, typer.Option(help="SVG file for a drawing of the timeline of one call.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print only the result of each call, no timelines.")
    ] = False,
) -> None:
    """Replay calls through the same session code as real ones, and check the expectations of their files.

    Exit code 1: a call did not meet its expectations. 2: a file is invalid.
    """
    if time not in ("ideal", "measured"):
        raise typer.BadParameter("Choose ideal or measured.", param_hint="--time")
    if update and time == "measured":
        raise typer.BadParameter("A golden timeline is in ideal time; leave --time out.", param_hint="--update")
    if picture is not None and len(files) != 1:
        raise typer.BadParameter("Give one call file to draw.", param_hint="--picture")
    from pipeline.replay import InvalidCall, Stage
    from pipeline.replay import replay as replayed_on

    code, results = 0, []
    with Stage() as stage:
        for file in files:
            try:
                result = replayed_on(_read(file), stage, "measured" if time == "measured" else "ideal")
            except InvalidCall as error:
                code = INVALID
                typer.echo(str(error), err=True)
                results.append({"file": str(file), "ok": False, "invalid": error.problems})
                continue
            if update:
                result = _updated(result, quiet=as_json)
            if not result.ok:
                code = max(code, DIVERGED)
            results.append(_as_json(file, result))
            if picture is not None:
                _draw(result, picture)
            if not as_json:
                _print(file, result, quiet=quiet)
    if as_json:
        typer.echo(json.dumps(results, ensure_ascii=False, indent=1))
    if code:
        raise typer.Exit(code)


def _read(file: Path) -> "CallFile":
    from pipeline.replay import read_call

    return read_call(file)


def _updated(result: "Replayed", *, quiet: bool) -> "Replayed":
    from dataclasses import replace

    from pipeline.replay.golden import update_golden

    if update_golden(result.call.path, result.lines) and not quiet:
        typer.echo(f"{result.call.path}: the golden part was rewritten.")
    return replace(result, diff=())


def _draw(result: "Replayed", picture: Path) -> None:
    from pipeline.timeline.picture import picture_of

    try:
        picture.parent.mkdir(parents=True, exist_ok=True)
        picture.write_text(
            picture_of(result.timeline, result.call.title, f"{result.call.path.name}, {result.time} time"),
            encoding="utf-8",
        )
    except OSError as error:
        typer.echo(f"{picture} cannot be written ({error.strerror}); choose another place.", err=True)
        raise typer.Exit(DIVERGED) from None


def _print(file: Path, result: "Replayed", *, quiet: bool) -> None:
    length_s = result.timeline[-1].at if result.timeline else 0.0
    if not quiet:
        typer.echo(f"{file}: {result.call.title}")
        for line in result.lines:
            typer.echo(f"  {line}")
    typer.echo(f"{file}: {'ok' if result.ok else 'DIVERGED'} ({length_s:.1f} s, {result.time} time)")
    for line in result.explanation:
        typer.echo(f"  {line}")


def _as_json(file: Path, result: "Replayed") -> dict[str, Any]:
    return {
        "file": str(file),
        "ok": result.ok,
        "call": result.call.title,
        "time": result.time,
        "timeline": [
            {"at_ms": entry.at_ms, "who": entry.who, "event": entry.what, **entry.fields} for entry in result.timeline
        ],
        "history": [
            {"role": message.role, "text": message.text, "interrupted": message.interrupted}
            for message in result.history
        ],
        "problems": list(result.problems),
        "diff": list(result.diff),
    }
