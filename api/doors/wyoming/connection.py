"""One connection to a port: reads frames, and hands them to what hears, speaks or answers."""

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from api.doors.line import ProtocolError
from api.doors.wyoming import recognition, synthesis
from api.doors.wyoming.agent import Agent
from api.doors.wyoming.frames import Frame, error_frame, read_frame
from api.doors.wyoming.offer import PortOffer
from api.doors.wyoming.peer import Peer
from api.doors.wyoming.recognition import Recognition
from api.doors.wyoming.synthesis import Speeches
from api.service import Service
from models.errors import ModelError
from pipeline.errors import PipelineError
from voice.errors import VoiceError

log = logging.getLogger(__name__)

FIRST_FRAME_S = 10.0
"""Timeout of the first frame."""

WAITING_FRAMES = 256
"""Frames that wait to be heard or answered; at the limit the connection is not read."""

BROKEN = "Something broke on our side; try again."


@dataclass(frozen=True, slots=True)
class Port:
    """What a port serves, and to whom.

    Attributes:
        offer, agent: who answers.
        padding_ms: silence before and after what is spoken.
        idle_s: a connection without work is closed when nothing came for this long.
    """

    service: Service
    offer: PortOffer
    agent: Agent
    padding_ms: int
    idle_s: float


class _Worker:
    """Takes frames one after the other, beside the reader."""

    def __init__(self, take: Callable[[Frame], Awaitable[None]]) -> None:
        self._take = take
        self._waiting: asyncio.Queue[Frame] = asyncio.Queue(WAITING_FRAMES)
        self.busy = False

    async def put(self, frame: Frame) -> None:
        self.busy = True
        await self._waiting.put(frame)

    async def run(self) -> None:
        while True:
            frame = await self._waiting.get()
            await self._take(frame)
            self.busy = not self._waiting.empty()
            self._waiting.task_done()

    async def done(self) -> None:
        """Return when every frame was taken."""
        await self._waiting.join()


class PortConnection:
    """Serves one connection.

    Args:
        port: what it is served.
        reader, writer: of the connection.
    """

    def __init__(self, port: Port, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._port, self._reader = port, reader
        self._peer = Peer(writer)
        call = f"wyoming {uuid.uuid4()}"
        language = port.offer.persona.voice.language
        self._recognition = Recognition(port.service.engines.stt, self._peer, call, language)
        self._speeches = Speeches(port.service, port.offer, self._peer, call, port.padding_ms)
        self._hearing = _Worker(self._recognition.take)
        self._answering = _Worker(lambda frame: port.agent.answer(frame, self._peer, call))
        self._came_at = 0.0
        self._silent = True

    async def serve(self) -> None:
        """Serve until the client goes, is silent for too long, or sends what cannot be read."""
        try:
            await self._serve()
        except ConnectionError:
            pass
        except TimeoutError:
            await self._refuse("timeout", "Nothing came, or the engines had no time; connect again.")
        except (ProtocolError, VoiceError, PipelineError, ModelError) as error:
            await self._refuse(error.code, str(error))
        except Exception:
            log.exception("A Wyoming connection broke.")
            await self._refuse("internal", BROKEN)
        finally:
            self._recognition.close()
            await self._peer.close()

    async def _serve(self) -> None:
        """Read and work until any task ends, which ends the others."""
        self._came_at = asyncio.get_running_loop().time()
        work: dict[str, Coroutine[Any, Any, None]] = {
            "reader": self._read(),
            "watch": self._watch(),
            "hearing": self._hearing.run(),
            "speaking": self._speeches.run(),
            "answering": self._answering.run(),
        }
        tasks = [asyncio.create_task(coroutine, name=f"wyoming {name}") for name, coroutine in work.items()]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome

    async def _read(self) -> None:
        while (frame := await read_frame(self._reader)) is not None:
            self._came_at, self._silent = asyncio.get_running_loop().time(), False
            if frame.type == "ping":
                await self._peer.send(Frame("pong", {"text": frame.text()} if "text" in frame.data else {}))
            elif frame.type == "describe":
                await self._peer.send(Frame("info", self._port.offer.info()))
            elif frame.type == "transcript":
                await self._answering.put(frame)
            elif frame.type in recognition.KINDS:
                await self._hearing.put(frame)
            elif frame.type in synthesis.KINDS:
                await self._speeches.take(frame)
        # The client may have closed its direction only: what it asked for is still sent.
        await asyncio.gather(self._hearing.done(), self._speeches.done(), self._answering.done())

    async def _watch(self) -> None:
        """Raise TimeoutError when nothing came for too long, and nothing is being done."""
        loop = asyncio.get_running_loop()
        while True:
            patience_s = FIRST_FRAME_S if self._silent else self._port.idle_s
            busy = self._hearing.busy or self._speeches.busy or self._answering.busy
            left_s = patience_s if busy else self._came_at + patience_s - loop.time()
            if left_s <= 0:
                raise TimeoutError
            await asyncio.sleep(left_s)

    async def _refuse(self, code: str, text: str) -> None:
        with suppress(ConnectionError):
            await self._peer.send(error_frame(code, text))
