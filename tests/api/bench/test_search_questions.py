"""The questions that the search is measured with: every named passage stands in the named packaged document."""

from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import yaml

import api.bench
from models.packs import DEMO_PACK, load_pack
from models.records.core import Document

FOLDER = Path(api.bench.__file__).parent / "search_questions"


@cache
def packaged() -> tuple[Document, ...]:
    return load_pack(DEMO_PACK).documents


def questions(name: str) -> list[dict[str, Any]]:
    return yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))


def test_every_passage_is_in_its_document() -> None:
    texts = {document.name: " ".join(document.text.split()) for document in packaged()}
    for entry in questions("tuning") + questions("heldout"):
        for part in entry["answer"]:
            assert part["passage"] in texts.get(part["document"], ""), (entry["question"], part)


def test_a_third_has_no_answer_and_the_halves_are_drawn_by_checksum() -> None:
    tuning, heldout = questions("tuning"), questions("heldout")
    for answered, each in ((True, 40), (False, 20)):
        first, second = (
            [sha256(q["question"].encode()).hexdigest() for q in half if bool(q["answer"]) is answered]
            for half in (tuning, heldout)
        )
        assert len(first) == len(second) == each
        assert max(first) < min(second)


def test_there_is_enough_to_search_in() -> None:
    documents = packaged()
    assert len(documents) >= 40
    assert len({document.name for document in documents}) == len(documents)
    assert sum(len(document.text.split()) for document in documents) >= 20_000
