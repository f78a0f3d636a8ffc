"""The branches of a user's knowledge map, which nodes refer to."""

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from models.columns import clean
from models.errors import Invalid, NotFound
from models.records.external import Branch
from models.store.database import Database, shielded
from models.store.messages import MAX_ID_LENGTH
from models.store.tutoring import LISTED_LIMIT
from models.tables.accounts import UserRow
from models.tables.tutor import BranchRow, NodeRow


class BranchStore(Database):
    @shielded
    async def add_branch(self, user_id: str, title: str, *, id: str | None = None) -> Branch:  # noqa: A002
        """Add a branch to a user's map; return an existing one unchanged.

        Raises:
            NotFound: no such user.
            Invalid: the id is empty or too long.
        """
        if id is not None and not 0 < len(id) <= MAX_ID_LENGTH:
            raise Invalid(f"A branch id is 1 to {MAX_ID_LENGTH} letters: use a UUID, or leave it out.")
        async with self._writing() as session:
            if await session.get(UserRow, user_id) is None:
                raise NotFound("User not found: create the user first.")
            if id is not None and (there := await session.get(BranchRow, (user_id, clean(id)))) is not None:
                return there.record()
            row = BranchRow(
                user_id=user_id,
                id=clean(id) if id is not None else self._new_id(),
                title=clean(title),
                created_at=self._now(),
            )
            session.add(row)
            return row.record()

    @shielded
    async def branch(self, user_id: str, branch_id: str) -> Branch:
        """Return a branch of the user.

        Raises:
            NotFound: unknown, or another user's.
        """
        async with self._reading() as session:
            return (await _own_branch(session, user_id, branch_id)).record()

    @shielded
    async def branches(self, user_id: str) -> tuple[Branch, ...]:
        """List the user's branches, oldest first, at most `LISTED_LIMIT`."""
        chosen = select(BranchRow).where(BranchRow.user_id == user_id).order_by(BranchRow.created_at, BranchRow.id)
        async with self._reading() as session:
            return tuple(row.record() for row in await session.scalars(chosen.limit(LISTED_LIMIT)))

    @shielded
    async def remove_branch(self, user_id: str, branch_id: str) -> None:
        """Remove a branch; its nodes stay, without a branch.

        Raises:
            NotFound: unknown, or another user's.
        """
        async with self._writing() as session:
            await session.delete(await _own_branch(session, user_id, branch_id))
            theirs = update(NodeRow).where(NodeRow.user_id == user_id, NodeRow.branch_id == branch_id)
            await session.execute(theirs.values(branch_id=None))


async def _own_branch(session: AsyncSession, user_id: str, branch_id: str) -> BranchRow:
    row = await session.get(BranchRow, (user_id, branch_id))
    if row is None:
        raise NotFound("Branch not found")
    return row
