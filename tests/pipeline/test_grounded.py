"""Answers made of documents: what they rest on, and where they end."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from models.packs import DEMO_PACK, load_pack
from models.store import Store
from pipeline.grounded import Grounded, Question, cut, within
from pipeline.prose import quoted
from pipeline.sources import Sources


def answered(text: str) -> tuple[str, list[tuple[str, str]]]:
    """The answer to a question from the packaged documents, and its sources as (name, passage)."""

    async def run() -> tuple[str, list[tuple[str, str]]]:
        pack = load_pack(DEMO_PACK)
        async with Store("sqlite+aiosqlite://") as store:
            user = await store.create_user("ada")
            await store.install(documents=pack.documents)
            answer = await Grounded(Sources(store), None).answer(user.id, Question(text))
            said = "".join([word async for word in answer.words])
            return said, [(source.document.name, source.text) for source in answer.sources]

    return asyncio.run(run())


@pytest.mark.parametrize(
    "question",
    [
        "Who may see the record of a student?",  # the sentence that fits has "U.S." in it
        "How long is the warranty of a computer, and is the battery covered?",
        "warranty of a computer, records of a student, and the test",
        "you do not have to pay for the repair",
    ],
)
def test_an_answer_rests_on_what_it_quotes(question: str) -> None:
    said, sources = answered(question)
    assert sources
    for name, passage in sources:
        assert f"From “{name}”:" in said
        assert quoted(passage, said)


def test_an_answer_that_found_nothing_rests_on_nothing() -> None:
    said, sources = answered("What is the meaning of life?")
    assert said.startswith("I found nothing")
    assert sources == []


@pytest.mark.parametrize(
    ("limit", "kept"),
    [
        (100, "It is a law of the U.S. Senate, e.g. for schools. It has 3.5 pages."),
        (50, "It is a law of the U.S. Senate, e.g. for schools."),
        (30, "It is a law of the U.S.…"),
    ],
)
def test_a_limit_cuts_after_a_sentence_and_not_after_an_abbreviation(limit: int, kept: str) -> None:
    whole = "It is a law of the U.S. Senate, e.g. for schools. It has 3.5 pages."

    async def letters() -> AsyncIterator[str]:
        for letter in whole:
            yield letter

    async def streamed() -> str:
        return "".join([piece async for piece in within(letters(), limit)])

    assert asyncio.run(streamed()).strip() == kept
    assert cut(whole, limit) == kept
