"""The voice client against a small real websocket server that is scripted from docs/voice-websocket.md."""

import asyncio
import http
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from api.client.call import Call, Disconnected, Refused, voice_url
from api.client.handset import Microphone, Player
from api.client.voice import open_call

READY = {"type": "chat_voice", "chat_id": "c1", "resume": "r1", "engines": {"stt": "a", "llm": "b", "tts": "c"}}
TOKEN = "a-token-of-the-test"


class SteppedClock:
    """Time that moves when the test says so, and wakes sleepers in order."""

    def __init__(self) -> None:
        self.time = 100.0
        self.sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def now(self) -> float:
        return self.time

    async def sleep_until(self, when: float) -> None:
        if when > self.time:
            waiter = asyncio.get_running_loop().create_future()
            self.sleepers.append((when, waiter))
            await waiter

    async def advance(self, seconds: float) -> None:
        end = self.time + seconds
        await self._settle()
        while due := sorted(entry for entry in self.sleepers if entry[0] <= end + 1e-9):
            self.time, waiter = due[0]
            self.sleepers.remove(due[0])
            if not waiter.done():
                waiter.set_result(None)
            await self._settle()
        self.time = end

    async def _settle(self) -> None:
        for _ in range(10):
            await asyncio.sleep(0)


class Line:
    """The server's end of one connection."""

    def __init__(self, connection: ServerConnection) -> None:
        self.connection = connection

    async def receive(self, kind: str = "") -> Any:
        """The next message; with `kind`, the next JSON message of that type; `audio` is the next binary one."""
        async with asyncio.timeout(100):
            while True:
                message = await self.connection.recv()
                if isinstance(message, bytes):
                    if kind in ("", "audio"):
                        return message
                    continue
                data = json.loads(message)
                if kind in ("", data["type"]):
                    return data

    async def until_closed(self) -> None:
        with suppress(ConnectionClosed):
            while True:
                await self.connection.recv()

    async def send(self, *messages: dict[str, Any] | bytes) -> None:
        for message in messages:
            await self.connection.send(message if isinstance(message, bytes) else json.dumps(message))

    async def reply(self, turn: int, seq: int, at_ms: int, samples: np.ndarray) -> None:
        announced = {"turn": turn, "seq": seq, "at_ms": at_ms, "duration_ms": len(samples) / 24, "text": "word"}
        await self.send({"type": "reply.audio", **announced}, samples.astype("<i2").tobytes())


@asynccontextmanager
async def service(*scripts: Callable[[Line], Awaitable[None]]) -> AsyncIterator[str]:
    """A server that plays one script a connection, in order; a script's failure fails the test."""
    waiting, failures = list(scripts), []

    async def handle(connection: ServerConnection) -> None:
        try:
            await waiting.pop(0)(Line(connection))
        except BaseException as error:
            failures.append(error)
            raise

    def check(connection: ServerConnection, request: Request) -> Response | None:
        assert TOKEN not in request.path
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return connection.respond(http.HTTPStatus.UNAUTHORIZED, "Missing Authorization: Bearer <token> header")
        return None

    async with serve(handle, "127.0.0.1", 0, process_request=check, close_timeout=1) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    unexpected = [error for error in failures if not isinstance(error, asyncio.CancelledError)]
    assert not unexpected, unexpected


def tone(ms: int, level: int = 1000) -> np.ndarray:
    return np.full(24 * ms, level, dtype=np.int16)


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("http://127.0.0.1:8010", "ws://127.0.0.1:8010/attempt/chat_voice"),
        ("https://voice.example/glow/", "wss://voice.example/glow/attempt/chat_voice"),
        ("ws://h:1/attempt/chat_voice", "ws://h:1/attempt/chat_voice"),
        ("localhost:8010", "ws://localhost:8010/attempt/chat_voice"),
        ("http://h:1/?token=x", "ws://h:1/attempt/chat_voice"),
    ],
)
def test_the_address_of_the_websocket(given: str, address: str) -> None:
    assert voice_url(given) == address


def test_it_opens_with_the_first_message_of_the_wire_page() -> None:
    opened: dict[str, Any] = {}

    async def script(line: Line) -> None:
        opened.update(await line.receive())
        await line.send(READY)
        await line.until_closed()

    async def story() -> None:
        async with service(script) as url, open_call(url, Call("c1", turns="manual"), token=TOKEN) as client:
            assert client.ready["engines"] == {"stt": "a", "llm": "b", "tts": "c"}

    asyncio.run(story())
    assert opened == {
        "type": "chat_voice",
        "chat_id": "c1",
        "input": {"encoding": "pcm16", "rate": 16000, "channels": 1},
        "output": {"encoding": "pcm16", "rate": 24000},
        "turns": "manual",
        "greet": False,
    }


