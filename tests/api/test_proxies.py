"""The configurations of proxies, checked by the proxies themselves where they are installed."""

import shutil
import subprocess
from pathlib import Path

import pytest

from api.proxies import proxy_config
from api.settings import Settings

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
