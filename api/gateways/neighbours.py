"""The other processes of this service, each reached on its own address: what one asks of another, and its answers.

Whoever answers something registers it by a kind, and whoever needs it asks for that kind:

    neighbours.on("colour", paint)                     a door, at every process
    await neighbours.ask(process, "colour", {...})     at another one; or `first` of all that knows it
"""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from api.settings import Settings
from models.errors import NotFound
from models.records.open_calls import Carrier, OtherProcess
from models.store import Store
from pipeline.errors import Busy, PipelineError

log = logging.getLogger(__name__)

SECRET_HEADER = "X-Glow-Gateway"

CONNECT_S = 1.0
RELEASE_S = 5.0
"""How long a process may take to release a call: what is said last in it is stored before."""
READY_S = 3.0
"""How long a process may take to say whether it reaches the store."""
FIRST_S = 5.0
"""How long a process may take to say whether it knows something."""
FORWARDED_S = 150.0
"""How long a forwarded request may take; the end of a call waits for its last answer."""

Answering = Callable[[Mapping[str, Any]], Awaitable[Any]]
"""Answers what another process asks, both as JSON; None for what is not known here."""

UNREACHABLE = "The process that has this call cannot be reached; try again in a moment."


class ForwardedRefusal(PipelineError):
    """Another process has refused a forwarded request; its status and its sentence are those of that refusal."""

    code = "forwarded"
    http_status = 503

    def __init__(self, message: str, code: str = "forwarded", http_status: int = 503) -> None:
        super().__init__(message)
        self.code, self.http_status = code, http_status


class RemoteNeighbours:
    """Reaches the other processes, and answers them. Use as an async context manager.

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
        self._kinds: dict[str, Answering] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._http is not None:
            await self._http.aclose()

    # ------------------------------------------------------------- answering

    def on(self, kind: str, answering: Answering) -> None:
        """Have the other processes' questions of a kind answered, from now on."""
        self._kinds[kind] = answering

    async def answer(self, kind: str, body: Mapping[str, Any]) -> Any:
        """Answer another process.

        Raises:
            NotFound: nobody here answers this kind; the other process is of another version, or this one begins.
            Whatever the kind's own answering does.
        """
        if (answering := self._kinds.get(kind)) is None:
            raise NotFound("This process does not know this kind of question.")
        return await answering(body)

    # ---------------------------------------------------------------- asking

    async def ask(self, process: Carrier | OtherProcess, kind: str, body: Mapping[str, Any]) -> Any:
        """Ask one other process; return its answer.

        Raises:
            ForwardedRefusal: it refuses.
            Busy: it cannot be reached.
        """
        try:
            answer = await self._post(process.address, kind, body, FORWARDED_S)
            given = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            log.warning("Another process cannot be asked for %s: %s.", kind, type(error).__name__)
            raise Busy(UNREACHABLE) from None
        if answer.status_code == httpx.codes.OK:
            return given
        refusal = given if isinstance(given, dict) else {}
        message, code = str(refusal.get("message") or UNREACHABLE), str(refusal.get("code") or "forwarded")
        raise ForwardedRefusal(message, code, answer.status_code)

    async def each(self, kind: str, body: Mapping[str, Any]) -> list[Any]:
        """Ask every other process at once; return the answers, without those of processes that do not know."""
        others = [process for process in await self._store.other_processes() if process.address]
        given = await asyncio.gather(*(self._known_to(process, kind, body) for process in others))
        return [answer for answer in given if answer is not None]

    async def first(self, kind: str, body: Mapping[str, Any]) -> Any:
        """Ask every other process at once; return the answer of one that knows, None if none does."""
        return next(iter(await self.each(kind, body)), None)

    async def _known_to(self, process: OtherProcess, kind: str, body: Mapping[str, Any]) -> Any:
        try:
            answer = await self._post(process.address, kind, body, FIRST_S)
            return answer.json() if answer.status_code == httpx.codes.OK else None
        except (httpx.HTTPError, ValueError) as error:
            log.warning("Another process cannot be asked for %s: %s.", kind, type(error).__name__)
            return None

    # ----------------------------------------------------------------- calls

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
            answer = await self._post(carrier.address, "release", wanted, RELEASE_S)
            return bool(answer.json()["released"]) if answer.status_code == httpx.codes.OK else False
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            log.warning("The process that has a call does not release it: %s.", type(error).__name__)
            return False

    async def order(self, carrier: Carrier, order: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Have the process that carries a call give it an order; as `pipeline.call.neighbours.Neighbours`."""
        outcome = await self.ask(carrier, "order", order)
        return outcome if isinstance(outcome, dict) else None

    async def refresh(self) -> None:
        """Have every other process read its content again; as `pipeline.call.neighbours.Neighbours`."""
        await self.each("refresh", {})

    async def all_without_store(self, addresses: Sequence[str]) -> bool:
        """Return whether all processes at these addresses can be reached, and say that the store is away for them."""
        return all(await asyncio.gather(*map(self._is_without_store, addresses)))

    async def _is_without_store(self, address: str) -> bool:
        if not address:
            return False
        try:
            answer = await self._client().get(f"{address}/ready", timeout=READY_S)
            return bool(answer.json()["database"] == "away")
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            return False

    async def _post(self, address: str, kind: str, body: Mapping[str, Any], within_s: float) -> httpx.Response:
        timeout = httpx.Timeout(within_s, connect=CONNECT_S)
        return await self._client().post(f"{address}/internal/{quote(kind)}", json=body, timeout=timeout)

    def _client(self) -> httpx.AsyncClient:
        if self._http is None:
            self._http = httpx.AsyncClient(
                headers=self._headers, verify=_trusted(self._settings), trust_env=False, follow_redirects=False
            )
        return self._http


def _trusted(settings: Settings) -> ssl.SSLContext:
    """Trust the certificate that the processes share, whatever name they are reached by."""
    context = ssl.create_default_context()
    if settings.scheme == "https":
        own = settings.tls_cert or settings.data_dir / "tls" / "certificate.pem"
        context.load_verify_locations(own)
        context.check_hostname = False
    return context
