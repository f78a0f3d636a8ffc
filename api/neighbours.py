"""The other processes of this service, each reached on its own address: they forward requests and release calls."""

import logging
import ssl
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from api.settings import Settings
from models.records.open_calls import Carrier
from models.store import Store
from pipeline.errors import Busy, PipelineError

log = logging.getLogger(__name__)

SECRET_HEADER = "X-Glow-Gateway"

CONNECT_S = 1.0
RELEASE_S = 5.0
"""How long a process may take to release a call: what is said last in it is stored before."""
FORWARDED_S = 150.0
"""How long a forwarded request may take; the end of a call waits for its last answer."""

UNREACHABLE = "The process that has this call cannot be reached; try again in a moment."


class ForwardedRefusal(PipelineError):
    """Another process has refused a forwarded request; its status and its sentence are those of that refusal."""

    code = "forwarded"
    http_status = 503

    def __init__(self, message: str, code: str = "forwarded", http_status: int = 503) -> None:
        super().__init__(message)
        self.code, self.http_status = code, http_status


class RemoteNeighbours:
    """Reaches the other processes. Use as an async context manager.

    Args:
        store: knows which of them carries a call.
        settings: have the secret, and the certificate where they speak https.
    """

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        secret = settings.gateway_secret
        self._headers = {SECRET_HEADER: secret.get_secret_value() if secret is not None else ""}
        self._settings = settings
        self._http: httpx.AsyncClient | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._http is not None:
            await self._http.aclose()

    async def carrier(self, *, chat_id: str | None, conversation_id: str | None) -> Carrier | None:
        """Return the living process that carries this call and can be reached.

        Raises:
            StorageFailed: the store is away.
        """
        carrier = await self._store.carrier(chat_id=chat_id, conversation_id=conversation_id)
        return carrier if carrier is not None and carrier.address and not carrier.gone else None

    async def release(self, carrier: Carrier, resume_hash: str | None) -> bool:
        """Have the process that carries a call release it; as `pipeline.call.neighbours.Neighbours`."""
        if not carrier.address or carrier.gone:
            return False
        wanted = {"user_id": carrier.user_id, "chat_id": carrier.chat_id, "resume_hash": resume_hash}
        try:
            answer = await self._ask(carrier, "/internal/release", wanted, RELEASE_S)
            return bool(answer.json()["released"]) if answer.status_code == httpx.codes.OK else False
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            log.warning("The process that has a call does not release it: %s.", type(error).__name__)
            return False

    async def forward(self, carrier: Carrier, request: Mapping[str, Any]) -> Any:
        """Have the process that carries a call carry out an operation.

        Args:
            request: the body of its `/internal/operation`.

        Returns:
            The reply's JSON.

        Raises:
            ForwardedRefusal: it refuses.
            Busy: it cannot be reached.
        """
        try:
            answer = await self._ask(carrier, "/internal/operation", request, FORWARDED_S)
            body = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            log.warning("A request cannot be forwarded: %s.", type(error).__name__)
            raise Busy(UNREACHABLE) from None
        if answer.status_code == httpx.codes.OK:
            return body
        refusal = body if isinstance(body, dict) else {}
        message, code = str(refusal.get("message") or UNREACHABLE), str(refusal.get("code") or "forwarded")
        raise ForwardedRefusal(message, code, answer.status_code)

    async def _ask(self, carrier: Carrier, path: str, body: Mapping[str, Any], within_s: float) -> httpx.Response:
        if self._http is None:
            self._http = httpx.AsyncClient(
                headers=self._headers, verify=_trusted(self._settings), trust_env=False, follow_redirects=False
            )
        timeout = httpx.Timeout(within_s, connect=CONNECT_S)
        return await self._http.post(carrier.address + quote(path), json=body, timeout=timeout)


def _trusted(settings: Settings) -> ssl.SSLContext:
    """Trust the certificate that the processes share, whatever name they are reached by."""
    context = ssl.create_default_context()
    if settings.scheme == "https":
        own = settings.tls_cert or settings.data_dir / "tls" / "certificate.pem"
        context.load_verify_locations(own)
        context.check_hostname = False
    return context
