"""A client of the voice websocket, written from docs/voice-websocket.md only; resumes calls and records both sides."""

import asyncio
import base64
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Protocol
from uuid import uuid4

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from api.addresses import is_local
from api.client.call import Call, ClientError, Disconnected, Event, NoAnswer, Recording, Refused, voice_url
from api.client.handset import FRAME_S, Int16, Microphone, Player, Spoken

ACKNOWLEDGE_EVERY = 5  # frames: `played` goes out about every 100 ms
CAUGHT_UP = 500  # frames: what was spoken in 10 s without a connection is sent later
RESUMABLE = frozenset({1001, 1006, 1011, 1012})
COMES_BACK = frozenset({"busy", "storage_failed", "http_502", "http_503", "close_1001", "close_1006", "close_1012"})
"""Refusals of a service that restarts, or whose database does: the call can be resumed a moment later."""


class Clock(Protocol):
    """The clock of the client."""

    def now(self) -> float:
        """Return the time in seconds, from any origin."""

    async def sleep_until(self, when: float) -> None:
        """Sleep until `now()` reaches `when`."""


class LoopClock:
    """The monotonic clock of the running event loop."""

    def now(self) -> float:
        """Return the loop's time in seconds."""
        return asyncio.get_running_loop().time()

    async def sleep_until(self, when: float) -> None:
        """Sleep until `when`."""
        await asyncio.sleep(max(0.0, when - self.now()))


