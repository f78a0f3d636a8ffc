"""The application without its engines, with a route at each door that raises whatever it is asked to."""

import asyncio

import httpx
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from api.app import create_app
from api.doors.glean.door import GleanRoute
from api.doors.gloo.door import GlooRoute
from api.doors.gloo.tokens import TokenRoute
from api.doors.tutor.learner import TutorRoute
from api.settings import Settings

DOORS: dict[str, type[APIRoute]] = {
    "glow": APIRoute,
    "gloo": GlooRoute,
    "oauth2": TokenRoute,
    "tutor": TutorRoute,
    "glean": GleanRoute,
}


def raising_app() -> FastAPI:
    """An application whose routes raise `app.state.wanted`."""
    app = create_app(Settings())

    async def raises() -> None:
        raise app.state.wanted

    for door, route in DOORS.items():
        router = APIRouter(prefix="/raises", route_class=route)
        router.add_api_route(f"/{door}", raises)
        app.include_router(router)
    return app


def asked(app: FastAPI, door: str, error: Exception) -> httpx.Response:
    """How a door answers a request that fails with this error."""
    app.state.wanted = error

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://glow") as client:
            return await client.get(f"/raises/{door}")

    return asyncio.run(ask())
