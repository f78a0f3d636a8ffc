"""Metadata of stored recordings; their bytes are files (`models.files`)."""

from sqlalchemy import select

from models.errors import NotFound
from models.records.outcomes import Audio
from models.store.database import Database, shielded
from models.tables.practice import AudioRow


class AudioStore(Database):
    @shielded
    async def add_audio(
        self,
        user_id: str,
        file_name: str,
        mime_type: str,
        size: int,
        *,
        id: str | None = None,  # noqa: A002
    ) -> Audio:
        """Add the metadata of a recording whose bytes are stored already."""
        async with self._writing() as session:
            row = AudioRow(
                id=id or self._new_id(),
                user_id=user_id,
                file_name=file_name,
                mime_type=mime_type,
                size=size,
                created_at=self._now(),
            )
            session.add(row)
            return row.record()

    @shielded
    async def audio(self, user_id: str, audio_id: str) -> Audio:
        """Return a recording of the user.

        Raises:
            NotFound: unknown, or another user's.
        """
        async with self._reading() as session:
            row = await session.scalar(select(AudioRow).where(AudioRow.id == audio_id, AudioRow.user_id == user_id))
            if row is None:
                raise NotFound("Audio not found: upload it first, or use one of your own.")
            return row.record()