def test_speech_goes_out_frame_by_frame_at_real_pace() -> None:
    clock, speech = SteppedClock(), np.arange(1, 801, dtype=np.int16)
    frames: list[bytes] = []

    async def script(line: Line) -> None:
        await line.receive("chat_voice")
        await line.send(READY)
        while True:
            frames.append(await line.receive("audio"))
            if len(frames) == 5:
                await line.send({"type": "user.ended", "turn": 1})
                return await line.until_closed()

    async def story() -> None:
        async with service(script) as url, open_call(url, Call("c1"), token=TOKEN, clock=clock) as client:
            await clock.advance(0.04)
            saying = asyncio.ensure_future(client.say(speech))
            await clock.advance(0.06)
            spoken = await saying
            assert spoken.start == pytest.approx(100.04)
            assert spoken.end == pytest.approx(100.09), "the recording ends in the middle of its last frame"
            await client.next("user.ended", turn=1)
            assert np.array_equal(client.recording().learner[640:1440], speech)

    asyncio.run(story())
    assert [len(frame) for frame in frames] == [640] * 5
    assert b"".join(frames)[1280:2880] == speech.tobytes()


def test_what_was_cleared_is_not_in_the_recording_and_what_was_heard_is_acknowledged() -> None:
    clock = SteppedClock()
    acknowledged: list[int] = []
    half_heard = asyncio.Event()

    async def script(line: Line) -> None:
        await line.receive("chat_voice")
        await line.send(READY)
        await line.receive("audio")
        for seq in range(3):
            await line.reply(1, seq, 100 * seq, tone(100))
        await line.send({"type": "reply.text", "turn": 1, "delta": "word"})
        acknowledged.append((await line.receive("played"))["ms"])
        await half_heard.wait()
        await line.send({"type": "reply.cleared", "turn": 1, "heard_ms": 140, "heard": "wo"})
        acknowledged.append((await line.receive("played"))["ms"])
        await line.until_closed()

    async def story() -> None:
        async with service(script) as url, open_call(url, Call("c1"), token=TOKEN, clock=clock) as client:
            await clock.advance(0.02)
            await client.next("reply.text")
            await clock.advance(0.14)
            half_heard.set()
            await client.next("reply.cleared")
            await clock.advance(0.34)
            persona = client.recording().persona
            assert client.player.position_ms(1, clock.now()) == pytest.approx(140)
            assert len(persona) == 24000 // 2
            assert np.flatnonzero(persona).tolist() == list(range(480, 480 + 24 * 140))
            assert client.player.gaps_ms(1) == []

    asyncio.run(story())
    assert acknowledged == [80, 140]


def test_a_dropped_connection_is_resumed_and_nothing_is_heard_twice() -> None:
    resumed_with: list[str] = []

    async def first(line: Line) -> None:
        await line.receive("chat_voice")
        await line.send(READY)
        await line.reply(1, 0, 0, tone(100, 1))
        await line.reply(1, 1, 100, tone(100, 2))
        await line.send({"type": "reply.text", "turn": 1, "delta": "word"})
        await line.until_closed()

    async def second(line: Line) -> None:
        resumed_with.append((await line.receive("chat_voice"))["resume"])
        await line.send({**READY, "resume": "r2"})
        await line.reply(1, 1, 100, tone(100, 2))
        await line.reply(1, 2, 200, tone(100, 3))
        await line.send({"type": "reply.ended", "turn": 1})
        await line.until_closed()

    async def story() -> None:
        clock = SteppedClock()
        async with service(first, second) as url, open_call(url, Call("c1"), token=TOKEN, clock=clock) as client:
            await client.next("reply.text")
            client.drop()
            await client.next("reply.ended")
            await clock.advance(0.4)
            assert client.reconnects == 1
            levels = client.recording().persona[: 24 * 310 : 240]
            assert levels[levels > 0].tolist() == [1] * 10 + [2] * 10 + [3] * 10

    asyncio.run(story())
    assert resumed_with == ["r1"]


