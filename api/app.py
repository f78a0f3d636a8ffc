"""The web application: all doors on one FastAPI app."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.middleware.gzip import GZipMiddleware

from api.doors import glean, gloo, internal, pages, studio, tutor
from api.doors.body_limit import BodyLimit
from api.doors.cors import AnyOrigin
from api.doors.draining import DrainingSockets
from api.doors.glow import http as glow
from api.doors.glow import http_audio as attempt_audio
from api.doors.glow import http_watch as attempt_watch
from api.doors.glow import socket_http
from api.doors.glow.carrying_out import carry_out_for_others
from api.doors.glow.operation import Operation
from api.doors.glow.socketio.server import SocketDoor
from api.doors.glow.table import OPERATIONS
from api.doors.http_rules import HttpRules, bounded_protocol
from api.doors.openai import BOUNDS as OPENAI_BOUNDS
from api.doors.openai import ROUTERS as OPENAI
from api.doors.openai import RealtimeCalls, RequestIds
from api.doors.openai.realtime import socket as realtime
from api.doors.openapi_page import serve_openapi_page
from api.doors.pages import STATIC, KnownFiles, OneUseCodes
from api.doors.refusals import BUSY_RETRY_S, explain_errors
from api.doors.socket_rules import SocketRules, protocol_by_path
from api.doors.telephone import asterisk, telnyx_routes, twilio, vonage_routes
from api.doors.telephone.desk import Desk
from api.doors.telephone.listening import listening
from api.doors.voice import socket as voice
from api.doors.wyoming.dialer import dialled
from api.doors.wyoming.server import open_ports
from api.service import running_service
from api.settings import NO_LINES, Settings
from api.telemetry import open_exporters, telemetry
from models.errors import StorageFailed

NOT_READY = "The engines warm up, the database is away, the service stops, or as many calls as it carries are open."


def create_app(settings: Settings, operations: Sequence[Operation] = OPERATIONS) -> FastAPI:
    """Create the ASGI application; it opens its store and engines at startup."""

    if settings.gateway_number:
        settings = settings.model_copy(update=NO_LINES)
    sockets = SocketDoor(settings.max_message_bytes, operations)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with (
            open_exporters(settings) as exporters,
            running_service(settings) as service,
            telemetry(service, exporters),
            Desk(service) as desk,
            listening(settings, desk) as listeners,
            sockets.open(service),
            open_ports(service) as ports,
            RealtimeCalls(service) as realtime_calls,
            dialled(service),
        ):
            app.state.service = service
            app.state.store = service.store
            app.state.settings = settings
            app.state.engines = service.engines
            app.state.sockets = sockets
            app.state.telephone = desk
            app.state.phone_listeners = listeners
            app.state.wyoming_ports = ports
            app.state.realtime_calls = realtime_calls
            internal.answer_about_calls(service)
            studio.answer_about_timelines(service)
            carry_out_for_others(service, {operation.key: operation for operation in operations})
            yield

    app = FastAPI(title="Glow Voice", lifespan=lifespan, redirect_slashes=False, docs_url=None, redoc_url=None)
    # Keepalive and message limit of doors that need other than the server's, by path.
    app.state.socket_rules = {
        asterisk.PATH: asterisk.SOCKET_RULES,
        twilio.SOCKET_PATH: SocketRules(max_bytes=2 * twilio.MESSAGE_LIMIT),
        realtime.PATH: realtime.RULES,
    }
    app.state.socket_protocol = protocol_by_path(app.state.socket_rules)
    app.state.http_protocol = bounded_protocol(HttpRules(per_address=settings.connections_per_address))
    app.state.page_codes = OneUseCodes()
    app.state.page_opened = lambda: None  # `glow serve` prints the next link
    explain_errors(app)
    operations = tuple(operations)
    # The routes themselves, not copies: FastAPI would build each one's models again for every application, and do so in
    # the first request.
    routers = (
        attempt_audio.router,
        attempt_watch.router,
        voice.router,
        tutor.router,
        gloo.router,
        glean.router,
        pages.router,
        studio.router,
        internal.router,
        asterisk.router,
        twilio.router,
        telnyx_routes.router,
        vonage_routes.router,
        *OPENAI,
    )
    for router in (glow.router_of(operations), *routers, socket_http.router_of(operations)):
        app.router.routes.extend(router.routes)
    app.mount("/socket.io", sockets.asgi)
    app.mount("/static", GZipMiddleware(KnownFiles(directory=STATIC)))
    serve_openapi_page(app)
    app.add_middleware(BodyLimit, bounds=(*tutor.BOUNDS, *gloo.BOUNDS, *glean.BOUNDS, *OPENAI_BOUNDS))
    app.add_middleware(RequestIds)
    app.add_middleware(AnyOrigin)
    app.add_middleware(DrainingSockets)

    @app.get("/health", tags=["service"])
    async def health() -> dict[str, str]:
        """Report that the process is up."""
        return {"status": "ok"}

    @app.get("/ready", tags=["service"], responses={503: {"description": NOT_READY}})
    async def ready(request: Request) -> JSONResponse:
        """Report whether calls can be opened: the engines are loaded, and the database can be used."""
        service = request.app.state.service
        try:
            await service.store.check()
        except StorageFailed:
            stored = False
        else:
            stored = True
        body: dict[str, Any] = {
            "ready": service.ready.is_set() and stored and service.calls.vacant,
            "engines": service.shared_engines.names,
            "real_time_factors": service.shared_engines.paces,
            "database": "ok" if stored else "away",
            "calls": len(service.calls),
            "state": "draining" if service.calls.closing else "serving" if service.calls.vacant else "full",
        }
        headers = {} if body["ready"] else {"Retry-After": str(BUSY_RETRY_S)}
        return JSONResponse(body, 200 if body["ready"] else 503, headers)

    return app
