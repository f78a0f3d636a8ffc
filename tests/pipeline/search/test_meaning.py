"""What computes the meaning of texts: a server, the sentence model; and what is kept of it."""

import asyncio
import json
from collections.abc import Iterator

import numpy as np
import pytest

from pipeline.errors import EmbeddingFailed
from pipeline.search.embedders import REQUEST_TEXTS, ServerEmbedder
from pipeline.search.meaning import Meanings
from tests.servers.embeddings import EmbeddingsServer, counted, embeddings_server
from tests.weights import without_proxies


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddingsServer]:
    without_proxies(monkeypatch)
    with embeddings_server() as running:
        yield running


def test_each_text_is_computed_once_and_the_oldest_are_dropped(server: EmbeddingsServer) -> None:
    async def run() -> None:
        meanings = Meanings(ServerEmbedder(model="letters", base_url=server.url, api_key="secret"), limit=3)
        found = await meanings.embed(["ab", "c", "ab"])
        expected = np.array([counted(text) for text in ("ab", "c", "ab")])
        assert np.allclose(found, expected / np.linalg.norm(expected, axis=1, keepdims=True))
        await meanings.embed(["d", "ab"])
        await meanings.embed(["e"])
        assert [request["input"] for request in server.requests] == [["ab", "c"], ["d"], ["e"]]
        assert set(server.keys) == {"Bearer secret"}
        assert meanings.known("c") is None
        assert meanings.known("ab") is not None
        assert (await meanings.embed([])).shape[0] == 0
        await meanings.close()

    asyncio.run(run())


def test_many_and_long_texts_are_bounded_requests(server: EmbeddingsServer) -> None:
    async def run() -> None:
        embedder = ServerEmbedder(model="letters", base_url=server.url)
        texts = ["a" * 1_000_000, *map(str, range(REQUEST_TEXTS)), ""]
        assert (await embedder.embed(texts)).shape == (len(texts), 26)
        assert [len(request["input"]) for request in server.requests] == [REQUEST_TEXTS, 2]
        assert max(len(json.dumps(request)) for request in server.requests) < 10_000
        await embedder.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        (401, "refused to embed"),
        ("<html>Please log in.</html>", "something else"),
        ('{"data": []}', "something else"),
        ('{"data": [{"index": 0, "embedding": [NaN]}]}', "something else"),
        ('{"data": [{"index": 0, "embedding": "no"}]}', "something else"),
        ("[]", "something else"),
    ],
)
def test_a_server_that_fails_is_a_sentence_without_the_key(
    server: EmbeddingsServer, behaviour: str | int, said: str
) -> None:
    async def run() -> None:
        embedder = ServerEmbedder(model="letters", base_url=server.url, api_key="secret-key")
        server.behaviour = behaviour
        with pytest.raises(EmbeddingFailed, match=said) as failure:
            await embedder.embed(["a"])
        assert "secret" not in str(failure.value)
        await embedder.close()

    asyncio.run(run())