class VoiceClient:
    """An open call, created by `open_call`; its microphone is always on and sends 20 ms frames in real time.

    Attributes:
        ready: the service's `chat_voice` message.
        log: all events so far, in order.
        player: the simulated player.
        reconnects: number of resumed connections.
        renewals: how many times the call could not be resumed any more, so that a new one was opened on the chat.
    """

    def __init__(
        self,
        url: str,
        call: Call,
        *,
        token: str,
        clock: Clock,
        on_event: Callable[[Event], None],
        on_audio: Callable[[Int16], None],
        resume_for_s: float,
    ) -> None:
        self._url = voice_url(url)
        self._call = call
        self._token = token
        self._clock = clock
        self._on_event = on_event
        self._on_audio = on_audio
        self._resume_for_s = resume_for_s
        self._microphone = Microphone(int(call.input["rate"]), call.noise)
        self._muted = False
        self._origin = 0.0
        self._acknowledged: dict[int, int] = {}
        self._announced: deque[Event] = deque()
        self._cursor = 0
        self._news = asyncio.Event()
        self._online = asyncio.Event()
        self._over: ClientError | None = None
        self._socket: ClientConnection | None = None
        self.player = Player(int(call.output["rate"]))
        self.log: list[Event] = []
        self.reconnects = 0
        self.renewals = 0
        self._return_at = 0.0
        self._in_time = True
        self._pending: dict[str, dict[str, str]] = {}
        self.ready: Event

    # What the person does

    async def say(self, samples: Int16) -> Spoken:
        """Speak into the microphone; return once the last sample has been sent."""
        if self._over is not None:
            raise self._over
        return await self._microphone.say(samples)

    def feed(self, samples: Int16) -> None:
        """Feed a 20 ms frame of a real microphone."""
        self._microphone.feed(samples, 1.0 if self._in_time else CAUGHT_UP * FRAME_S)

    async def listen_until(self, when: float) -> None:
        """Stay silent until this time on the client's clock."""
        await self._clock.sleep_until(when)

    async def heard(self) -> None:
        """Stay silent until all received audio was played."""
        while self.player.is_playing(self._clock.now()):
            await self._clock.sleep_until(self.player.busy_until)

    async def type_text(self, text: str) -> None:
        """Send a typed message; it is sent again if the connection drops before it is acknowledged."""
        message = {"type": "chat_message", "text": text, "message_id": str(uuid4())}
        self._pending[message["message_id"]] = message
        await self._send(message)

    async def commit(self) -> None:
        """End the utterance, with manual turns."""
        await self._send({"type": "commit"})

    async def stop(self) -> None:
        """Stop the persona's reply and keep listening."""
        await self._send({"type": "stop"})

    async def mute(self, *, muted: bool = True) -> None:
        """Mute or unmute the microphone."""
        self._muted = muted
        await self._send({"type": "mute", "muted": muted})

    async def send(self, message: Mapping[str, Any]) -> None:
        """Send any message of docs/voice-websocket.md."""
        await self._send(message)

    async def hang_up(self, timeout_s: float = 30.0) -> Event:
        """Hang up: the service finishes the open utterance, then ends the call."""
        self._pending["hanging up"] = message = {"type": "chat_silence"}
        await self._send(message)
        return await self.next("chat_silence", timeout_s=timeout_s)

    def drop(self) -> None:
        """Drop the connection without a close handshake, as in a tunnel; the client resumes by itself."""
        if self._socket is not None:
            self._socket.transport.abort()

    # What the person perceives

    def now(self) -> float:
        """Return the client's time in seconds."""
        return self._clock.now()

    async def next(self, *types: str, turn: int | None = None, timeout_s: float = 60.0) -> Event:
        """Wait for the next event of these types (and this turn) after those that `next` has returned or skipped.

        Raises:
            NoAnswer: none came within `timeout_s`.
            Refused: the service reported a fatal error.
            Disconnected: the call has ended.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    while self._cursor < len(self.log):
                        event = self.log[self._cursor]
                        self._cursor += 1
                        if event.type in types and turn in (None, event.turn):
                            return event
                    if self._over is not None:
                        raise self._over
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            wanted = " or ".join(types)
            raise NoAnswer(f"The service sent no {wanted} within {timeout_s:g} s; look into its log for why.") from None

    def recording(self) -> Recording:
        """Return the recording of both sides so far."""
        learner, rate_hz = self._microphone.track(), self._microphone.rate_hz
        end = self._origin + len(learner) / rate_hz
        return Recording(learner, rate_hz, self.player.track(self._origin, end), self.player.rate_hz)

    # The connection

    async def _open(self, resume: str | None = None, *, again: bool = False) -> None:
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        try:
            socket = await connect(
                self._url,
                additional_headers=headers,
                compression=None,
                max_size=1 << 20,
                close_timeout=2,
                proxy=None if is_local(self._url) else True,
            )
        except InvalidStatus as error:
            status = error.response.status_code
            hint = "Give a valid token with --token or GLOW_TOKEN." if status in (401, 403) else "Check the address."
            raise Refused(f"http_{status}", f"The service refused the websocket with HTTP {status}. {hint}") from None
        except (OSError, InvalidHandshake, InvalidURI, TimeoutError) as error:
            reason = f"No voice service answers at {self._url} ({type(error).__name__}); start one with `glow serve`."
            raise Disconnected(reason) from None
        opening: dict[str, Any] = {
            "type": "chat_voice",
            "chat_id": self._call.chat_id,
            "input": dict(self._call.input),
            "output": dict(self._call.output),
            "turns": self._call.turns,
            "greet": self._call.greet and not again,
        }
        if resume:
            opening["resume"] = resume
        if self._call.draft_id is not None and not again:
            opening["draft_id"] = self._call.draft_id
        try:
            await socket.send(json.dumps(opening))
            first = self._event(json.loads(await socket.recv()))
        except ConnectionClosed as error:
            code, reason = (error.rcvd.code, error.rcvd.reason) if error.rcvd else (1006, "")
            raise Refused(f"close_{code}", f"The service closed the call while it opened ({code}). {reason}") from None
        if first.type != "chat_voice":
            await socket.close()
            message = first.data.get("message", "The service did not answer the opening message.")
            raise Refused(str(first.data.get("code", first.type)), str(message))
        self._announced.clear()
        self._socket = socket
        self.ready = first
        self._record(first)
        self._online.set()

    async def _read(self) -> None:
        try:
            while self._over is None:
                assert self._socket is not None
                try:
                    while True:
                        self._receive(await self._socket.recv())
                except ConnectionClosed as closed:
                    await self._lost(closed)
        except ClientError as error:
            self._finish(error)

    async def _lost(self, closed: ConnectionClosed) -> None:
        self._online.clear()
        code, reason = (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (1006, "")
        resume: str | None = str(self.ready.data.get("resume") or "")
        if code not in RESUMABLE or not resume:
            said = next((event for event in reversed(self.log) if event.type == "error" and event["fatal"]), None)
            if said is not None:
                raise Refused(said["code"], said["message"])
            raise Disconnected(f"The call is over ({code}). {reason}".rstrip())
        await self._clock.sleep_until(self._return_at)
        deadline, pause = self.now() + self._resume_for_s, 0.1
        while True:
            try:
                await self._open(resume, again=True)
                self.reconnects += 1
                for message in list(self._pending.values()):
                    await self._send(message)
                return
            except (Disconnected, Refused) as error:
                if isinstance(error, Refused) and error.code == "not_found" and resume:
                    resume, self.renewals = None, self.renewals + 1
                    continue
                if isinstance(error, Refused) and error.code not in COMES_BACK:
                    raise
                if self.now() + pause > deadline:
                    raise
                await self._clock.sleep_until(self.now() + pause)
                pause = min(2.0, pause * 2)

    def _receive(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            announced = self._announced.popleft() if self._announced else None
            if announced is None:
                raise Refused("unannounced_audio", "The service sent audio that no reply.audio message announced.")
            samples = self._call.decode(message)
            self.player.add(announced["turn"], samples, announced["at_ms"], self.now())
            self._on_audio(samples)
            return
        event = self._event(json.loads(message))
        match event.type:
            case "reply.audio":
                self._announced.append(event)
            case "user.message":
                self._pending.pop(str(event.data.get("message_id")), None)
            case "restarting":
                self._return_at = self.now() + event["after_ms"] / 1000
            case "reply.cleared":
                self.player.clear(self.now())
        self._record(event)

    def _event(self, data: Mapping[str, Any]) -> Event:
        return Event(str(data.get("type", "")), self.now(), data)

    def _record(self, event: Event) -> None:
        self.log.append(event)
        self._news.set()
        self._on_event(event)

    def _finish(self, error: ClientError) -> None:
        self._over = error
        self._news.set()
        self._microphone.fail(error)

    # The microphone

    async def _speak(self) -> None:
        self._origin, microphone = self.now(), self._microphone
        while self._over is None:
            if not self._online.is_set():
                self._in_time = False
                await self._online.wait()
                # What was spoken while the connection was down is sent at once; of a long time only the latest.
                missed = int((self.now() - self._origin) / FRAME_S) - microphone.frames
                microphone.skip(max(0, missed - CAUGHT_UP))
            begin = self._origin + microphone.frames * FRAME_S
            self._in_time = self._in_time or begin + FRAME_S > self.now()
            await self._clock.sleep_until(begin + FRAME_S)
            samples = microphone.frame(begin)
            if not self._muted:
                await self._send_audio(samples)
            if microphone.frames % ACKNOWLEDGE_EVERY == 0:
                await self._acknowledge()

    async def _send_audio(self, samples: Int16) -> None:
        data = self._call.encode(samples)
        if self._call.as_base64:
            await self._send({"type": "chat_speak", "audio": base64.b64encode(data).decode()})
        else:
            await self._send(data)

    async def _acknowledge(self) -> None:
        now = self.now()
        for turn in self.player.turns():
            position_ms = int(self.player.position_ms(turn, now) + 1e-6)
            if position_ms > self._acknowledged.get(turn, 0):
                self._acknowledged[turn] = position_ms
                await self._send({"type": "played", "turn": turn, "ms": position_ms})

    async def _send(self, message: Mapping[str, Any] | bytes) -> None:
        # The reader handles a closed connection: it resumes or ends the call.
        with suppress(ConnectionClosed):
            if self._socket is not None:
                await self._socket.send(message if isinstance(message, bytes) else json.dumps(message))


@asynccontextmanager
async def open_call(
    url: str,
    call: Call,
    *,
    token: str = "",
    clock: Clock | None = None,
    on_event: Callable[[Event], None] = lambda _event: None,
    on_audio: Callable[[Int16], None] = lambda _samples: None,
    resume_for_s: float = 60.0,
) -> AsyncIterator[VoiceClient]:
    """Open a call and keep its microphone and player running until the block ends.

    Args:
        url: the service's URL (http, https, ws or wss).
        call: the call's parameters.
        token: a Bearer token of the service; sent as a header, never in the URL.
        clock: source of time; the event loop's by default.
        on_event: called with every event as it arrives.
        on_audio: called with every block of the persona's audio as it arrives.
        resume_for_s: how long to try to resume a dropped connection.

    Raises:
        Refused: the service refused the call; Disconnected: the service is unreachable.
    """
    client = VoiceClient(
        url,
        call,
        token=token,
        clock=clock or LoopClock(),
        on_event=on_event,
        on_audio=on_audio,
        resume_for_s=resume_for_s,
    )
    await client._open()
    try:
        async with asyncio.TaskGroup() as tasks:
            owned = [tasks.create_task(client._read()), tasks.create_task(client._speak())]
            try:
                yield client
            finally:
                for task in owned:
                    task.cancel()
    except BaseExceptionGroup as group:
        # Unwrap the exception group of the task group: the caller wants the one reason.
        raise group.exceptions[0] from None
    finally:
        if client._socket is not None:
            await client._socket.close()
