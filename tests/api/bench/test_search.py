"""How the search is counted: a passage by its document and its words, a citation without an answer as false."""

from api.bench.search import SETS, KnownQuestion, Lookup, questions_of, summary
from models.records.core import Document
from models.records.external import DocumentOrigin
from pipeline.grounded.sources import Source


def source(name: str, text: str) -> Source:
    return Source(Document(name, name, text=text), DocumentOrigin(name, "", ""), text, 0, len(text), 1.0)


def test_a_passage_is_found_by_its_document_and_its_words() -> None:
    one = KnownQuestion("?", (("A", "two words"), ("B", "three")))
    both = KnownQuestion("?", one.answer, needs_all=True)
    a, b = source("A", "Here are two\nwords."), source("B", "three")
    assert one.is_found([source("B", "two words"), b])
    assert not one.is_found([source("B", "two words"), source("A", "three")])
    assert both.is_found([b, a])
    assert not both.is_found([a])


def test_shares_are_of_those_with_an_answer_and_of_those_without() -> None:
    def row(answered: bool, cited: bool, citations: int) -> Lookup:
        return Lookup("?", answered, answered, answered, cited, citations, 1.0, "")

    rows = [row(True, True, 1), row(True, False, 2), row(False, False, 1), row(False, False, 0)]
    found = summary(rows, "SQLite", "none", "tuning")
    assert (found.count, found.recall, found.ranked_recall, found.false_citations) == (4, 0.5, 1.0, 0.5)


def test_the_sets_that_are_measured_have_their_questions() -> None:
    sizes = {name: len(questions_of(name)) for name in SETS}
    assert sizes == {"tuning": 60, "seen": 180, "fitting": 487, "heldout": 60}
    assert sum(question.needs_all for question in questions_of("tuning")) >= 2
