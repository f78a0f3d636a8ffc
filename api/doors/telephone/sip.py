"""SIP itself: phones and trunks call the service directly, by UDP and RTP.

The stack is aiosipua's; here is what becomes a call. `SipServer` listens for the length of its block, registers with a
registrar where one is set, and ends every call at the end.
"""

import asyncio
import ipaddress
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import Self

import aiortp
from aiosipua import (
    Dialog,
    DialogState,
    IncomingCall,
    SipRequest,
    SipResponse,
    SipUAC,
    SipUAS,
    parse_uri,
)

from api.doors.telephone.calling import LONGEST_ID, Incoming
from api.doors.telephone.desk import Desk
from api.doors.telephone.phone_line import PhoneLine
from api.doors.telephone.sip_dialing import NotAnswered, learn_target, ringing
from api.doors.telephone.sip_gate import Network, SipGate
from api.doors.telephone.sip_line import SipDialect, SipWire, key_of_info
from api.doors.telephone.sip_media import (
    CODECS,
    Agreed,
    NoCommonCodec,
    NoFreePort,
    RtpAudio,
    agree,
    agreed_in,
    offer,
    rtp_audio,
    rtp_port,
)
from api.doors.telephone.sip_registration import USER_AGENT, SipAccount, SipRegistration
from api.doors.telephone.sip_transport import Address, SipSocket

log = logging.getLogger(__name__)

TRANSFER_S = 40.0
"""How long whoever is called for a transfer may take to answer."""

SHORTEST_SESSION_S = 90
"""RFC 4028, 4."""


@dataclass(frozen=True, slots=True)
class SipSettings:
    """How the service is called.

    Attributes:
        bind: where it listens.
        host: the address in our SDP and Contact; empty for that of the interface to each caller.
        rtp_ports: the first and the last port for audio.
        allowed: networks that call without a password.
        users: passwords by name, for everybody else.
        codecs: names of `CODECS`.
        account: the registrar; None for none.
        registers: register there, so that its calls come.
        most_calls: INVITEs beyond so many calls get 503.
        session_s: a call whose end never came is over after that long (RFC 4028).
        shortest_session_s: callers may not ask for less.
    """

    bind: Address
    host: str = ""
    rtp_ports: tuple[int, int] = (20_000, 20_999)
    allowed: tuple[Network, ...] = ()
    users: dict[str, str] = field(default_factory=dict, repr=False)
    codecs: tuple[str, ...] = tuple(CODECS)
    account: SipAccount | None = None
    registers: bool = True
    most_calls: int = 100
    session_s: int = 1_800
    shortest_session_s: int = SHORTEST_SESSION_S


@dataclass(slots=True)
class _SipCall:
    """One call while it is open."""

    wire: SipWire
    rtp: RtpAudio
    agreed: Agreed
    port: int
    transfer: asyncio.Future[bool] | None = None


