"""The embeddings of the service: what the settings choose to compare texts by their meaning, shared by all."""

import asyncio
import logging

from api.settings import Settings
from pipeline.search.catalog import has_minilm, load_minilm
from pipeline.search.embedders import LocalEmbedder, ServerEmbedder
from pipeline.search.meaning import Meanings
from pipeline.search.sentence_model import SentenceModel
from voice.errors import EngineUnavailable

log = logging.getLogger(__name__)


async def open_embeddings(settings: Settings) -> Meanings | None:
    """Open the embedder that the settings name; None for none, and where `auto` finds none that was installed.

    Raises:
        EngineUnavailable: it is named and not there; the message says what to do. What `auto` finds damaged is logged.
    """
    if settings.embeddings == "openai":
        key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else ""
        base_url = settings.embeddings_base_url or settings.openai_base_url
        if not base_url and not key:
            raise EngineUnavailable("embeddings=openai needs a server; set GLOW_EMBEDDINGS_BASE_URL or OPENAI_API_KEY.")
        return Meanings(ServerEmbedder(model=settings.embeddings_model, base_url=base_url, api_key=key))
    if settings.embeddings == "packaged":
        return packaged_embeddings()
    is_auto = settings.embeddings == "auto"
    if settings.embeddings == "none" or (is_auto and not await asyncio.to_thread(has_minilm, settings.models_dir)):
        return None
    try:
        model = await asyncio.to_thread(load_minilm, settings.models_dir)
    except EngineUnavailable as error:
        if not is_auto:
            raise
        log.warning("%s Until then the packaged model searches, and cues are compared by their words.", error)
        return None
    return Meanings(LocalEmbedder(lambda: model))


def search_embeddings(settings: Settings, meanings: Meanings | None) -> Meanings | None:
    """Return what the search of documents compares meanings with: the service's own embedder, else the packaged one."""
    return packaged_embeddings() if meanings is None and settings.embeddings != "none" else meanings


def packaged_embeddings() -> Meanings:
    """Open the packaged embedder, which is loaded when it is first needed."""
    return Meanings(LocalEmbedder(SentenceModel))
