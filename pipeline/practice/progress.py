"""The progress of operations, published to their user's connections: started, completed or failed."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from models.columns import clean
from models.errors import ModelError
from pipeline.chats.hub import Hub, profile_channel
from pipeline.errors import PipelineError
from voice.errors import VoiceError

log = logging.getLogger(__name__)

Refusal = ModelError | PipelineError | VoiceError
"""The errors that an operation raises on purpose."""

REFUSALS = (ModelError, PipelineError, VoiceError)
"""The same, for `except`."""

FAILED = "The service failed on this request; try again."
"""The sentence for an internal failure, whose cause is only logged."""


def sentence_of(error: Refusal) -> str:
    """Return the error's sentence for a client; the cause of an internal failure is only logged."""
    if error.http_status != 500:
        return clean(str(error))
    log.error("An operation failed.", exc_info=error)
    return FAILED


class ProgressPublisher:
    """Publishes the progress of operations.

    Args:
        hub: the hub.
        new_id: makes the `call_id` that the events of one invocation share.
    """

    def __init__(self, hub: Hub, new_id: Callable[[], str]) -> None:
        self._hub = hub
        self._new_id = new_id

    @contextmanager
    def track(
        self, user_id: str, artifact: str, operation: str, said: Mapping[str, Any]
    ) -> Iterator[Callable[[Mapping[str, Any]], None]]:
        """Publish that an operation has started, and that it has failed if the block raises.

        Args:
            artifact, operation: the called operation, such as "attempt" and "chat_grade".
            said: its arguments, as JSON values.

        Yields:
            A function that publishes the operation's completion; it takes the reply's JSON values.
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
            failed = {"message": sentence_of(error), "error_type": error.code, "role": "user", "tool": operation}
            publish("failed", about | failed)
            raise
