"""What a call looks like on a terminal."""

import io
from typing import Any

from rich.console import Console

from api.cli.conversation_view import ConversationView
from api.client.call import Event


def shown(*messages: dict[str, Any]) -> list[str]:
    written = io.StringIO()
    view = ConversationView(Console(file=written, width=100, highlight=False), "Dana Whitfield")
    for message in messages:
        view(Event(message["type"], 0.0, message))
    return written.getvalue().splitlines()


def audio(text: str) -> dict[str, Any]:
    return {"type": "reply.audio", "turn": 1, "text": text}


READY = {"type": "chat_voice", "engines": {"stt": "a", "llm": "b", "tts": "c"}}
LATENCY = {"type": "turn.latency", "turn": 1, "endpoint_ms": 500, "stt_ms": 3, "llm_ms": 1, "tts_ms": 8.4}


def test_a_turn() -> None:
    assert shown(
        READY,
        {"type": "user.message", "turn": 1, "text": "hello [bold]there"},
        {"type": "reply.started", "turn": 1},
        {**LATENCY, "voice_to_voice_ms": 512.4},
        audio("Finally, "),
        audio("a human being."),
        {"type": "reply.ended", "turn": 1, "text": "Finally, a human being.", "heard": "", "interrupted": False},
    ) == [
        "hears with a, answers with b, speaks with c",
        "",
        "You     hello [bold]there",
        "Dana    Finally, a human being.",
        "        answered 512 ms after the last word (endpoint 500, stt 3, llm 1, tts 8)",
        "",
    ]


def test_an_interruption_shows_where_it_was_cut_and_what_nobody_heard() -> None:
    assert shown(
        {"type": "reply.started", "turn": 1},
        audio("I have paid every"),
        {"type": "reply.cleared", "turn": 1, "heard_ms": 900, "heard": "I have paid"},
        {
            "type": "reply.ended",
            "turn": 1,
            "text": "I have paid every bill.",
            "heard": "I have paid",
            "interrupted": True,
        },
    ) == [
        "Dana    I have paid every —",
        "        cut here; not heard: every bill.",
        "",
    ]


def test_a_resumed_line_and_an_error_are_said_on_their_own_lines() -> None:
    assert shown(
        READY,
        {"type": "reply.started", "turn": 1},
        audio("Well"),
        READY,
        {"type": "error", "code": "llm_failed", "message": "The model hung.", "fatal": False},
    )[2:] == [
        "Dana    Well",
        "        the line is back, the call goes on",
        "        llm_failed: The model hung.",
    ]
