"""Answers made of documents: what they rest on, and where they end."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from models.packs import DEMO_PACK, load_pack
from pipeline.grounded.answers import Grounded, GroundedQuestion, cut, within, without_citations
from pipeline.grounded.prose import quoted
from pipeline.grounded.sources import Sources
from pipeline.llm.chat_model import ChatModel
from pipeline.llm.deltas import StreamEnding
from tests.stores import empty_store


async def letters(text: str) -> AsyncIterator[str]:
    """A text that comes letter by letter."""
    for letter in text:
        yield letter


def joined(words: AsyncIterator[str]) -> str:
    """All of a stream."""

    async def run() -> str:
        return "".join([word async for word in words])

    return asyncio.run(run())


def answered(text: str) -> tuple[str, list[tuple[str, str]]]:
    """The answer to a question from the packaged documents, and its sources as (name, passage)."""

    async def run() -> tuple[str, list[tuple[str, str]]]:
        pack = load_pack(DEMO_PACK)
        async with empty_store() as store:
            user = await store.create_user("ada")
            await store.install(documents=pack.documents)
            answer = await Grounded(Sources(store), None).answer(user.id, GroundedQuestion(text))
            said = "".join([word async for word in answer.words])
            return said, [(source.document.name, source.text) for source in answer.sources]

    return asyncio.run(run())


@pytest.mark.parametrize(
    "question",
    [
        "Who may see the record of a student?",  # the sentence that fits has "U.S." in it
        "How long is the warranty of a computer, and is the battery covered?",
        "What is not covered by the warranty?",
        "you do not have to pay for the repair",
    ],
)
def test_an_answer_rests_on_what_it_quotes(question: str) -> None:
    said, sources = answered(question)
    assert sources
    for name, passage in sources:
        assert f"From “{name}”:" in said
        assert quoted(passage, said)


@pytest.mark.parametrize(
    ("question", "value"),
    [
        ("How long is the warranty of a computer?", "a warranty of one year"),
        ("When are the final exams?", "December 7 to 11"),
        ("How much is the copy of a dead disk at a laboratory?", "between 400 and 1,500 dollars"),
    ],
)
def test_an_answer_quotes_the_value_that_is_asked_for(question: str, value: str) -> None:
    said, _ = answered(question)
    assert value in said


def test_an_answer_that_found_nothing_rests_on_nothing() -> None:
    said, sources = answered("Who won the football match?")
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

    ending = StreamEnding()
    assert joined(within(letters(whole), limit, ending)).strip() == kept
    assert ending.reason == ("length" if kept != whole else None)
    assert cut(whole, limit) == kept


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("It is so [1]. Yes.", "It is so. Yes."),
        ("It is so.[1][2, 3] Yes [4-6].", "It is so. Yes."),
        ("It is so [1](https://example.com/a). Yes.", "It is so. Yes."),
        ("It is so.[^1] Yes【1†source】.", "It is so. Yes."),
        ("It is so [source 2] (Source: The law, page 2). Yes.", "It is so. Yes."),
        ("It is so (sources: [The law](https://example.com)). Yes.", "It is so. Yes."),
        ("Take two (small) pills [sic] at 8.", "Take two (small) pills [sic] at 8."),
        ("See [the law](https://example.com/a) (2", "See [the law](https://example.com/a) (2"),
        ("It ends [1]", "It ends"),
    ],
)
def test_citations_are_not_said(written: str, said: str) -> None:
    assert joined(without_citations(letters(written))) == said

    async def whole() -> AsyncIterator[str]:
        yield written

    assert joined(without_citations(whole())) == said


def test_a_model_is_not_asked_nothing() -> None:
    async def run() -> str:
        async with empty_store() as store:
            user = await store.create_user("ada")
            model = ChatModel(model="none", base_url="http://127.0.0.1:9/v1")
            answer = await Grounded(Sources(store), model).answer(user.id, GroundedQuestion(" "))
            await model.close()
            return "".join([word async for word in answer.words])

    assert asyncio.run(run()) == "What would you like to know?"
