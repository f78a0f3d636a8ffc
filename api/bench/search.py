"""`glow bench search`: what the search finds of questions with known answers, and what it cites where there is none."""

import asyncio
import json
import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table
from rich.text import Text

from api.bench.turn import busy_note
from models.packs import DEMO_PACK, load_pack
from models.store import Store
from pipeline.grounded.meaning_index import MeaningIndex
from pipeline.grounded.sources import Source, Sources
from pipeline.search.answerable import answering
from pipeline.search.catalog import has_minilm, load_minilm
from pipeline.search.embedders import LocalEmbedder
from pipeline.search.meaning import Meanings
from pipeline.search.question import question_of
from pipeline.search.sentence_model import SentenceModel

SETS = ("tuning", "seen", "fitting", "heldout")
"""The first three are tuned on; the last one is run when that is over."""
LOOKED_AT = 3
"""How many passages count as found: the first three."""

_QUESTIONS = Path(__file__).with_name("search_questions")


@dataclass(frozen=True, slots=True)
class KnownQuestion:
    """A question and what is right.

    Attributes:
        answer: (title of a document, words of the passage); empty where no document answers it.
        needs_all: whether all of these passages have to be found, or one.
    """

    text: str
    answer: tuple[tuple[str, str], ...]
    needs_all: bool = False

    def is_found(self, sources: Iterable[Source]) -> bool:
        """Return whether the passages are among these."""
        found = [(source.document.name, " ".join(source.text.split())) for source in sources]
        hits = [any(title == name and words in text for name, text in found) for title, words in self.answer]
        return all(hits) if self.needs_all else any(hits)


@dataclass(frozen=True, slots=True)
class Lookup:
    """What came of a question.

    Attributes:
        candidate: the full-text index gave a document of the answer, or all where all are needed.
        ranked: the passage is among the first three, before it is decided whether they answer the question.
        cited: the passage is among the first three that are cited.
        citations: how many passages are cited, of three.
        ms: how long it took.
        best: title and beginning of the first passage, for people.
    """

    question: str
    answered: bool
    candidate: bool
    ranked: bool
    cited: bool
    citations: int
    ms: float
    best: str


@dataclass(frozen=True, slots=True)
class SearchResult:
    """A row of the table: shares, 0 to 1."""

    database: str
    embeddings: str
    questions: str
    count: int
    candidate_recall: float
    ranked_recall: float
    recall: float
    false_citations: float
    median_ms: float


def questions_of(name: str) -> list[KnownQuestion]:
    """Read a set of questions."""
    entries = yaml.safe_load((_QUESTIONS / f"{name}.yaml").read_text("utf-8"))
    return [
        KnownQuestion(
            entry["question"],
            tuple((part["document"], part["passage"]) for part in entry["answer"]),
            bool(entry.get("all")),
        )
        for entry in entries
    ]


def bench_search(
    console: Console,
    *,
    models_dir: Path,
    database_url: str | None,
    sets: Sequence[str],
    each: bool,
    as_json: bool,
) -> None:
    """Measure the search with and without the sentence model, and print the results."""
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    with console.status("Reading the documents...") as status:
        measured = asyncio.run(_measure(models_dir, database_url, sets, status.update))
    results = [result for result, _ in measured]
    if as_json:
        rows = [asdict(result) | {"each": [asdict(item) for item in found]} for result, found in measured]
        console.print_json(json.dumps(rows))
        return
    table = Table(
        "database", "embeddings", "questions", "index", "ranked", "recall@3", "false citations", "ms",
        title="Search", title_justify="left",
    )  # fmt: skip
    for result in results:
        table.add_row(
            result.database, result.embeddings, f"{result.questions} ({result.count})",
            f"{result.candidate_recall:.3f}", f"{result.ranked_recall:.3f}", f"{result.recall:.3f}",
            f"{result.false_citations:.1%}", f"{result.median_ms:.0f}",
        )  # fmt: skip
    console.print(table)
    if each:
        for result, found in measured:
            for item in found:
                if item.cited != item.answered or (item.citations and not item.answered):
                    console.print(Text(f"{result.embeddings}: {item.question} -> {item.best or 'nothing'}"))
    console.print(busy_note(load, cores))


