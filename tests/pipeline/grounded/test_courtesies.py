"""Greetings, thanks, and questions about what can be asked: told from questions, and answered as a person would."""

import pytest

from pipeline.grounded.courtesies import Courtesy, courtesy_of, reply_to


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("greeting", ["hello", "Hi there!", "Good morning.", "hey Gloo", "Hello, I have a question"]),
        ("wellbeing", ["How are you?", "hi, how are you doing today?"]),
        ("thanks", ["thank you", "Thanks so much!", "ok thanks", "Thank you, that was helpful.", "thx"]),
        ("agreement", ["OK.", "I see", "No, that's all.", "Great!"]),
        ("farewell", ["bye", "Goodbye, thank you", "Have a nice day!"]),
        ("self", ["Who are you?", "What can you do?", "help", "How can you help me?"]),
        ("documents", ["what documents do you have?", "Which documents can you search?", "List your documents"]),
        ("documents", ["What can I ask you?", "What topics do you know?", "Please, what's in here?"]),
    ],
)
def test_what_no_document_answers(kind: str, said: list[str]) -> None:
    assert {words: courtesy_of(words) for words in said} == {words: Courtesy(kind) for words in said}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "asked",
    [
        "Hello, what is FERPA?",
        "thank you, and how long is the warranty?",
        "What documents do I need?",
        "What papers do I need to bring?",
        "What files are lost?",
        "How can you help me with my grades?",
        "what do you know about grief?",
        "No, the other one.",
        "good question",
        "",
    ],
)
def test_a_question_is_one_however_politely_it_is_asked(asked: str) -> None:
    assert courtesy_of(asked) is None


def test_the_documents_are_named() -> None:
    titles = [f"Leaflet {number}" for number in range(20)]
    whole = Courtesy("documents")
    assert reply_to(whole, titles, spoken=False).startswith("I have 20 documents, among them “Leaflet 0”, “Leaflet 2”")
    assert reply_to(whole, titles, spoken=True).count("Leaflet") == 3
    assert "“A” and “B”. Ask me" in reply_to(whole, ["A", "B"], spoken=False)
    about = courtesy_of("Do you have any documents about the warranty?")
    assert about == Courtesy("documents", "the warranty")
    assert reply_to(about, ["A"], spoken=False).startswith("I have one document about the warranty: “A”.")
    assert reply_to(about, [], spoken=False) == "I have no document about the warranty."
    assert reply_to(whole, [], spoken=False) == "I have no documents here yet."
