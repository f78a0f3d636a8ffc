"""Dependencies of the Gloo, Tutor and Glean doors: the tutor, grounded chats and rate limits."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import Request

from api.embeddings import search_embeddings
from api.settings import Settings
from models.packs.lesson_loader import LESSONS
from models.store import Store
from pipeline.call.registry import Calls
from pipeline.grounded.answers import Grounded
from pipeline.grounded.chats import GroundedChats
from pipeline.grounded.meaning_index import MeaningIndex
from pipeline.grounded.sources import Sources
from pipeline.llm.deadlines import Deadlines
from pipeline.llm.usage import TokenMeter
from pipeline.search.meaning import Meanings
from pipeline.tasks.clock import Clock
from pipeline.tasks.jobs import Jobs
from pipeline.tasks.rate_limits import Limits, SharedBuckets, one_process
from pipeline.tutoring.installed_lessons import InstalledLessons
from pipeline.tutoring.spoken import SpokenTutor
from pipeline.tutoring.tutor import Tutor

if TYPE_CHECKING:
    from pipeline.llm.chat_model import ChatModel


@dataclass(frozen=True, slots=True)
class ExternalServices:
    """The services that the Gloo, Tutor and Glean doors share."""

    tutor: Tutor
    lessons: InstalledLessons
    chats: GroundedChats
    limits: Limits
    guesses: Limits
    """Wrong client secrets, by network address."""


@asynccontextmanager
async def open_external(
    settings: Settings,
    store: Store,
    calls: Calls,
    clock: Clock,
    meanings: Meanings | None,
    *,
    jobs: Jobs | None = None,
    buckets: SharedBuckets | None = None,
    processes: Callable[[], Awaitable[int]] = one_process,
    tokens: TokenMeter | None = None,
) -> AsyncIterator[ExternalServices]:
    """Create the services and register their chats for calls.

    Args:
        jobs: have one turn of a lesson taken at a time.
        buckets: count requests for all processes of the service.
        processes: counts them.
        tokens: takes what the language model's server reports of its tokens.

    Raises:
        InvalidPack: a lesson is invalid.
    """
    model = _model(settings, tokens)
    tutor = Tutor(store, (), model, jobs)
    lessons = InstalledLessons(tutor, (LESSONS, *(path / "lessons" for path in settings.packs)))
    await lessons.install()
    async with AsyncExitStack() as stack:
        if model is not None:
            stack.push_async_callback(model.close)
        searched = search_embeddings(settings, meanings)
        if searched is not None and searched is not meanings:
            stack.push_async_callback(searched.close)
        index = None if searched is None else await stack.enter_async_context(MeaningIndex(searched, store))
        chats = GroundedChats(store, Grounded(Sources(store, index), model), calls)
        calls.register(SpokenTutor(tutor, store))
        calls.register(chats)
        yield ExternalServices(
            tutor,
            lessons,
            chats,
            Limits(settings.requests_per_minute, clock.now, shared=buckets, processes=processes),
            Limits(settings.guesses_per_minute, clock.now, name="guesses", shared=buckets, processes=processes),
        )


def external_of(request: Request) -> ExternalServices:
    """Return the external services of the running service."""
    external: ExternalServices = request.app.state.service.external
    return external


def _model(settings: Settings, tokens: TokenMeter | None) -> "ChatModel | None":
    key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else ""
    if settings.llm == "scripted" or not (key or settings.openai_base_url):
        return None
    from pipeline.llm.chat_model import ChatModel  # takes a second to import, and most runs do not need it

    return ChatModel(
        model=settings.llm_model,
        base_url=settings.openai_base_url or None,
        api_key=key or None,
        thinks=settings.llm_thinks,
        deadlines=Deadlines(first_token_s=settings.llm_first_token_s, total_s=settings.llm_timeout_s),
        tokens=tokens,
    )
