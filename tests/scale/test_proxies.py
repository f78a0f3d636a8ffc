"""Calls through HAProxy, nginx and Caddy as `glow proxy-config` sets them up, and a rolling restart behind them."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from tests.api.gateways.test_proxies import program
from tests.scale.callers import Caller, callers, checked, further_words
from tests.scale.sizes import shown, whole_only
from tests.scale.workers import Workers, workers
from tests.servers.process import WAIT_S
from tests.service import http

pytestmark = pytest.mark.slow

CALLERS = 4


def haproxy(printed: str, folder: Path) -> tuple[str, list[str]]:
    """The configuration as it is, and the command that runs it."""
    return printed, [program("haproxy"), "-db", "-f", str(folder / "config")]


def nginx(printed: str, folder: Path) -> tuple[str, list[str]]:
    """The configuration in the http block of an nginx that keeps to the folder."""
    paths = "\n".join(
        f"{name}_temp_path {folder / name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    around = (
        f"daemon off;\nmaster_process off;\npid {folder / 'pid'};\nerror_log {folder / 'errors'} warn;\nevents {{}}\n"
    )
    command = [program("nginx"), "-p", str(folder), "-e", str(folder / "errors"), "-c", str(folder / "config")]
    return f"{around}http {{\naccess_log off;\n{paths}\n{printed}\n}}\n", command


def caddy(printed: str, folder: Path) -> tuple[str, list[str]]:
    """The configuration of a Caddy that has no port of its own to administer it."""
    command = [program("caddy"), "run", "--adapter", "caddyfile", "--config", str(folder / "config")]
    return f"{{\n\tadmin off\n\tauto_https off\n}}\n{printed}", command


MADE = {"haproxy": haproxy, "nginx": nginx, "caddy": caddy}


@contextmanager
def in_front(name: str, running: Workers, folder: Path) -> Iterator[str]:
    """The proxy in front of the gateways; returns its URL."""
    whole, command = MADE[name](running.proxy_config(name), folder)
    (folder / "config").write_text(whole, "utf-8")
    home = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    with (folder / "log").open("wb") as log:
        proxy = subprocess.Popen(command, env=os.environ | home, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{running.port}"
    try:
        until = time.monotonic() + WAIT_S
        while True:
            assert proxy.poll() is None, (folder / "log").read_text("utf-8")
            assert time.monotonic() < until
            with suppress(httpx.TransportError):
                if http.get(f"{url}/ready").status_code == 200:
                    break
            time.sleep(0.05)
        yield url
    finally:
        proxy.terminate()
        proxy.wait(WAIT_S)


@pytest.mark.parametrize("name", ["haproxy", "nginx", pytest.param("caddy", marks=whole_only)])
def test_a_rolling_restart_behind_a_proxy_is_heard_by_nobody(name: str, tmp_path: Path) -> None:
    program(name)

    async def story(running: Workers, url: str) -> list[Caller]:
        async with callers(url, CALLERS, waits_for_end=True) as made:
            await further_words(made, 1)
            running.send(signal.SIGHUP)
            assert await asyncio.to_thread(running.says, "All gateways are replaced.", 1)
            await further_words(made, 1)
        return made

    for folder in ("service", "proxy"):
        (tmp_path / folder).mkdir()
    with workers(tmp_path / "service") as running, in_front(name, running, tmp_path / "proxy") as url:
        assert http.post(f"{url}/internal/release", json={}).status_code == 404
        made = asyncio.run(story(running, url))
        checked(url, made)
        for caller in made:
            assert caller.client.reconnects >= 1, "each had to move"
            ended = [event for event in caller.client.log if event.type == "reply.ended"]
            assert not any(event["interrupted"] for event in ended)
        assert "without completing handshake" not in running.log()
        gaps = sorted(gap for caller in made for gap in caller.gaps_s())
        shown(f"{name}: {len(gaps)} moves of {len(made)} calls, gap {gaps[0]:.2f} to {gaps[-1]:.2f} s")
