"""An example of every message of the voice websocket, and the meaning of the fields of the service's messages.

The page docs/voice-websocket.md is generated from this, and a test compares it with the messages that are sent.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from api.doors.voice.messages import render
from pipeline.conversation.events import (
    CallEnded,
    Problem,
    ReplyAudio,
    ReplyBegan,
    ReplyCleared,
    ReplyEnded,
    ReplyText,
    Restarting,
    SessionEvent,
    TransferAsked,
    TurnLatency,
    UserEnded,
    UserMessage,
    UserPartial,
    UserStarted,
)

Message = dict[str, Any]

_CHAT = "0d4f6a2a-526d-4e0f-8395-5a0f2f4c1f9b"
_MESSAGE = "7c0c2d8f-1e77-4aa4-93bb-1d5e6f7a8b9c"
_RESUME = "xk3Nq0J5c1y7yY2s3o0vQh1T8tFh2b4B"

CLIENT: tuple[Message, ...] = (
    {"type": "chat_voice", "chat_id": _CHAT},
    {
        "type": "chat_voice",
        "chat_id": _CHAT,
        "input": {"encoding": "mulaw", "rate": 8000},
        "output": {"encoding": "mulaw", "rate": 8000},
        "turns": "auto",
        "greet": True,
    },
    {"type": "chat_voice", "chat_id": _CHAT, "resume": _RESUME},
    {
        "type": "chat_voice",
        "chat_id": _CHAT,
        "create_response": False,
        "text_only": True,
        "silence": {"prompts_s": [8, 8], "goodbye_s": 10},
        "longest_s": 600,
        "transfers": ["front desk"],
    },
    {"type": "chat_speak", "audio": "AAABAAIAAwA="},
    {"type": "commit"},
    {"type": "chat_message", "text": "Can you repeat that, please?"},
    {"type": "reply"},
    {"type": "stop"},
    {"type": "mute", "muted": True},
    {"type": "played", "turn": 3, "ms": 1240},
    {"type": "echo", "delay_ms": 210, "residual_db": -24.5},
    {"type": "dtmf", "digit": "5"},
    {"type": "transferred", "done": True},
    {"type": "ping"},
    {"type": "chat_silence"},
)
"""The client's messages, at least one of each type."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A message of the service.

    Attributes:
        example: the event that it renders, or the message itself if it renders none.
        when: when it is sent, in a sentence.
        fields: the meaning of each field.
    """

    example: SessionEvent | Message
    when: str
    fields: dict[str, str]

    @property
    def message(self) -> Message:
        """The example as it is sent."""
        return self.example if isinstance(self.example, dict) else render(self.example)


_TURN = "The turn that it belongs to; the learner's turns count from 1, and a greeting before them is 0."
_STORED = "The id under which the message is in the chat's history."

READY = Shown(
    {
        "type": "chat_voice",
        "chat_id": _CHAT,
        "attempt_id": "b3f1c7d2-8a55-4c1f-8f6e-2d9d3f0a7c22",
        "conversation_id": "5b9f0c2e-3a1d-4f6b-9c7e-8d2a1b0c4e6f",
        "group_id": "e1d2c3b4-a596-4877-8695-a4b3c2d1e0f9",
        "resume": _RESUME,
        "input": {"encoding": "pcm16", "rate": 16000, "channels": 1},
        "output": {"encoding": "pcm16", "rate": 24000},
        "engines": {"stt": "pocketsphinx", "llm": "scripted", "tts": "espeak"},
    },
    "The call is open, or resumed. The first message of the service.",
    {
        "chat_id": "The chat that is spoken in.",
        "attempt_id": "The attempt that the chat belongs to.",
        "conversation_id": "Names this call; `POST /attempt/chat_speak` takes it.",
        "group_id": "Names the exchange, as over HTTP and socket.io.",
        "resume": "The secret that resumes this call on another connection.",
        "input": "The format in which audio is taken: `encoding`, `rate` and `channels`.",
        "output": "The format in which audio comes: `encoding` and `rate`.",
        "engines": "Who hears (`stt`), answers (`llm`) and speaks (`tts`).",
    },
)

PONG = Shown({"type": "pong"}, "The answer to `ping`.", {})

SERVER: tuple[Shown, ...] = (
    READY,
    Shown(
        UserStarted(3, 41_260),
        "Speech began. Sent once more for the same turn when it turns out to go on.",
        {"turn": _TURN, "at_ms": "Where in the learner's audio it began."},
    ),
    Shown(
        UserPartial(3, "can you repeat"),
        "The transcript of the open utterance so far, all of it.",
        {"turn": _TURN, "text": "The words so far. What stands here is only ever added to before the last transcript."},
    ),
    Shown(
        UserEnded(3, 42_480, 350, "silence"),
        "The learner's turn is over.",
        {
            "turn": _TURN,
            "at_ms": "Where in the learner's audio the speech ended.",
            "silence_ms": "How long the silence was by the time this was decided.",
            "reason": "A silence, `commit`, `mute` or no more audio, the call's end, or the longest turn there is.",
        },
    ),
    Shown(
        UserMessage(3, _MESSAGE, "can you repeat that please"),
        "The learner's words are stored. Sent again with the same id when a turn was reopened and grew.",
        {"turn": _TURN, "message_id": _STORED, "text": "The words as stored."},
    ),
    Shown(
        ReplyBegan(3, _MESSAGE, "dana-whitfield"),
        "The persona begins to answer: its first audio follows.",
        {"turn": _TURN, "message_id": _STORED, "persona_id": "Who answers; empty where the chat names nobody."},
    ),
    Shown(
        ReplyText(3, "Finally, a human being."),
        "Some more of the answer's text; it may come before the audio that says it. `reply.ended` has all of it, "
        "without what the model took back.",
        {"turn": _TURN, "delta": "What is new."},
    ),
    Shown(
        ReplyAudio(3, 1, 0, 100, "Finally,", np.zeros(0, np.int16)),
        "Announces the binary message that follows at once.",
        {
            "turn": _TURN,
            "seq": "Counts the announcements of a reply from 1; begins anew on a resumed connection.",
            "at_ms": "Where in the reply's audio it lies. A place that came before is sent again: play from there.",
            "duration_ms": "How long it is.",
            "text": "The words that begin in it; empty inside a word.",
        },
    ),
    Shown(
        ReplyCleared(3, 1240, "Finally, a human"),
        "The learner speaks over the persona: drop all of its audio that has not been played.",
        {"turn": _TURN, "heard_ms": "How much of the reply was heard.", "heard": "The words that were heard."},
    ),
    Shown(
        ReplyEnded(3, _MESSAGE, "Finally, a human being. I am Dana Whitfield.", "Finally, a human", True),
        "The reply is over, and stored.",
        {
            "turn": _TURN,
            "message_id": _STORED,
            "text": "All that was to be said.",
            "heard": "What was heard of it: this is the message in the history.",
            "interrupted": "Whether it ended before its last word.",
            "truncated": "Whether a limit of length stopped the model, so that the last sentence may be unfinished.",
        },
    ),
    Shown(
        TurnLatency(3, 350, 180, 12, 16, 378),
        "Where the time went from the learner's last sound to the persona's first; once for each turn that was spoken.",
        {
            "turn": _TURN,
            "endpoint_ms": "Milliseconds from the last speech to the decision that the turn is over.",
            "stt_ms": "How long the transcript took.",
            "llm_ms": "How long the reply's first words took.",
            "tts_ms": "How long the first audio of them took.",
            "voice_to_voice_ms": "Milliseconds from the last speech to the first audio sent. The stages overlap.",
        },
    ),
    Shown(
        Problem("no_words", "No words were heard in that utterance; say it again or type it."),
        "Something went wrong. The call goes on, unless it is fatal.",
        {
            "code": "What, for programs; see [Errors](#errors).",
            "message": "What, and what to do about it, in a sentence.",
            "fatal": "Whether this connection ends with it.",
        },
    ),
    PONG,
    Shown(
        TransferAsked(4, "front desk"),
        "The persona hands the call on: its last word was heard. Carry the transfer out, and send `transferred`.",
        {"turn": "The turn whose reply asked for it.", "target": "One of the `transfers` of `chat_voice`."},
    ),
    Shown(
        Restarting("k3yOfThisCall", 740),
        "The service restarts. The connection closes with 1012; connect again and resume, until it is back: the call "
        "and its turns go on.",
        {"resume": "The call's resume token.", "after_ms": "Wait this long first, so that not all come at once."},
    ),
    Shown(
        CallEnded(_CHAT, stopped=True, duration_ms=61_840, turns=4, reason="caller"),
        "The call is over and everything is stored. The connection closes with 1000.",
        {
            "chat_id": "The chat that was spoken in.",
            "stopped": "Always true.",
            "duration_ms": "How long the call was.",
            "turns": "How many turns it had.",
            "reason": "Who or what ended it.",
        },
    ),
)
"""The service's messages besides audio, roughly in the order in which they are sent."""


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """An error code of the websocket.

    Attributes:
        closes: the close code of the connection; 0 if it stays open.
        meaning: what happened, and what a client can do.
    """

    code: str
    closes: int
    meaning: str


