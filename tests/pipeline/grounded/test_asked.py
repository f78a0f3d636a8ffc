"""The questions among a document's headings."""

import pytest

from models.records.core import Document
from pipeline.grounded.asked import as_question, questions_in


@pytest.mark.parametrize(
    ("heading", "question"),
    [
        ("Do I have to fast?", "Do I have to fast?"),
        ("What is not covered.", "What is not covered?"),
        ("Who gets it free?", "Who gets it free?"),
        ("How to order", "How do I order?"),
        ("Whom to ask.", "Whom should I ask?"),
        ("How to bring your card", "How do I bring my card?"),
        ("If you are late", "What if I am late?"),
        ("If you cannot come", "What if I cannot come?"),
        ("When you leave", "What happens when I leave?"),
        ("What you get.", "What do I get?"),
        ("What you can do", "What can I do?"),
        ("What we offer.", "What do you offer?"),
        ("What we may not do.", "What may you not do?"),
        ("What we do not tolerate", "What do you not tolerate?"),
        ("What it costs", "What does it cost?"),
        ("How long it takes", "How long does it take?"),
        # Whose grammar is not sure, or which are no questions.
        ("What it is.", ""),
        ("What does not.", ""),
        ("If you tell us that you come", ""),
        ("Before the test.", ""),
        ("Burned out?", ""),
        ("I had one last year. Do I need another?", ""),
        ("Why?", ""),
        (f"Why {'very ' * 40}long?", ""),
    ],
)
def test_a_heading_as_a_reader_would_ask_it(heading: str, question: str) -> None:
    assert as_question(heading) == question


def test_headings_and_lead_ins_ask_and_titles_and_text_do_not() -> None:
    text = "# Who is who?\n\nAre you well?\n\n## What to bring\n\nA pen.\n\n**If you are late.** Ring.\n\n"
    text += "## What to bring ##\n"
    found = questions_in(Document("d", "Visits", text=text))
    assert [item.text for item in found] == ["What should I bring?", "What if I am late?"]
    assert text[found[0].start :].strip().startswith("A pen.")
