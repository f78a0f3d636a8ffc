"""`GET /v1/models`: the personas that a user may talk to, and the engines by the names that clients know."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from api.doors.openai.door import OpenAIRoute, user_of
from api.doors.openai.targets import UnknownModel, personas_of
from api.service import Service
from models.records.core import Grant

SEEING_MODELS = "openai.models"
"""The right to see which models there are."""

ENGINES = {"whisper-1": "stt", "tts-1": "tts"}

router = APIRouter(prefix="/v1/models", tags=["openai"], route_class=OpenAIRoute)

Reader = Annotated[Grant, Depends(user_of(SEEING_MODELS))]


@router.get("")
async def models(request: Request, grant: Reader) -> dict[str, Any]:
    """List the models."""
    return {"object": "list", "data": await _models(request, grant)}


@router.get("/{model_id:path}")
async def model(request: Request, grant: Reader, model_id: str) -> dict[str, Any]:
    """Describe one model."""
    found = next((one for one in await _models(request, grant) if one["id"] == model_id), None)
    if found is None:
        raise UnknownModel(f"There is no model {model_id[:80]!r}: GET /v1/models lists those that there are.")
    return found


async def _models(request: Request, grant: Grant) -> list[dict[str, Any]]:
    service: Service = request.app.state.service
    personas = [_model(f"persona:{one.id}", one.name) for one in await personas_of(service, grant)]
    names = service.shared_engines.names
    return [*personas, *(_model(alias, names[stage]) for alias, stage in ENGINES.items())]


def _model(name: str, shown: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "glow-voice", "name": shown}
