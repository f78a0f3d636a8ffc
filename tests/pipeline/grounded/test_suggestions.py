"""What is suggested after an answer: questions that the documents answer, and nothing else."""

import asyncio
from collections.abc import Callable, Coroutine

from models.packs import DEMO_PACK, load_pack
from models.records.core import Document
from pipeline.conversation.reply import HistoryEntry
from pipeline.grounded.answers import Grounded, GroundedQuestion
from pipeline.grounded.sources import SourceFilter, Sources
from tests.stores import empty_store

RULES = """# Visits

## When to come

Visitors come in the afternoon, from two to five.

## What to bring

Bring fruit and slippers to the ward, and no flowers.

"""


PACK = load_pack(DEMO_PACK).documents

Ask = Callable[[GroundedQuestion], Coroutine[None, None, tuple[bool, list[str]]]]


def asking(story: Callable[[Ask], Coroutine[None, None, None]]) -> None:
    """Run a story with a way to ask: whether there was an answer, and what is suggested after it."""

    async def run() -> None:
        async with empty_store() as store:
            user = await store.create_user("ada")
            await store.install(documents=[Document("rules", "Visits to the ward", text=RULES), *PACK])
            grounded = Grounded(Sources(store), None)

            async def ask(question: GroundedQuestion) -> tuple[bool, list[str]]:
                answer = await grounded.answer(user.id, question)
                said = "".join([word async for word in answer.words])
                return bool(answer.sources), await grounded.suggest(user.id, question, said, answer.sources)

            await story(ask)

    asyncio.run(run())


def test_suggestions_are_questions_that_the_documents_answer() -> None:
    tutorial = "How can I find meaning and purpose when facing life's greatest challenges?"

    async def story(ask: Ask) -> None:
        answered, three = await ask(GroundedQuestion(tutorial))
        assert (answered, len(three), three[0]) == (True, 3, "Where do people find meaning?")
        asked = (HistoryEntry("user", tutorial), HistoryEntry("assistant", "..."))
        for one in three:
            answered, more = await ask(GroundedQuestion(one, history=asked))
            assert answered, one
            assert more, "it leads on"
            assert not {one, tutorial} & set(more)

    asking(story)


def test_only_documents_that_may_be_used_ask() -> None:
    ward = SourceFilter(document_ids=frozenset({"rules"}))
    nowhere = SourceFilter(document_ids=frozenset({"nowhere"}))

    async def story(ask: Ask) -> None:
        question = "When may visitors come in the afternoon?"
        _, suggested = await ask(GroundedQuestion(question, allowed=ward))
        assert suggested == ["What should I bring?"], "what was answered is not asked again"
        assert await ask(GroundedQuestion(question, allowed=nowhere)) == (False, [])
        answered, greeted = await ask(GroundedQuestion("Hello!"))
        assert (answered, len(greeted)) == (False, 3)

    asking(story)


def test_questions_that_come_with_a_document_are_suggested_but_those_just_answered() -> None:
    async def story(ask: Ask) -> None:
        question = GroundedQuestion("How long is the warranty of a computer?")
        has_sources, suggested = await ask(question)
        assert has_sources
        warranty = next(document for document in PACK if document.name == "Warranty and returns")
        own = [known.text for known in warranty.questions if known.answer]
        assert set(suggested) & set(own)
        assert not any("how long is the warranty" in one.lower() for one in suggested)

    asking(story)
