"""Which errors of a driver mean that the database is away or full, and whether it is so at the moment."""

import logging
from typing import Literal

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

log = logging.getLogger(__name__)

_SQLITE_OUTAGES = frozenset({5, 6, 7, 8, 10, 11, 13, 14, 15, 26})
"""BUSY, LOCKED, NOMEM, READONLY, IOERR, CORRUPT, FULL, CANTOPEN, PROTOCOL, NOTADB (sqlite.org/rescode.html)."""

_STATE_CLASSES = ("08", "53", "57P", "58")
"""Connection exception, insufficient resources, operator intervention, system error (PostgreSQL, appendix A)."""

_READ_ONLY = "25006"
"""A write to a server that has become a standby."""

Use = Literal["reading", "writing"]


def outage_of(error: BaseException) -> str:
    """Return the reason if the error means that the database is away, full or overloaded; otherwise "".

    The reason holds no parameters of statements.
    """
    if isinstance(error, PoolTimeout):
        return "no connection became free in time"
    if isinstance(error, DBAPIError):
        cause = error.orig or error
        return _line(cause) if _is_outage(error, cause) else ""
    if _state(error).startswith(_STATE_CLASSES):  # drivers raise their own errors while they connect
        return _line(error)
    return _line(error) if isinstance(error, OSError) else ""


def _is_outage(error: DBAPIError, cause: BaseException) -> bool:
    code = getattr(cause, "sqlite_errorcode", None)
    if code is not None:
        return code & 0xFF in _SQLITE_OUTAGES
    if error.connection_invalidated or isinstance(error, InterfaceError):
        return True
    if state := _state(cause):
        return state.startswith((*_STATE_CLASSES, _READ_ONLY))
    return isinstance(error, OperationalError) and not type(cause).__module__.startswith("sqlite3")


def _state(error: BaseException) -> str:
    return str(getattr(error, "sqlstate", None) or "")


def _line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__


class Outage:
    """Whether the database can be used, as its latest operations showed; logs each change of it in one line."""

    def __init__(self) -> None:
        self._failing: set[Use] = set()

    def __bool__(self) -> bool:
        """Return whether the database is away."""
        return bool(self._failing)

    @property
    def of_writing(self) -> bool:
        """Whether the latest write failed: a full disk can still be read."""
        return "writing" in self._failing

    def failed(self, use: Use, reason: str) -> None:
        """Note a failed operation."""
        if not self._failing:
            log.error("The database is away: %s", reason)
        self._failing.add(use)

    def succeeded(self, use: Use) -> None:
        """Note an operation that succeeded; one that can be written can be read."""
        if not self._failing:
            return
        self._failing.discard(use)
        if use == "writing":
            self._failing.clear()
        if not self._failing:
            log.warning("The database is back.")
