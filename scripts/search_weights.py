"""Write pipeline/search/weights.py: how much each sort of evidence counts when it is decided what answers a question.

The questions are those of `glow bench search` but the held out ones. The threshold is the one at which one in twenty
questions without an answer gets a citation, with weights that were fitted on other documents' questions.

    python scripts/search_weights.py
"""

import asyncio
import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from api.bench.search import SETS, KnownQuestion, open_sources, open_store, questions_of
from models.packs import DEMO_PACK, load_pack
from pipeline.search.evidence import Candidate
from pipeline.search.logistic import Logistic, fit
from pipeline.search.question import question_of
from pipeline.search.ranking import Relevance

TARGET = Path(__file__).parents[1] / "pipeline" / "search" / "weights.py"
RIDGE, FOLDS, FALSE = 10.0, 10, 0.05

WORDS = (
    "close close_sentence weakest missing covered bm25 near near_sentence terms heading defined outdated "
    "negated long asks_number number duration asks_time time asks_amount amount asks_money money asks_contact contact "
    "asks_permission permission asks_name counted year named own which"
).split()
SENTENCES = [
    *(name for name in WORDS if name not in ("close_sentence", "near", "near_sentence")),
    *"like like_sentence like_title like_document like_ahead".split(),
]
ALIGNED = [*SENTENCES, "aligned", "aligned_sentence"]
KNOWN = (
    "known known_again known_refused known_over_refused known_refused_here known_over_refused_here known_ahead "
    "known_close known_same"
).split()
WORD_BY_WORD = (
    "words_of_asked words_of_known least_of_asked least_of_known known_whole least_of_asked_best words_of_asked_best "
    "refused_words_of_asked refused_least_of_asked"
).split()


@dataclass(frozen=True, slots=True)
class Example:
    """A paragraph that was found for a question.

    Attributes:
        asked: the question's number.
        group: the number of the fold that it is in, the same for all questions to a document.
        answers: whether it answers; None where another paragraph of its passage does.
    """

    asked: int
    group: int
    answers: bool | None
    match: Relevance


def label(asked: KnownQuestion, entry: Candidate, text: str) -> bool | None:
    """Return whether a paragraph answers a question; None where only its passage does."""
    plain = " ".join(entry.paragraph.text.split())
    for title, words in asked.answer:
        if title == entry.name and (words in plain or words[:25] in plain):
            return True
    return None if any(title == entry.name and words in text for title, words in asked.answer) else False


async def examples(embeddings: str) -> list[Example]:
    """Search for each question; return what was found."""
    found = []
    asked = [question for name in SETS[:-1] for question in questions_of(name)]
    async with open_store(None) as store:
        await store.install(documents=load_pack(DEMO_PACK).documents)
        async with open_sources(store, Path(), embeddings) as sources:
            for number, question in enumerate(asked):
                key = question.answer[0][0] if question.answer else question.text
                group = int(hashlib.sha256(key.encode()).hexdigest(), 16) % FOLDS
                weighed = await sources.weighed("", question_of(question.text))
                passages: dict[tuple[str, int], str] = {}
                for entry, _ in weighed:
                    place = (entry.document, entry.paragraph.passage)
                    passages[place] = f"{passages.get(place, '')} {' '.join(entry.paragraph.text.split())}"
                for entry, match in weighed:
                    text = passages[(entry.document, entry.paragraph.passage)]
                    found.append(Example(number, group, label(question, entry, text), match))
    return found


def fitted(examples: Sequence[Example], names: Sequence[str]) -> Logistic:
    """Fit the weights on examples."""
    known = [example for example in examples if example.answers is not None]
    rows = [example.match.evidence for example in known]
    return fit(rows, [bool(example.answers) for example in known], names, RIDGE)


def threshold(examples: Sequence[Example], names: Sequence[str], unanswered: set[int]) -> float:
    """Return the threshold, by cross-validation over the documents."""
    best: dict[int, float] = {}
    right: dict[int, float] = {}
    for group in range(FOLDS):
        model = fitted([example for example in examples if example.group != group], names)
        for example in examples:
            if example.group == group:
                odds = model.log_odds(example.match.evidence)
                best[example.asked] = max(odds, best.get(example.asked, odds))
                if example.answers:
                    right[example.asked] = max(odds, right.get(example.asked, odds))
    false = sorted((odds for asked, odds in best.items() if asked in unanswered), reverse=True)
    found = false[int(FALSE * len(unanswered))]
    answered = sum(odds > found for odds in right.values())
    sys.stdout.write(
        f"threshold {found:.2f}: {answered} of the {len(right)} answers that are among the best would be given\n"
    )
    return found


async def main() -> None:
    """Fit both models and write them."""
    asked = [question for name in SETS[:-1] for question in questions_of(name)]
    unanswered = {number for number, question in enumerate(asked) if not question.answer}
    known: dict[str, list[Example]] = {}
    lines = ['"""How much each sort of evidence counts: written by scripts/search_weights.py."""', ""]
    lines += ["from pipeline.search.logistic import Logistic", ""]
    for key, embeddings, names, about in (
        ("WORDS", "none", WORDS, "Where words alone are known."),
        ("SENTENCES", "packaged", SENTENCES, "Where the sentence model's cosines are known, too."),
        ("ALIGNED", "packaged", ALIGNED, "Where the words are compared in their contexts, too."),
        ("KNOWN_WORDS", "none", [*WORDS, *KNOWN], "Where words are known, and questions that come with the document."),
        (
            "KNOWN_ALIGNED",
            "packaged",
            [*ALIGNED, *KNOWN, *WORD_BY_WORD],
            "Where the model has compared these questions, too.",
        ),
    ):
        found = known.get(embeddings) or await examples(embeddings)
        known[embeddings] = found
        model = replace(fitted(found, names), threshold=threshold(found, names, unanswered))
        lines += [f"{key} = Logistic(", "    {"]
        lines += [f'        "{name}": {weight:.4f},' for name, weight in model.weights.items()]
        lines += [
            "    },",
            f"    bias={model.bias:.4f},",
            f"    threshold={model.threshold:.2f},",
            ")",
            f'"""{about}"""',
            "",
        ]
    TARGET.write_text("\n".join(lines))


if __name__ == "__main__":
    asyncio.run(main())
