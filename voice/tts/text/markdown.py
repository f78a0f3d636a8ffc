"""Removal of Markdown and web markup: structure becomes pauses, marks and URLs go, as a person would read it aloud."""

import re
from typing import Any

from voice.tts.text.traced import Piece, Traced

_ENDS = ".!?;:,…。！？"
_CLOSERS = "\"'”’)*_`"
_FENCE = re.compile(r"^[ ]*(?:```|~~~)[^\n`]{0,40}$", re.MULTILINE)
_RULE = re.compile(r"^[ ]*(?:[-*_=] ?){3,}$|^[ ]*\|?(?:[ ]?:?-{1,3}:?[ ]?\|)+(?:[ ]?:?-{1,3}:?)?[ ]*$", re.MULTILINE)
_LINE = re.compile(r"^( ?(?:#{1,6} |[-*+•·▪◦] (?:\[[ xX]\] )?|> ?|\d{1,2}[.)] )*)([^\n]*)(\n|$)", re.MULTILINE)
_STRUCTURE_NEXT = re.compile(r"[ ]?(?:\n|#{1,6} |[-*+•·▪◦] |\d{1,2}[.)] |\|)")
_LINK = re.compile(r"!?\[([^\[\]\n]{0,300})\]\([^()\n]{0,500}(?:\([^()\n]{0,100}\)[^()\n]{0,100})?\)")
_REFERENCE = re.compile(r"\[\^[^\[\]\n]{1,40}\]|(?<=\])\[[^\[\]\n]{0,40}\]")
_TAG = re.compile(r"</?[a-zA-Z][^<>\n]{0,200}>|<!--[^\n]{0,500}?-->")
_URL = re.compile(r"\b(?:https?://|www\.)([^\s/?#<>()\[\]\"'*`]{1,200})[^\s<>()\[\]\"'*`]*(?<![.,;:!?])", re.IGNORECASE)
_EMAIL = re.compile(r"(?<![\w.+-])([\w.+-]{1,64})@([\w-]{1,63}(?:\.[\w-]{1,63}){1,4})\b")
_DOMAIN = re.compile(
    r"(?<![\w.@/-])((?:[a-z0-9-]{1,63}\.){1,4}(?:com|org|net|edu|gov|info|io|ai|dev|app|co\.uk|uk|de|eu))"
    r"(?:/[^\s<>()\[\]\"'*`]*(?<![.,;:!?]))?(?![\w-])",
    re.IGNORECASE,
)
_ENTITY = re.compile(r"&(amp|lt|gt|quot|nbsp|apos|#39);")
_ENTITIES = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "nbsp": " ", "apos": "'", "#39": "'"}
_NAMED_HOST = re.compile(r"[a-z0-9-]*[a-z][a-z0-9-]*(?:\.[a-z0-9-]+){1,4}", re.IGNORECASE)
_TIMES = re.compile(r"(?<=[0-9]) ?\*(?= ?[0-9])")
_EMPHASIS = re.compile(r"\*+|`+|~~|(?<![^\W_])_+|_+(?![^\W_])")
_JOINER = re.compile(r"_+")


def plain(text: Traced) -> Traced:
    """Remove Markdown, HTML tags and URLs; line ends become full stops or spaces. Never raises."""
    text = text.replace(_FENCE, "").replace(_RULE, "")
    text = text.replace(_LINE, _line)
    text = text.replace(_LINK, lambda m: [m.span(1)]).replace(_REFERENCE, "")
    text = text.replace(_URL, _address).replace(_EMAIL, _email).replace(_DOMAIN, lambda m: [_dotted(m[1])])
    text = text.replace(_TAG, " ").replace(_ENTITY, lambda m: [_ENTITIES[m[1]]])
    return text.replace(_TIMES, " times ").replace(_EMPHASIS, "").replace(_JOINER, " ")


def _line(match: re.Match[str]) -> list[Piece] | None:
    start, end = match.span(2)
    content = match[2].strip()
    structured = bool(match[1].strip())
    pieces: list[Piece] = []
    if numeral := re.search(r"\d+", match[1]):
        at = match.start(1)
        pieces = [(at + numeral.start(), at + numeral.end()), ", "]
    if content.startswith("|"):
        structured = True
        pieces += _cells(match.string, start, end)
        content = content.strip("| ")
    else:
        pieces.append((start, end))
    broken = structured or (match[3] and _STRUCTURE_NEXT.match(match.string, match.end()))
    if content and broken and (content.rstrip(_CLOSERS) or content)[-1] not in _ENDS:
        pieces.append(".")
    return [*pieces, " "] if match[3] else pieces


def _cells(text: str, start: int, end: int) -> list[Piece]:
    pieces: list[Piece] = []
    for cell in re.finditer(r"[^|]+", text[start:end]):
        if cell[0].strip():
            pieces += [", "] if pieces else []
            pieces.append((start + cell.start(), start + cell.end()))
    return pieces


def _address(match: re.Match[str]) -> list[Piece]:
    host = re.sub(r"^www\.|:\d+$", "", match[1], flags=re.IGNORECASE)
    return [_dotted(host) if _NAMED_HOST.fullmatch(host) and len(host) <= 60 else "the link"]


def _email(match: re.Match[Any]) -> list[Piece]:
    return [match.span(1), " at ", _dotted(match[2])]


def _dotted(host: str) -> str:
    return host.replace(".", " dot ")
