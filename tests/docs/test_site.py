"""The documentation as a site: it builds without a warning, loads nothing from elsewhere, and leads to the sources."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parents[2]
REPOSITORY = "https://example.org/glow/voice/blob/main"

pytestmark = pytest.mark.skipif(
    find_spec("mkdocs") is None or find_spec("material") is None, reason="mkdocs-material is not installed"
)

LOADED = {
    "script": "src",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "audio": "src",
    "video": "src",
    "link": "href",
}


class Page(HTMLParser):
    """What a page loads, where it leads, and what may be led to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if address := given.get(LOADED.get(tag, "")):
            self.loads.append(address)
        if tag == "a" and (target := given.get("href")):
            self.links.append(target)
        if name := given.get("id"):
            self.anchors.add(name)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as `make docs` builds it, for a repository that has an address."""
    folder = tmp_path_factory.mktemp("docs") / "site"
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "DOCS_REPOSITORY": REPOSITORY, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


def pages(site: Path) -> Iterator[tuple[Path, Page]]:
    for path in sorted(site.rglob("*.html")):
        yield path, Page(path.read_text("utf-8"))


def test_every_page_of_the_docs_is_there(site: Path) -> None:
    for page in (ROOT / "docs").rglob("*.md"):
        name = "index.html" if page.name == "README.md" else f"{page.stem}.html"
        assert (site / page.relative_to(ROOT / "docs").parent / name).exists()


def test_it_loads_nothing_from_elsewhere(site: Path) -> None:
    loaded = 0
    for path, page in pages(site):
        for address in page.loads:
            parts = urlsplit(address)
            assert not parts.scheme, (path.name, address)
            assert not parts.netloc, (path.name, address)
            if path.name != "404.html":  # it is served at any depth, so what it loads begins at the root
                assert (path.parent / unquote(parts.path)).exists(), (path.name, address)
            loaded += 1
    assert loaded > 50


def test_no_style_loads_from_elsewhere(site: Path) -> None:
    styles = [path.read_text("utf-8") for path in site.rglob("*.css")]
    styles += [
        text for path, _ in pages(site) for text in re.findall(r"<style.*?</style>", path.read_text("utf-8"), re.DOTALL)
    ]
    assert styles
    for style in styles:
        assert not re.search(r"@import|url\(\s*[\"']?(?:https?:)?//", style)


def test_diagrams_are_drawn_by_our_own_mermaid(site: Path) -> None:
    drawn = [path for path in site.rglob("*.html") if 'class="mermaid"' in path.read_text("utf-8")]
    assert {path.name for path in drawn} >= {"turn-taking.html", "architecture.html", "voice-websocket.html"}
    for path, page in pages(site):
        own = [address for address in page.loads if address.endswith("mermaid.tiny.js")]
        assert len(own) == (1 if path in drawn else 0), path.name
        # The theme's script fetches a Mermaid from elsewhere where there is none by the time it runs.
        assert not own or page.loads.index(own[0]) < next(i for i, at in enumerate(page.loads) if "bundle" in at)


def test_links_lead_to_pages_or_into_the_repository(site: Path) -> None:
    into_repository = 0
    known = {path: page.anchors for path, page in pages(site)}
    for path, page in pages(site):
        for link in page.links:
            if link.startswith(REPOSITORY):
                into_repository += 1
                assert (ROOT / link.removeprefix(REPOSITORY).partition("#")[0].strip("/")).exists(), (path.name, link)
            elif not urlsplit(link).scheme and path.name != "404.html":
                target, _, anchor = unquote(link).partition("#")
                there = (path.parent / target).resolve() if target else path
                there = there / "index.html" if there.is_dir() else there
                assert there.exists(), (path.name, link)
                assert not anchor or anchor in known[there], (path.name, link)
    assert into_repository > 20


@pytest.mark.parametrize(
    ("page", "markdown", "repository", "expected"),
    [
        ("a.md", "[s](../api/app.py)", "https://h/o/n/blob/main/", "[s](https://h/o/n/blob/main/api/app.py)"),
        ("a.md", "[s](../api/app.py#x)", "https://h", "[s](https://h/api/app.py#x)"),
        ("in/a.md", "[s](../../api)", "https://h", "[s](https://h/api)"),
        ("in/a.md", "[s](../b.md)", "https://h", "[s](../b.md)"),
        ("a.md", "[s](./b.md) [t](b.md)", "https://h", "[s](./b.md) [t](b.md)"),
        ("a.md", "see [s](../api/app.py).", "", "see s."),
    ],
)
def test_links_out_of_the_docs(page: str, markdown: str, repository: str, expected: str) -> None:
    assert hook().with_repository_links(markdown, page, repository) == expected


def hook() -> Any:
    """The site's hook, as mkdocs loads it."""
    spec = spec_from_file_location("docs_site", ROOT / "scripts" / "docs_site.py")
    assert spec is not None
    assert spec.loader is not None
    module: ModuleType = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
