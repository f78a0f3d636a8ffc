"""What the connections of a user are told of the operations that they call: started, completed or failed."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from models.errors import ModelError
from pipeline.chats.hub import Hub, profile_channel
from pipeline.errors import PipelineError
from voice.errors import VoiceError

REFUSALS = (ModelError, PipelineError, VoiceError)
"""What an operation raises on purpose: each message is a sentence for the client."""


class Progress:
    """Publishes the progress of operations.

    Args:
        hub: the hub.
        new_id: makes the `call_id` that the events of one call share.
    """

    def __init__(self, hub: Hub, new_id: Callable[[], str]) -> None:
        self._hub = hub
        self._new_id = new_id

    @contextmanager
    def track(
        self, user_id: str, artifact: str, operation: str, said: Mapping[str, Any]
    ) -> Iterator[Callable[[Mapping[str, Any]], None]]:
        """Tell that an operation has started, and if the block is refused that it has failed.

        Args:
            artifact, operation: what is called, such as "attempt" and "chat_grade".
            said: what it is called with, as JSON values.

        Yields:
            What tells that the operation has completed; it takes the reply's JSON values.
        """
        key, call_id = f"{artifact}.{operation}", self._new_id()

        def publish(stage: str, payload: dict[str, Any]) -> None:
            self._hub.publish(
                profile_channel(user_id),
                f"{key}.{stage}",
                payload | {"call_id": call_id},
                user_id=user_id,
                artifact=artifact,
                operation=operation,
                call_id=call_id,
                run_id=payload.get("run_id"),
                group_id=payload.get("group_id"),
                entity_id=payload.get("chat_id") or payload.get("attempt_id"),
            )

        about = {"chat_id": said.get("chat_id")}
        publish("started", {**said, "operation_key": key, "role": "user", "tool": operation})
        try:
            yield lambda reply: publish("completed", {**about, **reply})
        except REFUSALS as error:
            failed = {"message": str(error), "error_type": error.code, "role": "user", "tool": operation}
            publish("failed", about | failed)
            raise
