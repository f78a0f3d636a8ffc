"""Write pipeline/search/packaged/directions.npy: the 96 directions in which the pieces of questions' words differ most.

    python scripts/packaged_directions.py

They are the principal axes, about the origin, of the pieces of the questions that come with the packaged documents.
"""

import sys

import numpy as np

from models.packs import DEMO_PACK, load_pack
from pipeline.search.sentence_model import PACKAGED, SentenceModel
from pipeline.search.word_by_word import DIRECTIONS_FILE

DIRECTIONS, EVERY = 96, 6


def main() -> None:
    """Read every sixth question, and write the directions: float16, shape (384, 96)."""
    texts = [question.text for document in load_pack(DEMO_PACK).documents for question in document.questions][::EVERY]
    model = SentenceModel()
    _, pieces = model.read(sorted(texts, key=len))
    vectors = np.concatenate([held.vectors for held in pieces])
    spread, axes = np.linalg.eigh(vectors.T @ vectors / len(vectors))
    np.save(PACKAGED / DIRECTIONS_FILE, axes[:, -DIRECTIONS:].astype(np.float16))
    sys.stdout.write(f"{spread[-DIRECTIONS:].sum() / spread.sum():.1%} of {len(vectors)} pieces\n")


if __name__ == "__main__":
    main()
