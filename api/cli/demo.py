"""`glow demo`: a spoken conversation with the packaged persona, on this machine, in under a minute."""

import asyncio
import os
import statistics
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.text import Text

from api.cli.conversation_view import ConversationView
from api.cli.links import page_url
from api.cli.progress import join_packaged
from api.client.call import Call, ClientError, Event
from api.client.handset import Int16
from api.client.http import RemoteService, StoredMessage
from api.client.own_service import OwnService, embedded, own_service
from api.client.recordings import learner_recording, write_stereo
from api.client.voice import VoiceClient, open_call
from api.settings import Settings
from voice.audio.formats import RATE_HZ
from voice.tts.catalog import is_a_mans, is_test_voice, piper_voices


@dataclass(frozen=True, slots=True)
class Scene:
    """A packaged conversation.

    Attributes:
        practice, persona: their names in the packaged content.
        about: who the persona is, and the learner; printed first.
        folder: the scene of the learner's recordings.
        script: the learner's turns, as numbers of recordings; two in one turn are joined by a short pause.
        voice: the persona's own Piper voice.
        is_a_man: whether the persona needs a male voice.
    """

    practice: str
    persona: str
    about: str
    folder: str
    script: tuple[tuple[int, ...], ...]
    voice: str
    is_a_man: bool


DANA = Scene(
    "The worried parent",
    "Dana Whitfield",
    "who wants her son's grades. You are the records office.",
    "records-office",
    ((1,), (3,), (7, 4), (8,)),
    "en_US-amy-medium",
    is_a_man=False,
)
MARCUS = Scene(
    "The annoyed customer",
    "Marcus Bell",
    "whose laptop died. You are the repair desk.",
    "repair-desk",
    ((1,), (3,), (4,), (8,)),
    "en_US-ryan-medium",
    is_a_man=True,
)
INTERRUPTED = 1  # the turn whose answer the next one interrupts
INTERRUPT_AFTER_S = 2.5
PAUSE_S = 0.2
BREATH_S = 0.4
_REPLY_S = 60.0

STEPS = (
    (
        "stt",
        0.6,
        "pocketsphinx",
        "Whisper",
        "PocketSphinx, which understands these recordings and few other people, hears",
    ),
    ("tts", 0.6, "espeak", "Piper", "eSpeak NG, a robot's voice, speaks"),
)
"""By stage: the most seconds for a second of speech with which a conversation holds, what is taken above that, and its
name in the sentence."""
_SLOW_MS = 1500


def scene_for(voices: Sequence[str]) -> Scene:
    """Choose the conversation that fits the voice.

    Args:
        voices: the installed Piper voices, the default one first; empty with another engine.
    """
    own = next((scene for scene in (DANA, MARCUS) if scene.voice in voices), None)
    return own or (MARCUS if voices and is_a_mans(voices[0]) else DANA)


def _voices(tts: str, models_dir: Path) -> list[str]:
    engine, _, name = tts.partition(":")
    if name:
        return [Path(name).stem] if engine == "piper" else []
    here = [model.stem for model in piper_voices(models_dir) if not is_test_voice(model)]
    return here if engine in ("auto", "piper") else []


def steps_down(paces: Mapping[str, float], asked: Mapping[str, str | None]) -> tuple[dict[str, str], list[str]]:
    """Choose cheaper engines where this machine, as it is now, does not carry those of `auto`.

    Args:
        paces: seconds that an engine took for a second of speech, by stage.
        asked: engines chosen by the user, which stay.

    Returns:
        The engines to take instead, by stage, and a sentence about each.
    """
    taken, sentences = {}, []
    for stage, most, cheaper, name, then in STEPS:
        if not asked.get(stage) and (pace := paces.get(stage, 0.0)) > most:
            taken[stage] = cheaper
            sentences.append(f"{name} takes {pace:.1f} s here for a second of speech{_busy()}, so {then}.")
    return taken, sentences


def _busy() -> str:
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    return f" (this machine is busy: a load of {load:.1f} on {cores} processors)" if load > cores else ""


def run_demo(
    console: Console, out: Path, *, stt: str | None = None, llm: str | None = None, tts: str | None = None
) -> None:
    """Run the conversation, print it and write it to `out`, also where it did not go to its end.

    Raises:
        ClientError: there was no conversation, or its history is wrong; the message says how.
    """
    models_dir = Settings().models_dir
    for sentence in join_packaged(models_dir, stt=stt or "auto", tts=tts or "auto", language="en"):
        console.print(Text(sentence, "yellow"))
    with ExitStack() as stack:
        chosen = {"stt": stt, "llm": llm, "tts": tts}
        service, taken = _started(stack, console, chosen, models_dir)
        scene = scene_for(_voices(taken.get("tts") or tts or "auto", models_dir))
        console.print(Text(f"Glow Voice: a call with {scene.persona}, {scene.about}"))
        console.print(Text(f"The service was ready in {service.started_in_s:.1f} s at {service.url};", "dim"), end=" ")
        console.print(Text("your side is played in real time.", "dim"))
        http = stack.enter_context(RemoteService(service.url, service.token))
        _, chat_id = http.start_named(scene.practice)
        client, problem = asyncio.run(_converse(console, service, chat_id, scene))
        seconds = write_stereo(out, client.recording())
        try:
            history = http.messages(chat_id)
        except ClientError as error:
            history, problem = None, problem or str(error)
    cut, causes = check(client.log, history, scene, problem)
    _summary(console, client.log, cut, causes, out, seconds, scene.persona)


