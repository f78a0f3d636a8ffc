"""The removal of a user: what is open is closed, then what was theirs is removed."""

import asyncio

from models.errors import Conflict
from models.files import Files
from models.store import RemovedChats, Store
from pipeline.call.recording import recording_of, words_of
from pipeline.tasks.clock import Clock

CLOSED_WITHIN_S = 6.0
"""Until then running processes have closed what a deleted user has open, and have written what it leaves."""


async def remove_user(
    store: Store, files: Files, clock: Clock, name_or_id: str, *, keeps_data: bool = False
) -> tuple[str, int]:
    """Delete a user: tokens, clients and name at once, then everything that was said, recorded and graded.

    Args:
        store, files: have the data, and the recordings.
        clock: of the waiting for processes that run on the same data.
        keeps_data: what was said stays, and nothing opens it.

    Returns:
        The user's name, and how many chats are removed.

    Raises:
        NotFound, Conflict: as `Store.close_user`.
        StorageFailed: the database is away; called again with the user's id, it goes on.
    """
    user = await store.close_user(name_or_id)
    if keeps_data:
        return user.name, 0
    if await store.others_run():
        await clock.sleep(CLOSED_WITHIN_S)
    chats = 0
    while (batch := await store.remove_user_chats(user.id)).chat_ids:
        chats += len(batch.chat_ids)
        await _remove_files(files, batch)
    await _remove_files(files, await store.remove_user(user.id))
    return user.name, chats


async def erase_user(store: Store, files: Files, clock: Clock, name_or_id: str) -> tuple[str, int]:
    """Remove a user as `remove_user` does, look that nothing is left, and overwrite what a file still has of it.

    Returns:
        The user's name, and how many chats are removed.

    Raises:
        NotFound, StorageFailed: as `remove_user`.
        Conflict: something was written meanwhile; called again with the user's id, it goes on.
    """
    user = await store.find_user(name_or_id)
    named = await remove_user(store, files, clock, user.id)
    if left := await store.user_data(user.id):
        raise Conflict(
            f"Something of {named[0]} was written meanwhile ({', '.join(sorted(left))}): "
            f"erase {user.id} again, best while the service is stopped."
        )
    await store.scrub()
    return user.name, named[1]


async def _remove_files(files: Files, removed: RemovedChats) -> None:
    recordings = [name(chat_id) for chat_id in removed.chat_ids for name in (recording_of, words_of)]
    await asyncio.to_thread(files.remove, [*recordings, *removed.audio_ids])
