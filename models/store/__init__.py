"""The store: all operations on the data, each one transaction. It takes and returns records, never rows.

async with Store("sqlite+aiosqlite:///glow.db") as store:
    secret, token = await store.create_token("ada")
"""

from models.store.attempts import Attempts
from models.store.audios import Audios
from models.store.benchmarks import Benchmarks
from models.store.branches import Branches
from models.store.coaching import Coaching
from models.store.content import Content
from models.store.database import utc_now
from models.store.drafts import Drafts
from models.store.external_chats import ExternalChats
from models.store.keyed_calls import KeyedCalls
from models.store.library import Library
from models.store.messages import MessageChanges, Messages
from models.store.oauth import OAuth
from models.store.progress import AttemptProgress
from models.store.short_tokens import ShortTokens
from models.store.tutoring import Tutoring

__all__ = ["MessageChanges", "Store", "utc_now"]


class Store(
    OAuth,
    ShortTokens,
    Content,
    Attempts,
    Messages,
    ExternalChats,
    Tutoring,
    Branches,
    Library,
    AttemptProgress,
    Coaching,
    Drafts,
    Audios,
    KeyedCalls,
    Benchmarks,
):
    """All persistent data of the service; see `Database` for how to open it, and the base classes for its methods."""
