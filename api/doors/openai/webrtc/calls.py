"""The calls over WebRTC: each has one task, from its offer until it ends, and is found by its id meanwhile."""

import asyncio
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast

from api.auth import GRANT, calls_only
from api.doors.line import Line, Message
from api.doors.openai.realtime.items import new_name
from api.doors.openai.realtime.opening import SessionOpening
from api.doors.openai.realtime.sideband import Events, Listeners
from api.doors.openai.webrtc.media_dialect import MediaDialect
from api.service import Service
from models.errors import NotFound
from models.records.core import Grant
from pipeline.errors import Busy, PipelineError

if TYPE_CHECKING:
    from api.doors.openai.webrtc.peer import MediaPeer

log = logging.getLogger(__name__)

CONNECT_S = 30.0

_CALL = "openai.call"
"""What the processes ask each other: whether a call is there, and to end it."""

CONNECTING_LIMIT = 4
"""Most calls of one user that are not connected yet."""


class WebRtcUnavailable(PipelineError):
    """The library of WebRTC is not installed."""

    code = "webrtc_unavailable"
    http_status = 501


class UnknownCall(NotFound):
    """There is no such call over WebRTC, or it is somebody else's."""

    code = "call_not_found"


class MediaCall:
    """One call over WebRTC.

    Attributes:
        id: as its address has it.
        connected: media flows.
    """

    def __init__(self, grant: Grant, dialect: MediaDialect) -> None:
        self.id = new_name("rtc")
        self.grant = grant
        self.dialect = dialect
        self.listeners = Listeners()
        self.connected = False
        self.task: asyncio.Task[None] | None = None
        self.peer: MediaPeer | None = None

    @contextmanager
    def joined(self) -> Iterator[Events]:
        """Listen to its events within the block; the first is the session as it is.

        Raises:
            Busy: as many listen as may.
        """
        with self.listeners.joined() as events:
            for message in self.dialect.created():
                events.put_nowait(message)
            yield events

    async def take(self, message: Message) -> None:
        """Take a client event from beside its data channel."""
        if self.peer is not None:
            await self.peer.take(message)

    def hang_up(self) -> None:
        """End it."""
        if self.task is not None:
            self.task.cancel()


class RealtimeCalls:
    """All calls over WebRTC of this process. Use as an async context manager; leaving it ends them.

    Args:
        service: has the calls behind them.

    Attributes:
        connect_s: how long a client may take to connect once it has its answer.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self.connect_s = CONNECT_S
        self._calls: dict[str, MediaCall] = {}

    async def __aenter__(self) -> Self:
        if (neighbours := self._service.neighbours) is not None:
            neighbours.on(_CALL, self._asked_by_another)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks = [call.task for call in self._calls.values() if call.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def __len__(self) -> int:
        return len(self._calls)

    async def open(self, opening: SessionOpening, offer: str, *, beta: bool = False) -> tuple[str, str]:
        """Answer an offer; the call begins once its client has connected.

        Returns:
            Its id, and the answer.

        Raises:
            WebRtcUnavailable: the library is not installed.
            Busy: as many calls are open, or connecting, as may be.
            BadParameter: the offer cannot be answered.
        """
        if find_spec("aiortc") is None:
            raise WebRtcUnavailable(
                "WebRTC is not installed here: pip install 'glow-voice[webrtc]', or connect over the websocket."
            )
        from api.doors.openai.webrtc.peer import MediaPeer  # it takes half a second to import
        from api.doors.openai.webrtc.ports import IceRules

        self._check_vacancy(opening.grant.user.id)
        dialect = cast(MediaDialect, opening.dialect(self._service, beta=beta, kind=MediaDialect))
        call = MediaCall(opening.grant, dialect)
        self._calls[call.id] = call
        peer = call.peer = MediaPeer(IceRules.of(self._service.settings), call.listeners)
        try:
            answer = await peer.answer(offer)
        except BaseException:
            self._calls.pop(call.id)
            await peer.close()
            raise
        call.task = asyncio.create_task(self._carry(call, peer), name=f"call {call.id}")
        return call.id, answer

    def find(self, grant: Grant, call_id: str) -> MediaCall:
        """Return an open call of this user's.

        Raises:
            UnknownCall: there is none of this id, or it is somebody else's, or another secret's.
        """
        call = self._calls.get(call_id)
        mine = call is not None and call.grant.user.id == grant.user.id
        if call is None or not mine or (calls_only(grant.scope) and call.grant != grant):
            raise UnknownCall("There is no open call of this id: it may have ended.")
        return call

    async def hang_up(self, grant: Grant, call_id: str) -> None:
        """End a call of this user's, at whichever process it is.

        Raises:
            UnknownCall: as `find`.
        """
        await self._reach(grant, call_id, hang_up=True)

    async def known(self, grant: Grant, call_id: str) -> None:
        """Check that there is an open call of this user's, at whichever process.

        Raises:
            UnknownCall: as `find`.
        """
        await self._reach(grant, call_id, hang_up=False)

    async def _reach(self, grant: Grant, call_id: str, *, hang_up: bool) -> None:
        try:
            call = self.find(grant, call_id)
        except UnknownCall:
            asked = {"grant": GRANT.dump_python(grant, mode="json"), "call_id": call_id, "hang_up": hang_up}
            neighbours = self._service.neighbours
            if neighbours is None or await neighbours.first(_CALL, asked) is None:
                raise
            return
        if hang_up:
            call.hang_up()

    async def _asked_by_another(self, asked: Mapping[str, Any]) -> Any:
        try:
            call = self.find(GRANT.validate_python(asked["grant"]), str(asked["call_id"]))
        except UnknownCall:
            return None
        if asked["hang_up"]:
            call.hang_up()
        return {}

    def _check_vacancy(self, user_id: str) -> None:
        self._service.calls.check_vacancy(user_id)
        if len(self._calls) >= self._service.settings.webrtc_calls:
            raise Busy("As many calls over WebRTC as this service carries are open; try again in a moment.")
        waiting = sum(call.grant.user.id == user_id and not call.connected for call in self._calls.values())
        if waiting >= CONNECTING_LIMIT:
            raise Busy(f"{CONNECTING_LIMIT} calls of this user's are connecting; finish or hang up one of them.")

    async def _carry(self, call: MediaCall, peer: "MediaPeer") -> None:
        try:
            async with asyncio.timeout(self.connect_s):
                await peer.connected()
            call.connected = True
            await Line(peer, call.dialect, self._service).serve()
        except (ConnectionError, TimeoutError):
            log.info("A call over WebRTC was never connected.")
        except Exception:
            log.exception("A call over WebRTC broke.")
        finally:
            call.listeners.tell(None)
            await peer.close()
            self._calls.pop(call.id, None)
