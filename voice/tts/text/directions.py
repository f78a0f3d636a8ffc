"""Recognition of stage directions in written speech: `*sighs*`, `(leans back)`, `[laughs softly]`."""

import re

_SOUNDS = frozenset(
    "sigh laugh chuckle giggle smile smirk grin grimace frown scowl wink nod shrug cough sniff sniffle sob weep "
    "whisper mumble mutter murmur groan moan gasp gulp yawn inhale exhale blush shiver shudder stutter stammer "
    "snort scoff huff cringe wince pout snicker fidget squint".split()
)
"""What people do while they speak: a direction wherever it stands."""
_MOVES = frozenset(
    "lean sit stand pause hesitate cry breathe swallow tremble hum whistle clear shake tilt raise roll rub "
    "scratch tap drum glance gaze stare look turn wave point gesture clap cross fold adjust straighten shuffle "
    "pace walk step lower lift bite purse clench tighten wipe blink beam snap stifle trail sip drop pick put hold "
    "flip type scribble write hang hug bow listen think ponder wait ring".split()
)
"""What may be other words as well: a direction between sentences alone, and with what goes with the verb."""
_AFTER_MOVE = frozenset(
    "at away around up down over back out into through forward toward towards on off to in for from closer her "
    "his their the a an with and then slowly softly quietly nervously head hands arms throat eyes".split()
)
_MANNERS = frozenset(
    "softly quietly nervously angrily sadly warmly gently coldly sarcastically hesitantly cheerfully tearfully "
    "sternly firmly awkwardly impatiently excitedly".split()
)
_NOUNS = frozenset("pause beat silence laughter applause sigh sighing static chuckle music".split())
_BEFORE = frozenset("she he they i then and still visibly with a an the long short brief slight deep heavy".split())
_SENTENCE_BEFORE = re.compile(r"(?:^|[.!?…\"”»]|[*)\]])\s*$|\n\s*$")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")

DIRECTION = re.compile(
    r"(?<![*\w])(?P<mark>\*{1,2}|_)(?P<marked>[^\s*_][^*_\n]{0,118}?)(?P=mark)(?![*\w])"
    r"|(?<![\w)])\((?P<round>[^()\n]{1,80})\)(?!\w)"
    r"|(?<!\w)\[(?P<square>[^\[\]\n]{1,80})\](?![\w(\[])"
)
"""What may be a stage direction; `is_direction` decides."""


def is_direction(found: re.Match[str]) -> bool:
    """Return whether a match of `DIRECTION` is a stage direction, and not words that are emphasised or put aside.

    The first verb decides. In any language it is one if it stands in asterisks between two sentences and begins with a
    small letter.
    """
    inside = found["marked"] or found["round"] or found["square"]
    words = [word.lower() for word in _WORD.findall(inside)]
    alone = _stands_alone(found)
    if words and (words[0] in _MANNERS or (len(words) <= 2 and words[-1] in _NOUNS)) and len(words) <= 2:
        return alone
    if found["marked"] and len(words) > 1 and inside[0].isupper() and alone and _does(words[1:], alone=True):
        return True  # a name comes first
    while words and (words[0] in _BEFORE or words[0].endswith("ly")):
        words.pop(0)
    if _does(words, alone=alone):
        return True
    return found["mark"] == "*" and inside[0].islower() and alone


def _does(words: list[str], *, alone: bool) -> bool:
    """Return whether these words begin with what a person does."""
    if not words:
        return False
    if _is_verb(words[0], _SOUNDS):
        return True
    return alone and _is_verb(words[0], _MOVES) and (len(words) == 1 or words[1] in _AFTER_MOVE)


def _is_verb(word: str, stems: frozenset[str]) -> bool:
    """Return whether a word is the third person or the participle of a verb."""
    for ending in ("ies", "es", "s", "ing"):
        stem = word.removesuffix(ending)
        if stem != word and not stems.isdisjoint((stem, f"{stem}e", f"{stem}y", stem[:-1])):
            return True
    return False


def _stands_alone(found: re.Match[str]) -> bool:
    before, after = (
        found.string[max(0, found.start() - 20) : found.start()],
        found.string[found.end() : found.end() + 20],
    )
    if not _SENTENCE_BEFORE.search(before):
        return False
    following = after.lstrip()
    return not following or (after[0].isspace() and not following[0].islower())
