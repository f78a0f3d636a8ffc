"""A chat's events in both of Glow's dialects: v5 on the chat's channel, the canonical names on the owner's.

Source: docs/socketio.md, "What the service sends". A reply's text is accumulated in v5 and a delta in the other.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.chats.hub import Hub, chat_channel, profile_channel


@dataclass(frozen=True, slots=True)
class ChatChannel:
    """One chat's events.

    Attributes:
        user_id: the chat's owner.
        asker: the channel of the connection that requested the events' cause; empty without one.
    """

    hub: Hub
    chat_id: str
    user_id: str
    asker: str = ""

    @property
    def is_heard(self) -> bool:
        """Whether anybody would get the chat's audio, on its channel or as the owner."""
        hub = (chat_channel(self.chat_id), profile_channel(self.user_id))
        return any(self.hub.has_subscribers(channel, user_id=self.user_id, sounds=True) for channel in hub)

    def publish(self, name: str, payload: Mapping[str, Any], **about: Any) -> None:
        """Publish to the chat's channel; `chat_id` is added."""
        full = {"chat_id": self.chat_id, **payload}
        self.hub.publish(chat_channel(self.chat_id), name, full, user_id=self.user_id, entity_id=self.chat_id, **about)

    def publish_to_owner(self, name: str, payload: Mapping[str, Any], **about: Any) -> None:
        """Publish to the owner's connections; `chat_id` is added."""
        full = {"chat_id": self.chat_id, **payload}
        self.hub.publish(
            profile_channel(self.user_id), name, full, user_id=self.user_id, entity_id=self.chat_id, **about
        )

    def publish_to_asker(self, name: str, payload: Mapping[str, Any], **about: Any) -> None:
        """Publish to the asker alone; `chat_id` is added."""
        full = {"chat_id": self.chat_id, **payload}
        if self.asker:
            self.hub.publish(self.asker, name, full, user_id=self.user_id, entity_id=self.chat_id, **about)

    def user_said(self, message_id: str, text: str, created_at: str, item_id: str | None = None) -> None:
        """Publish the learner's stored message."""
        payload = {"message_id": message_id, "content": text, "created_at": created_at}
        self.publish("attempt_user_complete", payload | ({"item_id": item_id} if item_id else {}))

    def field_noted(self, name: str, value: str) -> None:
        """Publish that a persona's tool has noted a value."""
        noted = {"name": name, "value": value}
        self.publish("attempt_field_noted", noted)
        self.publish_to_owner("attempt.chat.field_noted", noted, operation="chat_message")

    def reply_began(self, run: "RunName", message_id: str, persona_id: str | None, created_at: str) -> None:
        """Publish that the persona begins to answer."""
        about: dict[str, Any] = {"run_id": run.run_id, "group_id": run.group_id}
        started = {"message_id": message_id, "created_at": created_at, "persona_id": persona_id}
        self.publish("attempt_assistant_start", started, **about)
        named = about | {"message_id": message_id, "persona_id": persona_id, "role": "assistant"}
        self.publish_to_owner("attempt.generate.started", named, operation="generate", **about)
        self.publish_to_owner("attempt.generate.text.start", named, operation="generate", **about)

    def reply_grew(self, run: "RunName", message_id: str, delta: str, text: str, persona_id: str | None) -> None:
        """Publish more of the reply; `text` is all of it so far."""
        about: dict[str, Any] = {"run_id": run.run_id, "group_id": run.group_id}
        self.publish("attempt_assistant_delta", {"message_id": message_id, "content": text}, **about)
        self.publish("attempt_assistant_progress", {"content_type": "delta", "content": delta}, **about)
        named = about | {"message_id": message_id, "delta": delta, "persona_id": persona_id, "role": "assistant"}
        self.publish_to_owner("attempt.generate.text.progress", named, operation="generate", **about)
        self.publish_to_owner("attempt.chat_message.progress", named, operation="chat_message", **about)

    def reply_sounded(self, run: "RunName", audio: bytes) -> None:
        """Publish more of the reply's audio: PCM16 mono at 24 kHz."""
        about: dict[str, Any] = {"run_id": run.run_id, "group_id": run.group_id}
        self.publish("attempt_assistant_audio", {"audio": audio}, **about)
        self.publish("attempt_assistant_progress", {"content_type": "audio", "audio": audio}, **about)
        named = {"group_id": run.group_id, "audio": audio}
        self.publish_to_owner("attempt.chat.assistant_audio", named, operation="chat_voice", **about)

    def reply_silent(self, run: "RunName", duration_ms: int) -> None:
        """Publish the end of the reply's audio, of which no recording can be requested."""
        named = {"group_id": run.group_id, "audios_id": None, "duration_ms": duration_ms}
        self.publish_to_owner("attempt.chat.assistant_audio.complete", named, operation="chat_voice")

    def reply_ended(
        self,
        run: "RunName",
        message_id: str,
        text: str,
        persona_id: str | None,
        created_at: str,
        *,
        truncated: bool = False,
    ) -> None:
        """Publish the stored reply, whether a limit of length stopped it, and the end of the turn."""
        about: dict[str, Any] = {"run_id": run.run_id, "group_id": run.group_id}
        cut = {"truncated": True} if truncated else {}
        ended = {"message_id": message_id, "content": text, "created_at": created_at, "persona_id": persona_id} | cut
        self.publish("attempt_assistant_complete", ended, **about)
        self.turn_ended(run, text, success=True, message="")
        named = about | {"message_id": message_id, "text": text, "persona_id": persona_id, "role": "assistant"} | cut
        self.publish_to_owner("attempt.generate.text.complete", named, operation="generate", **about)
        self.publish_to_owner("attempt.chat_message.completed", named, operation="chat_message", **about)
        self.publish_to_owner("attempt.generate.completed", named, operation="generate", **about)

    def turn_ended(self, run: "RunName", text: str, *, success: bool, message: str) -> None:
        """Publish the terminal event of a turn, on which v5 clients let the learner write again."""
        about: dict[str, Any] = {"run_id": run.run_id, "group_id": run.group_id}
        payload = {
            "artifact_type": "attempt",
            "final_content": text,
            "completed": True,
            "success": success,
            "message": message,
        }
        self.publish("attempt_complete", payload | about, **about)

    def reply_failed(self, run: "RunName", message: str) -> None:
        """Publish that the reply failed, to the asker alone: v5 clients do not check which chat an error is about."""
        about: dict[str, Any] = {"run_id": run.run_id, "group_id": run.group_id}
        self.publish_to_asker("attempt_error", {"type": "send", "message": message}, **about)
        self.turn_ended(run, "", success=False, message=message)
        failed = about | {"message": message, "error_type": "generation", "role": "assistant"}
        self.publish_to_owner("attempt.generate.failed", failed, operation="generate", **about)
        self.publish_to_owner("attempt.chat_message.failed", failed, operation="chat_message", **about)

    def reply_stopped(self, run: "RunName") -> None:
        """Publish that the reply was stopped."""
        about: dict[str, Any] = {"run_id": run.run_id, "group_id": run.group_id}
        self.publish("attempt_stopped", {"success": True}, **about)
        self.publish_to_owner("attempt.generate.audio.response_cancelled", about, operation="generate", **about)


@dataclass(frozen=True, slots=True)
class RunName:
    """The ids of a reply in preparation: `group_id` of its whole exchange or call, `run_id` of itself."""

    run_id: str
    group_id: str
