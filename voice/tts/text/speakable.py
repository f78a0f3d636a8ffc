"""Conversion of written text to speakable text, mapped back to the written characters."""

import re
from dataclasses import dataclass

from voice.tts.text.abbreviations import BEFORE_NUMBERS, PHRASES, TITLES
from voice.tts.text.directions import DIRECTION, is_direction
from voice.tts.text.markdown import plain
from voice.tts.text.money import money_elsewhere
from voice.tts.text.quantities import arranged, spelled
from voice.tts.text.roman import roman
from voice.tts.text.scripts import without_foreign_scripts
from voice.tts.text.symbols import symbols
from voice.tts.text.traced import Piece, Traced

GROWTH = 8
MAX_CHARACTERS = 20_000

_GONE = re.compile(r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0f\ufeff]|\r(?=\n)")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ue000-\uf8ff\ufff0-\uffff]|[^\S\n]")
_SPACES = re.compile(r" {2,}")
_LINES = re.compile(r"\n(?: ?\n)+ ?")
_REPEATED = re.compile(r"([^0-9\s])\1{3,}")
_EMOJI = re.compile(
    r"[\u20e3\u2300-\u23ff\u2500-\u27bf\u2900-\u297f\u2b00-\u2bff\u3030\u303d\u3297\u3299"
    r"\U0001f000-\U0001faff\U000e0000-\U000e007f]+"
)
_EMOTICON = re.compile(r"(?:(?<=\s)|^)(?:[:;=8][-']?[)(DPpOo/|\\]|<3+|\^_?\^|:-?\*)(?=\s|$|[.,!?])")
_QUOTES = str.maketrans("‘’‚‛′“”„‟″«»", '\'\'\'\'\'"""""""')
_ABBREVIATION = re.compile(
    "(?<![\\w.])(?:"
    + "|".join(re.escape(short) for short in sorted({*TITLES, *PHRASES, *BEFORE_NUMBERS}, key=len, reverse=True))
    + r"|st\.)(?!\w)",
    re.IGNORECASE,
)
_CLOSING = {"etc.", "st.", "ave.", "rd.", "blvd.", "inc.", "ltd.", "corp.", "jr.", "sr."}
_STREET_NAME = re.compile(r"[a-z0-9] [A-Z][\w']* $")
_ROAD_NAME = re.compile(r"(?<!^)(?<![.!?] )\b(?!The |A |An )[A-Z][\w']+ $")
_INITIALISM = re.compile(r"(?<![\w.])(?:[A-Z]\.){2,}(?!\w)")
_INITIAL = re.compile(r"(?<![\w.'])([A-HJ-Z])\.(?= [A-Z])")
_PER = re.compile(r"(?<=[^\W_])/(?=(?:second|minute|hour|day|night|week|month|year)\b)")
_SLASH = re.compile(r"(?<=[^\W_])/(?=[^\W_])")
_WORDS = {
    "&": " and ",
    "@": " at ",
    "+": " plus ",
    "=": " equals ",
    "%": " percent ",
    "°": " degrees ",
    "±": " plus or minus ",
    "×": " times ",
    "÷": " divided by ",
    "→": " to ",
    "§": " section ",
    "|": ", ",
}
_SIGN = re.compile("[" + re.escape("".join(_WORDS)) + "]")
_PLUS_SUFFIX = re.compile(r"(?<=[A-Za-z])\+\+")
_MUTE = re.compile(r"[\[\]{}<>\\^~#*_`$£€¥₹©®™•·←↑↓↔⇒\u2190-\u21ff\u2200-\u22ff]|/")
_DASH = re.compile(r" ?[—–―]+ ?| -{1,3}(?: |$)|(?<=\w)-{2,3}(?=\w)")
_DOTS = re.compile(r"\.{2,}|…(?:[.…])*")
_SHOUTS = re.compile(r"[!?](?: ?[!?])+")
_PAUSES = re.compile(r"[,;:](?: ?[,;:])+")
_SOFT_BEFORE_STOP = re.compile(r"[,;:] ?(?=[.!?])")
_STOP_BEFORE_SOFT = re.compile(r"(?<=[.!?]) ?[,;:](?= |$)")
_SPACE_BEFORE = re.compile(r" +(?=[.,;:!?](?: |$))")
_EMPTY_PAIR = re.compile(r"\( *\)|\"\s*\"")
_WHITE = re.compile(r"\s+")
_ENDLESS = re.compile(r"(?<=[A-Za-z0-9]{60})[A-Za-z0-9]+")
_EDGE = re.compile(r"^[\s.,;:!?)\]…'-]*\s+|^[\s.,;:!?)\]…]+|\s+$")


