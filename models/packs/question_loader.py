"""Questions that come with a document of a pack: one a line, with words of the document that answer it."""

from models.packs.located import Section
from models.records.core import DocumentQuestion

LONGEST, MOST = 300, 500
"""Maximum length of a question in characters, and maximum number of a document's questions."""


def read_questions(section: Section, name: str, lines: str, document: str) -> tuple[DocumentQuestion, ...]:
    """Read the questions of a document; problems are added to the section's.

    Args:
        section: the document's.
        name: the file's name, for problems.
        lines: "question | words of the document", or a question alone that the document does not answer; lines that
            begin with # are remarks.
        document: the document's text.
    """
    plain = plain_words(document)
    found = []
    for number, line in enumerate(lines.splitlines(), 1):
        text, _, answer = (part.strip() for part in line.partition("|"))
        if not text or text.startswith("#"):
            continue
        if len(text) > LONGEST:
            section.problem(f"line {number} of '{name}' is longer than {LONGEST} characters; shorten the question")
        elif answer and plain_words(answer) not in plain:
            section.problem(
                f"line {number} of '{name}': the document does not say '{answer[:60]}'; copy the words that answer"
            )
        else:
            found.append(DocumentQuestion(text, answer))
    if len(found) > MOST:
        section.problem(f"'{name}' has more than {MOST} questions; keep those that differ most")
    return tuple(found[:MOST])


def plain_words(text: str) -> str:
    """Return a text without bold marks and with single spaces, as answers are compared."""
    return " ".join(text.replace("**", "").split())
