"""A carrier's side of a call, as Twilio's documentation has it: it rings, streams, plays, and does as TwiML says.

Written from that documentation alone, it shares no code with the service. `glow phone test` calls with it, and so do
the tests and `glow bench phone`.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from api.client.call import ClientError
from api.client.phone_speaker import FRAME, SILENCE, PhoneSpeaker

FRAME_S = 0.02


def signature(secret: str, url: str, fields: Mapping[str, str] | None = None) -> str:
    """Sign a request as Twilio does."""
    text = url + "".join(name + value for name, value in sorted((fields or {}).items()))
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()).decode()


@dataclass(slots=True)
class CarrierAccount:
    """A number at a carrier, and the service that it is connected to.

    Attributes:
        url: where the service is.
        signed_url: as which the carrier knows it (`GLOW_PHONE_URL`); signatures are of that.
        secret: the auth token.
        path: of the webhooks.
    """

    url: str
    signed_url: str
    secret: str
    path: str = "/phone/twilio"

    async def post(self, http: httpx.AsyncClient, url: str, fields: Mapping[str, str]) -> httpx.Response:
        """Ask a webhook, by its URL as the carrier knows it."""
        headers = {"X-Twilio-Signature": signature(self.secret, url, fields)}
        return await http.post(url.replace(self.signed_url, self.url, 1), data=dict(fields), headers=headers)

    @property
    def voice_url(self) -> str:
        """The webhook of a call."""
        return f"{self.signed_url}{self.path}/voice"


class CarrierCall:
    """One call. The caller speaks by `say`, hears by `speaker`, and everything runs while `run` does.

    Args:
        account: the number's service.
        caller, called: the numbers.
        echo: mixes into a frame of the microphone's what was played `echo_delay` samples before; None for no echo.

    Attributes:
        speaker: the loudspeaker.
        spoken_at: for each `say`, the number of bytes played when its first sample was sent.
        verbs: the TwiML verbs that were carried out, in order.
        streams: how often it was connected to the websocket.
        opened: set once the stream has begun.
        over: set at the end of the call.
        dial_status: how a transfer ends; "completed" if somebody answers.
        dialled: to whom the call was transferred.
    """

    def __init__(
        self,
        account: CarrierAccount,
        caller: str,
        called: str,
        *,
        echo: Callable[[bytes, bytes], bytes] | None = None,
        echo_delay: int = 0,
    ) -> None:
        self.account = account
        self.caller, self.called = caller, called
        self.call_sid = "CA" + secrets.token_hex(16)
        self.speaker = PhoneSpeaker()
        self.spoken_at: list[int] = []
        self.verbs: list[str] = []
        self.streams = 0
        self.opened = asyncio.Event()
        self.over = asyncio.Event()
        self.dial_status = "no-answer"
        self.dialled: list[str] = []
        self._echo = echo
        self._echo_delay = echo_delay
        self._speech: deque[tuple[bool, bytes]] = deque()
        self._keys: deque[str] = deque()
        self._hangs_up = False
        self._update: str | None = None
        self._socket: ClientConnection | None = None
        self._ticked = asyncio.Event()

    # ------------------------------------------------------------- the caller

    def say(self, audio: bytes) -> None:
        """Speak mu-law samples, after what is still being said."""
        for start in range(0, len(audio), FRAME):
            self._speech.append((start == 0, audio[start : start + FRAME].ljust(FRAME, SILENCE)))

    def press(self, keys: str) -> None:
        """Press keys."""
        self._keys.extend(keys)

    def hang_up(self) -> None:
        """Hang up, or be hung up: the carrier says `stop`, and closes."""
        self._hangs_up = True

    def drop(self) -> None:
        """Lose the connection to the service, without a word; the call goes on with its next verb."""
        if self._socket is not None:
            self._socket.transport.abort()

    def update(self, twiml: str) -> None:
        """Go on with other TwiML, as a request to the carrier asks; the stream ends."""
        self._update = twiml

    async def until(self, condition: Callable[[], bool], within_s: float = 60.0) -> bool:
        """Wait until something is so, looking every 20 ms; return whether it has become so before the end."""
        begun = asyncio.get_running_loop().time()
        while not condition():
            if self.over.is_set() or asyncio.get_running_loop().time() - begun > within_s:
                return False
            await self._ticked.wait()
        return True

    async def quiet(self, for_s: float, within_s: float = 60.0) -> bool:
        """Wait until the loudspeaker has played something, and then nothing for a while; return whether it has."""
        begun, silent = len(self.speaker.played), round(for_s * 8_000)

        def is_quiet() -> bool:
            voiced = self.speaker.voiced
            return b"\x01" in voiced[begun:-silent] and b"\x01" not in voiced[-silent:]

        return await self.until(is_quiet, within_s)

    @property
    def speaking(self) -> bool:
        """Whether the caller still speaks."""
        return bool(self._speech)

    # ------------------------------------------------------------ the carrier

    async def run(self) -> None:
        """Ring, and do as TwiML says, until the call is over.

        Raises:
            ClientError: the service does not answer as a carrier expects.
        """
        fields = {"CallSid": self.call_sid, "From": self.caller, "To": self.called, "CallStatus": "ringing"}
        try:
            async with httpx.AsyncClient(timeout=30.0, trust_env=False) as http:
                verbs = await self._ask(http, self.account.voice_url, fields)
                while (verb := next(verbs, None)) is not None:
                    self.verbs.append(verb.tag)
                    following = await self._carry_out(http, verb, fields)
                    if following is not None:
                        verbs = following
                await self.account.post(
                    http,
                    f"{self.account.signed_url}{self.account.path}/status",
                    {**fields, "CallStatus": "completed"},
                )
        finally:
            self.over.set()
            self._ticked.set()

    async def _ask(self, http: httpx.AsyncClient, url: str, fields: Mapping[str, str]) -> Iterator[ElementTree.Element]:
        response = await self.account.post(http, url, fields)
        if response.status_code != httpx.codes.OK:
            raise ClientError(f"The service answered {response.status_code} to the carrier: {response.text[:200]}")
        return iter(ElementTree.fromstring(response.text))

    async def _carry_out(
        self, http: httpx.AsyncClient, verb: ElementTree.Element, fields: Mapping[str, str]
    ) -> Iterator[ElementTree.Element] | None:
        match verb.tag:
            case "Connect":
                stream = verb.find("Stream")
                assert stream is not None
                await self._stream(stream)
                if self._hangs_up:
                    return iter(())
                if self._update is not None:
                    update, self._update = self._update, None
                    return iter(ElementTree.fromstring(update))
            case "Redirect":
                return await self._ask(http, str(verb.text), {**fields, "CallStatus": "in-progress"})
            case "Hangup" | "Reject":
                return iter(())
            case "Pause":
                await asyncio.sleep(float(verb.get("length", "1")))
            case "Dial":
                return await self._dial(http, verb, fields)
            case _:
                pass
        return None

    async def _dial(
        self, http: httpx.AsyncClient, verb: ElementTree.Element, fields: Mapping[str, str]
    ) -> Iterator[ElementTree.Element]:
        number = verb.find("Number")
        assert number is not None
        self.dialled.append(str(number.text))
        if self.dial_status == "completed":
            leg = {"CallSid": f"{self.call_sid}-2", "ParentCallSid": self.call_sid, "CallStatus": "in-progress"}
            await self.account.post(http, number.attrib["statusCallback"], leg)
        return await self._ask(http, verb.attrib["action"], {**fields, "DialCallStatus": self.dial_status})

    async def _stream(self, stream: ElementTree.Element) -> None:
        url = stream.attrib["url"]
        scheme_and_host = "ws" + self.account.url.removeprefix("http")
        signed = "ws" + self.account.signed_url.removeprefix("http")
        try:
            async with connect(
                url.replace(signed, scheme_and_host, 1),
                additional_headers={"X-Twilio-Signature": signature(self.account.secret, url)},
                compression=None,
                ping_interval=None,
                close_timeout=1,
                proxy=None,
            ) as socket:
                parameters = {one.attrib["name"]: one.attrib["value"] for one in stream.findall("Parameter")}
                self._socket = socket
                self.streams += 1
                await self._talk(socket, parameters)
        except (InvalidStatus, OSError) as error:
            self.speaker.errors.append(f"31920: {error}")

    async def _talk(self, socket: ClientConnection, parameters: Mapping[str, str]) -> None:
        sid = "MZ" + secrets.token_hex(16)

        async def send(event: str, **fields: Any) -> None:
            await socket.send(json.dumps({"event": event, "streamSid": sid, **fields}))

        await socket.send(json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"}))
        start = {
            "streamSid": sid,
            "accountSid": "AC0",
            "callSid": self.call_sid,
            "tracks": ["inbound"],
            "customParameters": dict(parameters),
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        }
        await send("start", sequenceNumber="1", start=start)
        self.opened.set()

        async def listen() -> None:
            async for message in socket:
                for name in self.speaker.take(message):
                    await send("mark", mark={"name": name})

        listening = asyncio.create_task(listen(), name="carrier")
        try:
            await self._tick(send, listening)
        except ConnectionClosed:
            pass
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def _tick(self, send: Callable[..., Any], listening: "asyncio.Task[None]") -> None:
        loop = asyncio.get_running_loop()
        begun, chunk = loop.time(), 0
        while not (self._hangs_up or self._update is not None or listening.done()):
            for name in self.speaker.play():
                await send("mark", mark={"name": name})
            while self._keys:
                await send("dtmf", dtmf={"track": "inbound_track", "digit": self._keys.popleft()})
            chunk += 1
            media = {
                "track": "inbound",
                "chunk": str(chunk),
                "timestamp": str(chunk * 20 - 20),
                "payload": base64.b64encode(self._microphone()).decode(),
            }
            await send("media", sequenceNumber=str(chunk + 1), media=media)
            self._ticked.set()
            self._ticked = asyncio.Event()
            await asyncio.sleep(begun + chunk * FRAME_S - loop.time())
        if self._hangs_up or self._update is not None:
            await send("stop", stop={"accountSid": "AC0", "callSid": self.call_sid})

    def _microphone(self) -> bytes:
        if self._speech:
            first, frame = self._speech.popleft()
            if first:
                self.spoken_at.append(len(self.speaker.played))
        else:
            frame = SILENCE * FRAME
        if self._echo is not None:
            frame = self._echo(frame, self.speaker.latest(FRAME, self._echo_delay))
        return frame


@asynccontextmanager
async def ringing(call: CarrierCall) -> AsyncIterator[CarrierCall]:
    """Run a call for the length of the block, then hang up if it is not over.

    Raises:
        ClientError: as `CarrierCall.run`.
    """
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(call.run(), name="carrier's call")
        try:
            opened = asyncio.create_task(call.opened.wait())
            await asyncio.wait({running, opened}, return_when=asyncio.FIRST_COMPLETED)
            opened.cancel()
            yield call
        finally:
            call.hang_up()
