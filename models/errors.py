"""Typed errors of the data floor. Each message is a sentence that says what to do."""


class ModelError(Exception):
    """Base of every error that models/ raises on purpose.

    Attributes:
        code: stable identifier that a client may switch on.
    """

    code = "model_error"


class NotFound(ModelError):
    """No such thing, or it belongs to somebody else."""

    code = "not_found"


class Conflict(ModelError):
    """The thing is not in the state that the caller expects."""

    code = "conflict"


class Invalid(ModelError):
    """A value that cannot be stored."""

    code = "invalid"


class TooLarge(ModelError):
    """More than may be kept at once."""

    code = "too_large"


class StoreUnavailable(ModelError):
    """The database cannot be opened, or was made by a newer version."""

    code = "store_unavailable"


class InvalidPack(ModelError):
    """A content pack that cannot be loaded.

    Attributes:
        problems: one "file:line: reason" each, in file order.
    """

    code = "invalid_pack"

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
