"""The training texts of whisper:nano, varied enough that no template is memorised.

Four kinds of utterances: words in random order; sentences from a grammar of parts of speech; sentences of
`everyday_sentences.txt`, truncated, concatenated, with some words replaced; numbers, names and short answers. Only the
letters a to z and single spaces, which keeps the CTC alphabet small. The texts of the packaged recordings are excluded,
so that these remain test data.

    python scripts/whisper_nano/text.py [COUNT]
"""

import json
import random
import sys
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
RECORDINGS = HERE.parents[1] / "voice" / "recordings" / "manifest.json"
MOST_WORDS = 14
MOST_LETTERS = 76
"""Maximum letters: with the model's 96 positions, even an utterance of one-letter tokens has room for its prompt."""


def words_of(path: Path) -> list[str]:
    """Return the distinct words of a file, in its order."""
    return list(dict.fromkeys(path.read_text("utf-8").split()))


EVERYDAY = words_of(HERE.parent / "everyday_words.txt")
MORE = words_of(HERE / "more_words.txt")
SENTENCES = (HERE / "everyday_sentences.txt").read_text("utf-8").splitlines()
WORDS = list(dict.fromkeys([*EVERYDAY, *MORE, *(word for sentence in SENTENCES for word in sentence.split())]))
RECORDED = frozenset(" ".join(entry["text"].split()) for entry in json.loads(RECORDINGS.read_text("utf-8")))

DIGITS = "zero one two three four five six seven eight nine".split()
TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()

PARTS = {
    "person": "i you he she it we they somebody nobody everyone",
    "whom": "me you him her it us them",
    "whose": "my your his her our their the a this that every some no any another",
    "is": "am is are was were",
    "helps": "can could will would shall should may might must did does do",
    "noun": "student teacher record grade class school policy question answer lesson exam family friend doctor nurse "
    "patient manager customer order price ticket train station airport hotel room table restaurant menu coffee water "
    "bread chicken phone number address message name letter book page story word city street house door window garden "
    "weather morning evening week month year hour minute money bank card account password computer laptop screen "
    "button song movie game team car bus bicycle road bridge river mountain dog cat horse bird tree flower office form "
    "test receipt repair refund law permission privacy problem son daughter breath thing day box key bill service "
    "plan reason idea result chance meeting report project hospital medicine pain accident insurance company market "
    "boat island forest picture language country world river lamp chair bed kitchen",
    "verb": "want need like have know think see hear tell ask help give take make find show open close start stop "
    "cancel repeat change call send read write learn teach study play buy sell pay book order eat drink visit explain "
    "understand remember forget bring share sign hold keep leave lose move touch use wash wear carry choose check "
    "believe expect follow happen hurt let meet need offer prefer promise protect put receive refuse release say",
    "adjective": "good bad new old big small hot cold fast slow easy hard happy sad angry tired late early free busy "
    "safe important difficult private public nearest next last first second best cheap expensive beautiful quiet loud "
    "broken worried ready whole deep sure right wrong clear strange open closed empty full short long",
    "where": "here there home outside inside upstairs nearby away in on at under behind near from with without about",
    "place": "in on at under behind near from to into with without about for of by after before during between",
    "when": "today tomorrow yesterday tonight now then soon later again already always never often sometimes monday "
    "tuesday wednesday thursday friday saturday sunday january february march april june july august september "
    "october november december",
    "joint": "and but or because if when while although so that before after until since unless as though",
    "asks": "what who where when why how which whose",
    "lead": "please well so okay yes no sorry maybe now then hello right uh oh listen look wait thanks",
}
CLASSES = {name: words.split() for name, words in PARTS.items()}

CLAUSES = [
    "person verb whose noun",
    "person helps verb whose adjective noun",
    "helps person verb whom whose noun",
    "asks helps person verb place whose noun",
    "whose noun is adjective",
    "whose noun is place whose noun",
    "whose adjective noun helps verb when",
    "whose noun helps be adjective place whose noun",
    "whose noun has been adjective when",
    "asks is whose noun",
    "is whose noun adjective when",
    "verb whom whose noun place whose noun",
    "verb whose noun when",
    "person helps not verb that",
    "person is adjective place whose noun",
    "there is no noun where",
    "person verb that person helps verb",
    "person verb to verb whose noun",
    "number noun place whose noun",
    "when person verb whom",
    "whose noun of whose noun is whose noun",
    "asks adjective is whose noun",
    "asks noun helps person verb when",
    "person is not as adjective as whose noun",
]


