"""The Wyoming ports of a service: one persona each, on a TCP port of its own."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from api.addresses import LOOPBACK
from api.doors.wyoming.agent import Agent
from api.doors.wyoming.announcement import announced
from api.doors.wyoming.connection import Port, PortConnection
from api.doors.wyoming.frames import LINE_BYTES, error_frame
from api.doors.wyoming.offer import PortOffer, offer_of
from api.doors.wyoming.peer import Peer
from api.service import Service
from models.errors import ModelError

log = logging.getLogger(__name__)

CONNECTIONS = 200
"""Connections of one port; a further one is refused."""


@dataclass(frozen=True, slots=True)
class OpenPort:
    """A port that listens."""

    number: int
    offer: PortOffer


@asynccontextmanager
async def open_ports(service: Service) -> AsyncIterator[Sequence[OpenPort]]:
    """Listen on the ports of the settings, for the length of the block; what keeps one closed is logged."""
    settings = service.settings
    async with AsyncExitStack() as stack:
        ports: list[OpenPort] = []
        for number, name in settings.wyoming_ports:
            try:
                offer = await offer_of(service, name)
                ports.append(OpenPort(await stack.enter_async_context(_listening(service, number, offer)), offer))
            except (ModelError, OSError) as error:
                log.error("The Wyoming port %d stays closed: %s", number, error)
        if ports and settings.wyoming_host not in LOOPBACK:
            log.warning(
                "The Wyoming ports on %s have no password: whoever reaches them speaks as the user '%s'.",
                settings.wyoming_host,
                settings.wyoming_user,
            )
        if ports and settings.wyoming_zeroconf:
            names = [(port.number, f"glow-{port.number}") for port in ports]
            await stack.enter_async_context(announced(settings.wyoming_host, names))
        yield ports


@asynccontextmanager
async def _listening(service: Service, number: int, offer: PortOffer) -> AsyncIterator[int]:
    """Serve a port; yield its number, which is a free one for 0."""
    settings = service.settings
    user = await service.store.user_named(settings.wyoming_user)
    port = Port(service, offer, Agent(service, offer, user), settings.wyoming_padding_ms, settings.idle_s)
    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(serving) > CONNECTIONS:
            peer = Peer(writer)
            await peer.send(error_frame("busy", "Too many connections are open; come back in a moment."))
            await peer.close()
            return
        await PortConnection(port, reader, writer).serve()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(serve(reader, writer), name="wyoming connection")
        serving.add(task)
        task.add_done_callback(ended)

    def ended(task: asyncio.Task[None]) -> None:
        serving.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None and not isinstance(error, ConnectionError):
            log.error("A Wyoming connection broke.", exc_info=error)

    server = await asyncio.start_server(accept, settings.wyoming_host, number, limit=LINE_BYTES)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for task in list(serving):
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
