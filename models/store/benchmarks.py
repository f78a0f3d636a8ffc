"""Executions of benchmarks: tests and their runs."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from models.errors import NotFound
from models.records.outcomes import RunStatus, Test, TestRun
from models.store.database import Database, shielded
from models.tables.practice import TestRow, TestRunRow

TEST_NOT_FOUND = "Test not found: use one of your own tests, or start one."
RUN_NOT_FOUND = "Run not found: use a run of this test."


class BenchmarkStore(Database):
    __test__ = False

    @shielded
    async def start_test(
        self, user_id: str, benchmark_id: str, original_ids: Sequence[str], infinite_mode: bool = False
    ) -> Test:
        """Start a test of a benchmark, with one pending run for each recorded one."""
        async with self._writing() as session:
            now = self._now()
            test = TestRow(
                id=self._new_id(),
                user_id=user_id,
                benchmark_id=benchmark_id,
                invocation_id=self._new_id(),
                infinite_mode=infinite_mode,
                created_at=now,
                ended_at=None,
            )
            test.runs = [self._run(None, place, original) for place, original in enumerate(original_ids)]
            session.add(test)
            await session.flush()
            return test.record()

    @shielded
    async def own_test(self, user_id: str, *, test_id: str | None = None, invocation_id: str | None = None) -> Test:
        """Return a test of the user, by its id or its invocation id.

        Raises:
            NotFound: unknown, or another user's.
        """
        async with self._reading() as session:
            return (await _own(session, user_id, test_id, invocation_id)).record()

    @shielded
    async def add_test_runs(self, user_id: str, test_id: str, original_ids: Sequence[str]) -> Test:
        """Add another round of runs, for a test in infinite mode.

        Raises:
            NotFound: unknown, or another user's.
        """
        async with self._writing() as session:
            test = await _own(session, user_id, test_id, None, to_change=True)
            first = len(test.runs)
            test.runs.extend(self._run(test.id, first + place, ident) for place, ident in enumerate(original_ids))
            await session.flush()
            return test.record()

    @shielded
    async def update_test_run(
        self, run_id: str, status: RunStatus, *, chat_id: str | None = None, only_from: Sequence[RunStatus] = ()
    ) -> TestRun | None:
        """Set a run's status; return None, unchanged, if its status is none of `only_from`.

        Raises:
            NotFound: no such run.
        """
        async with self._writing() as session:
            row = await session.get(TestRunRow, run_id, with_for_update=True)
            if row is None:
                raise NotFound(RUN_NOT_FOUND)
            if only_from and row.status not in only_from:
                return None
            row.status = status
            if status == "running":
                row.process_id = self.process_id
            row.chat_id = chat_id or row.chat_id
            return row.record()

    @shielded
    async def end_test(self, user_id: str, test_id: str) -> Test:
        """Mark a test as ended; one that has ended already keeps its time.

        Raises:
            NotFound: unknown, or another user's.
        """
        async with self._writing() as session:
            test = await _own(session, user_id, test_id, None, to_change=True)
            test.ended_at = test.ended_at or self._now()
            return test.record()

    def _run(self, test_id: str | None, position: int, original_id: str) -> TestRunRow:
        return TestRunRow(
            id=self._new_id(),
            test_id=test_id,
            position=position,
            original_id=original_id,
            status="pending",
            chat_id=None,
            created_at=self._now(),
        )


async def _own(
    session: AsyncSession, user_id: str, test_id: str | None, invocation_id: str | None, *, to_change: bool = False
) -> TestRow:
    """Return the user's test; `to_change` locks its row."""
    which = TestRow.id == test_id if test_id is not None else TestRow.invocation_id == invocation_id
    query = select(TestRow).where(which, TestRow.user_id == user_id)
    row = await session.scalar(query.with_for_update(of=TestRow) if to_change else query)
    if row is None:
        raise NotFound(TEST_NOT_FOUND)
    return row
