"""Hooks for mkdocs: links out of docs/ lead to the repository, and pages with diagrams load their own Mermaid."""

import posixpath
import re
from typing import TYPE_CHECKING

from mkdocs.utils import get_relative_url

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.pages import Page

MERMAID = "assets/mermaid/mermaid.tiny.js"

_LINK = re.compile(r"(?<!!)\[(?P<text>[^\]\[]+)\]\((?P<target>\.\.?/[^)\s]+)\)")
_BUNDLE = re.compile(r'<script src="[^"]*assets/javascripts/bundle\.')


def on_page_markdown(markdown: str, page: "Page", config: "MkDocsConfig", **_: object) -> str:
    """Turn relative links that leave docs/ into links to the repository."""
    return with_repository_links(markdown, page.file.src_uri, str(config.extra.get("repository") or ""))


def with_repository_links(markdown: str, page: str, repository: str) -> str:
    """Make a page's links out of docs/ absolute, or plain text if there is no repository.

    Args:
        markdown: the page's text.
        page: its path in docs/.
        repository: URL prefix of a path in the repository, such as "https://host/owner/name/blob/main".
    """

    def absolute(link: re.Match[str]) -> str:
        path, hash_sign, anchor = link["target"].partition("#")
        target = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page), path))
        if target.startswith("docs/"):
            return link[0]
        return f"[{link['text']}]({repository.rstrip('/')}/{target}{hash_sign}{anchor})" if repository else link["text"]

    return _LINK.sub(absolute, markdown)


def on_post_page(output: str, page: "Page", **_: object) -> str:
    """Load our own Mermaid before the theme's script, which would fetch one from elsewhere."""
    if 'class="mermaid"' not in output:
        return output
    script = f'<script src="{get_relative_url(MERMAID, page.url)}"></script>\n'
    return _BUNDLE.sub(lambda bundle: script + bundle[0], output, count=1)
