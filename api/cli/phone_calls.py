"""`glow phone test` and `glow phone dial`: calls from the command line."""

import asyncio
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.commands import AsJson, show
from api.cli.stored import ask_store

if TYPE_CHECKING:
    from api.client.carrier import CarrierCall
    from api.settings import Settings
    from models.records.telephone import PhoneCall
    from models.store import Store

ANSWER_S = 20.0
"""How long an answer to the recording is waited for."""

QUIET_S = 1.5

_SIGNED_URL = "https://phone.invalid"
"""As which the carrier of a test knows the service; it is never asked for."""


def make_test_call(
    number: Annotated[str, typer.Argument(help="The number to call.")],
    file: Annotated[Path, typer.Argument(help="A recording of someone speaking: WAV, FLAC or Ogg.")],
    caller: Annotated[str, typer.Option(help="The number that calls.")] = "+15550100000",
    keys: Annotated[str, typer.Option(help="Keys to press first, such as a PIN and #.")] = "",
    out: Annotated[Path | None, typer.Option(help="WAV file for what the caller heard.")] = None,
    url: Annotated[
        str, typer.Option(help="A running service with GLOW_TWILIO_AUTH_TOKEN; by default one of its own.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Call a number as its carrier would, through the same door, and print what was said.

    The recording is spoken after the greeting; the call ends once it was answered.
    """
    from api.client.call import ClientError
    from api.client.own_service import own_service
    from api.client.recordings import read_recording
    from api.settings import Settings

    settings, samples = Settings(), read_recording(file)
    if url:
        token = settings.twilio_auth_token
        if token is None or not settings.phone_url:
            raise ClientError("Set GLOW_PHONE_URL and GLOW_TWILIO_AUTH_TOKEN as the service has them.")
        call = asyncio.run(_call(url, settings.phone_url, token.get_secret_value(), caller, number, keys, samples))
    else:
        secret = secrets.token_urlsafe(24)
        with own_service(_environment(settings, secret), settings.models_dir) as service:
            call = asyncio.run(_call(service.url, _SIGNED_URL, secret, caller, number, keys, samples))
    _report(call, out, as_json=as_json)


def _environment(settings: "Settings", secret: str) -> dict[str, str]:
    import os

    kept = {name: value for name, value in os.environ.items() if name.startswith("GLOW_")}
    own = {
        "GLOW_DATA_DIR": str(settings.data_dir.absolute()),
        "GLOW_DATABASE_URL": settings.database_url,
        "GLOW_PHONE_URL": _SIGNED_URL,
        "GLOW_TWILIO_AUTH_TOKEN": secret,
        "GLOW_LOG_LEVEL": "warning",
    }
    ours = {"GLOW_PORT", "GLOW_HOST", "GLOW_TOKENS", "GLOW_TWILIO_ACCOUNT_SID", "GLOW_TLS_CERT", "GLOW_TLS_KEY"}
    if settings.phone_numbers is not None:
        own["GLOW_PHONE_NUMBERS"] = str(settings.phone_numbers.absolute())
    return {name: value for name, value in kept.items() if name not in ours} | own


async def _call(
    url: str, signed_url: str, secret: str, caller: str, number: str, keys: str, samples: Any
) -> "CarrierCall":
    from api.client.carrier import CarrierAccount, CarrierCall, ringing
    from voice.audio.g711 import mulaw_encode
    from voice.audio.resample import resample

    call = CarrierCall(CarrierAccount(url, signed_url, secret), caller, number)
    try:
        async with ringing(call):
            call.press(keys)
            await call.quiet(QUIET_S, ANSWER_S * 2)
            call.say(mulaw_encode(resample(samples, 16_000, 8_000)))
            await call.until(lambda: not call.speaking)
            await call.quiet(QUIET_S, ANSWER_S * 2)
    except ExceptionGroup as group:
        raise group.exceptions[0] from None
    return call


def _report(call: "CarrierCall", out: Path | None, *, as_json: bool) -> None:
    async def find(store: "Store") -> tuple["PhoneCall | None", list[dict[str, str]]]:
        record = await store.phone_call_of("twilio", call.call_sid)
        chat_id = record.chat_id if record is not None else None
        said = await store.messages(chat_id) if chat_id else ()
        return record, [{"role": one.role, "text": one.text} for one in said]

    record, said = ask_store(find)
    if out is not None:
        from voice.audio.formats import wav_bytes
        from voice.audio.g711 import mulaw_decode

        out.write_bytes(wav_bytes(mulaw_decode(bytes(call.speaker.played)), 8_000))
    reason = record.reason if record is not None else "unknown-number"
    seconds = round(len(call.speaker.played) / 8_000, 1)
    if as_json:
        errors = call.speaker.errors
        show({"reason": reason, "duration_s": seconds, "messages": said, "errors": errors}, as_json=True)
    else:
        for one in said:
            typer.echo(f"{'persona' if one['role'] == 'assistant' else 'caller'}: {one['text']}")
        typer.echo(f"{seconds} s; the call ended: {reason}.")
    for error in call.speaker.errors:
        typer.echo(f"The carrier would have failed with {error}", err=True)
    if call.speaker.errors:
        raise typer.Exit(1)


def dial(
    number: Annotated[str, typer.Argument(help="The number to call, such as +15551230000.")],
    caller: Annotated[str, typer.Option("--from", help="Our number, which they see.")],
    practice: Annotated[str, typer.Option(help="Practice that the call begins: its name or id.")],
    persona: Annotated[str, typer.Option(help="Persona that calls; by default the first one.")] = "",
    greeting: Annotated[str, typer.Option(help="Greeting, instead of the persona's own.")] = "",
    message: Annotated[str, typer.Option(help="Said once to an answering machine; nothing by default.")] = "",
    human: Annotated[str, typer.Option(help="Number to which the persona and the key 0 transfer.")] = "",
    max_s: Annotated[float, typer.Option(help="Longest call in seconds; 0 for no limit.")] = 1800,
    detect: Annotated[
        bool, typer.Option("--detect", help="Have the carrier detect answering machines, too; it may cost.")
    ] = False,
    by_sip: Annotated[
        bool, typer.Option("--sip", help="Call by SIP, through GLOW_PHONE_SIP_ACCOUNT; it is carried here to its end.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Call a number by Twilio, and a running service takes the call when it is answered; or by SIP."""
    from api.doors.telephone.twilio.dialing import dial as make
    from api.doors.telephone.twilio.dialing import outgoing
    from api.settings import Settings

    opens = {"practice": practice, "persona": persona, "greeting": greeting, "human": human, "max_s": max_s}
    call = outgoing(number, caller, message=message, detect=detect, **opens)
    if by_sip:
        from api.doors.telephone.listening import dial_by_sip

        reason = asyncio.run(dial_by_sip(Settings(), call))
        if as_json:
            show({"to": call.called, "from": call.caller, "reason": reason}, as_json=True)
        else:
            typer.echo(f"The call ended: {reason}.")
        return
    record = ask_store(lambda store: make(Settings(), store, call))
    if as_json:
        show({"id": record.id, "to": record.called, "from": record.caller}, as_json=True)
    else:
        typer.echo(f"Ringing {record.called}; `glow phone calls` tells how it goes. ({record.id})")
