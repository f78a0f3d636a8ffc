"""Letters of scripts that a voice's language does not use: left out, where something else is left to say."""

import re

from voice.tts.text.traced import Traced

_RANGES = {
    "Cyrillic": "\u0400-\u052f",
    "Greek": "\u0370-\u03ff\u1f00-\u1fff",
    "Hebrew": "\u0590-\u05ff",
    "Arabic": "\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff\ufb50-\ufdff\ufe70-\ufefc",
    "Devanagari": "\u0900-\u097f",
    "Bengali": "\u0980-\u09ff",
    "Tamil": "\u0b80-\u0bff",
    "Telugu": "\u0c00-\u0c7f",
    "Thai": "\u0e00-\u0e7f",
    "Georgian": "\u10a0-\u10ff",
    "Armenian": "\u0530-\u058f",
    "Hangul": "\u1100-\u11ff\uac00-\ud7af",
    "Kana": "\u3040-\u30ff",
    "Han": "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u3000-\u3003\u3008-\u3011",
}
_OWN = {
    **dict.fromkeys(("ru", "uk", "bg", "sr", "mk", "kk", "be", "ky", "mn", "tt"), ("Cyrillic",)),
    "el": ("Greek",),
    **dict.fromkeys(("he", "yi"), ("Hebrew",)),
    **dict.fromkeys(("ar", "fa", "ur", "ps"), ("Arabic",)),
    **dict.fromkeys(("hi", "mr", "ne", "sa"), ("Devanagari",)),
    **dict.fromkeys(("bn", "as"), ("Bengali",)),
    "ta": ("Tamil",),
    "te": ("Telugu",),
    "th": ("Thai",),
    "ka": ("Georgian",),
    "hy": ("Armenian",),
    "ko": ("Hangul", "Han"),
    "ja": ("Kana", "Han"),
    **dict.fromkeys(("zh", "yue", "cmn"), ("Han",)),
}
_LETTERS = "αβγδεζηθικλμνξοπρστυφχψω"
_NAMES = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau upsilon phi chi "
    "psi omega"
).split()
_GREEK = dict(zip(_LETTERS, _NAMES, strict=True)) | dict(zip(_LETTERS.upper(), _NAMES, strict=True))
_LONE_GREEK = re.compile(r"(?<![\u0370-\u03ff\u1f00-\u1fff])[α-ωΑ-Ω](?![\u0370-\u03ff\u1f00-\u1fff])")
_WORD = re.compile(r"[A-Za-z0-9À-ɏ]")


def without_foreign_scripts(text: Traced, language: str) -> Traced:
    """Leave out words in scripts that are not the language's, and name single Greek letters. Never raises.

    A text that is nothing but such words is kept: some voices can say it, and silence says nothing.

    Args:
        language: the first part of a BCP 47 tag, such as "en".
    """
    own = _OWN.get(language, ())
    if "Greek" not in own:
        text = text.replace(_LONE_GREEK, lambda m: [_between(m, _GREEK[m[0]])])
    others = "".join(letters for name, letters in _RANGES.items() if name not in own)
    kept = "".join(_RANGES[name] for name in own)
    if not _WORD.search(text.text) and not (kept and re.search(f"[{kept}]", text.text)):
        return text
    return text.replace(re.compile(f"[{others}]+(?:[ ,]+[{others}]+)*"), " ")


def _between(match: re.Match[str], name: str) -> str:
    """Set a name apart from letters and digits beside it."""
    text, (start, end) = match.string, match.span()
    before = " " if start and text[start - 1].isalnum() else ""
    return before + name + (" " if end < len(text) and text[end].isalnum() else "")
