"""`glow phone`: the numbers that are answered, PINs, and the calls on the telephone."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.commands import AsJson, show, show_list
from api.cli.phone_calls import dial, make_test_call
from api.cli.stored import ask_store

if TYPE_CHECKING:
    from models.records.telephone import PhoneCall, PhoneNumber
    from models.store import Store

app = typer.Typer(no_args_is_help=True, help="Answer and make telephone calls.")
app.command(name="test")(make_test_call)
app.command()(dial)


@app.command()
def add(
    number: Annotated[
        str | None, typer.Argument(help="The number, such as +15551230000; an extension; or * for all others.")
    ] = None,
    practice: Annotated[str, typer.Option(help="Practice that a call begins: its name or id.")] = "",
    home: Annotated[str, typer.Option(help="Home that a call begins, instead.")] = "",
    chat: Annotated[str, typer.Option(help="Chat that every call goes on with, instead.")] = "",
    persona: Annotated[str, typer.Option(help="Persona that answers; by default the first one.")] = "",
    user: Annotated[
        str, typer.Option(help="Whose calls they are: by-caller, pin (asked for by keys), or a user's name.")
    ] = "by-caller",
    greeting: Annotated[str, typer.Option(help="Greeting, instead of the persona's own.")] = "",
    silence: Annotated[
        str, typer.Option(help="Seconds of silence before each prompt, and last before the goodbye; empty for none.")
    ] = "8,8,10",
    max_s: Annotated[float, typer.Option(help="Longest call in seconds; 0 for no limit.")] = 1800,
    warning_s: Annotated[float, typer.Option(help="Seconds before its end at which that is said.")] = 60,
    record: Annotated[bool, typer.Option("--record", help="Record the calls; needs --announce.")] = False,
    announce: Annotated[str, typer.Option(help="Said before anything is recorded.")] = "",
    human: Annotated[str, typer.Option(help="Number to which the persona and the key 0 transfer.")] = "",
    hours: Annotated[str, typer.Option(help='When calls are answered, such as "Mon-Fri 09:00-17:30".')] = "",
    timezone: Annotated[str, typer.Option(help="Time zone of the hours, such as Europe/Berlin.")] = "UTC",
    closed: Annotated[str, typer.Option(help="Said outside the hours.")] = "",
    message: Annotated[
        bool, typer.Option("--message", help="Outside the hours, and when all lines are busy, take a message.")
    ] = False,
    language: Annotated[str, typer.Option(help="Language that callers speak, as a BCP 47 tag.")] = "",
    block: Annotated[
        list[str] | None, typer.Option(help="Number whose calls are refused; +1900* for all that begin so.")
    ] = None,
    lines: Annotated[int, typer.Option(help="Most calls on it at once.")] = 10,
    replace: Annotated[bool, typer.Option("--replace", help="Change a number that is there.")] = False,
    file: Annotated[Path | None, typer.Option(help="YAML file with numbers to add, instead of all that.")] = None,
    as_json: AsJson = False,
) -> None:
    """Add a number, or those of a YAML file."""
    from api.doors.telephone.numbers import entry_of, read_numbers
    from models.errors import Invalid

    if (number is None) == (file is None):
        raise typer.BadParameter("Give a number, or --file, and not both.")
    if file is not None:
        entries: Sequence[PhoneNumber] = read_numbers(file)
    else:
        try:
            silences = [float(part) for part in silence.split(",") if part.strip()]
        except ValueError:
            raise Invalid("Write the silences as seconds with commas, such as 8,8,10.") from None
        given = {
            "number": number, "practice": practice, "home": home, "chat": chat, "persona": persona, "user": user,
            "greeting": greeting, "silence_s": silences, "max_s": max_s, "warning_s": warning_s, "record": record,
            "announce": announce, "human": human, "hours": hours, "timezone": timezone, "closed": closed,
            "message": message, "language": language, "block": block or [], "lines": lines,
        }  # fmt: skip
        entries = (entry_of(given),)

    async def keep(store: "Store") -> None:
        for entry in entries:
            await _check(store, entry)
        for entry in entries:
            await store.add_phone_number(entry, replace=replace)

    ask_store(keep)
    if as_json:
        show({"numbers": [_shown(entry) for entry in entries]}, as_json=True)
        return
    for entry in entries:
        typer.echo(f"{entry.number} is answered.")


async def _check(store: "Store", entry: "PhoneNumber") -> None:
    """Check that what a number opens is there, if any content is installed yet."""
    from pipeline.practice.naming import named_practice, persona_of

    if not entry.chat and await store.practices():
        practice = await named_practice(store, entry.practice or entry.home)
        if entry.persona:
            await persona_of(store, practice, entry.persona)


@app.command(name="list")
def list_(
    as_json: AsJson = False,
    as_yaml: Annotated[bool, typer.Option("--yaml", help="Print the file that `glow phone add --file` reads.")] = False,
) -> None:
    """List the numbers, also those of GLOW_PHONE_NUMBERS."""
    from api.doors.telephone.numbers import NumberTable, yaml_of
    from api.settings import Settings

    async def find(store: "Store") -> tuple["PhoneNumber", ...]:
        table = NumberTable(store, Settings().phone_numbers)
        await table.load()
        return await table.entries()

    entries = ask_store(find)
    if as_yaml:
        typer.echo(yaml_of(entries), nl=False)
        return
    none = "There is no number; add one with `glow phone add NUMBER --practice NAME`."
    listed = [_shown(entry) for entry in entries]
    if not as_json:
        listed = [
            {name: one[name] for name in ("number", "practice", "persona", "user", "hours", "human")} for one in listed
        ]
    show_list("numbers", listed, as_json=as_json, empty=none)


def _shown(entry: "PhoneNumber") -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(entry)


@app.command()
def remove(number: Annotated[str, typer.Argument(help="The number.")]) -> None:
    """Remove a number; calls on it go on."""
    from api.doors.telephone.numbers import normalised

    ask_store(lambda store: store.remove_phone_number(normalised(number)))
    typer.echo(f"{number} is not answered any more.")


@app.command()
def calls(
    number: Annotated[str, typer.Option(help="Only calls of or to this number.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, the latest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List the calls: from whom, to whom, how long, and why they ended."""
    from api.doors.telephone.numbers import normalised

    found = ask_store(lambda store: store.phone_calls(limit, normalised(number) if number else ""))
    show_list("calls", [_call(one) for one in found], as_json=as_json, empty="There was no call yet.")


def _call(call: "PhoneCall") -> dict[str, Any]:
    return {
        "began_at": call.began_at,
        "line": call.line,
        "direction": call.direction,
        "from": call.caller or "withheld",
        "to": call.called,
        "duration_s": None if call.duration_s is None else round(call.duration_s, 1),
        "reason": call.reason or "open",
        "chat_id": call.chat_id,
        "id": call.id,
        "carrier_id": call.carrier_id,
    }


@app.command()
def pin(
    user: Annotated[str, typer.Argument(help="Name of the user.")],
    pin: Annotated[
        str | None, typer.Option(help="6 to 12 digits; by default random ones.", prompt=False, show_default=False)
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take the PIN away.")] = False,
    as_json: AsJson = False,
) -> None:
    """Give a user a PIN, for numbers with the user `pin`; it is shown once."""
    from api.doors.telephone.pin import new_pin, pin_hash

    if remove:
        ask_store(lambda store: store.remove_phone_pin(user))
        typer.echo(f"{user} has no PIN any more.")
        return
    chosen = pin or new_pin()
    ask_store(lambda store: store.set_phone_pin(user, pin_hash(chosen)))
    show({"user": user, "pin": chosen}, as_json=True) if as_json else typer.echo(chosen)
