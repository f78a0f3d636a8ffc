"""`glow attempts chat live`: a conversation in a terminal, typed or spoken, over socket.io.

Each line is a message; the answer appears as it is generated. `/voice` switches to the microphone and back.
"""

import asyncio
import sys
import threading
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any

from rich.console import Console
from rich.text import Text

from api.cli.instance import Instance
from api.cli.tables import conversation_view, lines_view
from api.client.call import ClientError, Disconnected, Event
from api.client.handset import Int16
from api.client.socketio import SocketClient, open_socket

HELP = "Type a line and Enter. /voice to speak and hear, /history, /stop, /help, :q to leave."
QUIT = frozenset({":q", ":quit", "/q", "/quit"})
MICROPHONE_HZ, WIRE_HZ = 16_000, 24_000

Ask = Callable[[str], Coroutine[Any, Any, str | None]]
"""Shows a prompt and returns the next line; None at the end of input."""


def run_live(
    console: Console, *, url: str, token: str, chat_id: str, persona_id: str | None = None, ask: Ask | None = None
) -> None:
    """Converse until `:q` or the end of input.

    Raises:
        ClientError: the service refused, or is unreachable.
    """
    with Instance(url, token) as instance:
        chat = instance.ask("/attempt/chat_get", {"chat_entry_id": chat_id})
        console.print(conversation_view(chat), soft_wrap=True)
        if chat.get("disabled_reason"):
            console.print(Text(f"{chat['disabled_reason']} You can read it, and no more.", "dim"))
            return
        live = _Live(console, instance, chat, persona_id, ask or _typed)
        try:
            asyncio.run(live.converse())
        except KeyboardInterrupt:
            console.print()


async def _typed(prompt: str) -> str | None:
    """Read a line of standard input in a daemon thread, which does not keep the program from exiting."""
    loop = asyncio.get_running_loop()
    line: asyncio.Future[str | None] = loop.create_future()

    def done(text: str | None) -> None:
        if not line.done():
            line.set_result(text)

    def read() -> None:
        try:
            text: str | None = input(prompt)
        except EOFError:
            text = None
        with suppress(RuntimeError):  # the conversation has ended and its loop is closed
            loop.call_soon_threadsafe(done, text)

    threading.Thread(target=read, name="keyboard", daemon=True).start()
    return await line


