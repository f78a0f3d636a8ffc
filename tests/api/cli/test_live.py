"""`glow attempts chat live`: what is typed, what is printed, and how it ends."""

import asyncio
import io
import sys
import threading
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from api.cli import live as repl
from api.cli.instance import Instance
from api.cli.live import run_live
from api.client.call import ClientError, Disconnected
from tests.service import TOKENS, RunningService, quiet, unhearing
from tests.voice.sound import recording

QUESTION = "Hello, this is the records office. How can I help you?"


def live(service: RunningService, chat: str, *lines: str | Callable[[], str] | None, user: str = "ada") -> str:
    """Hold a conversation with these lines; returns what was printed."""
    printed = io.StringIO()
    waiting = iter(lines)

    async def ask(_prompt: str) -> str | None:
        line = next(waiting, None)
        return await asyncio.to_thread(line) if callable(line) else line

    console = Console(file=printed, width=500, highlight=False)
    run_live(console, url=service.url, token=TOKENS[user], chat_id=chat, ask=ask)
    return printed.getvalue()


def test_a_line_is_a_message_and_the_answer_appears(service: RunningService) -> None:
    chat = service.chat()
    printed = live(service, chat, QUESTION, ":q")
    (_, said), (_, answer) = service.lines(chat)
    assert said == QUESTION
    assert f"Dana  {answer}\n" in printed, "once, and whole"
    again = live(service, chat, ":quit")
    assert QUESTION in again, "what was said before is shown"
    assert answer in again


def test_the_end_of_input_is_the_end(service: RunningService) -> None:
    chat = service.chat()
    live(service, chat, None)
    live(service, chat, "", "   ", None)
    assert service.lines(chat) == []


def test_its_commands(service: RunningService) -> None:
    chat = service.chat()
    printed = live(service, chat, "/help", "/nothing", QUESTION, "/history", "/stop", ":q")
    assert printed.count("/voice to speak and hear") >= 2
    assert "There is no command /nothing" in printed
    assert printed.count("Finally, a human being.") == 2, "the answer, and the history"


def test_what_the_service_refuses_is_said_and_the_conversation_goes_on(service: RunningService) -> None:
    chat = service.chat()

    def complete() -> str:
        service.post("/attempt/chat_complete", {"chat_id": chat})
        return "Anybody there?"

    printed = live(service, chat, complete, "/help", ":q")
    assert "This chat has ended" in printed
    assert "You can read it, and no more." in live(service, chat, "never read")


def test_nobody_there_or_nobody_known_is_a_sentence(service: RunningService) -> None:
    chat = service.chat()
    with pytest.raises(ClientError, match="Chat not found"):
        live(service, chat, ":q", user="bob")
    with pytest.raises(ClientError, match="No voice service answers"):
        run_live(Console(file=io.StringIO()), url="http://127.0.0.1:9", token="x", chat_id=chat)


def test_a_service_that_goes_away_ends_the_conversation(tmp_path_factory: pytest.TempPathFactory) -> None:
    with unhearing(tmp_path_factory.mktemp("going")) as service:
        chat = service.chat()

        def stop() -> str:
            service.server.should_exit = True
            service.thread.join(100)
            return "too late"

        with pytest.raises(Disconnected):
            live(service, chat, stop, ":q")


# --------------------------------------------------------------------- voice


def test_without_a_sound_card_it_says_what_is_missing(service: RunningService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    chat = service.chat()
    printed = live(service, chat, "/voice", QUESTION, ":q")
    assert "The microphone needs the package sounddevice and the PortAudio library" in printed
    assert "Finally, a human being." in printed, "and one can type on"


class Stream:
    """A device on paper: calls back every 20 ms until it is left."""

    def __init__(self, callback: Any, **_: Any) -> None:
        self._callback = callback
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(0.02):
            self.block()

    def block(self) -> None:
        raise NotImplementedError


class Microphone(Stream):
    """Hears a recording, and then silence."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._line = np.concatenate([quiet(100), recording("rms/turns/07")])

    def block(self) -> None:
        now, self._line = self._line[:320], self._line[320:]
        self._callback(np.pad(now, (0, 320 - len(now)))[:, None], 320, None, None)


class Loudspeaker(Stream):
    """Knows whether anything was heard of it."""

    heard = threading.Event()

    def block(self) -> None:
        block = np.zeros((480, 1), np.int16)
        self._callback(block, 480, None, None)
        if block.any():
            Loudspeaker.heard.set()


@pytest.mark.slow
def test_voice_is_spoken_and_heard(service: RunningService, monkeypatch: pytest.MonkeyPatch) -> None:
    device = types.SimpleNamespace(InputStream=Microphone, OutputStream=Loudspeaker, PortAudioError=OSError)
    monkeypatch.setitem(sys.modules, "sounddevice", device)
    chat = service.chat()

    def enter() -> str:
        assert Loudspeaker.heard.wait(100), "the persona is heard"
        return ""

    printed = live(service, chat, "/voice", enter, ":q")
    said, _ = service.history(chat)
    assert said["origin"] == "spoken"
    assert f"You     {said['contents'][0]['content']}" in printed
    assert "Dana  " in printed


def test_what_happens_is_watched(service: RunningService) -> None:
    chat = service.chat()
    asked = threading.Thread(target=service.post, args=("/attempt/chat_message", {"chat_id": chat, "text": "hi"}))
    seen: list[str] = []
    with Instance(service.url, TOKENS["ada"]) as instance:
        for event in instance.watch(opened=asked.start):
            if event["payload"].get("chat_id") == chat:
                seen.append(str(event["event_type"]))
            if "attempt_complete" in seen:
                break
    asked.join()
    assert "attempt_user_complete" in seen


def test_the_prompt_reads_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builtins.input", lambda prompt: f"{prompt}typed")
    assert asyncio.run(repl._typed("> ")) == "> typed"

    def ended(_prompt: str) -> str:
        raise EOFError

    monkeypatch.setattr("builtins.input", ended)
    assert asyncio.run(repl._typed("> ")) is None
