"""What is logged where the service cannot start."""

import logging
import traceback

import pytest

from api.serving import ShortStartup
from models.errors import InvalidPack, StoreUnavailable

PROBLEMS = ["pack.yaml:3: unknown key 'nam'", "pack.yaml:9: a persona needs a name", "other.yaml:1: the file is empty"]


def raised(error: Exception) -> str:
    """What uvicorn logs of it: an error that came of another one, several calls deep."""
    try:
        try:
            raise ValueError("the cause: not ours to tell")
        except ValueError as cause:
            raise error from cause
    except type(error):
        return traceback.format_exc()


@pytest.mark.parametrize(
    ("error", "logged"),
    [
        (InvalidPack(PROBLEMS), PROBLEMS),
        (InvalidPack(PROBLEMS[:1]), PROBLEMS[:1]),
        (StoreUnavailable("The database cannot be opened: check it."), ["The database cannot be opened: check it."]),
    ],
)
def test_every_sentence_of_an_error_is_told_and_nothing_of_the_way_there(error: Exception, logged: list[str]) -> None:
    record = logging.LogRecord("uvicorn.error", logging.ERROR, __file__, 1, raised(error), None, None)
    assert ShortStartup().filter(record)
    assert record.getMessage().splitlines() == logged


def test_other_records_are_left_alone() -> None:
    record = logging.LogRecord("uvicorn.error", logging.INFO, __file__, 1, "Application %s", ("startup",), None)
    assert ShortStartup().filter(record)
    assert record.getMessage() == "Application startup"
