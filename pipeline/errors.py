"""Typed errors of the conversation floor. Each message is a sentence that says what to do."""


class PipelineError(Exception):
    """Base of every error that pipeline/ raises on purpose.

    Attributes:
        code: stable identifier that a client may switch on.
        http_status: status of the response to a request that fails with it; 500 hides the message from the client.
    """

    code = "pipeline_error"
    http_status = 500


class ResponderFailed(PipelineError):
    """The language model refused, timed out, or broke off in mid-stream."""

    code = "llm_failed"
    http_status = 502


class EmbeddingFailed(PipelineError):
    """The sentence model or the embeddings server failed; a search goes on by words alone."""

    code = "embedding_failed"
    http_status = 502


class Busy(PipelineError):
    """A limit of concurrent calls, replies or tasks is reached."""

    code = "busy"
    http_status = 429


class SessionConflict(PipelineError):
    """The chat already has a call, or has ended."""

    code = "session_conflict"
    http_status = 409


class NotOwner(PipelineError):
    """The call belongs to another user."""

    code = "not_owner"
    http_status = 403


class CallOver(PipelineError):
    """The call has ended and accepts no more input."""

    code = "call_over"
    http_status = 409


class TooMany(PipelineError):
    """The caller exceeded a rate limit or a limit of concurrent objects.

    Attributes:
        retry_after_s: seconds until it may retry, if known.
    """

    code = "too_many"
    http_status = 429

    def __init__(self, message: str, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