ERRORS: tuple[ErrorCode, ...] = (
    ErrorCode("too_late", 1008, "No `chat_voice` came within 10 s of connecting."),
    ErrorCode("not_open", 1008, "Something else came before `chat_voice`."),
    ErrorCode("unauthorized", 1008, "No token, or one that opens nothing."),
    ErrorCode("forbidden", 1008, "The token's scope does not include this call."),
    ErrorCode(
        "revoked", 1008, "The token of the call was revoked or has expired, or its user was deleted: the call ends."
    ),
    ErrorCode("not_found", 1008, "There is no such chat of this user's, or no call to resume: open a new one."),
    ErrorCode("session_conflict", 1008, "The chat has a call that a connection attends, or has ended."),
    ErrorCode("busy", 1013, "The service carries as many calls as it takes: try again in a moment."),
    ErrorCode("taken_over", 1008, "Another connection resumed this call."),
    ErrorCode("slow_client", 1012, "The client does not read what it is sent: resume when it can."),
    ErrorCode("message_too_large", 1009, "A message above `GLOW_MAX_MESSAGE_BYTES` (128 KiB): resume, and send less."),
    ErrorCode("storage_behind", 1011, "The database cannot keep up, so the call was ended."),
    ErrorCode("internal", 1011, "The call broke on the service's side."),
    ErrorCode("invalid_json", 0, "The message is not JSON."),
    ErrorCode("invalid_message", 0, "A field is missing or wrong; the sentence names it."),
    ErrorCode("unknown_type", 0, "There is no such `type`."),
    ErrorCode("invalid_base64", 0, "The `audio` of a `chat_speak` is not base64."),
    ErrorCode("already_open", 0, "A second `chat_voice` on one connection."),
    ErrorCode("unsupported_format", 0, "An encoding, rate or codec that the service does not speak."),
    ErrorCode(
        "invalid_audio",
        0,
        "The audio is not what it claims to be; what could be decoded was heard. Also floats or big-endian samples "
        "where pcm16 was declared: the sentence says which.",
    ),
    ErrorCode("silent_audio", 0, "The audio has been digital silence for 10 s: a muted or a wrong microphone."),
    ErrorCode("no_words", 0, "No words were heard in an utterance."),
    ErrorCode("answering", 0, "A `reply` was asked for while the persona answers already."),
    ErrorCode("call_over", 0, "The call takes nothing more, it is ending."),
    ErrorCode("stt_failed", 0, "The transcript took longer than `GLOW_STT_TIMEOUT_S`."),
    ErrorCode("tts_failed", 0, "The voice did not speak in time; what it should have said is in `reply.text`."),
    ErrorCode("reply_too_long", 0, "The reply was cut at the most characters that one may have."),
    ErrorCode("engine_failed", 0, "An engine broke; the persona apologises aloud where it was to answer."),
    ErrorCode("engine_busy", 0, "The engines have too much to do; say it again in a moment."),
    ErrorCode("engine_unavailable", 0, "An engine's files or its server are not there."),
    ErrorCode("llm_failed", 0, "The language model did not answer; the persona apologises aloud."),
    ErrorCode(
        "storage_failed",
        0,
        "The database is away: what is said is kept, and stored once it is back, or a message is lost; "
        "the sentence says which. Before the call is open: 1013, try again in a moment.",
    ),
    ErrorCode("idle", 0, "Nothing came for `GLOW_IDLE_S`: the call ends, as by `chat_silence`."),
)
"""Every code that an `error` of the voice websocket can have. Before the call is open every error is fatal."""
