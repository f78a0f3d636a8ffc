"""`glow demo`: a whole spoken conversation with the packaged persona, on this machine, in under a minute."""

import asyncio
import statistics
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.text import Text

from api.cli.conversation_view import ConversationView
from api.client.call import Call, ClientError, Event
from api.client.handset import Int16
from api.client.http import Line, RemoteService
from api.client.own_service import OwnService, embedded, own_service
from api.client.recordings import learner_line, write_stereo
from api.client.voice import VoiceClient, open_call
from api.settings import Settings
from voice.audio.formats import RATE_HZ

PRACTICE = "The worried parent"
SCENE = "records-office"
PERSONA = "Dana Whitfield"
# The learner's turns, by the numbers of their recordings; two in one turn have a short pause between them.
SCRIPT = ((1,), (3,), (7, 4), (8,))
INTERRUPTED = 1  # the turn whose answer the next one interrupts
INTERRUPT_AFTER_S = 2.5
PAUSE_S = 0.2
BREATH_S = 0.4
_REPLY_S = 25.0


def run_demo(
    console: Console, out: Path, *, stt: str | None = None, llm: str | None = None, tts: str | None = None
) -> None:
    """Hold the conversation, print it and write it to `out`.

    Raises:
        ClientError: something did not happen as it must; the sentence says what.
    """
    console.print(Text(f"Glow Voice: a call with {PERSONA}, who wants her son's grades. You are the records office."))
    with ExitStack() as stack:
        with console.status("Starting the service..."):
            service = stack.enter_context(own_service(embedded(stt=stt, llm=llm, tts=tts), Settings().models_dir))
        console.print(Text(f"The service was ready in {service.started_in_s:.1f} s at {service.url};", "dim"), end=" ")
        console.print(Text("your side is played in real time.", "dim"))
        http = stack.enter_context(RemoteService(service.url, service.token))
        _, chat_id = http.start_named(PRACTICE)
        client = asyncio.run(_converse(console, service, chat_id))
        history = http.lines(chat_id)
    cut = _check(client.log, history)
    seconds = write_stereo(out, client.recording())
    _summary(console, client.log, cut, out, seconds)


async def _converse(console: Console, service: OwnService, chat_id: str) -> VoiceClient:
    view = ConversationView(console, PERSONA)
    async with open_call(service.url, Call(chat_id, noise=8), token=service.token, on_event=view) as client:
        await client.listen_until(client.now() + BREATH_S)
        for turn, numbers in enumerate(SCRIPT):
            await client.say(_joined([learner_line(SCENE, number).samples for number in numbers]))
            if turn == INTERRUPTED:
                started = await client.next("reply.audio", timeout_s=_REPLY_S)
                await client.listen_until(started.at + INTERRUPT_AFTER_S)
            else:
                await _whole_reply(client)
                await client.listen_until(client.now() + BREATH_S)
        await client.hang_up()
    return client


async def _whole_reply(client: VoiceClient) -> None:
    while (await client.next("reply.ended", timeout_s=_REPLY_S))["interrupted"]:
        pass
    await client.heard()


def _joined(lines: list[Int16]) -> Int16:
    pause = np.zeros(round(PAUSE_S * RATE_HZ), np.int16)
    return np.concatenate([part for line in lines for part in (pause, line)][1:])


def _check(log: list[Event], history: list[Line]) -> Line:
    """The interrupted message as it is stored, once it is sure that the history says what was heard."""
    ended = [event for event in log if event.type == "reply.ended"]
    if len(ended) < len(SCRIPT):
        raise ClientError(f"Only {len(ended)} of {len(SCRIPT)} turns were answered; run `glow demo` again.")
    interrupted = next((event for event in ended if event["interrupted"]), None)
    if interrupted is None:
        raise ClientError("The persona was not interrupted; run `glow demo` again on a machine that is less busy.")
    stored = {line.message_id: line for line in history if line.is_persona}
    line = stored.get(interrupted["message_id"])
    if line is None or line.text.strip() != interrupted["heard"].strip() or line.text == interrupted["text"]:
        raise ClientError("The history does not say what was heard of the interrupted message; please report this.")
    return line


def _summary(console: Console, log: list[Event], cut: Line, out: Path, seconds: float) -> None:
    waits = [event["voice_to_voice_ms"] for event in log if event.type == "turn.latency"]
    console.print(Text(f"In the history, the cut message reads: “{cut.text}”"))
    console.print(
        Text(f"{len(waits)} answers, median {statistics.median(waits):.0f} ms from your last word to theirs.")
    )
    console.print(Text(f"Wrote {out}: {seconds:.0f} s, you on the left, {PERSONA} on the right."))
    console.print()
    console.print(Text("Next:"))
    for command, meaning in (
        ("glow serve", "run the service and print a token"),
        ("glow talk FILE.wav", "speak to it with a recording of yours (--mic for the microphone)"),
        ("glow models", "see the better ears and voices, and pull one"),
    ):
        console.print(Text(f"  {command:20}"), Text(meaning, "dim"))
