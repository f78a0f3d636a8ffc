"""A model server that redirects is not followed: prompts, sound and the key go to the configured address alone."""

import asyncio
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import numpy as np
import pytest

from models.records.core import Persona
from pipeline.coach.llm import LanguageModelCoach
from pipeline.coach.rules import assess
from pipeline.conversation.reply import HistoryEntry, ReplyContext
from pipeline.errors import ResponderFailed
from pipeline.llm.chat_model import ChatModel
from pipeline.llm.openai import OpenAIResponder
from tests.pipeline.coach.test_rules import lesson
from voice.errors import EngineFailed, EngineUnavailable
from voice.stt.openai import OpenAITranscriber
from voice.tts.base import VoiceStyle
from voice.tts.openai import OpenAISynthesizer

KEY = "sk-secret-of-the-operator"


class Redirecting:
    """A server that redirects every request to one that counts what reaches it."""

    def __init__(self) -> None:
        self.asked, self.followed = 0, 0
        outer = self

        class Canary(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.followed += 1
                self.send_error(500)

            def log_message(self, *_: Any) -> None:
                pass

        self._canary = ThreadingHTTPServer(("127.0.0.1", 0), Canary)
        elsewhere = f"http://127.0.0.1:{self._canary.server_port}"

        class Redirects(Canary):
            def do_POST(self) -> None:
                outer.asked += 1
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(307)
                self.send_header("Location", elsewhere + self.path)
                self.send_header("Content-Length", "0")
                self.end_headers()

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Redirects)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        for server in (self._canary, self._server):
            Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        for server in (self._canary, self._server):
            server.shutdown()
            server.server_close()


@pytest.fixture
def server() -> Iterator[Redirecting]:
    made = Redirecting()
    yield made
    made.close()


def reply(url: str) -> None:
    async def story() -> None:
        responder = OpenAIResponder(model="m", base_url=url, api_key=KEY)
        try:
            context = ReplyContext(Persona("p", "P"), None, (), (HistoryEntry("user", "Hello."),))
            async for _ in responder.reply(context):
                pass
        finally:
            await responder.close()

    asyncio.run(story())


def complete(url: str) -> None:
    async def story() -> None:
        model = ChatModel(model="m", base_url=url, api_key=KEY)
        try:
            await model.complete([{"role": "user", "content": "Hello."}])
        finally:
            await model.close()

    asyncio.run(story())


def transcribe(url: str) -> None:
    transcriber = OpenAITranscriber(base_url=url, api_key=KEY)
    transcriber.transcribe(np.zeros(16_000, np.float32), prompt="", cancelled=lambda: False)


def synthesize(url: str) -> None:
    synthesizer = OpenAISynthesizer(model="m", voice="v", base_url=url, api_key=KEY)
    try:
        list(synthesizer.synthesize("Hello.", VoiceStyle(), cancelled=lambda: False))
    finally:
        synthesizer.close()


@pytest.mark.parametrize(
    ("ask", "error"),
    [
        (reply, ResponderFailed),
        (complete, ResponderFailed),
        (transcribe, EngineFailed),
        (synthesize, EngineUnavailable),
    ],
)
def test_a_redirect_is_a_failure_with_a_sentence(
    server: Redirecting, ask: Callable[[str], None], error: type[Exception]
) -> None:
    with pytest.raises(error, match=r"redirects to another address.*not followed; set the right base URL") as failed:
        ask(server.url)
    assert KEY not in str(failed.value)
    assert (server.asked, server.followed) == (1, 0)


def test_the_coach_judges_by_its_rules_instead(server: Redirecting) -> None:
    talk = lesson("Good morning, what happened?", "- My laptop died.")

    async def story() -> Any:
        coach = LanguageModelCoach(model="m", base_url=server.url, api_key=KEY, total_s=100)
        try:
            return await coach.assess(talk)
        finally:
            await coach.close()

    assert asyncio.run(story()).scores == assess(talk).scores
    assert server.asked >= 1
    assert server.followed == 0
