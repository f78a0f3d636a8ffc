"""What a killed process left half-done, completed or marked as failed by the next one."""

from dataclasses import dataclass

from sqlalchemy import false, update

from models.store.database import Database, shielded
from models.tables.conversations import MESSAGES
from models.tables.external import EXTERNAL_MESSAGES
from models.tables.practice import TestRunRow


@dataclass(frozen=True, slots=True)
class Recovered:
    """How many replies were completed by what was heard of them, and how many test runs were marked as failed."""

    replies: int
    test_runs: int


class RecoveryStore(Database):
    @shielded
    async def recover(self) -> Recovered:
        """Complete the replies that were being said by what was heard of them, and fail the running test runs.

        Call it at startup. A process beside this one that is still saying a reply completes it anew.
        """
        async with self._writing() as session:
            cut = {"interrupted": True, "completed": True}
            replies = 0
            for table in (MESSAGES, EXTERNAL_MESSAGES):
                half = update(table).where(table.c.completed == false(), table.c.origin == "spoken").values(cut)
                replies += len((await session.execute(half.returning(table.c.id))).all())
            runs = update(TestRunRow).where(TestRunRow.status == "running").values(status="failed")
            failed = (await session.scalars(runs.returning(TestRunRow.id))).all()
            return Recovered(replies, len(failed))
