"""docs/reliability.md: every row names tests that are there, and what they showed."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reliability.md"


def rows() -> list[list[str]]:
    table = PAGE.read_text("utf-8").split("|---|---|---|---|\n", 1)[1].split("\n\n", 1)[0]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in table.splitlines()]


def test_every_row_names_tests_that_are_there_and_a_figure() -> None:
    found = rows()
    assert len(found) > 50
    for row in found:
        assert len(row) == 4, row
        what, tests, figure, _ = row
        assert what, row
        assert figure, row
        paths = re.findall(r"`(tests/[a-z0-9_/.]+)`|`make soak`", tests)
        assert paths, row
        for path in filter(None, paths):
            assert (ROOT / path).exists(), path


def test_every_test_of_abuse_is_in_a_row() -> None:
    named = PAGE.read_text("utf-8")
    for path in (ROOT / "tests" / "abuse").glob("test_*.py"):
        assert f"tests/abuse/{path.name}" in named, path.name
