"""The store: all operations on the data, each one transaction. It takes and returns records, never rows.

async with Store("sqlite+aiosqlite:///glow.db") as store:
    secret, token = await store.create_token("ada")
"""

from models.store.attempts import AttemptStore
from models.store.audios import AudioStore
from models.store.benchmarks import BenchmarkStore
from models.store.branches import BranchStore
from models.store.coaching import CoachingStore
from models.store.content import ContentStore
from models.store.database import utc_now
from models.store.drafts import DraftStore
from models.store.exporting import UserDataStore
from models.store.external_chats import ExternalChatStore
from models.store.grants import GrantStore
from models.store.jobs import JobStore
from models.store.keyed_calls import KeyedCallStore
from models.store.library import LibraryStore
from models.store.messages import MessageChanges, MessageStore
from models.store.oauth import OAuthStore
from models.store.open_calls import OpenCallStore
from models.store.past_calls import PastCallStore
from models.store.processes import ProcessStore
from models.store.progress import ProgressStore
from models.store.removal import RemovalStore, RemovedChats
from models.store.telephone import TelephoneStore
from models.store.tutoring import TutoringStore
from models.store.users import UserStore

__all__ = ["MessageChanges", "RemovedChats", "Store", "utc_now"]


class Store(
    OAuthStore,
    GrantStore,
    ContentStore,
    AttemptStore,
    MessageStore,
    ExternalChatStore,
    TutoringStore,
    BranchStore,
    LibraryStore,
    ProgressStore,
    CoachingStore,
    DraftStore,
    AudioStore,
    KeyedCallStore,
    BenchmarkStore,
    RemovalStore,
    UserStore,
    UserDataStore,
    OpenCallStore,
    PastCallStore,
    ProcessStore,
    JobStore,
    TelephoneStore,
):
    """All persistent data of the service; see `Database` for how to open it, and the base classes for its methods."""
