"""Why a database or a data directory cannot be copied."""

from models.errors import ModelError


class TransferFailed(ModelError):
    """Nothing was copied; the message says why, and what to do."""

    code = "transfer_failed"


class NotEmpty(TransferFailed):
    """The target has data already."""

    code = "not_empty"


class ServiceRuns(TransferFailed):
    """The service runs on the database."""

    code = "service_runs"


class Damaged(TransferFailed):
    """The backup is not whole."""

    code = "damaged"
