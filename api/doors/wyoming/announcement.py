"""The announcement of ports on the local network, by which Home Assistant finds them."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from importlib.util import find_spec
from ipaddress import ip_address

from api.addresses import ANY, network_address

log = logging.getLogger(__name__)

SERVICE_TYPE = "_wyoming._tcp.local."


@asynccontextmanager
async def announced(host: str, ports: Iterable[tuple[int, str]]) -> AsyncIterator[None]:
    """Announce ports by DNS-SD for the length of the block; without the extra `wyoming` only log how to get it.

    Args:
        host: what the service listens on.
        ports: their numbers, each with a name that is the same after a restart: Home Assistant knows them by it.
    """
    if find_spec("zeroconf") is None:
        log.warning("GLOW_WYOMING_ZEROCONF needs a library: pip install 'glow-voice[wyoming]'.")
        yield
        return
    from zeroconf import ServiceInfo
    from zeroconf.asyncio import AsyncZeroconf

    address = network_address() if host in ANY else await asyncio.to_thread(socket.gethostbyname, host)
    station = f"{socket.gethostname()}".split(".")[0]
    zeroconf = AsyncZeroconf(interfaces=[address])
    try:
        for number, name in ports:
            instance = f"{name}-{station}.{SERVICE_TYPE}"
            info = ServiceInfo(SERVICE_TYPE, instance, port=number, addresses=[ip_address(address).packed])
            await zeroconf.async_register_service(info)
        yield
    finally:
        await zeroconf.async_unregister_all_services()
        await zeroconf.async_close()
