"""Ports on the local network, found as Home Assistant finds them."""

import asyncio

from zeroconf import ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from api.doors.wyoming.announcement import SERVICE_TYPE, announced
from tests.service import WAIT_S


def test_a_port_is_found_under_the_same_name_each_time() -> None:
    async def found() -> tuple[str, int | None, list[str]]:
        names: asyncio.Queue[str] = asyncio.Queue()

        def changed(zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
            if state_change is ServiceStateChange.Added and name.startswith("glow-10399"):
                names.put_nowait(name)

        looking = AsyncZeroconf(interfaces=["127.0.0.1"])
        browser = AsyncServiceBrowser(looking.zeroconf, SERVICE_TYPE, handlers=[changed])
        try:
            async with announced("127.0.0.1", [(10399, "glow-10399")]), asyncio.timeout(WAIT_S):
                name = await names.get()
                info = AsyncServiceInfo(SERVICE_TYPE, name)
                await info.async_request(looking.zeroconf, 5_000)
                return name, info.port, info.parsed_addresses()
        finally:
            await browser.async_cancel()
            await looking.async_close()

    first, second = asyncio.run(found()), asyncio.run(found())
    assert first == second
    assert first[1:] == (10399, ["127.0.0.1"])
