"""Which hosts tools may call: names are resolved, and private addresses are called only if the operator says so."""

import asyncio

import pytest

from pipeline.conversation.tools import ToolFailed
from pipeline.tools.addresses import Addresses

PRIVATE = [
    "127.0.0.1", "localhost", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
    "224.0.0.1", "::1", "::", "fe80::1", "fd00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1",
    "2002:7f00:1::", "2130706433", "0x7f.1", "127.1",
]  # fmt: skip


@pytest.mark.parametrize("host", PRIVATE)
def test_what_is_not_public_is_not_called(host: str) -> None:
    with pytest.raises(ToolFailed, match=r"not public|cannot be found"):
        asyncio.run(Addresses().resolve(host, 80))


@pytest.mark.parametrize("host", ["8.8.8.8", "2606:4700::1111"])
def test_public_addresses_are_called(host: str) -> None:
    assert asyncio.run(Addresses().resolve(host, 443)) == host


@pytest.mark.parametrize(
    ("allowed", "host"), [("localhost", "localhost"), ("127.0.0.0/8", "localhost"), ("::1", "::1")]
)
def test_the_operator_may_allow_a_host_an_address_or_a_network(allowed: str, host: str) -> None:
    assert asyncio.run(Addresses([allowed]).resolve(host, 80)) in ("127.0.0.1", "::1")


def test_an_allowed_host_allows_no_other_one_at_its_address() -> None:
    with pytest.raises(ToolFailed):
        asyncio.run(Addresses(["localhost"]).resolve("127.0.0.1", 80))


def test_a_host_that_is_not_there_says_so() -> None:
    with pytest.raises(ToolFailed, match="cannot be found"):
        asyncio.run(Addresses().resolve("no-such-host.invalid", 80))
