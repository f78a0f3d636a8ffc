"""`glow attempts chat`: every operation on a chat, each one `POST /attempt/chat_<op>`, and the live conversation."""

import base64
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

import typer

from api.cli.commands import URL, AsJson, Body, Token, Url, add, ask, console, merged, show
from api.doors.glow.operation import Operation

WAV_HEADER = 44
"""Bytes of a WAV file before its samples."""

ChatId = Annotated[str | None, typer.Argument(help="The chat.", show_default=False)]


def get(
    chat_id: ChatId = None, body: Body = None, instance_url: Url = URL, token: Token = "", as_json: AsJson = False
) -> None:
    """Show a chat: who it is with, what it is about, and what was said."""
    from api.cli.tables import conversation_view

    reply = ask("/attempt/chat_get", merged(body, {"chat_entry_id": chat_id}), instance_url, token)
    show(reply, as_json=as_json, view=conversation_view)


def message(
    chat_id: ChatId = None,
    text: Annotated[str | None, typer.Argument(help="What you say.", show_default=False)] = None,
    audio: Annotated[Path | None, typer.Option(help="A recording of it; without a text it is transcribed.")] = None,
    persona_id: Annotated[str | None, typer.Option(help="Who shall answer.")] = None,
    parent_message_id: Annotated[str | None, typer.Option(help="The message that it answers.")] = None,
    generate: Annotated[bool, typer.Option("--answer/--no-answer", help="Whether the persona answers.")] = True,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait for the answer and print it, or print the ids at once.")
    ] = True,
    draft_id: Annotated[str | None, typer.Option(help="A draft that the chat takes on first.")] = None,
    body: Body = None,
    instance_url: Url = URL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Send a message, and print the persona's answer."""
    from api.cli.instance import Instance

    given = {
        "chat_id": chat_id,
        "text": text,
        "persona_id": persona_id,
        "parent_message_id": parent_message_id,
        "generate": None if generate else False,
        "wait_for_complete": wait and generate,
        "draft_id": draft_id,
    }
    request = merged(body, given)
    with Instance(instance_url, token) as instance:
        if audio is not None:
            request["audios_id"] = instance.upload(audio)
        reply = instance.ask("/attempt/chat_message", request)
    answer = reply.get("assistant_content")
    if answer is None or as_json:
        show(reply, as_json=as_json)
    else:
        typer.echo(answer)