class SipServer:
    """Takes calls. Use as an async context manager; leaving it hangs all of them up.

    Attributes:
        settings: see there.
        address: where it listens, with the real port.
    """

    def __init__(self, settings: SipSettings, desk: Desk) -> None:
        self.settings = settings
        self._desk = desk
        self._socket = SipSocket(local_addr=settings.bind)
        self._uac = SipUAC(self._socket)
        self._uas = SipUAS(
            self._socket,
            user_agent=USER_AGENT,
            uac=self._uac,
            session_expires=settings.session_s,
            min_se=settings.shortest_session_s,
        )
        self._ports = aiortp.PortAllocator(settings.rtp_ports)
        self._calls: dict[str, _SipCall] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        registers = settings.account is not None and settings.registers
        self._account = SipRegistration(settings.account, self._uac) if registers and settings.account else None

    @property
    def address(self) -> Address:
        """Where it listens."""
        return self._socket.local_addr

    def __len__(self) -> int:
        return len(self._tasks)

    async def __aenter__(self) -> Self:
        """Listen, and register.

        Raises:
            OSError: the address cannot be bound.
        """
        settings, loop = self.settings, asyncio.get_running_loop()
        allowed = settings.allowed
        if self._account is not None:
            registrar = await self._account.resolve()
            allowed = (*allowed, ipaddress.ip_network(registrar[0]))
        gate = SipGate(
            allowed,
            settings.users,
            loop.time,
            full=lambda: len(self._tasks) >= settings.most_calls,
            known=lambda call_id: call_id in self._tasks,
        )
        self._socket.gate = gate.judge
        self._socket.on_response, self._socket.on_timeout = self._responded, self._unanswered
        self._uas.on_invite, self._uas.on_reinvite = self._invited, self._reinvited
        self._uas.on_bye = lambda call, _request: self._tell(call.call_id, "gone")
        self._uas.on_cancel = lambda request, _address: self._tell(request.call_id, "gone")
        self._uas.on_ack_timeout = self._uas.on_session_expired = lambda call: self._tell(call.call_id, "gone")
        self._uas.on_transfer_progress = lambda call_id, status, _reason: self._transferred(call_id, status)
        self._uas._handlers["INFO"] = self._informed
        await self._uas.start()
        log.info("SIP is answered on %s:%d.", *self.address)
        if self._account is not None:
            self._account.begin((self._host_for(registrar), self.address[1]))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._account is not None:
            self._account.end()
        await self._uas.stop()

    # ------------------------------------------------------------------ a call

    def _invited(self, call: IncomingCall) -> None:
        task = asyncio.create_task(self._serve(call), name=f"sip {call.call_id}")
        self._tasks[call.call_id] = task
        task.add_done_callback(partial(self._served, call.call_id))

    async def _serve(self, call: IncomingCall) -> None:
        try:
            async with self._audio_of(call) as open_call:
                if call.dialog.state is not DialogState.EARLY:
                    return  # cancelled meanwhile
                call.ringing()
                await self._carry(open_call, _incoming(call), call.dialog, call.source_addr)
        except NoCommonCodec as refusal:
            log.info("A call from %s is refused: %s", call.source_addr[0], refusal)
            self._hang_up(call, 488, "Not Acceptable Here")
        except (NoFreePort, OSError) as error:
            log.warning("A call from %s is refused: %s", call.source_addr[0], error)
            self._hang_up(call, 503, "Service Unavailable")
        finally:
            self._hang_up(call, 500, "Server Internal Error")
            call._stop_retransmissions()
            self._uas._calls.pop(call.call_id, None)
            self._uas._remove_invite_transaction(call.invite)

    @asynccontextmanager
    async def _audio_of(self, call: IncomingCall) -> AsyncIterator[_SipCall]:
        host = self._host_for(call.source_addr)
        call.advertised_addr = host, self.address[1]
        if not (call._caller_supports("timer") or call.session_refresher_us):
            call.session_interval = None  # nobody would refresh it
        async with rtp_port(self._ports) as port:
            agreed = agree(call.sdp_offer, host, port, self.settings.codecs)
            async with rtp_audio(agreed, (self.settings.bind[0], port), call.source_addr[0]) as rtp:
                wire = SipWire(rtp, partial(_answer, call, agreed), partial(self._hang_up, call))
                self._calls[call.call_id] = open_call = _SipCall(wire, rtp, agreed, port)
                try:
                    yield open_call
                finally:
                    del self._calls[call.call_id]

    async def _carry(self, open_call: _SipCall, incoming: Incoming, dialog: Dialog, peer: Address) -> None:
        refer = partial(self._refer, dialog, peer)
        dialect = SipDialect(self._desk, open_call.wire, incoming, open_call.agreed.codec, refer)
        await PhoneLine(open_call.wire, dialect, self._desk).serve()

    def _hang_up(self, call: IncomingCall, status: int, reason: str) -> None:
        if call.dialog.state is DialogState.EARLY:
            call.reject(status, reason)
        else:
            call.hangup()

    def _served(self, call_id: str, task: asyncio.Task[None]) -> None:
        self._tasks.pop(call_id, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("A SIP call broke.", exc_info=error)

    def _tell(self, call_id: str | None, message: str) -> None:
        if (open_call := self._calls.get(call_id or "")) is not None:
            open_call.wire.tell(message)

    async def dial(self, called: str, caller: str, record_id: str) -> None:
        """Call a number through the account, and carry the call until its end.

        Args:
            caller: our number.
            record_id: of the record of the call.

        Raises:
            NotAnswered: it was refused, or nobody answered.
        """
        account = self.settings.account
        if account is None:
            raise NotAnswered("Set GLOW_PHONE_SIP_ACCOUNT, through which calls are made.")
        registrar = await SipRegistration(account, self._uac).resolve()
        host = self._host_for(registrar)
        self._uac.advertised_addr = host, self.address[1]
        async with (
            rtp_port(self._ports) as port,
            ringing(self._uac, account, registrar, called, caller, offer(host, port, self.settings.codecs)) as call,
        ):
            agreed = agreed_in(call.sdp_answer, self.settings.codecs)
            async with rtp_audio(agreed, (self.settings.bind[0], port), registrar[0]) as rtp:

                def hang_up(_status: int, _reason: str) -> None:
                    call.hangup(self._uac)

                wire = SipWire(rtp, lambda: None, hang_up)
                self._calls[call.call_id] = open_call = _SipCall(wire, rtp, agreed, port)
                incoming = Incoming("sip", call.call_id[:LONGEST_ID], caller, called, record_id)
                try:
                    await self._carry(open_call, incoming, call.dialog, registrar)
                finally:
                    del self._calls[call.call_id]

    # --------------------------------------------------------- during the call

    def _reinvited(self, call: IncomingCall) -> None:
        """Take another offer: hold, its end, another address; the codec stays."""
        open_call = self._calls.get(call.call_id)
        if open_call is None:
            return
        before, agreed = open_call.agreed, open_call.agreed
        if call.invite.body:
            version = int(before.sdp.origin.session_version) + 1
            host = self._host_for(call.source_addr)
            try:
                agreed = agree(call.sdp_offer, host, open_call.port, (before.codec,), version)
            except NoCommonCodec:
                self._socket.send_reply(call.dialog.create_response(call.invite, 488))
                return
            if agreed.payload_type != before.payload_type:
                self._socket.send_reply(call.dialog.create_response(call.invite, 488))
                return
            if agreed.remote != before.remote:
                open_call.rtp.move(agreed.remote, call.source_addr[0])
            if agreed.hold != before.hold:
                open_call.rtp.held = agreed.hold
                open_call.wire.tell("hold" if agreed.hold else "resume")
            open_call.agreed = agreed
        call.accept(agreed.sdp)

    def _informed(self, request: SipRequest, _address: Address) -> None:
        """Take an INFO, which may carry a key."""
        _, dialog = self._uas._find_dialog(request.call_id or "")
        if dialog is None:
            self._uas._send_error(request, 481, "Call/Transaction Does Not Exist")
        elif self._uas._validate_in_dialog(dialog, request):
            if (key := key_of_info(request)) is not None:
                self._tell(request.call_id, f"key {key}")
            self._socket.send_reply(dialog.create_response(request, 200))

    async def _refer(self, dialog: Dialog, peer: Address, target: str) -> bool:
        """Have the caller's phone call the target; return whether it was answered."""
        open_call = self._calls.get(dialog.call_id)
        if open_call is None or dialog.state is not DialogState.CONFIRMED:
            return False
        open_call.transfer = asyncio.get_running_loop().create_future()
        self._uac.send_refer(dialog, self._uri_of(target, peer), peer)
        try:
            async with asyncio.timeout(TRANSFER_S):
                return await open_call.transfer
        except TimeoutError:
            return False
        finally:
            open_call.transfer = None

    def _transferred(self, call_id: str | None, status: int) -> None:
        open_call = self._calls.get(call_id or "")
        if open_call is not None and open_call.transfer is not None and status >= 200 and not open_call.transfer.done():
            open_call.transfer.set_result(status < 300)

    def _responded(self, request: SipRequest, response: SipResponse) -> None:
        """Note the refusal of a REFER, that a call that we refresh is over for the caller, and who answers ours."""
        if request.method == "INVITE" and 200 <= response.status_code < 300:
            learn_target(self._uac, response)
        elif request.method == "REFER" and response.status_code >= 300:
            self._transferred(request.call_id, response.status_code)
        elif request.method == "UPDATE" and response.status_code in (408, 481):
            self._tell(request.call_id, "gone")

    def _unanswered(self, request: SipRequest) -> None:
        if request.method == "REFER":
            self._transferred(request.call_id, 408)
        elif request.method == "UPDATE":
            self._tell(request.call_id, "gone")
        elif request.method == "REGISTER" and self._account is not None:
            self._account.begin_later()

    # --------------------------------------------------------------- addresses

    def _host_for(self, peer: Address) -> str:
        """Return the address at which a peer reaches us."""
        bound = self.settings.bind[0]
        if self.settings.host or bound not in ("0.0.0.0", "::"):
            return self.settings.host or bound
        with socket.socket(socket.AF_INET6 if ":" in peer[0] else socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(peer)  # sends nothing
            return str(probe.getsockname()[0])

    def _uri_of(self, target: str, peer: Address) -> str:
        if target.lower().startswith(("sip:", "sips:", "tel:")):
            return target
        account = self.settings.account
        host = parse_uri(account.uri).host if account is not None else "{}:{}".format(*peer)
        return f"sip:{target}@{host}"


def _answer(call: IncomingCall, agreed: Agreed) -> None:
    """Pick a call up.

    Raises:
        ConnectionError: the caller has given up.
    """
    if call.dialog.state is not DialogState.EARLY:
        raise ConnectionError("The caller has given up.")
    call.accept(agreed.sdp)


def _incoming(call: IncomingCall) -> Incoming:
    """Name the caller and the number: that of the request, or of To where a registrar sends us all of its calls."""
    called = parse_uri(call.invite.uri).user or parse_uri(call.callee).user or ""
    return Incoming("sip", call.call_id[:LONGEST_ID], parse_uri(call.caller).user or "", called)
