"""The facade of this package: one object for the doors, with an attribute for each topic."""

from collections.abc import Callable

from models.files import Files
from models.store import Store
from pipeline.call.recording import Recordings
from pipeline.call.registry import Calls
from pipeline.chats.chats import Chats
from pipeline.chats.hub import Hub
from pipeline.coach.coach import Coach
from pipeline.practice.attempts import Attempts
from pipeline.practice.authoring import Author
from pipeline.practice.benchmarks import Benchmarks
from pipeline.practice.choosing import Choosing
from pipeline.practice.coaching import Coaching
from pipeline.practice.configuring import Configurations
from pipeline.practice.content import Content
from pipeline.practice.content_library import ContentLibrary
from pipeline.practice.drafts import Drafts
from pipeline.practice.ending import Ending
from pipeline.practice.exchanges import Exchanges
from pipeline.practice.exporting import Exports
from pipeline.practice.grading import Grading
from pipeline.practice.installed_packs import InstalledPacks
from pipeline.practice.keys import Keys
from pipeline.practice.lost_jobs import LostJobs
from pipeline.practice.messages import Messages
from pipeline.practice.offers import Offers
from pipeline.practice.overview import Overviews
from pipeline.practice.own_chats import OwnChats
from pipeline.practice.progress import ProgressPublisher
from pipeline.practice.questions import Questions
from pipeline.practice.refreshing import Refreshing
from pipeline.practice.removal import Removal
from pipeline.practice.spoken import SpokenChats
from pipeline.practice.staging import Staging
from pipeline.practice.uploads import Uploads
from pipeline.practice.writing import ContentWriting
from pipeline.search.meaning import Embedder
from pipeline.tasks.background import Background
from pipeline.tasks.clock import LoopClock
from pipeline.tutoring.installed_lessons import InstalledLessons
from voice.stt.speech_to_text import SpeechToText


class Decisions:
    """The decisions of the package.

    Args:
        store: the store of everything.
        files: the storage of recordings.
        chats, calls: answer in writing, and aloud.
        recordings: the recordings of calls.
        coach: grades and gives hints.
        hub: takes the events.
        background: runs work that outlives its request.
        stt: transcribes recordings.
        author: writes content; None without a language model.
        embedder: the sentence model, for searches; None without one.
        packs: the content on disk.
        lessons: the tutor's, on disk; None without a tutor.
        new_id: makes ids.
    """

    def __init__(
        self,
        *,
        store: Store,
        files: Files,
        chats: Chats,
        calls: Calls,
        recordings: Recordings,
        coach: Coach,
        hub: Hub,
        background: Background,
        stt: SpeechToText,
        author: Author | None = None,
        embedder: Embedder | None = None,
        packs: InstalledPacks,
        lessons: InstalledLessons | None = None,
        new_id: Callable[[], str],
    ) -> None:
        self.new_id = new_id
        self.keys = Keys(store)
        self.staging = Staging(store)
        self.progress = ProgressPublisher(hub, new_id)
        self.lost = LostJobs(store, hub, LoopClock())

        self.own = own = OwnChats(store)
        self.configurations = configurations = Configurations(store, calls)
        self.overviews = Overviews(store, chats, calls, own, configurations)
        self.attempts = Attempts(store, hub, own, configurations, new_id)
        self.spoken = SpokenChats(calls, own, self.attempts, configurations, hub)
        self.drafts = Drafts(store, own, configurations, new_id)
        self.refreshing = Refreshing(packs, lessons, configurations, calls)
        self.offers = Offers(store)
        self.content = content = Content(store, new_id)
        self.writing = ContentWriting(
            store=store,
            own=own,
            library=ContentLibrary(store, content, Choosing(embedder), new_id),
            author=author,
            background=background,
            new_id=new_id,
        )
        self.exports = Exports(store, files, own)
        self.uploads = Uploads(store, files, new_id)

        self.grading = grading = Grading(store, coach, hub, own)
        self.coaching = coaching = Coaching(store, coach, hub, own)
        self.questions = Questions(store, hub)
        self.messages = messages = Messages(store, chats, files, stt, own, configurations)
        self.exchanges = Exchanges(
            store=store,
            chats=chats,
            calls=calls,
            hub=hub,
            background=background,
            messages=messages,
            coaching=coaching,
            own=own,
            new_id=new_id,
        )
        self.ending = Ending(
            store=store, chats=chats, calls=calls, hub=hub, grading=grading, coaching=coaching, own=own
        )
        self.removal = Removal(
            store=store, files=files, recordings=recordings, chats=chats, calls=calls, ending=self.ending, hub=hub
        )
        self.benchmarks = Benchmarks(store, chats, hub, background, grading)
