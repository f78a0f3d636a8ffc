"""The page at /docs is whole, and no byte of it comes from elsewhere."""

import re
from html.parser import HTMLParser
from urllib.parse import urljoin

import pytest

from api.doors.openapi_page import POLICY
from tests.service import RunningService, http


class Loaded(HTMLParser):
    """The addresses that a page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value for name, value in attrs if name in ("src", "href") and value]


def test_everything_that_the_page_loads_is_served_here(service: RunningService) -> None:
    page = http.get(f"{service.url}/docs")
    assert page.status_code == 200
    assert page.headers["content-security-policy"] == POLICY
    assert "http" not in POLICY
    loaded = Loaded()
    loaded.feed(page.text)
    document = re.findall(r"url: '([^']+)'", page.text)
    assert len(loaded.addresses) == 3
    assert len(document) == 1
    assert '"validatorUrl": null' in page.text
    assert "//" not in re.sub(r"(?m)^\s*//.*$", "", page.text), "no address of another place"
    for address in [*loaded.addresses, *document]:
        answer = http.get(urljoin(str(page.url), address))
        assert answer.status_code == 200, address
        assert len(answer.content) > 1000, address


@pytest.mark.parametrize("path", ["redoc", "docs/oauth2-redirect", "docs/assets/../consts.py"])
def test_nothing_else_is(service: RunningService, path: str) -> None:
    assert http.get(f"{service.url}/{path}").status_code == 404
