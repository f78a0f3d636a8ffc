"""The questions that the search is measured with: every named passage stands in the named packaged document."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

import api.bench
from api.bench.search import SETS
from models.packs import DEMO_PACK, load_pack
from models.records.core import Document
from pipeline.search.words import content_stems

FOLDER = Path(api.bench.__file__).parent / "search_questions"


@cache
def packaged() -> tuple[Document, ...]:
    return load_pack(DEMO_PACK).documents


def questions(name: str) -> list[dict[str, Any]]:
    return yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))


def _key(question: str) -> str:
    return " ".join(content_stems(question))


def test_every_passage_is_in_its_document() -> None:
    texts = {document.name: " ".join(document.text.split()) for document in packaged()}
    for entry in (entry for name in SETS for entry in questions(name)):
        for part in entry["answer"]:
            assert part["passage"] in texts.get(part["document"], ""), (entry["question"], part)


@pytest.mark.parametrize("name", ["tuning", "seen", "heldout"])
def test_a_third_has_no_answer(name: str) -> None:
    answered = [bool(entry["answer"]) for entry in questions(name)]
    assert answered.count(True) == 2 * answered.count(False) >= 40


def test_nothing_that_is_held_out_is_tuned_on() -> None:
    tuned = {_key(entry["question"]) for name in SETS[:-1] for entry in questions(name)}
    assert not {entry["question"] for entry in questions("heldout") if _key(entry["question"]) in tuned}


def test_there_is_enough_to_search_in() -> None:
    documents = packaged()
    assert len(documents) >= 40
    assert len({document.name for document in documents}) == len(documents)
    assert sum(len(document.text.split()) for document in documents) >= 20_000
