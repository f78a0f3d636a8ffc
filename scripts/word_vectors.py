"""Write pipeline/search/words.npz: vectors of English words, for machines without the sentence model.

Each word is put through MiniLM by itself; of its vector, centred, the main components are kept, as bytes. A text is
then the weighted mean of its words, as in Tulkens & van Dongen 2024, "Model2Vec". The words come in the order of how
frequent they are, such as wordfreq's `top_n_list("en", 45000)` (Speer 2022; only the order of its words is used).

    python scripts/word_vectors.py folder-of-minilm words.txt
"""

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.search.sentence_model import SentenceModel

TARGET = Path(__file__).parents[1] / "pipeline" / "search" / "words.npz"
WORDS, WIDTH = 24_000, 64
CLOSE_WORDS, LEAST_CLOSE = 3, 0.6
"""How many words of about the same meaning are kept for each, and their least cosine."""


def main(folder: Path, listed: Path) -> None:
    """Compute the vectors of the list's first words and write them."""
    words = [word for word in listed.read_text("utf-8").split() if word.isalpha() and word.isascii()][:WORDS]
    model = SentenceModel(folder)
    batches = range(0, len(words), 256)
    vectors = np.concatenate([model.vectors(words[start : start + 256]) for start in batches])
    vectors -= vectors.mean(0)
    _, _, components = np.linalg.svd(vectors, full_matrices=False)
    small = vectors @ components[:WIDTH].T
    small /= np.abs(small).max(1, keepdims=True)
    held = np.round(small * 127).astype(np.int8)
    names = np.frombuffer("\n".join(words).encode("ascii"), np.uint8)
    np.savez_compressed(TARGET, words=names, vectors=held, close=closest(held))


def closest(held: NDArray[np.int8]) -> NDArray[np.uint16]:
    """Return the numbers of each word's closest words, as far as they are close enough; its own for the rest."""
    vectors = held.astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    found = np.repeat(np.arange(len(vectors), dtype=np.uint16)[:, None], CLOSE_WORDS, axis=1)
    for place, vector in enumerate(vectors):
        cosines = vectors @ vector
        cosines[place] = -1.0
        near = np.argpartition(-cosines, CLOSE_WORDS)[:CLOSE_WORDS]
        near = near[np.argsort(-cosines[near])]
        near = near[cosines[near] >= LEAST_CLOSE]
        found[place, : len(near)] = near
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
