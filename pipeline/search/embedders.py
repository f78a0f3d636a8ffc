"""What computes vectors: the sentence model in a thread, or a server of OpenAI's embeddings."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from pipeline.errors import EmbeddingFailed
from pipeline.search.meaning import Pieces, Vectors
from pipeline.search.sentence_model import SentenceModel
from voice.errors import VoiceError
from voice.work.cancellation import Cancelled
from voice.work.workers import Priority, ThreadWorkers, Workers

THREADS = 2
"""One of them for what is urgent."""

QUEUE_LIMIT = 256
STEP = 4
"""Texts in one job: 4 passages take up to 0.3 s of a core, and the service ends only between two jobs."""

OFFICIAL = "https://api.openai.com/v1"
REQUEST_TEXTS, REQUEST_CHARACTERS = 64, 8000
"""Bounds of a request to a server: the number of texts, and what is sent of each."""


class LocalEmbedder:
    """An `Embedder` and `Reader` on the sentence model, which runs in worker threads.

    Args:
        load: returns the model, when the first text comes.
        workers: its own by default, which `close` ends.
    """

    name = SentenceModel.name

    def __init__(self, load: Callable[[], SentenceModel], workers: Workers | None = None) -> None:
        self._load = load
        self._loading = Lock()  # several jobs at once
        self._model: SentenceModel | None = None
        self._workers = workers or ThreadWorkers(THREADS, QUEUE_LIMIT)

    async def embed(self, texts: Sequence[str], *, urgent: bool = True) -> Vectors:
        """See `Embedder.embed`."""
        found = await self._run(lambda model, some: model.vectors(some), texts, urgent)
        return np.stack(found) if found else np.zeros((0, 0), np.float32)

    async def read(self, texts: Sequence[str], *, urgent: bool = True) -> tuple[Vectors, list[Pieces]]:
        """See `Reader.read`."""
        found = await self._run(lambda model, some: list(zip(*model.read(some), strict=True)), texts, urgent)
        vectors = np.stack([vector for vector, _ in found]) if found else np.zeros((0, 0), np.float32)
        return vectors, [pieces for _, pieces in found]

    async def _run(
        self, compute: Callable[[SentenceModel, Sequence[str]], Iterable[Any]], texts: Sequence[str], urgent: bool
    ) -> list[Any]:
        priority = Priority.REPLY if urgent else Priority.PARTIAL
        # Texts of one length in one run: the shorter ones of a run are padded.
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        found: list[Any] = [None] * len(texts)
        for start in range(0, len(order), STEP):
            places = order[start : start + STEP]
            some = [texts[index] for index in places]
            try:
                results = await self._workers.run(
                    partial(self._computed, compute, some), call="search", priority=priority
                )
            except VoiceError as error:
                raise EmbeddingFailed(str(error)) from error
            for place, result in zip(places, results, strict=True):
                found[place] = result
        return found

    def _computed(
        self,
        compute: Callable[[SentenceModel, Sequence[str]], Iterable[Any]],
        texts: Sequence[str],
        cancelled: Cancelled,
    ) -> Iterable[Any]:
        del cancelled  # it is over in a moment
        with self._loading:
            self._model = self._model or self._load()
        return compute(self._model, texts)

    async def close(self) -> None:
        """See `Embedder.close`."""
        await self._workers.close()


class ServerEmbedder:
    """An `Embedder` on any server with OpenAI's `POST /v1/embeddings`.

    Args:
        base_url: URL up to and including `/v1`.
        api_key: sent as a Bearer token; never part of an error message.
        model: the server's name for the model.
        timeout_s: timeout of a request in seconds.

    Source: OpenAI API reference, "Create embeddings".
    """

    def __init__(self, *, model: str, base_url: str = "", api_key: str = "", timeout_s: float = 10.0) -> None:
        import openai  # takes a second to import

        self.name = model
        self._where = urlsplit(base_url or OFFICIAL).netloc.rpartition("@")[2]
        self._timeout_s = timeout_s
        self._client = openai.AsyncOpenAI(
            base_url=base_url or OFFICIAL,
            api_key=api_key or "none",
            max_retries=0,
            timeout=timeout_s,
            http_client=openai.DefaultAsyncHttpxClient(follow_redirects=False),
        )

    async def embed(self, texts: Sequence[str], *, urgent: bool = True) -> Vectors:
        """See `Embedder.embed`."""
        del urgent  # the server decides
        starts = range(0, len(texts), REQUEST_TEXTS)
        found = [await self._request(texts[start : start + REQUEST_TEXTS]) for start in starts]
        try:
            return np.concatenate(found) if found else np.zeros((0, 0), np.float32)
        except ValueError:
            raise EmbeddingFailed(f"{self._where} gave vectors of different lengths for {self.name}.") from None

    async def _request(self, texts: Sequence[str]) -> Vectors:
        import openai

        # A server refuses an empty text.
        sent = [text[:REQUEST_CHARACTERS].strip() or "." for text in texts]
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await self._client.embeddings.create(model=self.name, input=sent, encoding_format="float")
            vectors = np.array(
                [item.embedding for item in sorted(answer.data, key=lambda item: item.index)], np.float32
            )
        except openai.APIStatusError as error:
            raise EmbeddingFailed(
                f"{self._where} refused to embed ({error.status_code}); check GLOW_EMBEDDINGS_MODEL."
            ) from None
        except (openai.OpenAIError, TimeoutError, OSError) as error:
            raise EmbeddingFailed(f"{self._where} does not answer ({type(error).__name__}); try again.") from None
        except (TypeError, ValueError, AttributeError):
            raise EmbeddingFailed(f"{self._where} answered with something else than embeddings.") from None
        if vectors.ndim != 2 or len(vectors) != len(sent) or not np.isfinite(vectors).all():
            raise EmbeddingFailed(f"{self._where} answered with something else than embeddings.")
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.asarray(vectors / np.maximum(lengths, 1e-9), np.float32)

    async def close(self) -> None:
        """See `Embedder.close`."""
        await self._client.close()