def audio(
    chat_id: ChatId = None,
    file: Annotated[Path | None, typer.Argument(help="A recording to upload.", show_default=False)] = None,
    message_id: Annotated[str | None, typer.Option(help="The message; the chat's last otherwise.")] = None,
    audios_id: Annotated[str | None, typer.Option(help="A recording that was uploaded before.")] = None,
    body: Body = None,
    instance_url: Url = URL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Attach a recording to a message."""
    from api.cli.instance import Instance

    request = merged(body, {"chat_id": chat_id, "message_id": message_id, "audios_id": audios_id})
    with Instance(instance_url, token) as instance:
        if file is not None:
            request["audios_id"] = instance.upload(file)
        show(instance.ask("/attempt/chat_audio", request), as_json=as_json)


def speak(
    chat_id: ChatId = None,
    file: Annotated[Path | None, typer.Argument(help="A recording of someone speaking.", show_default=False)] = None,
    body: Body = None,
    instance_url: Url = URL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Feed a recording to the voice session that `voice` opened; `silence` ends it and prints the answer."""
    from api.cli.instance import Instance

    request = merged(body, {"chat_id": chat_id})
    with Instance(instance_url, token) as instance:
        if file is None:
            reply = instance.ask("/attempt/chat_speak", request)
        else:
            for piece in _pieces(file):
                reply = instance.ask("/attempt/chat_speak", {**request, "audio": base64.b64encode(piece).decode()})
    show(reply, as_json=as_json)


def silence(
    chat_id: ChatId = None,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Let the persona answer first, or end the session at once.")
    ] = True,
    out: Annotated[
        Path | None,
        typer.Option(help="Where to save the spoken answer; answer-CHAT.wav otherwise.", show_default=False),
    ] = None,
    body: Body = None,
    instance_url: Url = URL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """End the voice session: print what was heard and answered, and save the spoken answer as a WAV file.

    With --json it is saved only where --out says.
    """
    saves = out is not None or (wait and not as_json)
    request = merged(body, {"chat_id": chat_id, "wait_for_complete": wait, "with_audio": saves or None})
    reply = ask("/attempt/chat_silence", request, instance_url, token)
    if saves and (sound := reply.pop("assistant_audio", None)) is not None:
        named = f"answer-{reply['chat_id'][:8]}.wav"
        path = Path(named) if out is None else out / named if out.is_dir() else out
        content = base64.b64decode(sound)
        _write(path, content)
        typer.echo(f"Wrote {path}: {(len(content) - WAV_HEADER) / 48_000:.1f} s.", err=True)
    said = [("You", reply.get("transcript")), ("Persona", reply.get("assistant_content"))]
    if as_json or not any(text for _, text in said):
        show(reply, as_json=as_json)
    else:
        typer.echo("\n".join(f"{who}: {text}" for who, text in said if text))


def _pieces(file: Path) -> list[bytes]:
    """Convert a recording to the audio of voice sessions: PCM16 at 24 kHz, a second at a time."""
    from api.client.recordings import read_recording
    from voice.audio.formats import RATE_HZ
    from voice.audio.resample import resample

    wire = resample(read_recording(file), RATE_HZ, 24_000).astype("<i2").tobytes()
    return [wire[start : start + 48_000] for start in range(0, len(wire), 48_000)]


def _write(path: Path, content: bytes) -> None:
    from api.client.call import ClientError

    try:
        path.write_bytes(content)
    except OSError as error:
        raise ClientError(f"{path} cannot be written ({error.strerror}); choose another with --out.") from None


def export(
    chat_id: ChatId = None,
    file_format: Annotated[
        Literal["csv", "json", "markdown", "srt", "vtt", "wav"] | None,
        typer.Option("--format", help="What to export it as; CSV otherwise."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Where to write it; a folder takes the service's name.")] = None,
    body: Body = None,
    instance_url: Url = URL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Write the transcript, of the last chat where none is given, to standard output, or to a file with --out."""
    from api.client.call import ClientError

    request = merged(body, {"chat_entry_id": chat_id, "format": file_format})
    reply = ask("/attempt/chat_export", request, instance_url, token)
    is_sound = str(reply["mime_type"]).startswith("audio/")
    if out is not None:
        path = out / Path(str(reply["file_name"])).name if out.is_dir() else out
        content = base64.b64decode(reply["content"]) if is_sound else str(reply["content"]).encode()
        _write(path, content)
        typer.echo(f"Wrote {path}: {reply['row_count']} messages, {len(content)} bytes.", err=True)
    if as_json:
        show(reply, as_json=True)
    elif out is None and is_sound:
        raise ClientError("This is a recording, and not for a terminal; give --out FILE.")
    elif out is None:
        typer.echo(reply["content"], nl=not str(reply["content"]).endswith("\n"))


def live(
    chat_id: Annotated[str, typer.Argument(help="The chat.")],
    persona_id: Annotated[str | None, typer.Option(help="Who shall answer.")] = None,
    instance_url: Url = URL,
    token: Token = "",
) -> None:
    """Converse in a terminal: type a line and Enter; /voice to speak and hear, :q to leave."""
    from api.cli.live import run_live

    run_live(console(), url=instance_url, token=token, chat_id=chat_id, persona_id=persona_id)


def commands(operations: Iterable[Operation]) -> typer.Typer:
    """Make the commands on chats: those of the table, and those that make more than one request."""
    app = typer.Typer(
        no_args_is_help=True,
        help="Chats: read, write, speak, grade. Exit codes: 0 done, 1 refused or unreachable, 2 wrong usage.",
    )
    for operation in operations:
        if operation.artifact == "attempt" and operation.name.startswith("chat_"):
            add(app, operation, operation.name.removeprefix("chat_"))
    for command in (get, message, audio, speak, silence, export, live):
        app.command()(command)
    return app
