"""Which addresses tools may call: public ones, and those that the operator names.

Content names hosts, and a name may lead anywhere, also into the network that the service stands in. So a name is
resolved here, its addresses are checked, and the connection goes to the address that was checked.
"""

import asyncio
import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from pipeline.conversation.tools import ToolFailed

_NAT64 = ip_network("64:ff9b::/96")
_IPV4_BITS = 0xFFFFFFFF


class Addresses:
    """Resolves the hosts of tools.

    Args:
        allowed: names of hosts, addresses and networks that may be called although they are not public.
    """

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self._hosts: set[str] = set()
        self._networks: list[Any] = []
        for entry in allowed:
            try:
                self._networks.append(ip_network(entry, strict=False))
            except ValueError:
                self._hosts.add(entry.lower().rstrip("."))

    async def resolve(self, host: str, port: int) -> str:
        """Return the address of a host that may be called.

        Raises:
            ToolFailed: it has none, or one that may not be called.
        """
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise ToolFailed("The service behind this tool cannot be found.") from None
        addresses = [str(entry[4][0]) for entry in found]
        if host.lower().rstrip(".") in self._hosts:
            return addresses[0]
        for address in addresses:
            if not self._may_be_called(address):
                raise ToolFailed("The service behind this tool is not public, and is not called.")
        return addresses[0]

    def _may_be_called(self, address: str) -> bool:
        found = ip_address(address.partition("%")[0])
        if any(found in network for network in self._networks):
            return True
        inner = _inside(found)
        return found.is_global and not found.is_multicast and (inner is None or self._may_be_called(str(inner)))


def _inside(address: IPv4Address | IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that an IPv6 address leads to, if there is one in it."""
    if isinstance(address, IPv4Address):
        return None
    if address in _NAT64:
        return IPv4Address(int(address) & _IPV4_BITS)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
