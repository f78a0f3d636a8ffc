"""The meaning of texts as vectors: the protocol of what computes them, and what it has computed, kept."""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
"""Unit vectors, shape (n, d): the dot product of two is their cosine similarity, -1 to 1."""

KEPT = 20_000
"""Maximum number of vectors in memory: 30 MB of the packaged model's."""


_STEPS = 127


@dataclass(frozen=True, slots=True)
class Pieces:
    """The pieces of a text's words in their context.

    Attributes:
        coarse: their unit vectors in steps of 1/127, shape (n, d): a quarter of the memory, and as good to compare.
        spans: the place of each in the text, shape (n, 2).
    """

    coarse: NDArray[np.int8]
    spans: NDArray[np.int32]

    @classmethod
    def of(cls, vectors: Vectors, spans: NDArray[np.int32]) -> Self:
        """Keep unit vectors, shape (n, d)."""
        return cls(np.rint(vectors * _STEPS).astype(np.int8), spans)

    @property
    def vectors(self) -> Vectors:
        """The unit vectors, shape (n, d)."""
        return np.asarray(self.coarse.astype(np.float32) / _STEPS, np.float32)


@runtime_checkable
class Reader(Protocol):
    """Computes vectors of texts together with those of their pieces."""

    async def read(self, texts: Sequence[str], *, urgent: bool = True) -> tuple[Vectors, list[Pieces]]:
        """Return the unit vectors of texts, shape (n, d), and their pieces, in their order; see `Embedder.embed`."""
        ...


class Embedder(Protocol):
    """Computes vectors, close to each other where texts mean the same.

    Attributes:
        name: the model's.
    """

    name: str

    async def embed(self, texts: Sequence[str], *, urgent: bool = True) -> Vectors:
        """Return the unit vectors of texts, shape (n, d), in their order.

        Args:
            texts: each is read up to the model's own limit, about 200 words.
            urgent: somebody waits for it; otherwise it runs behind all that is.

        Raises:
            EmbeddingFailed: the model or its server failed, or has too much to do.
        """
        ...

    async def close(self) -> None:
        """Release the model. Idempotent."""
        ...


class Meanings:
    """An `Embedder` that computes each text once, for as long as it is among the latest `limit`.

    Attributes:
        reader: computes the pieces of words, too, if the embedder can.
    """

    def __init__(self, embedder: Embedder, limit: int = KEPT) -> None:
        self.name = embedder.name
        self.reader = embedder if isinstance(embedder, Reader) else None
        self._embedder = embedder
        self._limit = limit
        self._kept: OrderedDict[bytes, NDArray[np.float32]] = OrderedDict()

    async def embed(self, texts: Sequence[str], *, urgent: bool = True) -> Vectors:
        """See `Embedder.embed`; only texts that are not known yet are computed."""
        keys = [_key(text) for text in texts]
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._kept}
        found = {key: self._kept[key] for key in keys if key not in new}
        if new or not texts:
            found |= dict(zip(new, await self._embedder.embed(list(new.values()), urgent=urgent), strict=True))
        for key in keys:
            self._kept[key] = found[key]
            self._kept.move_to_end(key)
        while len(self._kept) > self._limit:
            self._kept.popitem(last=False)
        return np.stack([found[key] for key in keys]) if keys else np.zeros((0, 0), np.float32)

    def known(self, text: str) -> NDArray[np.float32] | None:
        """Return the vector of a text, shape (d,), if it is kept."""
        return self._kept.get(_key(text))

    async def close(self) -> None:
        """See `Embedder.close`."""
        await self._embedder.close()


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()