class Sentences:
    """An infinite generator of utterances.

    Args:
        seed: random seed.
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._ways: list[tuple[Callable[[], str], int]] = [
            (self._any_words, 30),
            (self._everyday, 40),
            (self._grammar, 20),
            (self._short, 10),
        ]

    def next(self) -> str:
        """Generate an utterance of 1 to 14 words, in lower case; never the text of a packaged recording."""
        ways, weights = zip(*self._ways, strict=True)
        while True:
            (way,) = self._random.choices(ways, weights)
            text = " ".join(way().split()[:MOST_WORDS])
            # Single words are allowed: only longer texts could be memorised from the recordings.
            if text and len(text) <= MOST_LETTERS and (" " not in text or text not in RECORDED):
                return text

    def _any_words(self) -> str:
        # Prefer everyday words, so that common ones occur most.
        count = self._random.randint(1, 9)
        return " ".join(self._random.choice(EVERYDAY if self._random.random() < 0.6 else WORDS) for _ in range(count))

    def _everyday(self) -> str:
        pick = self._random
        words = pick.choice(SENTENCES).split()
        if pick.random() < 0.35 and len(words) > 2:
            start = pick.randrange(len(words) - 1)
            words = words[start : start + pick.randint(1, 8)]
        if pick.random() < 0.3:
            words += pick.choice([*CLASSES["joint"], ""]).split() + pick.choice(SENTENCES).split()[: pick.randint(2, 8)]
        if pick.random() < 0.15:
            words.insert(0, pick.choice(CLASSES["lead"]))
        for _ in range(pick.choice([0, 1, 1, 2, 3])):
            words[pick.randrange(len(words))] = pick.choice(WORDS)
        if pick.random() < 0.1:
            words.pop(pick.randrange(len(words)))
        return " ".join(words)

    def _grammar(self) -> str:
        pick = self._random
        clause = self._clause()
        if pick.random() < 0.25:
            clause = f"{clause} {pick.choice(CLASSES['joint'])} {self._clause()}"
        if pick.random() < 0.2:
            clause = f"{pick.choice(CLASSES['lead'])} {clause}"
        return clause

    def _clause(self) -> str:
        pick = self._random
        words = []
        for part in pick.choice(CLAUSES).split():
            if part == "number":
                words.append(self._quantity())
            elif part in CLASSES and (part != "when" or pick.random() < 0.8):
                # Sometimes a word that the grammar does not predict, so that the acoustics must decide.
                words.append(pick.choice(WORDS if pick.random() < 0.12 else CLASSES[part]))
            elif part not in CLASSES:
                words.append(part)
        return " ".join(words)

    def _short(self) -> str:
        pick = self._random
        kind = pick.randrange(4)
        if kind == 0:
            digits = [pick.choice(DIGITS) for _ in range(pick.randint(2, 9))]
            return " ".join([*pick.choice(["", "my number is", "the code is", "it is", "call"]).split(), *digits])
        if kind == 1:
            return pick.choice(CLASSES["lead"])
        if kind == 2:
            return f"{self._quantity()} {pick.choice(CLASSES['noun'])} {pick.choice(CLASSES['when'])}"
        return pick.choice(WORDS)

    def _quantity(self) -> str:
        pick = self._random
        one = pick.choice(DIGITS[1:])
        small = pick.choice([pick.choice(DIGITS), pick.choice(TEENS), f"{pick.choice(TENS)} {one}", pick.choice(TENS)])
        return pick.choice([small, small, f"{one} hundred and {small}", f"{one} thousand"])


def main() -> None:
    """Print some utterances for inspection."""
    sentences = Sentences(seed=1)
    for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 20):
        sys.stdout.write(sentences.next() + "\n")


if __name__ == "__main__":
    main()
