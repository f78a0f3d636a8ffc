"""The numbers that are answered, the calls on them, and the PINs of callers."""

from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, or_, select

from models.errors import Conflict, NotFound
from models.records.core import User
from models.records.telephone import Direction, PhoneCall, PhoneNumber
from models.store.database import Database, shielded, take_write_lock
from models.tables.accounts import UserRow
from models.tables.telephone import PhoneCallRow, PhoneNumberRow, PhonePinRow


class TelephoneStore(Database):
    @shielded
    async def add_phone_number(self, entry: PhoneNumber, *, replace: bool = False) -> None:
        """Add a number, or with `replace` change it.

        Raises:
            Conflict: it is there already.
        """
        async with self._writing() as session:
            known = await session.get(PhoneNumberRow, entry.number)
            if known is not None and not replace:
                raise Conflict(f"The number {entry.number} is there already: change it with --replace, or remove it.")
            made = PhoneNumberRow.of(entry, known.created_at if known is not None else self._now())
            await session.merge(made)

    @shielded
    async def phone_numbers(self) -> tuple[PhoneNumber, ...]:
        """List the numbers, oldest first."""
        async with self._reading() as session:
            rows = await session.scalars(
                select(PhoneNumberRow).order_by(PhoneNumberRow.created_at, PhoneNumberRow.number)
            )
            return tuple(row.record() for row in rows)

    @shielded
    async def remove_phone_number(self, number: str) -> None:
        """Remove a number.

        Raises:
            NotFound: there is no such number.
        """
        async with self._writing() as session:
            row = await session.get(PhoneNumberRow, number)
            if row is None:
                raise NotFound(f"There is no number {number!r}: list them with `glow phone list`.")
            await session.delete(row)

    # ------------------------------------------------------------------- calls

    @shielded
    async def begin_phone_call(
        self,
        line: str,
        carrier_id: str,
        *,
        direction: Direction = "in",
        caller: str = "",
        called: str = "",
        number: str = "",
        details: dict[str, Any] | None = None,
    ) -> PhoneCall:
        """Record the beginning of a call."""
        call = PhoneCall(
            self._new_id(), line, carrier_id, direction, caller, called, number, self._now(), details=details or {}
        )
        async with self._writing() as session:
            session.add(PhoneCallRow.of(call))
        return call

    @shielded
    async def note_phone_call(
        self, call_id: str, *, carrier_id: str | None = None, user_id: str | None = None, chat_id: str | None = None
    ) -> None:
        """Note what has become known of a call; with a chat, that it is answered."""
        async with self._writing() as session:
            row = await session.get(PhoneCallRow, call_id)
            if row is None:
                return
            row.carrier_id = carrier_id or row.carrier_id
            row.user_id = user_id or row.user_id
            if chat_id is not None:
                row.chat_id = chat_id
                row.answered_at = row.answered_at or self._now()

    @shielded
    async def detail_phone_call(self, call_id: str, details: dict[str, Any]) -> None:
        """Add to what is known of a call."""
        async with self._writing() as session:
            row = await session.get(PhoneCallRow, call_id)
            if row is not None:
                row.details = row.details | details

    @shielded
    async def end_phone_call(self, call_id: str, reason: str) -> None:
        """Record the end of a call; the first reason stays."""
        async with self._writing() as session:
            row = await session.get(PhoneCallRow, call_id)
            if row is not None and row.ended_at is None:
                row.ended_at, row.reason = self._now(), reason

    @shielded
    async def phone_call(self, call_id: str) -> PhoneCall | None:
        """Return a call by its id."""
        async with self._reading() as session:
            row = await session.get(PhoneCallRow, call_id)
            return row.record() if row else None

    @shielded
    async def phone_call_of(self, line: str, carrier_id: str) -> PhoneCall | None:
        """Return the latest call that has this id on its line."""
        named = (PhoneCallRow.line == line, PhoneCallRow.carrier_id == carrier_id)
        async with self._reading() as session:
            row = await session.scalar(select(PhoneCallRow).where(*named).order_by(PhoneCallRow.began_at.desc()))
            return row.record() if row else None

    @shielded
    async def phone_calls(self, limit: int = 50, number: str = "") -> tuple[PhoneCall, ...]:
        """List the latest calls, or those of one number, newest first."""
        asked = select(PhoneCallRow).order_by(PhoneCallRow.began_at.desc(), PhoneCallRow.id).limit(limit)
        if number:
            ends = (PhoneCallRow.number, PhoneCallRow.caller, PhoneCallRow.called)
            asked = asked.where(or_(*(column == number for column in ends)))
        async with self._reading() as session:
            return tuple(row.record() for row in await session.scalars(asked))

    @shielded
    async def begin_outgoing_call(
        self, line: str, *, caller: str, called: str, details: dict[str, Any], since: datetime, most: int
    ) -> PhoneCall:
        """Record a call that is about to be made, unless `most` have been made since a time.

        Raises:
            Conflict: so many have been made.
        """
        async with self._writing() as session:
            await take_write_lock(session)
            made = (PhoneCallRow.direction == "out", PhoneCallRow.began_at >= since)
            if (await session.scalar(select(func.count()).where(*made)) or 0) >= most:
                raise Conflict(f"{most} calls were made within the last minute, which is the limit: wait a little.")
            now = self._now()
            call = PhoneCall(self._new_id(), line, "", "out", caller, called, "", now, details=details)
            session.add(PhoneCallRow.of(call))
            return call

    # -------------------------------------------------------------------- PINs

    @shielded
    async def set_phone_pin(self, user_name: str, pin_hash: str) -> User:
        """Give a user a PIN, instead of an earlier one.

        Raises:
            NotFound: there is no such user.
            Conflict: another user has it.
        """
        async with self._writing() as session:
            await take_write_lock(session)
            user = await session.scalar(select(UserRow).where(UserRow.name == user_name))
            if user is None:
                raise NotFound(f"There is no user {user_name!r}: `glow user list` shows those there are.")
            holder = await session.scalar(select(PhonePinRow).where(PhonePinRow.pin_hash == pin_hash))
            if holder is not None and holder.user_id != user.id:
                raise Conflict("Another user has this PIN: choose another.")
            await session.merge(PhonePinRow(user_id=user.id, pin_hash=pin_hash, created_at=self._now()))
            return user.record()

    @shielded
    async def user_of_pin(self, pin_hash: str) -> User | None:
        """Return the user who has this PIN."""
        found = select(UserRow).join(PhonePinRow, PhonePinRow.user_id == UserRow.id)
        async with self._reading() as session:
            row = await session.scalar(found.where(PhonePinRow.pin_hash == pin_hash, UserRow.deleted_at.is_(None)))
            return row.record() if row else None

    @shielded
    async def remove_phone_pin(self, user_name: str) -> None:
        """Take a user's PIN away.

        Raises:
            NotFound: the user has none.
        """
        owner = select(UserRow.id).where(UserRow.name == user_name)
        async with self._writing() as session:
            gone = delete(PhonePinRow).where(PhonePinRow.user_id.in_(owner)).returning(PhonePinRow.user_id)
            if (await session.scalar(gone)) is None:
                raise NotFound(f"{user_name!r} has no PIN; `glow phone pin {user_name}` makes one.")