def _started(
    stack: ExitStack, console: Console, chosen: dict[str, str | None], models_dir: Path
) -> tuple[OwnService, dict[str, str]]:
    """Start a service with engines that the machine carries; return it, and the engines in place of those of `auto`."""
    first = ExitStack()
    with first:
        with console.status("Starting the service..."):
            service = first.enter_context(own_service(embedded(**chosen), models_dir))
        with RemoteService(service.url, service.token) as http:
            taken, sentences = steps_down(http.paces(), chosen)
        if not taken:
            stack.push(first.pop_all())
            return service, {}
    for sentence in sentences:
        console.print(Text(sentence, "yellow"))
    with console.status("Starting the service again..."):
        return stack.enter_context(own_service(embedded(**{**chosen, **taken}), models_dir)), taken


async def _converse(console: Console, service: OwnService, chat_id: str, scene: Scene) -> tuple[VoiceClient, str]:
    """Hold the conversation as far as it goes; return the client, and what stopped it, empty for nothing.

    Raises:
        ClientError: there is no call at all.
    """
    view = ConversationView(console, scene.persona)
    called: VoiceClient | None = None
    try:
        async with open_call(service.url, Call(chat_id, noise=8), token=service.token, on_event=view) as client:
            called = client
            await _take_turns(client, scene)
    except ClientError as error:
        if called is None:
            raise
        return called, str(error)
    return called, ""


async def _take_turns(client: VoiceClient, scene: Scene) -> None:
    await client.listen_until(client.now() + BREATH_S)
    for turn, numbers in enumerate(scene.script):
        await client.say(_joined([learner_recording(scene.folder, number).samples for number in numbers]))
        if turn == INTERRUPTED:
            started = await client.next("reply.audio", timeout_s=_REPLY_S)
            await client.listen_until(started.at + INTERRUPT_AFTER_S)
        else:
            await _whole_reply(client)
            await client.listen_until(client.now() + BREATH_S)
    await client.hang_up()


async def _whole_reply(client: VoiceClient) -> None:
    while (await client.next("reply.ended", timeout_s=_REPLY_S))["interrupted"]:
        pass
    await client.heard()


def _joined(lines: list[Int16]) -> Int16:
    pause = np.zeros(round(PAUSE_S * RATE_HZ), np.int16)
    return np.concatenate([part for line in lines for part in (pause, line)][1:])


def check(
    log: Sequence[Event], history: Sequence[StoredMessage] | None, scene: Scene, problem: str = ""
) -> tuple[StoredMessage | None, list[str]]:
    """Check the conversation.

    Args:
        log: what the client received.
        history: what is stored; None if the service does not answer any more.
        problem: what stopped it; empty if it went to its end.

    Returns:
        The interrupted message as it is stored, None if there is none, and why the conversation was not all that it
        should be, sentences.

    Raises:
        ClientError: nothing was answered, or the history does not hold what was heard.
    """
    ended = [event for event in log if event.type == "reply.ended"]
    if not ended:
        raise ClientError(f"Nothing was answered. {problem or 'Run `glow demo` again.'}{_because()}")
    causes = []
    if len(ended) < len(scene.script):
        causes.append(f"Only {len(ended)} of {len(scene.script)} turns were answered. {problem}".strip())
    elif problem:
        causes.append(problem)
    interrupted = next((event for event in ended if event["interrupted"]), None)
    if interrupted is None and len(ended) >= len(scene.script):
        causes.append("The persona was not interrupted: it had said everything before you spoke.")
    if interrupted is None or history is None:
        return None, causes
    stored = {line.message_id: line for line in history if line.is_persona}
    line = stored.get(interrupted["message_id"])
    if line is None or line.text.strip() != interrupted["heard"].strip() or line.text == interrupted["text"]:
        raise ClientError("The history does not say what was heard of the interrupted message; please report this.")
    return line, causes


def _because() -> str:
    return f" Run `glow demo` again when it is idle{busy}." if (busy := _busy()) else ""


def _summary(
    console: Console,
    log: Sequence[Event],
    cut: StoredMessage | None,
    causes: list[str],
    out: Path,
    seconds: float,
    persona: str,
) -> None:
    waits = [event["voice_to_voice_ms"] for event in log if event.type == "turn.latency"]
    median = statistics.median(waits) if waits else 0.0
    if cut is not None:
        console.print(Text(f"In the history, the cut message reads: “{cut.text}”"))
    if waits:
        answers = "1 answer" if len(waits) == 1 else f"{len(waits)} answers"
        console.print(Text(f"{answers}, median {median:.0f} ms from your last word to theirs."))
    if median > _SLOW_MS:
        causes = [*causes, f"That is slow: a quiet machine with two processors takes half of {_SLOW_MS} ms."]
    for cause in causes:
        console.print(Text(cause, "yellow"))
    if causes and (because := _because()):
        console.print(Text(because.strip(), "yellow"))
    console.print(Text(f"Wrote {out}: {seconds:.0f} s, you on the left, {persona} on the right."))
    console.print()
    console.print(Text("Next:"))
    for command, meaning in (
        ("glow serve", f"talk to {persona} yourself, in your browser: it prints a link to {page_url(Settings())}"),
        ("", "open that link, choose whom to talk to, press Start, and allow the microphone"),
        ("glow talk FILE.wav", "speak to it with a recording of yours (--mic for the microphone)"),
        ("glow models", "list the engines, models and voices, and download better ones"),
    ):
        console.print(Text(f"  {command:20}"), Text(meaning, "dim"))
