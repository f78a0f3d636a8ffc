"""The progress of attempts: opening, adding, taking over and ending chats."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from models.columns import clean
from models.errors import Conflict, Invalid, NotFound
from models.records.core import Attempt, Chat
from models.store.attempts import CHAT_NOT_FOUND, chat_to_change, own_attempt
from models.store.database import Database, shielded
from models.tables.content import ScenarioRow, SimulationRow
from models.tables.conversations import AttemptRow, ChatRow, MessageRow
from models.tables.practice import GradeRow, NoteRow

MOST_CHATS = 500
"""Maximum number of chats of an attempt; one in infinite mode ends there."""


FIELDS_LIMIT, FIELD_CHARS = 50, 1_000
TOOL_CALLS_LIMIT, TOOL_CHARS = 100, 2_000
"""The latest calls of tools that a chat keeps, and the characters of their arguments and results."""
"""Most fields of a chat, and most characters of one; longer ones are cut."""


class ProgressStore(Database):
    @shielded
    async def open_chat(self, chat_id: str) -> Chat:
        """Start the chat's time limit; one that has started already keeps its time.

        Raises:
            NotFound: no such chat.
        """
        async with self._writing() as session:
            chat, user_id = await chat_to_change(session, chat_id)
            chat.started_at = chat.started_at or self._now()
            return chat.record(user_id)

    @shielded
    async def add_chat(
        self,
        user_id: str,
        attempt_id: str,
        *,
        scenario_id: str | None,
        name: str,
        configuration: Mapping[str, Any] | None = None,
        previous_chat_id: str | None = None,
    ) -> Chat:
        """Append a chat to an attempt.

        Raises:
            NotFound: unknown attempt or scenario, or another user's.
            Conflict: the attempt has `MOST_CHATS` chats.
        """
        async with self._writing() as session:
            # The row lock of `own_attempt` makes the count safe against concurrent additions.
            attempt = await own_attempt(session, user_id, attempt_id, to_change=True)
            if scenario_id is not None and await session.get(ScenarioRow, scenario_id) is None:
                raise NotFound("Scenario not found.")
            # Chats may have been removed, so the last position says more than their number.
            last = await session.scalar(select(func.max(ChatRow.position)).where(ChatRow.attempt_id == attempt_id))
            position = 0 if last is None else last + 1
            if position >= MOST_CHATS:
                raise Conflict(f"An attempt has at most {MOST_CHATS} chats: start another one.")
            chat = ChatRow(
                id=self._new_id(),
                attempt_id=attempt.id,
                scenario_id=scenario_id,
                name=clean(name),
                position=position,
                message_count=0,
                created_at=self._now(),
                completed_at=None,
                completion_message=None,
                started_at=None,
                configuration=dict(configuration or {}),
                previous_chat_id=previous_chat_id,
            )
            session.add(chat)
            return chat.record(user_id)

    @shielded
    async def configure_chat(self, chat_id: str, configuration: Mapping[str, Any]) -> Chat:
        """Set a chat's configuration of its scenario; without a name in it, one that the earlier one had is dropped.

        Raises:
            NotFound: no such chat.
        """
        async with self._writing() as session:
            chat, user_id = await chat_to_change(session, chat_id)
            if configuration.get("name"):
                chat.name = clean(str(configuration["name"]))
            elif chat.configuration.get("name") and chat.scenario_id is not None:
                scenario = await session.get_one(ScenarioRow, chat.scenario_id)
                chat.name = scenario.name
            chat.configuration = dict(configuration)
            return chat.record(user_id)

    @shielded
    async def set_field(self, chat_id: str, name: str, value: str) -> str:
        """Note a value in a chat, in place of an earlier one of this name; return the id of the chat's user.

        Raises:
            NotFound: no such chat.
            Invalid: the chat has as many fields as it can have.
        """
        async with self._writing() as session:
            chat, user_id = await chat_to_change(session, chat_id)
            if name not in chat.fields and len(chat.fields) >= FIELDS_LIMIT:
                raise Invalid(f"A chat has at most {FIELDS_LIMIT} fields.")
            chat.fields = {**chat.fields, clean(name): clean(value)[:FIELD_CHARS]}
            return user_id

    @shielded
    async def keep_tool_call(self, chat_id: str, name: str, arguments: str, result: str, *, failed: bool) -> None:
        """Keep what a tool was asked in a chat, and what it answered; beyond the limit the oldest are dropped.

        Raises:
            NotFound: no such chat.
        """
        async with self._writing() as session:
            chat, _ = await chat_to_change(session, chat_id)
            texts = {"name": name, "arguments": arguments, "result": result}
            call: dict[str, Any] = {key: clean(text)[:TOOL_CHARS] for key, text in texts.items()}
            call |= {"failed": failed, "created_at": self._now().isoformat()}
            chat.tool_calls = [*chat.tool_calls[1 - TOOL_CALLS_LIMIT :], call]

    @shielded
    async def start_private_attempt(self, user_id: str, simulation_id: str, scenario_id: str, name: str) -> Attempt:
        """Start an attempt with one chat, without a practice or home, for a test.

        Raises:
            NotFound: no such simulation or scenario.
        """
        async with self._writing() as session:
            if await session.get(SimulationRow, simulation_id) is None:
                raise NotFound("Simulation not found.")
            if await session.get(ScenarioRow, scenario_id) is None:
                raise NotFound("Scenario not found.")
            now = self._now()
            chat = ChatRow(
                id=self._new_id(),
                attempt_id=None,
                scenario_id=scenario_id,
                name=clean(name),
                position=0,
                message_count=0,
                created_at=now,
                completed_at=None,
                completion_message=None,
                started_at=now,
                configuration={},
                previous_chat_id=None,
            )
            attempt = AttemptRow(
                id=self._new_id(),
                user_id=user_id,
                simulation_id=simulation_id,
                infinite_mode=False,
                created_at=now,
                ended_at=None,
                completion_message=None,
                chats=[chat],
            )
            session.add(attempt)
            await session.flush()
            return attempt.record()

    @shielded
    async def complete_attempt(self, user_id: str, attempt_id: str, message: str | None = None) -> Attempt:
        """End an attempt with all its chats; those that have ended already keep their time.

        Raises:
            NotFound: unknown, or another user's.
        """
        async with self._writing() as session:
            attempt = await own_attempt(session, user_id, attempt_id, to_change=True)
            now = self._now()
            for chat in attempt.chats:
                chat.completed_at = chat.completed_at or now
            if attempt.ended_at is None:
                attempt.ended_at = now
                attempt.completion_message = None if message is None else clean(message)
            return attempt.record()

    @shielded
    async def take_over(self, user_id: str, attempt_id: str, previous: Mapping[str, str]) -> Attempt:
        """Complete chats of an attempt by copying messages and grades from earlier ones, atomically.

        Args:
            previous: the earlier chat, of the same user and scenario, by chat of this attempt.

        Raises:
            NotFound: unknown, or another user's.
            Conflict: a chat has begun or ended already, or the earlier one ran another scenario.
        """
        async with self._writing() as session:
            attempt = await own_attempt(session, user_id, attempt_id, to_change=True)
            chats = {chat.id: chat for chat in attempt.chats}
            for chat_id, earlier_id in previous.items():
                chat = chats.get(chat_id)
                earlier, owner = await chat_to_change(session, earlier_id)
                if chat is None or owner != user_id or earlier.id == chat_id:
                    raise NotFound(CHAT_NOT_FOUND)
                if chat.completed_at is not None or chat.message_count:
                    raise Conflict("A chat that has begun cannot take over an earlier one: leave it out.")
                if earlier.scenario_id != chat.scenario_id or earlier.completed_at is None:
                    raise Conflict("Only a completed chat of the same scenario can be taken over: choose another.")
                await self._copy(session, earlier, chat)
            return attempt.record()

    async def _copy(self, session: AsyncSession, earlier: ChatRow, chat: ChatRow) -> None:
        now = self._now()
        ids: dict[str, str] = {}
        said = await session.scalars(
            select(MessageRow).where(MessageRow.chat_id == earlier.id).order_by(MessageRow.sequence)
        )
        for message in said:
            ids[message.id] = self._new_id()
            changed = {
                "id": ids[message.id],
                "chat_id": chat.id,
                "parent_id": ids.get(message.parent_id) if message.parent_id else None,
            }
            session.add(MessageRow(**_values(message) | changed))
            # Insert parents before their children: the mapper does not know about the reference.
            await session.flush()
        grade = await session.scalar(
            select(GradeRow).where(GradeRow.chat_id == earlier.id).order_by(GradeRow.number.desc()).limit(1)
        )
        if grade is not None:
            session.add(GradeRow(**_values(grade) | {"id": self._new_id(), "chat_id": chat.id, "number": 1}))
        for note in await session.scalars(select(NoteRow).where(NoteRow.chat_id == earlier.id)):
            message_id = ids.get(note.message_id) if note.message_id else None
            changed = {"id": self._new_id(), "chat_id": chat.id, "message_id": message_id}
            session.add(NoteRow(**_values(note) | changed))
        chat.message_count = earlier.message_count
        chat.configuration = dict(earlier.configuration)
        chat.previous_chat_id = earlier.id
        chat.started_at = chat.started_at or now
        chat.completed_at = now


def _values(row: Any) -> dict[str, Any]:
    return {column.key: getattr(row, column.key) for column in row.__table__.columns}
