"""Attempts at a simulation, and their chats."""

from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from models.columns import clean
from models.errors import Conflict, Invalid, NotFound
from models.records.core import Attempt, Chat
from models.store.configuration import may_open
from models.store.database import Database, shielded
from models.tables.accounts import UserRow
from models.tables.content import PracticeRow, ScenarioRow, SimulationScenarioRow
from models.tables.conversations import AttemptRow, ChatRow, MessageRow

# One message for an unknown id and for another user's, so that it does not reveal which ids exist.
CHAT_NOT_FOUND = "Chat not found: use a chat of one of your own attempts."
NO_CHAT = "There is no chat yet: start an attempt first."
ATTEMPT_NOT_FOUND = "Attempt not found: use one of your own attempts, or start one."


class AttemptStore(Database):
    @shielded
    async def start_attempt(
        self,
        user_id: str,
        *,
        home_id: str | None = None,
        practice_id: str | None = None,
        infinite_mode: bool = False,
    ) -> Attempt:
        """Start an attempt at a simulation, with one chat for each of its scenarios, in their order.

        Raises:
            Invalid: not exactly one of home_id and practice_id is given.
            NotFound: no such practice, home or user.
            Conflict: the simulation has no scenario.
        """
        if home_id and practice_id:
            raise Invalid("Only one of home_id and practice_id may be given.")
        entry_id = home_id or practice_id
        if not entry_id:
            raise Invalid("Either home_id or practice_id is required.")

        async with self._writing() as session:
            user = await session.get(UserRow, user_id)
            if user is None:
                raise NotFound("User not found: create the user first.")
            simulation_id = await _simulation_behind(session, entry_id, "home" if home_id else "practice", user)
            scenarios = (
                await session.execute(
                    select(ScenarioRow.id, ScenarioRow.name)
                    .join(SimulationScenarioRow)
                    .where(SimulationScenarioRow.simulation_id == simulation_id)
                    .order_by(SimulationScenarioRow.position)
                )
            ).all()
            if not scenarios:
                raise Conflict("This simulation has no scenario to talk about: add one to its content pack.")

            now = self._now()
            attempt = AttemptRow(
                id=self._new_id(),
                user_id=user_id,
                simulation_id=simulation_id,
                infinite_mode=infinite_mode,
                created_at=now,
                ended_at=None,
                completion_message=None,
                chats=[
                    ChatRow(
                        id=self._new_id(),
                        attempt_id=None,
                        scenario_id=scenario.id,
                        name=scenario.name,
                        position=position,
                        message_count=0,
                        created_at=now,
                        completed_at=None,
                        completion_message=None,
                        # The first chat is opened with the attempt.
                        started_at=now if position == 0 else None,
                        configuration={},
                        previous_chat_id=None,
                    )
                    for position, scenario in enumerate(scenarios)
                ],
            )
            session.add(attempt)
            await session.flush()
            return attempt.record()

    @shielded
    async def attempt(self, user_id: str, attempt_id: str) -> Attempt:
        """Return an attempt of the user, with its chats.

        Raises:
            NotFound: unknown, or another user's.
        """
        async with self._reading() as session:
            return (await own_attempt(session, user_id, attempt_id)).record()

    @shielded
    async def end_attempt(self, user_id: str, attempt_id: str) -> Attempt:
        """Mark an attempt as ended; one that has ended already keeps its time.

        Raises:
            NotFound: unknown, or another user's.
        """
        async with self._writing() as session:
            attempt = await own_attempt(session, user_id, attempt_id, to_change=True)
            attempt.ended_at = attempt.ended_at or self._now()
            return attempt.record()

    @shielded
    async def chat(self, user_id: str, chat_id: str) -> Chat:
        """Return a chat of the user: the authorisation check for every other method that takes a chat's id.

        Raises:
            NotFound: unknown, or another user's.
        """
        async with self._reading() as session:
            row = await session.scalar(
                select(ChatRow).join(AttemptRow).where(ChatRow.id == chat_id, AttemptRow.user_id == user_id)
            )
            if row is None:
                raise NotFound(CHAT_NOT_FOUND)
            return row.record(user_id)

    @shielded
    async def last_chat(self, user_id: str, attempt_id: str | None = None) -> Chat:
        """Return the user's chat, of this attempt if one is given, in which something was said or begun last.

        Raises:
            NotFound: the user has none.
        """
        said = select(func.max(MessageRow.created_at)).where(MessageRow.chat_id == ChatRow.id).scalar_subquery()
        latest = func.coalesce(said, ChatRow.started_at, ChatRow.created_at)
        query = select(ChatRow).join(AttemptRow).where(AttemptRow.user_id == user_id)
        if attempt_id is not None:
            query = query.where(AttemptRow.id == attempt_id)
        async with self._reading() as session:
            row = await session.scalar(query.order_by(latest.desc(), ChatRow.position, ChatRow.id).limit(1))
            if row is None:
                raise NotFound(NO_CHAT if attempt_id is None else ATTEMPT_NOT_FOUND)
            return row.record(user_id)

    @shielded
    async def complete_chat(self, chat_id: str, message: str | None = None) -> Chat:
        """Mark a chat as completed; one that is completed already stays unchanged.

        Args:
            chat_id: a chat that the caller may use (see `chat`).
            message: the reason, or a closing message.

        Raises:
            NotFound: no such chat.
        """
        async with self._writing() as session:
            chat, user_id = await chat_to_change(session, chat_id)
            if chat.completed_at is None:
                chat.completed_at = self._now()
                chat.completion_message = None if message is None else clean(message)
            return chat.record(user_id)


async def _simulation_behind(
    session: AsyncSession, entry_id: str, kind: Literal["home", "practice"], user: UserRow
) -> str:
    entry = await session.scalar(select(PracticeRow).where(PracticeRow.id == entry_id, PracticeRow.kind == kind))
    if entry is None or not await may_open(session, entry.record(), user.record()):
        raise NotFound("Home entry not found." if kind == "home" else "Practice entry not found.")
    return entry.simulation_id


async def own_attempt(session: AsyncSession, user_id: str, attempt_id: str, *, to_change: bool = False) -> AttemptRow:
    """Return the user's attempt; `to_change` locks its row."""
    query = select(AttemptRow).where(AttemptRow.id == attempt_id, AttemptRow.user_id == user_id)
    row = await session.scalar(query.with_for_update(of=AttemptRow) if to_change else query)
    if row is None:
        raise NotFound(ATTEMPT_NOT_FOUND)
    return row


async def chat_to_change(session: AsyncSession, chat_id: str) -> tuple[ChatRow, str]:
    """Return a chat, with its row locked, and the id of its user."""
    query = select(ChatRow, AttemptRow.user_id).join(AttemptRow).where(ChatRow.id == chat_id)
    found = (await session.execute(query.with_for_update(of=ChatRow))).one_or_none()
    if found is None:
        raise NotFound(CHAT_NOT_FOUND)
    return found[0], found[1]
