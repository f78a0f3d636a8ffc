"""`glow serve` and `glow proxy-config`: one gateway, or several with a supervisor, and the proxy in front of them."""

import asyncio
import os
import secrets
import signal
import sys
import threading
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit, urlunsplit

import typer

from api.cli.terminal import FAILED, Engine, Llm, console, fail, load_settings, warn_of_unknown_variables

if TYPE_CHECKING:
    from api.settings import Settings

Workers = Annotated[
    int | None, typer.Option("--workers", min=1, max=64, help="Number of gateways, each a process with its own port.")
]
PortBase = Annotated[
    int | None, typer.Option("--port-base", help="Port of the first of several gateways; by default that after --port.")
]


class ProxyName(StrEnum):
    """The proxies that a configuration can be printed for."""

    haproxy = "haproxy"
    nginx = "nginx"
    caddy = "caddy"


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 picks a free one.")] = None,
    stt: Engine = None,
    tts: Engine = None,
    llm: Llm = None,
    data_dir: Annotated[Path | None, typer.Option(help="Directory of the database and the models.")] = None,
    log_level: Annotated[str | None, typer.Option(help="Log level: debug, info, warning or error.")] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="Certificate in PEM: speak https and wss.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Private key of the certificate.")] = None,
    tls_self_signed: Annotated[
        bool | None, typer.Option("--tls-self-signed", help="Speak https with a certificate of the service's own.")
    ] = None,
    workers: Workers = None,
    port_base: PortBase = None,
    worker: Annotated[int | None, typer.Option("--worker", hidden=True)] = None,
) -> None:
    """Run the service. Each option overrides the setting of the same name; see `glow settings`."""
    given = {
        "host": host, "port": port, "stt": stt, "tts": tts, "llm": llm, "data_dir": data_dir, "log_level": log_level,
        "tls_cert": tls_cert, "tls_key": tls_key, "tls_self_signed": tls_self_signed, "workers": workers,
        "port_base": port_base,
    }  # fmt: skip
    chosen = {name: value for name, value in given.items() if value is not None}
    settings = load_settings(**chosen)
    if worker is not None:
        _end_with_standard_input()
        _serve_one(_of_worker(settings, worker), announced=False)
        return
    warn_of_unknown_variables()
    if settings.workers > 1:
        _supervise(settings, chosen)
    else:
        _serve_one(settings, announced=True)


def proxy_config(proxy: ProxyName, workers: Workers = None, port_base: PortBase = None) -> None:
    """Print the configuration of a proxy in front of several gateways (`glow serve --workers`)."""
    from api.gateways.proxies import proxy_config as made

    given = {"workers": workers, "port_base": port_base}
    settings = load_settings(**{name: value for name, value in given.items() if value is not None})
    typer.echo(made(proxy.value, settings), nl=False)


def _serve_one(settings: "Settings", *, announced: bool) -> None:
    from api import serving
    from api.app import create_app
    from api.cli.progress import join_packaged
    from api.cli.welcome import welcome
    from models.errors import ModelError

    try:
        settings, token = serving.prepare(settings)
    except (OSError, ModelError) as error:
        fail(f"The service cannot start: {error}")
    language = None if settings.stt_language == "auto" else settings.stt_language
    # The service logs what cannot be joined, when it chooses its engines.
    join_packaged(settings.models_dir, stt=settings.stt, tts=settings.tts, language=language)
    application = create_app(settings)

    def announce(port: int) -> None:
        if announced:
            welcome(console(), application, settings, port, token)

    if not serving.run(settings, application, announce):
        raise typer.Exit(FAILED)


def _supervise(settings: "Settings", chosen: Mapping[str, Any]) -> None:
    from logging.config import dictConfig

    from api import serving
    from api.cli.progress import join_packaged
    from api.gateways.supervisor import Supervisor
    from models.errors import ModelError

    ports = range(settings.first_port, settings.first_port + settings.workers)
    try:
        settings, token = serving.prepare(settings, ports)
    except (OSError, ModelError) as error:
        fail(f"The service cannot start: {error}")
    language = None if settings.stt_language == "auto" else settings.stt_language
    join_packaged(settings.models_dir, stt=settings.stt, tts=settings.tts, language=language)
    dictConfig(serving.log_config(settings.log_level, settings.log_format))
    environment = dict(os.environ)
    if settings.gateway_secret is None:
        environment["GLOW_GATEWAY_SECRET"] = secrets.token_urlsafe(24)
    if token is not None and settings.tokens is not None:
        environment["GLOW_TOKENS"] = settings.tokens.get_secret_value()

    def command(number: int) -> list[str]:
        return [sys.executable, "-m", "api.cli.main", "serve", *_options(chosen), "--worker", str(number)]

    def started() -> None:
        typer.echo(f"Glow Voice: {len(ports)} gateways of {settings.host}, ports {ports[0]} to {ports[-1]}.")
        typer.echo("Put a proxy in front of them: `glow proxy-config haproxy` prints its configuration.")
        if token is not None:
            typer.echo(f"Token for this run: {token}")

    status = asyncio.run(Supervisor(settings, command, environment, started).run())
    if status:
        raise typer.Exit(status)


def _options(chosen: Mapping[str, Any]) -> list[str]:
    """Return the command line's options again, for a gateway."""
    options = []
    for name, value in chosen.items():
        flag = f"--{name.replace('_', '-')}"
        options += [flag] if value is True else [flag, str(value)]
    return options


def _of_worker(settings: "Settings", number: int) -> "Settings":
    """Return the settings of one of several gateways: its own ports, and lines of its own only for the first."""
    from api.settings import NO_LINES, Settings

    port = settings.first_port + number
    own: dict[str, Any] = {"port": port, "workers": 1, "gateway_number": settings.gateway_number or number}
    if settings.metrics_port:
        own["metrics_port"] = settings.metrics_port + number
    if settings.gateway_address:
        parts = urlsplit(settings.gateway_address)
        own["gateway_address"] = urlunsplit(parts._replace(netloc=f"{parts.hostname}:{port}"))
    if own["gateway_number"]:
        own |= NO_LINES
    return Settings(**{**settings.model_dump(), **own})


def _end_with_standard_input() -> None:
    """Stop as by SIGTERM once standard input ends: the supervisor has gone."""

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 1024):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="supervisor", daemon=True).start()
