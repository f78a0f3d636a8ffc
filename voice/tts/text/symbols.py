"""`#` and `*` where they are meant: keys of a telephone, names, numbers and products; run before Markdown is read."""

import re

from voice.tts.text.traced import Traced

_KEYS = r"(?:press|hit|dial|push|the|and|or|then|enter|with)"
_NAMED = re.compile(r"(?<![\w#])([A-GJ])#(?!\w)")
_POUND = re.compile(rf"(\b{_KEYS} )#(?![\w#]| of\b)", re.IGNORECASE)
_STAR = re.compile(rf"(\b{_KEYS} )\*(?![\w*])", re.IGNORECASE)
_ALONE = re.compile(r"^\s*([#*])\s*$")
_STAR_CODE = re.compile(r"(?<![\w*])\*([0-9]{2,3})(?![\w*])")
_COUNT = re.compile(r"(?<![\w#])# of\b")
_HASHTAG = re.compile(r"(?<![\w#&/])#(?=[A-Za-z]\w)")
_PRODUCT = re.compile(r"(?<=[0-9]) ?\* ?(?=[0-9])|(?<=\b[a-z]) \* (?=[a-z]\b)")
_GRADED = re.compile(r"(?<![\w*])([A-E])\*(?![\w*])")


def symbols(text: Traced) -> Traced:
    """Put `#` and `*` in words where they are no Markdown. Never raises."""
    text = text.replace(_ALONE, lambda m: ["pound" if m[1] == "#" else "star"])
    text = text.replace(_NAMED, lambda m: [m.span(1), " sharp"]).replace(_POUND, lambda m: [m.span(1), "pound"])
    text = text.replace(_STAR, lambda m: [m.span(1), "star"]).replace(_COUNT, "number of")
    text = text.replace(_STAR_CODE, lambda m: ["star " + " ".join(m[1])])
    text = text.replace(_HASHTAG, "hashtag ").replace(_PRODUCT, " times ")
    return text.replace(_GRADED, lambda m: [m.span(1), " star"])