def test_what_was_said_and_typed_without_a_connection_is_sent_when_it_is_back() -> None:
    loud = np.full(320, 1_000, np.int16)
    typed: list[dict[str, Any]] = []
    heard: list[bytes] = []
    closed = asyncio.Event()

    async def first(line: Line) -> None:
        await line.receive("chat_voice")
        await line.send(READY)
        typed.append(await line.receive("chat_message"))
        await line.send({"type": "user.message", "turn": 1, "message_id": typed[0]["message_id"]})
        typed.append(await line.receive("chat_message"))
        await line.send({"type": "restarting", "resume": "r1", "after_ms": 1000})
        await line.connection.close(1012)
        closed.set()

    async def second(line: Line) -> None:
        await line.receive("chat_voice")
        await line.send(READY)
        typed.append(await line.receive("chat_message"))
        while heard.count(loud.tobytes()) < 50:
            heard.append(await line.receive("audio"))
        await line.send({"type": "user.message", "turn": 2, "message_id": typed[2]["message_id"]})
        await line.until_closed()

    async def story() -> None:
        clock = SteppedClock()
        async with service(first, second) as url, open_call(url, Call("c1"), token=TOKEN, clock=clock) as client:
            await client.type_text("One.")
            await client.next("user.message")
            await client.type_text("Two.")
            await client.next("restarting")
            await closed.wait()
            await clock.advance(0.02)
            for _ in range(50):  # a microphone goes on
                client.feed(loud)
                await clock.advance(0.02)
            done = asyncio.ensure_future(client.next("user.message"))
            while not done.done():
                await clock.advance(0.02)
                await asyncio.sleep(0)

    asyncio.run(story())
    assert [message["text"] for message in typed] == ["One.", "Two.", "Two."]
    assert typed[1] == typed[2] != typed[0], "it has its id again"
    assert heard[-50:] == [loud.tobytes()] * 50, "in one piece"


def test_who_hangs_up_as_the_service_stops_hangs_up_at_the_next() -> None:
    async def first(line: Line) -> None:
        await line.receive("chat_voice")
        await line.send(READY)
        await line.receive("chat_silence")
        await line.connection.close(1012)

    async def second(line: Line) -> None:
        await line.receive("chat_voice")
        await line.send(READY)
        await line.receive("chat_silence")
        await line.send({"type": "chat_silence", "reason": "caller"})
        await line.until_closed()

    async def story() -> None:
        async with service(first, second) as url, open_call(url, Call("c1"), token=TOKEN) as client:
            assert (await client.hang_up())["reason"] == "caller"
            assert client.reconnects == 1

    asyncio.run(story())


def test_a_restart_is_waited_for_and_only_an_expired_call_is_a_new_one() -> None:
    opened_with: list[tuple[str | None, bool]] = []

    async def take(line: Line) -> None:
        opening = await line.receive("chat_voice")
        opened_with.append((opening.get("resume"), opening["greet"]))

    def refusing(code: str, closes: int) -> Callable[[Line], Awaitable[None]]:
        async def script(line: Line) -> None:
            await take(line)
            await line.send({"type": "error", "code": code, "message": "Come again.", "fatal": True})
            await line.connection.close(closes)

        return script

    async def stopping(line: Line) -> None:
        await take(line)
        await line.send(READY, {"type": "restarting", "resume": "r1", "after_ms": 700})
        await line.connection.close(1012)

    async def next_process(line: Line) -> None:
        await take(line)
        await line.send({**READY, "resume": "r2"}, {"type": "user.message", "turn": 2})
        await line.connection.close(1012)

    async def new_call(line: Line) -> None:
        await take(line)
        await line.send({**READY, "resume": "r3"}, {"type": "user.message", "turn": 1})
        await line.until_closed()

    scripts = (stopping, refusing("busy", 1013), refusing("storage_failed", 1013), next_process)
    scripts += (refusing("not_found", 1008), new_call)

    async def story() -> None:
        clock = SteppedClock()
        async with service(*scripts) as url:
            call = Call("c1", greet=True)
            async with open_call(url, call, token=TOKEN, clock=clock) as client:
                await client.next("restarting")
                assert len(opened_with) == 1, "not before it is told to"
                heard = asyncio.ensure_future(client.next("user.message", turn=1))
                while not heard.done():
                    await clock.advance(0.1)
                    await asyncio.sleep(0)
                assert (client.reconnects, client.renewals) == (2, 1)

    asyncio.run(story())
    assert opened_with == [(None, True), *[("r1", False)] * 3, ("r2", False), (None, False)]


