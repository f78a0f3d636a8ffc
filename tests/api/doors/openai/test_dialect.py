"""The dialect alone: what clients hear of interruptions, of those that are none, and of cancels that come late."""

import asyncio
import json
from typing import Any

import pytest

from api.doors.line import FreshAttempt, HeardUntil, LineOpened, Packet, Respond, Stop
from api.doors.openai.realtime.dialect import RealtimeDialect
from api.doors.openai.realtime.session import RealtimeSession
from models.records.core import Grant, User
from pipeline.call.session import SessionSettings
from pipeline.conversation.events import (
    ReplyBegan,
    ReplyCleared,
    ReplyEnded,
    UserEnded,
    UserMessage,
    UserStarted,
)
from tests.api.doors.line.scene import MemoryWire
from tests.api.doors.openai.client import GA_EVENT
from voice.audio.formats import AudioFormat
from voice.tts.base import VoiceStyle

PCM = AudioFormat("pcm16", 24_000, 1)
OPENED = LineOpened("chat", "attempt", "conversation", "group", "bob", "Bob", False, "resume", PCM, PCM, {})


class Told:
    """A dialect, and all that its client was sent."""

    def __init__(self) -> None:
        unused: Any = None
        self.item_id = ""
        session = RealtimeSession("sess_1", "persona:bob", 0, "bob", {"bob": VoiceStyle()})
        self.dialect = RealtimeDialect(
            Grant(User("u", "ada")), FreshAttempt("p"), session, beta=False, engines=unused, conversation=unused
        )
        opening = asyncio.run(self.dialect.opening(MemoryWire()))
        opening.settings(SessionSettings())
        self.hear(OPENED)

    def hear(self, event: Any) -> list[str]:
        """Something happens in the call; returns the types of what is sent."""
        render = self.dialect.audio if isinstance(event, Packet) else self.dialect.render
        return self._kinds(render(event))

    def send(self, kind: str, **fields: Any) -> list[Any]:
        """The client sends an event; returns what it means to the call."""
        meant = self.dialect.heard(json.dumps({"type": kind, **fields}))
        meanings = meant if isinstance(meant, list) else [] if meant is None else [meant]
        for one in meanings:
            if isinstance(one, Respond):
                self._kinds(one.messages)
        return [one for one in meanings if not isinstance(one, Respond)]

    def _kinds(self, messages: Any) -> list[str]:
        self.latest = [json.loads(message) for message in messages]
        self.item_id = next((event["item_id"] for event in self.latest if "item_id" in event), self.item_id)
        for event in self.latest:
            GA_EVENT.validate_python(event)
        return [event["type"] for event in self.latest]


def sound(at_ms: int, text: str = "", turn: int = 1) -> Packet:
    return Packet(bytes(4_800), turn, 1, at_ms, 100, text)


@pytest.fixture
def told() -> Told:
    """A persona that speaks."""
    found = Told()
    found.hear(ReplyBegan(1, "message-1", "bob"))
    found.hear(sound(0, "Hello "))
    return found


def test_a_sound_that_is_no_interruption_is_not_told(told: Told) -> None:
    assert told.hear(UserStarted(2, 900)) == []
    assert told.hear(sound(100, "there")) == ["response.output_audio_transcript.delta", "response.output_audio.delta"]
    assert told.hear(UserEnded(2, 1_100, 500, "silence")) == []
    assert told.hear(ReplyEnded(1, "message-1", "Hello there", "Hello there", False))[-1] == "response.done"
    assert told.latest[-1]["response"]["status"] == "completed"
    assert told.hear(UserStarted(3, 4_000)) == ["input_audio_buffer.speech_started"]


def test_an_interruption_is_told_when_it_is_one(told: Told) -> None:
    told.hear(UserStarted(2, 900))
    kinds = told.hear(ReplyCleared(1, 60, "Hel"))
    assert (kinds[0], kinds[-1]) == ("input_audio_buffer.speech_started", "response.done")
    assert told.latest[0]["audio_start_ms"] == 900
    response = told.latest[-1]["response"]
    assert response["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    assert response["output"][0]["content"] == [{"type": "output_audio", "transcript": "Hel"}]
    assert told.hear(ReplyEnded(1, "message-1", "Hello there", "Hel", True)) == []
    assert told.hear(UserEnded(2, 1_900, 500, "silence"))[:2] == [
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
    ]


def test_a_reply_that_was_held_for_a_noise_goes_on_as_another_response(told: Told) -> None:
    told.hear(UserStarted(2, 900))
    told.hear(ReplyCleared(1, 60, "Hel"))
    kinds = told.hear(sound(60, "lo there"))
    assert kinds[:2] == ["response.created", "response.output_item.added"]
    item_id = told.latest[1]["item"]["id"]
    told.hear(sound(160))
    told.hear(ReplyEnded(1, "message-1", "Hello there", "Hello there", False))
    assert told.latest[-1]["response"]["output"][0]["content"][0]["transcript"] == "lo there"
    meant = told.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=10)
    assert meant == [HeardUntil("message-1", 70)]
    meant = told.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=10**6)
    assert meant == [HeardUntil("message-1", 260)]
    assert told.latest[-1]["audio_end_ms"] == 200


def test_a_cancel_for_what_was_broken_in_on_does_not_end_the_next_response(told: Told) -> None:
    told.hear(UserStarted(2, 900))
    told.hear(ReplyCleared(1, 60, "Hel"))
    told.hear(UserEnded(2, 1_900, 500, "silence"))
    told.hear(UserMessage(2, "message-2", "Wait."))
    told.hear(ReplyBegan(2, "message-3", "bob"))
    assert told.send("response.cancel") == []
    assert told.send("response.cancel") == [Stop()]


def test_who_truncates_what_is_being_said_stops_it(told: Told) -> None:
    meant = told.send("conversation.item.truncate", item_id=told.item_id, content_index=0, audio_end_ms=50)
    assert meant == [HeardUntil("message-1", 50), Stop()]
    kinds = told.hear(ReplyCleared(1, 50, "Hel"))
    assert "input_audio_buffer.speech_started" not in kinds
    assert told.latest[-1]["response"]["status_details"]["reason"] == "client_cancelled"


def test_a_turn_that_goes_on_is_another_item_with_the_new_words_alone() -> None:
    told = Told()
    told.hear(UserStarted(1, 100))
    told.hear(UserEnded(1, 900, 500, "silence"))
    told.hear(UserMessage(1, "message-1", "I would like"))
    told.hear(UserStarted(1, 1_200))
    told.hear(UserEnded(1, 1_900, 500, "silence"))
    told.hear(UserMessage(1, "message-1", "I would like a cup of tea."))
    assert told.latest[-1]["transcript"] == "a cup of tea."


def test_a_turn_without_words_has_an_empty_transcript_before_the_next_begins() -> None:
    told = Told()
    told.hear(UserStarted(1, 100))
    told.hear(UserEnded(1, 900, 500, "silence"))
    kinds = told.hear(UserStarted(2, 3_000))
    assert kinds == [
        "conversation.item.input_audio_transcription.completed",
        "input_audio_buffer.speech_started",
    ]
    assert told.latest[0]["transcript"] == ""
