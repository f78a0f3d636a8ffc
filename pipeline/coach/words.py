"""The content words of a text, stemmed, to compare an objective with what was said."""

from pipeline.search.words import stem, words

_COMMON = frozenset(
    "about after also and any are ask been before being but can could does from get give gives given has have her "
    "his how into its just leave let like made make more much not one only other our out over say she should some such "
    "take that the their them then there these they this those through told under until very was way were what when "
    "where which while who with without word words would you your plain explain explaining offer find recognise "
    "recognize will recognising listen telling show".split()
)


def content(text: str) -> set[str]:
    """Return the stems of a text's content words."""
    return {stem(word) for word in words(text) if len(word) > 2 and word not in _COMMON}