@dataclass(frozen=True, slots=True)
class Speakable:
    """Speakable text with its mapping to the source text.

    Attributes:
        text: plain words and punctuation; empty if there is nothing to say.
        origin: origin[i] is the index in the source text at which the source of character i begins; monotonic.
        extent: extent[i] is the index in the source text just after the source of character i.
    """

    text: str
    origin: tuple[int, ...]
    extent: tuple[int, ...]

    def given(self, start: int, end: int) -> tuple[int, int]:
        """Map the spoken characters [start, end) to their span in the source text."""
        if not 0 <= start < end <= len(self.text):
            return (self.extent[-1],) * 2 if self.extent else (0, 0)
        return self.origin[start], max(self.origin[start], *self.extent[start:end])


def speakable(text: str, *, spell_numbers: bool, language: str = "en") -> Speakable:
    """Make written text speakable. Never raises; linear in time; output at most 8 times as long (plus a word).

    Args:
        text: any text, such as a clause of a model's answer; only the first 20,000 characters are used.
        spell_numbers: whether to spell out numbers; amounts, times and measures are put in spoken order in any case.
        language: BCP 47 tag; abbreviations and numbers are converted for English only.
    """
    traced = Traced.of(text[:MAX_CHARACTERS]).replace(_GONE, "").replace(_CONTROL, " ").replace(_SPACES, " ")
    traced = traced.replace(_LINES, "\n\n").replace(_REPEATED, lambda m: [(m.start(), m.start() + 3)])
    traced = Traced(traced.text.translate(_QUOTES), traced.origin, traced.extent)
    traced = traced.replace(DIRECTION, lambda m: [" "] if is_direction(m) else None)
    traced = traced.replace(_EMOJI, " ").replace(_EMOTICON, "")
    spoken = language.partition("-")[0].lower()
    traced = plain(symbols(traced) if spoken == "en" else traced)
    traced = without_foreign_scripts(traced, spoken)
    if spoken == "en":
        traced = traced.replace(_ABBREVIATION, _abbreviation).replace(_INITIALISM, _initialism)
        traced = traced.replace(_INITIAL, lambda m: [m.span(1)])
        traced = arranged(roman(traced))
        traced = spelled(traced) if spell_numbers else traced
        traced = (
            traced.replace(_PER, " a ").replace(_PLUS_SUFFIX, " plus plus").replace(_SIGN, lambda m: [_WORDS[m[0]]])
        )
    else:
        traced = money_elsewhere(traced, spoken)
    traced = traced.replace(_SLASH, " ").replace(_MUTE, " ").replace(_ENDLESS, "")
    return _finished(_tidy(traced), text)


def _tidy(text: Traced) -> Traced:
    text = text.replace(_WHITE, " ").replace(_EMPTY_PAIR, " ").replace(_DASH, ", ")
    text = text.replace(_DOTS, "...").replace(_SHOUTS, lambda m: ["?" if "?" in m[0] else "!"])
    text = text.replace(_WHITE, " ").replace(_SPACE_BEFORE, "").replace(_PAUSES, lambda m: [m[0][0]])
    text = text.replace(_SOFT_BEFORE_STOP, "").replace(_STOP_BEFORE_SOFT, "")
    return text.replace(_EDGE, "")


def _finished(traced: Traced, given: str) -> Speakable:
    if not any(character.isalnum() for character in traced.text):
        return Speakable("", (), ())
    limit = GROWTH * len(given) + 16
    if len(traced.text) > limit:
        traced = traced.cut(0, limit)
    return Speakable(traced.text, traced.origin, traced.extent)


def _abbreviation(match: re.Match[str]) -> list[Piece] | None:
    short = match[0].lower()
    following = match.string[match.end() : match.end() + 4].lstrip()
    # The full stop of "apples, etc." also ends its sentence.
    ends = short.endswith(".") and (not following or (short in _CLOSING and following[0].isupper()))
    if short == "dr." and not following[:1].isupper():
        road = _ROAD_NAME.search(match.string, max(0, match.start() - 40), match.start())
        said, ends = ("Drive" if road else "Doctor"), not following
    elif short == "st.":
        before = match.string[max(0, match.start() - 40) : match.start()]
        saint = following[:1].isupper() and not _STREET_NAME.search(before)
        said, ends = ("Saint", False) if saint else ("Street", ends)
    elif short in BEFORE_NUMBERS:
        if not following[:1].isdigit():
            return None
        said = BEFORE_NUMBERS[short]
    elif short in TITLES:
        if not following[:1].isupper():
            return None
        said = TITLES[short]
    else:
        said = PHRASES[short]
        if short in ("a.m.", "p.m."):
            return None
    return [said + ("." if ends else "")]


def _initialism(match: re.Match[str]) -> list[Piece]:
    letters = [(match.start() + 2 * index, match.start() + 2 * index + 1) for index in range(len(match[0]) // 2)]
    ends = not match.string[match.end() :].strip()
    return [*letters, "."] if ends else [*letters]
