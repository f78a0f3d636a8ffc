"""HTTP calls of tools: bounded in size and time, to addresses that were checked, without redirects."""

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx

from models.records.tools import PersonaTool
from pipeline.conversation.tools import ToolFailed, ToolResult
from pipeline.tools.addresses import Addresses
from pipeline.tools.secrets import Secrets, with_secrets

BODY_LIMIT = 64 * 1024
"""Bytes of an answer that are read."""

_ARGUMENT = re.compile(r"\{([^{}]*)\}")
_DOTS = re.compile(r"(?:^|[/\\])\.{1,2}(?:[/\\]|$)")
_TEXT = re.compile(r"text/|application/(?:[\w.-]+\+)?(?:json|xml|yaml)|application/x-ndjson", re.IGNORECASE)
_REFUSED_CHARS = 500
_IN_QUERY = frozenset({"GET", "DELETE"})


async def pin(request: Any, addresses: Addresses) -> None:
    """Have a request go to the address of its host that was checked; its certificate stays the host's.

    Args:
        request: of httpx, or of a library with the same requests.

    Raises:
        ToolFailed: the host may not be called.
    """
    url = request.url
    port = url.port or (443 if url.scheme == "https" else 80)
    address = await addresses.resolve(url.host, port)
    request.extensions = {**request.extensions, "sni_hostname": url.host}
    request.url = url.copy_with(host=address)


class PinnedTransport(httpx.AsyncBaseTransport):
    """Sends requests to checked addresses. No connection is kept: they are kept by address, and hosts may share one."""

    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses
        self._inner = httpx.AsyncHTTPTransport(trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """See httpx."""
        await pin(request, self._addresses)
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        """See httpx."""
        await self._inner.aclose()


class HttpCalls:
    """Runs the HTTP calls of tools. Close it.

    Args:
        addresses: which ones may be called.
        secrets: what the headers name.
    """

    def __init__(self, addresses: Addresses, secrets: Secrets) -> None:
        self._secrets = secrets
        self._client = httpx.AsyncClient(
            transport=PinnedTransport(addresses),
            trust_env=False,
            follow_redirects=False,
            headers={"User-Agent": "glow"},
        )

    async def run(self, tool: PersonaTool, arguments: Mapping[str, Any]) -> ToolResult:
        """Make the call with checked arguments.

        Raises:
            ToolFailed: it has no answer that can be used.
        """
        request = self._request(tool, arguments)
        try:
            response = await self._client.send(request, stream=True)
            try:
                body = await _read(response)
            finally:
                await response.aclose()
        except httpx.TimeoutException:
            raise ToolFailed("The service behind this tool gave no answer in time.") from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError):
            raise ToolFailed("The service behind this tool cannot be reached.") from None
        if not response.is_success:
            raise ToolFailed(
                f"The service behind this tool refused, with status {response.status_code}. {body}".strip()
            )
        return ToolResult(body or "Done; there is nothing more to tell.")

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    def _request(self, tool: PersonaTool, arguments: Mapping[str, Any]) -> httpx.Request:
        left = dict(arguments)

        def value(found: re.Match[str]) -> str:
            left.pop(found[1], None)
            text = _plain(arguments.get(found[1], ""))
            if _DOTS.search(text):  # servers would take it for a step up in the path, quoted or not
                raise ToolFailed(f"'{found[1]}' cannot be {text[:40]!r}.")
            return quote(text, safe="")

        url = _ARGUMENT.sub(value, tool.url)
        headers = with_secrets(tool.headers, self._secrets)
        timeout = httpx.Timeout(tool.timeout_s)
        if tool.method in _IN_QUERY:
            given = httpx.URL(url)
            url = str(given.copy_merge_params({name: _plain(one) for name, one in left.items()}) if left else given)
            return self._client.build_request(tool.method, url, headers=headers, timeout=timeout)
        return self._client.build_request(tool.method, url, headers=headers, json=left, timeout=timeout)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


async def _read(response: httpx.Response) -> str:
    """Return the text of an answer, cut at the limit; of a refusal only its beginning."""
    kind = response.headers.get("content-type", "")
    if response.status_code == 204 or not (kind == "" or _TEXT.match(kind)):
        if response.is_success and response.status_code != 204:
            raise ToolFailed("The service behind this tool answered with something that is no text.")
        return ""
    body = b""
    async for piece in response.aiter_bytes():
        body += piece[: BODY_LIMIT - len(body)]
        if len(body) >= BODY_LIMIT:
            break
    text = (
        body.decode(response.charset_encoding or "utf-8", "replace")
        if _known(response)
        else body.decode("utf-8", "replace")
    )
    return text if response.is_success else text[:_REFUSED_CHARS]


def _known(response: httpx.Response) -> bool:
    try:
        "".encode(response.charset_encoding or "utf-8")
    except LookupError:
        return False
    return True
