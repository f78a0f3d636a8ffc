"""Typed errors of the conversation floor. Each message is a sentence that says what to do."""


class PipelineError(Exception):
    """Base of every error that pipeline/ raises on purpose.

    Attributes:
        code: stable identifier that a client may switch on.
    """

    code = "pipeline_error"


class ResponderFailed(PipelineError):
    """The language model refused, hung past its deadline, or was cut mid-stream."""

    code = "llm_failed"


class Busy(PipelineError):
    """As many calls as this service carries are open already."""

    code = "busy"


class SessionConflict(PipelineError):
    """The chat already has a voice session that the caller may not take."""

    code = "session_conflict"


class NotOwner(PipelineError):
    """The call belongs to somebody else."""

    code = "not_owner"


class CallOver(PipelineError):
    """The call has ended: it takes nothing any more."""

    code = "call_over"
