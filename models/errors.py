"""Typed errors of the data floor. Each message is a sentence that says what to do."""


class ModelError(Exception):
    """Base of every error that models/ raises on purpose.

    Attributes:
        code: stable identifier that a client may switch on.
        http_status: status of the response to a request that fails with it; 500 hides the message from the client.
    """

    code = "model_error"
    http_status = 500


class NotFound(ModelError):
    """The object does not exist, or belongs to another user."""

    code = "not_found"
    http_status = 404


class TokenExpired(ModelError):
    """The token's time is over."""

    code = "unauthorized"
    http_status = 401


class Conflict(ModelError):
    """The object is not in the state that the caller expects."""

    code = "conflict"
    http_status = 409


class Invalid(ModelError):
    """The value cannot be used."""

    code = "invalid"
    http_status = 400


class TooLarge(ModelError):
    """The value exceeds a size limit."""

    code = "too_large"
    http_status = 413


class StoreUnavailable(ModelError):
    """The database cannot be opened at startup, or was created by a newer version."""

    code = "store_unavailable"


class StorageFailed(ModelError):
    """The database is away or full, or a file cannot be written; the same request may succeed later."""

    code = "storage_failed"
    http_status = 503


class LeaseLost(ModelError):
    """Another process of the service carries the call, or may; nothing was written."""

    code = "moved"
    http_status = 503


class InvalidPack(ModelError):
    """The content pack cannot be loaded.

    Attributes:
        problems: one "file:line: reason" each, in file order.
    """

    code = "invalid_pack"

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
