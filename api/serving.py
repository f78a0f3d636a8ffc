"""`glow serve`: uvicorn, configured for a voice service."""

import asyncio
import errno
import gc
import logging
import re
import signal
import socket
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from types import FrameType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import uvicorn

from api.addresses import ANY, network_address, own_url
from api.auth import with_run_token
from api.certificate import check_certificate, self_signed
from api.settings import Settings
from models.errors import StorageFailed
from models.private import private_folder
from models.store import Store

if TYPE_CHECKING:
    from fastapi import FastAPI

_LINE = {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s", "datefmt": "%H:%M:%S"}
_TRACEBACK = "Traceback (most recent call last)"
_ERROR_LINE = re.compile(r"^[\w.]+: ")


class ShortStartup(logging.Filter):
    """A log filter that reduces a failed startup to the error's message; the traceback needs `log_level=debug`."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Reduce a startup traceback to the error's message, with one line per problem of a content pack."""
        message = record.getMessage()
        if message.startswith(_TRACEBACK):
            lines = message.strip().splitlines()
            last_frame = max(number for number, line in enumerate(lines) if line.startswith((" ", _TRACEBACK)))
            record.msg, record.args = _ERROR_LINE.sub("", "\n".join(lines[last_frame + 1 :] or lines[-1:])), None
        return True


class PathsOnly(logging.Filter):
    """A log filter that cuts the query off the URLs of uvicorn's access log."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Cut the query; always return True."""
        if isinstance(record.args, tuple) and record.name.startswith("uvicorn"):
            record.args = tuple(
                argument.partition("?")[0] if isinstance(argument, str) and argument.startswith("/") else argument
                for argument in record.args
            )
        return True


class Server(uvicorn.Server):
    """A uvicorn server that announces its port once it listens, and ends the calls in order before it stops.

    SIGTERM stops it with the exit status 0; a second one at once. SIGINT does not wait for what is being said.

    Args:
        announce: gets the port.
        drain: ends the calls; returns when they are over.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        announce: Callable[[int], None],
        drain: Callable[[], Coroutine[Any, Any, None]] | None = None,
    ) -> None:
        super().__init__(config)
        self._announce = announce
        self._drain = drain
        self._draining: asyncio.Task[None] | None = None
        self._drains = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop; SIGTERM is no failure, so it is not raised again after the shutdown."""
        if sig != signal.SIGTERM or self.should_exit:
            self._drains = False
            if self._draining is not None:
                self._draining.get_loop().call_soon_threadsafe(self._draining.cancel)
        if sig != signal.SIGTERM:
            super().handle_exit(sig, frame)
        elif self.should_exit:
            self.force_exit = True
        else:
            self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the calls in order, then stop."""
        if self._drain is not None and self._drains and self.started:
            self._draining = asyncio.create_task(self._drain(), name="drain")
            await asyncio.wait({self._draining})
            self._draining = None
        await super().shutdown(sockets=sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the server, then announce its port."""
        await super().startup(sockets=sockets)
        if self.started:
            # Freeze everything loaded so far, so that garbage collection does not traverse it in the middle of a call.
            gc.collect()
            gc.freeze()
            port = int(self.servers[0].sockets[0].getsockname()[1])
            state = self.config.app.state  # type: ignore[union-attr]
            if state.settings.gateway_secret is not None and not state.settings.gateway_address:
                state.service.presence.move(own_url(state.settings.scheme, state.settings.host, port))
            self._announce(port)


def prepare(settings: Settings, ports: Sequence[int] = ()) -> tuple[Settings, str | None]:
    """Return the settings and, if one is needed, the token of this run; create the data directory.

    Args:
        ports: of several gateways; none for a service with one port.

    Raises:
        OSError: the address cannot be bound, the certificate cannot be used, or the data directory cannot be created.
        ModelError: the database cannot be opened.
    """
    if not ports:
        _check_address(settings.host, settings.port, "--port (0 takes a free one)")
    for port in ports:
        _check_address(settings.host, port, "--port-base")
    for port, _ in settings.wyoming_ports:
        _check_address(settings.wyoming_host, port, "GLOW_WYOMING")
    if settings.tls_cert is not None and settings.tls_key is not None:
        check_certificate(settings.tls_cert, settings.tls_key)
    private_folder(settings.data_dir)

    async def ask() -> tuple[Settings, str | None]:
        async with Store(settings.database_url) as store:
            return await with_run_token(settings, store)

    return asyncio.run(ask())


def _check_address(host: str, port: int, setting: str) -> None:
    """Check that the address can be bound, before seconds are spent on loading the engines."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        socket.create_server(address, family=family).close()
    except socket.gaierror:
        raise OSError(f"no address of this machine is called {host!r}; set GLOW_HOST or --host.") from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise OSError(
                f"something else listens on port {port} of {host}; stop it, or choose another port with {setting}."
            ) from None
        raise OSError(f"it cannot listen on {host}, port {port}: {error.strerror}.") from None


def uvicorn_config(app: "FastAPI", settings: Settings) -> uvicorn.Config:
    """Configure uvicorn: bounded messages, no deflate (14 KB can inflate to 15 MiB), no tokens in logs."""
    certificate, key = settings.tls_cert, settings.tls_key
    if settings.tls_self_signed:
        certificate, key = self_signed(settings.data_dir / "tls", _names(settings), datetime.now(UTC))
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=app.state.http_protocol,
        ws=app.state.socket_protocol,
        # The voice websocket enforces its own limit with an error message; uvicorn's limit is for all others.
        ws_max_size=4 * settings.max_message_bytes,
        ws_per_message_deflate=False,
        log_config=log_config(settings.log_level, settings.log_format),
        access_log=settings.log_level == "debug",
        server_header=False,
        timeout_graceful_shutdown=5,
        lifespan="on",
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )


def _names(settings: Settings) -> tuple[str, ...]:
    """List what clients may call this service: its certificate is for these."""
    hosts = {"localhost", "127.0.0.1", settings.host, urlsplit(settings.public_url).hostname or ""}
    if settings.host in ANY:
        hosts |= {network_address(), socket.gethostname()}
    return tuple(sorted(hosts - ANY))


def run(settings: Settings, app: "FastAPI", announce: Callable[[int], None]) -> bool:
    """Serve until stopped; return False if the startup failed."""

    async def drain() -> None:
        presence = app.state.service.presence
        presence.draining = True
        with suppress(StorageFailed):
            await presence.say()
        await app.state.service.calls.drain(settings.drain_s)

    server = Server(uvicorn_config(app, settings), announce, drain)
    try:
        server.run()
    except SystemExit:
        if server.started:
            raise
    return server.started


def log_config(level: str, form: str = "line") -> dict[str, Any]:
    """Configure logging to standard error with redacted tokens; libraries log warnings and errors only.

    At the level debug, too: below warnings the database's driver logs the parameters of statements, websockets what
    callers say, and model clients whole prompts. Only uvicorn also tells of its requests then.
    """
    debug = level == "debug"
    before = ["unflooded", "call"] if form == "json" else ["unflooded"]
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {
            "hide": {"()": "api.auth.HideTokens"},
            "short": {"()": "api.serving.ShortStartup"},
            "unflooded": {"()": "api.auth.Unflooded"},
            "paths": {"()": "api.serving.PathsOnly"},
            **({"call": {"()": "api.telemetry.json_logs.WithCall"}} if form == "json" else {}),
        },
        "formatters": {"chosen": {"()": "api.telemetry.json_logs.json_formatter"} if form == "json" else _LINE},
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "filters": [*before, *(["paths", "hide"] if debug else ["short", "hide"])],
                "formatter": "chosen",
            }
        },
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {
            **{name: {"level": level.upper()} for name in ("api", "pipeline", "voice", "models")},
            "uvicorn": {"level": "INFO" if debug else "WARNING"},
        },
    }