def test_it_does_not_resume_where_the_service_ended_the_call() -> None:
    async def script(line: Line) -> None:
        await line.receive("chat_voice")
        await line.send(READY)
        await line.receive("chat_silence")
        await line.send({"type": "chat_silence", "chat_id": "c1", "stopped": True, "duration_ms": 0, "turns": 0})
        await line.connection.close(1000)

    async def story() -> None:
        async with service(script) as url, open_call(url, Call("c1"), token=TOKEN) as client:
            assert (await client.hang_up())["stopped"] is True
            with pytest.raises(Disconnected, match="over \\(1000\\)"):
                await client.next("user.started")
            with pytest.raises(Disconnected):
                await client.say(np.ones(320, np.int16))

    asyncio.run(story())


def test_a_fatal_error_reaches_whoever_waits_with_the_services_own_sentence() -> None:
    async def script(line: Line) -> None:
        await line.receive("chat_voice")
        await line.send(READY, {"type": "error", "code": "llm_failed", "message": "Try again.", "fatal": False})
        await line.send({"type": "error", "code": "idle", "message": "Call again when you speak.", "fatal": True})
        await line.connection.close(1008)

    async def story() -> None:
        async with service(script) as url, open_call(url, Call("c1"), token=TOKEN) as client:
            with pytest.raises(Refused, match="Call again when you speak") as caught:
                await client.next("reply.ended")
            assert caught.value.code == "idle"

    asyncio.run(story())


@pytest.mark.parametrize(
    ("token", "sentence"),
    [("", "HTTP 401. Give a valid token"), ("wrong", "HTTP 401. Give a valid token"), (TOKEN, "No such chat")],
)
def test_a_refusal_says_what_to_do_and_never_the_token(token: str, sentence: str) -> None:
    async def script(line: Line) -> None:
        await line.receive("chat_voice")
        await line.send({"type": "error", "code": "not_found", "message": "No such chat. Start one.", "fatal": True})
        await line.connection.close(1008)

    async def story() -> None:
        async with service(script) as url:
            with pytest.raises(Refused, match=sentence) as caught:
                async with open_call(url, Call("c1"), token=token):
                    pytest.fail("the call was opened")
            assert not token or token not in str(caught.value)

    asyncio.run(story())


def test_nobody_there_is_said_in_a_sentence() -> None:
    async def story() -> None:
        async with service() as url:
            pass
        with pytest.raises(Disconnected, match="start one with `glow serve`"):
            async with open_call(url, Call("c1"), token=TOKEN):
                pytest.fail("the call was opened")

    asyncio.run(story())


def test_audio_that_was_not_announced_is_a_fault_of_the_service() -> None:
    async def script(line: Line) -> None:
        await line.receive("chat_voice")
        await line.send(READY, b"\0\0")
        await line.until_closed()

    async def story() -> None:
        async with service(script) as url, open_call(url, Call("c1"), token=TOKEN) as client:
            with pytest.raises(Refused, match="that no reply"):
                await client.next("reply.audio")

    asyncio.run(story())


def test_the_players_buffer() -> None:
    player = Player(1000)
    player.add(1, np.ones(100, np.int16), 0, now=5.0)
    player.add(1, np.ones(100, np.int16), 100, now=5.02)
    assert player.busy_until == pytest.approx(5.2)
    player.add(1, np.ones(100, np.int16), 200, now=5.25)
    assert player.gaps_ms(1) == [pytest.approx(50)], "late audio leaves a hole"
    assert player.position_ms(1, 5.1) == pytest.approx(100)
    assert player.position_ms(1, 5.22) == pytest.approx(200), "nothing is heard in the hole"
    player.clear(5.3)
    player.add(2, np.ones(10, np.int16), 0, now=5.3)
    assert player.first_heard(2) == pytest.approx(5.3)
    assert player.position_ms(1, 9.0) == pytest.approx(250)
    assert list(player.turns()) == [1, 2]


def test_a_cleared_reply_may_go_on_from_where_it_was_heard() -> None:
    player = Player(1000)
    player.add(1, np.full(300, 1, np.int16), 0, now=1.0)
    player.clear(1.1)
    player.add(1, np.full(220, 2, np.int16), 80, now=2.0)
    assert player.track(1.0, 2.3)[[50, 150, 1050, 1199]].tolist() == [1, 0, 2, 2]
    assert player.position_ms(1, 3.0) == pytest.approx(300)


def test_room_noise_fills_the_microphones_silence() -> None:
    microphone = Microphone(16000, noise=20)
    frames = np.concatenate([microphone.frame(0.02 * i) for i in range(50)])
    assert 0 < np.abs(frames).max() <= 20
    assert np.array_equal(frames, microphone.track())
