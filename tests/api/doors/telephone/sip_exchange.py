"""A desk with a SIP server, for the tests that telephone with it."""

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from api.doors.telephone.desk import Desk
from api.doors.telephone.reception import HUMAN
from api.doors.telephone.sip import SipServer, SipSettings
from models.records.telephone import PhoneNumber
from models.store import Store
from pipeline.call.settings import Engines
from pipeline.conversation.tools import Transfer
from tests.api.doors.line.scene import service_in
from tests.api.doors.telephone.scene import entry
from tests.pipeline.call.test_leaving import Says
from tests.pipeline.scene import engines, steadily
from tests.servers.sip_phone import PATIENCE_S, SipPhone, SipText

SETTINGS = SipSettings(
    bind=("127.0.0.1", 0), rtp_ports=(25_000, 25_199), allowed=(ipaddress.ip_network("127.0.0.1/32"),)
)
HANDS_OVER = engines(responder=Says("One moment.", Transfer(HUMAN)))


@dataclass
class Exchange:
    """A desk with a SIP server."""

    desk: Desk
    server: SipServer

    def phone(self, host: str = "127.0.0.1") -> Any:
        """A phone of this network, or of another host."""
        return SipPhone.at(self.server.address, host)

    async def free(self) -> None:
        """Wait until no call is left, here and there."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.server) or len(self.desk) or len(self.desk.service.calls):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert self.server._ports._allocated == set()
        assert self.server._uas.active_calls == {}

    async def texts(self, store: Store, wanted: str) -> None:
        """Wait until a message with these letters is in the call's chat."""
        (reception,) = self.desk._open.values()
        async with asyncio.timeout(PATIENCE_S):
            while True:
                if reception.call is not None:
                    messages = await store.messages(reception.call.session.conversation.chat_id)
                    if any(wanted in message.text.replace(" ", "") for message in messages):
                        return
                await asyncio.sleep(0.01)


@asynccontextmanager
async def exchange(
    store: Store, *entries: PhoneNumber, chosen: Engines | None = None, **changed: Any
) -> AsyncIterator[Exchange]:
    async with service_in(store, chosen) as service, Desk(service) as desk:
        service.ready.set()
        for one in entries or (entry(number="100"),):
            await store.add_phone_number(one)
        async with SipServer(replace(SETTINGS, **changed), desk) as server:
            yield Exchange(desk, server)


def told(story: Callable[[Store], Awaitable[None]]) -> None:
    steadily(story, asyncio.run)


def descriptors() -> int:
    """How many this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def header(message: SipText, name: str) -> str:
    return message.headers.get(name, "")
