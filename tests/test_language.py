"""The language of docs/glossary.md: one meaning a word, first lines in the imperative, no phrase of its last list."""

import ast
import io
import re
import tokenize
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
PACKAGES = ("api", "pipeline", "voice", "models", "scripts")

NO_VERB = frozenset(
    "a after all an and any as at before both by each either every few for from half here how in it its last left like "
    "many more most much neither next no nobody none not nothing of on one only other some somebody something that the "
    "their there these they this those three to true false two up what when where whether which who whose why with "
    "without you".split()
)
"""First words of a sentence that names a thing, or says what is so."""

SAME_NAME = {
    "Brain": "the peers' runners, each of which stands alone",
    "Call": "the client's parameters of a call, and the service's call",
    "Clock": "the client imports nothing of the service",
    "Commit": "a message of the native websocket, and the command it becomes",
    "Conversation": "the peers' runners, each of which stands alone",
    "Ears": "the peers' runners, each of which stands alone",
    "Input": "the runners of the peers, and a message",
    "LoopClock": "the client imports nothing of the service",
    "Loudspeaker": "each simulated listener has its own",
    "Microphone": "each simulated speaker has its own",
    "Mouth": "the peers' runners, each of which stands alone",
    "Mute": "a message of the native websocket, and the command it becomes",
    "Output": "the runners of the peers, and a message",
    "Played": "a message of the native websocket, and the command it becomes",
    "Stop": "a message of the native websocket, and the command it becomes",
    "Transferred": "a message of the native websocket, and the command it becomes",
}
"""Public classes of one name in two modules, and why. The list may only become shorter."""


def sources() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def tables() -> list[list[tuple[str, str]]]:
    """Each table of the glossary as rows of two cells, without its head."""
    found: list[list[tuple[str, str]]] = []
    for line in GLOSSARY.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            found.append([])
        elif not set(line) <= set("|- "):
            found[-1].append((cells[0], cells[1]))
    return [rows[1:] for rows in found if rows]


def docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.lineno, node.value.value


def prose(source: str) -> Iterator[tuple[int, str]]:
    """The docstrings and comments of a module, line by line."""
    for number, text in docstrings(ast.parse(source)):
        for offset, line in enumerate(text.splitlines()):
            yield number + offset, line
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def is_named_thing(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(
        ast.unparse(decorator) in {"property", "cached_property", "functools.cached_property"}
        for decorator in function.decorator_list
    )


def is_imperative(first_line: str) -> bool:
    word = re.split(r"[\s,.:;]", first_line.strip(), maxsplit=1)[0]
    if not word or not word[0].isupper() or word.lower() in NO_VERB:
        return False
    return not re.fullmatch(r"[A-Z][a-z]+(?<![sui])s", word) or word in {"Process", "Express"}


def test_each_word_has_one_meaning() -> None:
    *groups, phrases = tables()
    words = [word for rows in groups for cell, _ in rows for word in cell.split(", ")]
    assert len(words) > 60
    assert len(phrases) > 10
    assert sorted(words) == sorted(set(words)), "a word has two rows"
    assert all(meaning and not meaning.endswith(".") for rows in groups for _, meaning in rows)


def test_first_lines_of_functions_are_imperative() -> None:
    wrong = []
    for path in sources():
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                text = ast.get_docstring(node)
                if text and not is_imperative(text.splitlines()[0]) and not is_named_thing(node):
                    wrong.append(f"{path.relative_to(ROOT)}:{node.lineno}: {text.splitlines()[0]}")
    assert wrong == [], "begin with a verb: Return ..., Subscribe ..., Cancel ..."


def test_no_phrase_of_the_glossarys_last_list() -> None:
    *_, phrases = tables()
    banned = re.compile(rf"\b({'|'.join(re.escape(phrase) for phrase, _ in phrases)})\b", re.IGNORECASE)
    wrong = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in sources()
        if banned.search(source := path.read_text(encoding="utf-8"))
        for number, line in prose(source)
        if banned.search(line)
    ]
    assert wrong == []


def test_a_class_name_means_one_class() -> None:
    places = defaultdict(list)
    for path in sources():
        if path.is_relative_to(ROOT / "scripts"):
            continue  # each of them stands alone
        for node in tree_of(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(path.relative_to(ROOT).as_posix())
    twice = {name: paths for name, paths in places.items() if len(paths) > 1 and name not in SAME_NAME}
    assert twice == {}, "give one of them another name"


def test_the_rules_know_a_verb_from_a_thing() -> None:
    for line in ("Return the words.", "Process the next frame.", "Discuss it.", "See `Workers.submit`."):
        assert is_imperative(line), line
    for line in ("The words so far.", "Whether it is over.", "Returns the words.", "How many wait.", "None is open."):
        assert not is_imperative(line), line
