"""`glow talk`: call a running service with a recording or a microphone, and record its answers."""

import asyncio
from pathlib import Path

from rich.console import Console
from rich.text import Text

from api.cli.conversation_view import ConversationView
from api.client.call import Call, ClientError, NoAnswer
from api.client.handset import Int16, Spoken
from api.client.http import RemoteService
from api.client.recordings import read_recording, write_persona
from api.client.sound_card import SoundCard
from api.client.voice import VoiceClient, open_call

_NOTICED_S = 5.0
_REPLY_S = 60.0


def run_talk(
    console: Console,
    *,
    url: str,
    token: str,
    chat_id: str | None,
    practice: str | None,
    file: Path | None,
    out: Path | None,
) -> None:
    """Talk with a recording, or with the microphone if `file` is None.

    Args:
        chat_id: the chat to call; None for a new one.
        practice: the name of the practice that it begins; None for the first one.

    Raises:
        ClientError: the service refused or is unreachable, or the audio is unusable.
    """
    samples = read_recording(file) if file else None
    card = None if file else SoundCard()
    with RemoteService(url, token) as http:
        if chat_id is None:
            begun, chat_id = http.start_named(practice)
            console.print(Text(f"{begun}: chat {chat_id}", "dim"))
        view = ConversationView(console, http.persona(chat_id))
    if samples is not None:
        client = asyncio.run(_recorded(view, url, token, Call(chat_id), samples))
    elif card is not None:
        console.print(Text("Speak; Ctrl-C hangs up.", "dim"))
        client = asyncio.run(_live(view, url, token, Call(chat_id, greet=True), card))
    if out is not None:
        seconds = write_persona(out, client.recording())
        console.print(Text(f"Wrote {out}: {seconds:.0f} s of what was heard."))


async def _recorded(view: ConversationView, url: str, token: str, call: Call, samples: Int16) -> VoiceClient:
    async with open_call(url, call, token=token, on_event=view) as client:
        await _until_answered(client, await client.say(samples))
        await client.hang_up()
    return client


async def _until_answered(client: VoiceClient, spoken: Spoken) -> None:
    try:
        if not any(event.type == "user.started" for event in client.log):
            await client.next("user.started", timeout_s=_NOTICED_S)
    except NoAnswer:
        raise ClientError(
            "The service heard no speech in the recording; is it loud enough, and is it speech?"
        ) from None
    while True:
        last_turn = max(event["turn"] for event in client.log if event.type == "user.started")
        answered = (event for event in client.log if event.type == "reply.ended" and event["turn"] >= last_turn)
        if any(event.at >= spoken.end for event in answered):
            break
        event = await client.next("user.started", "reply.ended", "error", timeout_s=_REPLY_S)
        if event.type == "error" and event["code"] == "no_words" and event.at >= spoken.end:
            raise ClientError(event["message"])
    await client.heard()


async def _live(view: ConversationView, url: str, token: str, call: Call, card: SoundCard) -> VoiceClient:
    async with open_call(url, call, token=token, on_event=card.follow(view), on_audio=card.play) as client:
        with card.open(client.feed):
            try:
                await client.next("chat_silence", timeout_s=24 * 3600)
            except asyncio.CancelledError:
                # On Ctrl-C, hang up as docs/voice-websocket.md says.
                if (task := asyncio.current_task()) is not None:
                    task.uncancel()
                await client.hang_up()
    return client
