"""The configurations of proxies, checked by the proxies themselves where they are installed."""

import resource
import shutil
import socket
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from api.gateways.proxies import proxy_config
from api.settings import Settings
from tests.service import WAIT_S

PLACES = "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/bin"


def settings(**chosen: object) -> Settings:
    return Settings(_env_file=None, workers=3, **chosen)


def program(name: str) -> str:
    found = shutil.which(name, path=PLACES)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


@pytest.mark.parametrize("tls_self_signed", [False, True])
def test_haproxy_takes_its_configuration(tmp_path: Path, tls_self_signed: bool) -> None:
    written = tmp_path / "haproxy.cfg"
    written.write_text(proxy_config("haproxy", settings(tls_self_signed=tls_self_signed)), "utf-8")
    checked = subprocess.run(
        [program("haproxy"), "-c", "-f", str(written)], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr


def test_haproxy_starts_where_a_process_may_open_16384_files(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = int(found.getsockname()[1])
    written = tmp_path / "haproxy.cfg"
    written.write_text(proxy_config("haproxy", settings(port=port)), "utf-8")
    errors = tmp_path / "errors"
    with errors.open("w") as log:
        running = subprocess.Popen(
            [program("haproxy"), "-db", "-f", str(written)],
            stderr=log,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 16_384)),
        )
    try:
        until = time.monotonic() + WAIT_S
        while True:
            assert running.poll() is None, errors.read_text()
            assert time.monotonic() < until, "HAProxy does not listen."
            try:
                answer = httpx.get(f"http://127.0.0.1:{port}/internal/release", trust_env=False)
                break
            except httpx.TransportError:
                continue
        assert answer.status_code == 404, "what is for the gateways alone"
    finally:
        running.kill()
        running.wait(WAIT_S)


@pytest.mark.parametrize("tls_self_signed", [False, True])
def test_nginx_takes_its_configuration(tmp_path: Path, tls_self_signed: bool) -> None:
    shown = proxy_config("nginx", settings(tls_self_signed=tls_self_signed))
    paths = "\n".join(
        f"{name}_temp_path {tmp_path / name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    written = tmp_path / "nginx.conf"
    whole = f"pid {tmp_path / 'pid'};\nevents {{}}\nhttp {{\naccess_log off;\n{paths}\n{shown}\n}}\n"
    written.write_text(whole, "utf-8")
    command = [program("nginx"), "-t", "-p", str(tmp_path), "-e", str(tmp_path / "errors"), "-c", str(written)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("tls_self_signed", [False, True])
def test_caddy_takes_its_configuration(tmp_path: Path, tls_self_signed: bool) -> None:
    written = tmp_path / "Caddyfile"
    written.write_text(proxy_config("caddy", settings(tls_self_signed=tls_self_signed)), "utf-8")
    command = [program("caddy"), "validate", "--adapter", "caddyfile", "--config", str(written)]
    home = {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    checked = subprocess.run(command, env=home, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("proxy", ["haproxy", "nginx", "caddy"])
def test_each_names_every_gateway_and_keeps_what_is_theirs_from_the_world(proxy: str) -> None:
    shown = proxy_config(proxy, settings(port=9000, port_base=9100))  # type: ignore[arg-type]
    for port in (9100, 9101, 9102):
        assert shown.count(f"127.0.0.1:{port}") == 2, "for calls, and for sockets"
    assert "9103" not in shown
    assert "/internal" in shown
    assert "9000" in shown


def test_the_gateways_follow_the_port_of_the_proxy() -> None:
    assert settings(port=8010).first_port == 8011
    assert settings(port=8010, port_base=9100).first_port == 9100
    assert "[::1]:8011" in proxy_config("haproxy", settings(host="::1"))