async def _measure(
    models_dir: Path, database_url: str | None, sets: Sequence[str], tell: Callable[[str], None]
) -> list[tuple[SearchResult, list[Lookup]]]:
    measured = []
    async with open_store(database_url) as store:
        await store.install(documents=load_pack(DEMO_PACK).documents)
        database = "PostgreSQL" if database_url and database_url.startswith("postgresql") else "SQLite"
        for embeddings in ("none", "packaged", *(["minilm"] if has_minilm(models_dir) else [])):
            async with open_sources(store, models_dir, embeddings) as sources:
                for name in sets:
                    found = []
                    for number, asked in enumerate(known := questions_of(name), 1):
                        tell(f"Searching, embeddings: {embeddings}, {name}: question {number} of {len(known)}...")
                        found.append(await look_up(sources, asked))
                    measured.append((summary(found, database, embeddings, name), found))
    return measured


@asynccontextmanager
async def open_store(url: str | None) -> AsyncIterator[Store]:
    """Open a store, in a folder of its own by default."""
    with tempfile.TemporaryDirectory(prefix="glow-search-") as folder:
        async with Store(url or f"sqlite+aiosqlite:///{folder}/glow.db") as store:
            yield store


@asynccontextmanager
async def open_sources(store: Store, models_dir: Path, embeddings: str) -> AsyncIterator[Sources]:
    """Open the search, by words (`none`), with the `packaged` model or `minilm`; all documents are indexed."""
    async with AsyncExitStack() as stack:
        index = None
        if embeddings != "none":
            load = SentenceModel if embeddings == "packaged" else partial(load_minilm, models_dir)
            meanings = Meanings(LocalEmbedder(load))
            stack.push_async_callback(meanings.close)
            index = await stack.enter_async_context(MeaningIndex(meanings, store))
            await index.settled()
        yield Sources(store, index)


async def look_up(sources: Sources, asked: KnownQuestion) -> Lookup:
    """Search for the answer of a question."""
    question = question_of(asked.text)
    began = time.perf_counter()
    ranked = await sources.ranked("", question, limit=LOOKED_AT)
    ms = 1000 * (time.perf_counter() - began)
    fitting = answering(question, [(match, source.outdated) for source, match in ranked])
    cited = [source for (source, _), fits in zip(ranked, fitting, strict=True) if fits]
    candidates = await sources.candidate_titles("", question)
    hits = [title in candidates for title, _ in asked.answer]
    best = f"{cited[0].document.name}: {' '.join(cited[0].text.split())[:60]}" if cited else ""
    return Lookup(
        question=asked.text,
        answered=bool(asked.answer),
        candidate=bool(hits) and (all(hits) if asked.needs_all else any(hits)),
        ranked=bool(asked.answer) and asked.is_found(source for source, _ in ranked),
        cited=bool(asked.answer) and asked.is_found(cited),
        citations=len(cited),
        ms=ms,
        best=best,
    )


def summary(found: Sequence[Lookup], database: str, embeddings: str, name: str) -> SearchResult:
    """Return the shares of a set."""
    answered = [item for item in found if item.answered]
    others = [item for item in found if not item.answered]

    def share(values: Iterable[Any]) -> float:
        counted = [bool(value) for value in values]
        return sum(counted) / len(counted) if counted else 0.0

    return SearchResult(
        database=database,
        embeddings=embeddings,
        questions=name,
        count=len(found),
        candidate_recall=share(item.candidate for item in answered),
        ranked_recall=share(item.ranked for item in answered),
        recall=share(item.cited for item in answered),
        false_citations=share(item.citations for item in others),
        median_ms=median(item.ms for item in found),
    )