class _Live:
    """A conversation: sends what is typed, prints what happens."""

    def __init__(
        self, console: Console, instance: Instance, chat: Mapping[str, Any], persona_id: str | None, ask: Ask
    ) -> None:
        personas = chat.get("personas") or [{}]
        self._console = console
        self._instance = instance
        self._chat_id = str(chat["chat_entry_id"])
        self._persona_id = persona_id
        self._persona = str(personas[0].get("name") or "Persona").split(" ")[0]
        self._ask = ask
        self._line: asyncio.Task[str | None] | None = None
        self._turn_over = asyncio.Event()
        self._call_over = asyncio.Event()
        self._shown = ""
        self._play: Callable[[Int16], None] = lambda _samples: None
        self._clear: Callable[[], None] = lambda: None

    async def converse(self) -> None:
        """Handle lines until the end of input."""
        async with open_socket(self._instance.url, self._instance.token, self._heard) as socket:
            await socket.ask("attempt_join", {"chat_id": self._chat_id})
            self._console.print(Text(HELP, "dim"))
            while not socket.over.is_set():
                line = await self._next_line(socket)
                if line is None or line.strip().lower() in QUIT:
                    return
                try:
                    await self._obey(socket, line.strip())
                except Disconnected:
                    raise
                except ClientError as error:
                    self._console.print(Text(str(error), "red"))
        raise Disconnected("The service closed the connection; start again to go on.")

    async def _next_line(
        self, socket: SocketClient, prompt: str = "> ", until: asyncio.Event | None = None
    ) -> str | None:
        """Return the next line, or "" if `until` is set first; the next call then returns the partly typed line."""
        self._line = self._line or asyncio.create_task(self._ask(prompt), name="line")
        ends = [asyncio.ensure_future(event.wait()) for event in (socket.over, until) if event is not None]
        try:
            await asyncio.wait({self._line, *ends}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()
        if self._line.done():
            line, self._line = self._line.result(), None
            return line
        if socket.over.is_set():
            self._line.cancel()
            raise Disconnected("The service closed the connection; start again to go on.")
        return ""

    async def _obey(self, socket: SocketClient, line: str) -> None:
        match line:
            case "":
                return
            case "/help" | ":h" | ":help":
                self._console.print(Text(HELP, "dim"))
            case "/history":
                chat = await asyncio.to_thread(
                    self._instance.ask, "/attempt/chat_get", {"chat_entry_id": self._chat_id}
                )
                for said in lines_view(chat.get("messages", []), self._persona):
                    self._console.print(said, soft_wrap=True)
            case "/stop":
                await socket.ask("attempt_stop", {"chat_id": self._chat_id})
            case "/voice":
                await self._speak(socket)
            case _ if line.startswith("/"):
                self._console.print(Text(f"There is no command {line}. {HELP}", "dim"))
            case _:
                await self._say(socket, line)

    async def _say(self, socket: SocketClient, text: str) -> None:
        self._turn_over.clear()
        payload = {"chat_id": self._chat_id, "text": text, "persona_id": self._persona_id}
        await socket.ask("attempt.chat_message", payload)
        waits = [asyncio.ensure_future(self._turn_over.wait()), asyncio.ensure_future(socket.over.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            # Ctrl-C during an answer stops the answer, not the conversation.
            if (task := asyncio.current_task()) is None or task.uncancel() > 0:
                raise
            await socket.ask("attempt_stop", {"chat_id": self._chat_id})
        finally:
            for wait in waits:
                wait.cancel()

    # ---------------------------------------------------------------- voice

    async def _speak(self, socket: SocketClient) -> None:
        """Speak and listen until Enter, or until the call ends."""
        from api.client.sound_card import SoundCard
        from voice.audio.resample import Resampler

        card = SoundCard()
        resampler = Resampler(MICROPHONE_HZ, WIRE_HZ)
        # Buffer at most a second of the microphone for the network; drop the oldest.
        frames: asyncio.Queue[bytes] = asyncio.Queue(50)

        def recorded(samples: Int16) -> None:
            if frames.full():
                frames.get_nowait()
            frames.put_nowait(resampler.process(samples).astype("<i2").tobytes())

        async def send() -> None:
            while True:
                audio = await frames.get()
                await socket.emit("attempt_audio_frame", {"chat_id": self._chat_id, "audio": audio})

        self._call_over.clear()
        await socket.ask("attempt_audio_start", {"chat_id": self._chat_id})
        dropped = card.follow(lambda _event: None)
        self._play, self._clear = card.play, lambda: dropped(Event("reply.cleared", 0.0, {}))
        self._console.print(Text("Speak; use headphones. Enter ends the voice session.", "dim"))
        try:
            with card.open(recorded):
                sending = asyncio.create_task(send(), name="microphone")
                try:
                    await self._next_line(socket, "", until=self._call_over)
                finally:
                    sending.cancel()
                    await asyncio.gather(sending, return_exceptions=True)
        finally:
            self._play, self._clear = (lambda _samples: None), (lambda: None)
            if not socket.over.is_set():
                await socket.ask("attempt_audio_stop", {"chat_id": self._chat_id})

    # --------------------------------------------------------------- printing

    def _heard(self, name: str, payload: Any) -> None:
        if not isinstance(payload, dict) or payload.get("chat_id") != self._chat_id:
            return
        match name:
            case "attempt_user_complete" if payload.get("item_id"):
                self._console.print(Text.assemble(("You     ", "bold"), str(payload.get("content"))), soft_wrap=True)
            case "attempt_assistant_start":
                self._shown = ""
                self._write(Text(f"{self._persona}  ", "bold cyan"))
            case "attempt_assistant_delta":
                self._grow(str(payload.get("content") or ""))
            case "attempt_assistant_complete":
                self._complete(str(payload.get("content") or ""))
            case "attempt_assistant_audio":
                self._hear(payload.get("audio"))
            case "attempt_stopped":
                self._clear()
                self._write(Text(" —\n", "dim"))
                self._turn_over.set()
            case "attempt_error":
                self._console.print(Text(str(payload.get("message")), "red"), soft_wrap=True)
                self._turn_over.set()
            case "attempt_complete":
                self._turn_over.set()
            case "attempt_audio_ended":
                self._call_over.set()
            case _:
                pass

    def _grow(self, content: str) -> None:
        """Print the new part of the text, which arrives accumulated."""
        if content.startswith(self._shown):
            self._write(Text(content[len(self._shown) :]))
            self._shown = content

    def _complete(self, content: str) -> None:
        if content.startswith(self._shown):
            self._grow(content)
            self._write(Text("\n"))
        else:
            # Less was heard than was generated.
            self._write(Text("\n"))
            self._console.print(Text(f"        heard: {content}", "dim"), soft_wrap=True)
        self._shown = ""

    def _hear(self, audio: Any) -> None:
        if isinstance(audio, bytes):
            import numpy as np

            self._play(np.frombuffer(audio, dtype="<i2").astype(np.int16))

    def _write(self, text: Text) -> None:
        self._console.print(text, end="", soft_wrap=True)
        sys.stdout.flush()
