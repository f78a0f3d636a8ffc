"""Patterns of a pack, checked where they stand."""

from models.errors import Invalid
from models.packs.located import Section, Text
from models.patterns import ContentPattern


def checked_pattern(section: Section, text: Text) -> str:
    """Return a pattern; what is wrong with it becomes a problem of the section."""
    try:
        if ContentPattern(text.value).found_in(""):
            section.problem(f"'{text.value}' matches anything; name at least one word", text.line)
    except Invalid as error:
        section.problem(f"bad regular expression '{text.value}': {error}", text.line)
    return text.value
