"""The digits and letters at the end of a text, however a recogniser writes them: "415", "4, 1, 5", "S-M-I-"."""

import re
from dataclasses import dataclass
from itertools import takewhile


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


UNITS = {
    "zero": "0", "oh": "0", "nought": "0", "nil": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5",
    "six": "6", "seven": "7", "eight": "8", "nine": "9",
}  # fmt: skip
TEENS = {
    "ten": "10", "eleven": "11", "twelve": "12", "thirteen": "13", "fourteen": "14", "fifteen": "15", "sixteen": "16",
    "seventeen": "17", "eighteen": "18", "nineteen": "19",
}  # fmt: skip
TENS = {
    "twenty": "20", "thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "seventy": "70", "eighty": "80",
    "ninety": "90",
}  # fmt: skip
_MAGNITUDES = {"hundred": "00", "thousand": "000"}
_TIMES = {"double": 2, "triple": 3}
_SIGNS = _words("dash hyphen plus slash point dot star hash underscore")
_FILLERS = _words("um uh er erm hmm then so and okay")
_BARE = _FILLERS | _words("yes yeah sure ok it it's its is that's well oh right i'm number")
ACRONYMS = _words("usa us uk eu uae tv id pm am ok dc la nyc dvd pc cd gps atm ceo hr it phd mri er bbc cnn faq ac")
_CAPITALS = re.compile(rf"\b(?!(?:{'|'.join(ACRONYMS).upper()})\b)[A-Z]{{2,}}\b")
_SPELLED_WITH = re.compile(r"\b([A-Za-z]),? as (?:in|for) [A-Za-z]+")
_TOKEN = re.compile(
    r"[^\W\d_]{1,4}\d[^\W_]*"  # B12, QR77T
    r"|[$£€]?\d+(?:[.,:/-]\d+)*(?:(?:st|nd|rd|th)\b|%)?"  # 415-555, 3:30, $19.99, 9th
    r"|[^\W\d_](?:[-.][^\W\d_])+(?![^\W\d_])"  # S-M-I, S.M.I
    r"|[^\W\d_]+(?:['’][^\W\d_]+)*|[+#,;.!?]"
)
_AMOUNT = re.compile(r"[$£€%:]|(?:st|nd|rd|th)$")
_PERHAPS_AMOUNT = re.compile(r"^\d+\.\d+$|^[1-9]\d{0,2}(?:,\d{3})+$")


@dataclass(frozen=True, slots=True)
class DictatedRun:
    """The digits and letters at the end of a text.

    Attributes:
        characters: all of them, without spoken punctuation.
        groups: the characters by written group, or by word.
        before: the text before them.
        digits, letters: whether there are any.
        amount: it is written as an amount, a time or an ordinal.
        perhaps_amount: it may be one, written or spoken.
        listed: commas or pauses separate the groups.
        questioned: a question mark follows it.
        open: its last word needs another one ("double", "dash").
    """

    characters: str
    groups: tuple[int, ...]
    before: str
    digits: bool
    letters: bool
    amount: bool
    perhaps_amount: bool
    listed: bool
    questioned: bool
    open: bool


def run_at_end(text: str, *, capitals: bool) -> DictatedRun | None:
    """Find the digits and letters at the end of a text, if any; words in capitals may count as letters."""
    plain = _SPELLED_WITH.sub(r"\1", text)
    if capitals:
        plain = _CAPITALS.sub(lambda word: "-".join(word[0]), plain)
    tokens = list(_TOKEN.finditer(plain))
    while tokens and tokens[-1][0] in ",;.!?":
        tokens.pop()
    taken = list(takewhile(lambda token: _belongs(token[0]), reversed(tokens)))[::-1]
    while taken and _part(taken[0][0]) == "" and taken[0][0].lower() not in _TIMES:
        taken.pop(0)
    if len(taken) == 2 and taken[0][0] == "a" and taken[0].start() > 0:
        taken.pop(0)  # "a B" is one letter
    words = [token[0] for token in taken]
    said = [word.lower() for word in words if word not in ",;."]
    if not said or said[-1] in _FILLERS or set(said) == {"oh"}:
        return None
    before = plain[: taken[0].start()]
    if said == ["one"] and not is_bare(before) and not before.rstrip().endswith(("+", "plus")):
        return None  # "I don't have one"
    groups, is_open = _groups(words)
    characters = "".join(groups)
    if not characters and not is_open:
        return None
    return DictatedRun(
        characters=characters,
        groups=tuple(map(len, groups)),
        before=before,
        digits=any(character.isdigit() for character in characters),
        letters=any(character.isalpha() for character in characters),
        amount=bool(_AMOUNT.search(words[-1])),
        perhaps_amount=bool(_PERHAPS_AMOUNT.search(words[-1])) or any(word.lower() in _MAGNITUDES for word in words),
        listed="," in words or any(word.lower() in _FILLERS for word in words),
        questioned=text.rstrip().endswith("?"),
        open=is_open,
    )


def digits_in(text: str) -> int:
    """Count the digits in a text, written or spoken, wherever they are."""
    parts = (_part(token[0]) for token in _TOKEN.finditer(text))
    return sum(character.isdigit() for part in parts for character in part)


def said_up_to(text: str) -> int:
    """Return the index after the last number in a text; 0 without one."""
    return max((token.end() for token in _TOKEN.finditer(text) if digits_in(token[0])), default=0)


def _belongs(token: str) -> bool:
    word = token.lower()
    return bool(_part(token)) or word in _TIMES or word in _SIGNS or word in _FILLERS or token in "+#,;."


def _part(token: str) -> str:
    """Return the digits or letters that a token stands for; empty for none."""
    word = token.lower()
    if any(character.isdigit() for character in word):
        return re.sub(r"\D" if _AMOUNT.search(word) else r"[\W_]", "", word)
    for known in (UNITS, TEENS, TENS, _MAGNITUDES):
        if word in known:
            return known[word]
    if len(word) == 1 and word.isalpha():
        return word
    return re.sub(r"[-.]", "", word) if re.fullmatch(r"[^\W\d_](?:[-.][^\W\d_])+", word) else ""


def _groups(words: list[str]) -> tuple[list[str], bool]:
    """Return the run's groups of characters, and whether its last word needs another one."""
    groups: list[str] = []
    times, after_tens = 1, False
    for token in words:
        word = token.lower()
        if word in _TIMES:
            times = _TIMES[word]
            continue
        parts = re.split(r"[-.,/]", word) if word[-1].isdigit() and word[0].isdigit() else [word]
        for piece in parts:
            part = _part(piece)
            if not part:
                continue
            if word in _MAGNITUDES and groups:
                groups[-1] += part
            elif after_tens and word in UNITS and part != "0" and times == 1:
                groups[-1] = groups[-1][0] + part
            else:
                groups.append(part * times)
            after_tens, times = word in TENS, 1
    return groups, times > 1 or words[-1].lower() in _SIGNS or words[-1] in "+#"


def is_said_alone(word: str) -> bool:
    """Return whether a word is a digit, a letter or a number."""
    return bool(_part(word))


def spoken_words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+(?:['’][^\W_]+)*", text.lower())


def is_bare(before: str) -> bool:
    """Return whether only fillers and "it's" precede a run, so that the run is all that is said."""
    return _BARE.issuperset(spoken_words(before))
