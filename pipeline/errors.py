"""Typed errors of the conversation floor. Each message is a sentence that says what to do."""


class PipelineError(Exception):
    """Base of every error that pipeline/ raises on purpose.

    Attributes:
        code: stable identifier that a client may switch on.
        http_status: what a request that fails with it is answered with; 500 is the service's own failure, of which a
            client is told no more.
    """

    code = "pipeline_error"
    http_status = 500


class ResponderFailed(PipelineError):
    """The language model refused, hung past its deadline, or was cut mid-stream."""

    code = "llm_failed"
    http_status = 502


class Busy(PipelineError):
    """As many calls as this service carries are open already."""

    code = "busy"
    http_status = 429


class SessionConflict(PipelineError):
    """The chat already has a voice session that the caller may not take."""

    code = "session_conflict"
    http_status = 409


class NotOwner(PipelineError):
    """The call belongs to somebody else."""

    code = "not_owner"
    http_status = 403


class CallOver(PipelineError):
    """The call has ended: it takes nothing any more."""

    code = "call_over"
    http_status = 409


class TooMany(PipelineError):
    """The caller asks too often, or for more than one may have at once.

    Attributes:
        retry_after_s: when it may ask again, where that is known.
    """

    code = "too_many"
    http_status = 429

    def __init__(self, message: str, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
