"""The data of the Tutor's chat: nodes, their branches and dependencies, progress, and assessments."""

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request, Response

from api.doors.refusals import json_object
from api.doors.tutor import rendering
from api.doors.tutor.learner import Learner, TutorRoute, own_id, shown_id
from api.doors.tutor.requests import NodeId, UserId, owner, store_of, text_of
from api.external import external_of
from models.errors import NotFound
from models.store.tutoring import NodeChanges, NodeFilters

router = APIRouter(prefix="/api", tags=["tutor"], route_class=TutorRoute)

COUNT_LIMIT = 1_000_000
"""Most questions of one assessment."""


@router.get("/nodes")
async def nodes(
    request: Request,
    user: Learner,
    user_id: UserId = None,
    type: str | None = None,  # noqa: A002
    branch_id: Annotated[str | None, Query(alias="branchId")] = None,
    parent_id: Annotated[str | None, Query(alias="parentId")] = None,
) -> list[dict[str, Any]]:
    """List the learner's nodes."""
    if user_id is not None and own_id(user, user_id) is None:
        return []
    filters: NodeFilters = {}
    if type is not None:
        filters["type"] = type
    if branch_id is not None:
        filters["branch_id"] = branch_id
    if parent_id is not None:
        filters["parent_id"] = parent_id
    return [rendering.node(item, shown_id(user)) for item in await store_of(request).nodes(user.id, **filters)]


@router.post("/nodes", status_code=201)
async def create_node(request: Request, user: Learner) -> dict[str, Any]:
    """Add a node."""
    body = await json_object(request)
    user_id, kind, title = (text_of(body, key) for key in ("userId", "type", "title"))
    if not (user_id and kind and title):
        raise HTTPException(400, "userId, type, and title are required")
    made = await store_of(request).add_node(
        owner(user, user_id),
        id=text_of(body, "id") or None,
        type=kind,
        title=title,
        description=text_of(body, "desc") or None,
        branch_id=text_of(body, "branchId") or None,
        parent_id=text_of(body, "parentId") or None,
    )
    return rendering.node(made, shown_id(user))


@router.get("/nodes/{node_id}")
async def node(node_id: str, request: Request, user: Learner) -> dict[str, Any]:
    """Get a node."""
    return rendering.node(await store_of(request).node(user.id, node_id), shown_id(user))


@router.patch("/nodes/{node_id}")
async def change_node(node_id: str, request: Request, user: Learner) -> dict[str, Any]:
    """Change a node's title, description, type or position."""
    body = await json_object(request)
    changes: NodeChanges = {}
    if title := text_of(body, "title"):
        changes["title"] = title
    if kind := text_of(body, "type"):
        changes["type"] = kind
    if "desc" in body:
        changes["description"] = text_of(body, "desc") or None
    if "branchId" in body:
        changes["branch_id"] = text_of(body, "branchId") or None
    if "parentId" in body:
        changes["parent_id"] = text_of(body, "parentId") or None
    return rendering.node(await store_of(request).change_node(user.id, node_id, **changes), shown_id(user))


@router.delete("/nodes/{node_id}", status_code=204)
async def remove_node(node_id: str, request: Request, user: Learner) -> Response:
    """Remove a node."""
    await store_of(request).remove_node(user.id, node_id)
    return Response(status_code=204)


@router.get("/nodes/{node_id}/children")
async def children(node_id: str, request: Request, user: Learner) -> list[dict[str, Any]]:
    """List the children of a node."""
    found = await store_of(request).nodes(user.id, parent_id=node_id)
    return [rendering.node(item, shown_id(user)) for item in found]


@router.get("/nodes/{node_id}/dependency-edges")
async def edges(node_id: str, request: Request, user: Learner) -> list[dict[str, Any]]:
    """List the dependencies of a node, and those on it."""
    return [rendering.edge(item) for item in await store_of(request).edges(user.id, node_id)]


@router.post("/nodes/{node_id}/dependency-edges", status_code=201)
async def create_edge(node_id: str, request: Request, user: Learner) -> dict[str, Any]:
    """Add a dependency: another node, the source, comes before this one."""
    body = await json_object(request)
    source = text_of(body, "sourceNodeId")
    if not source:
        raise HTTPException(400, "sourceNodeId is required")
    return rendering.edge(await store_of(request).add_edge(user.id, source, node_id))


@router.get("/nodes/{node_id}/contents/active")
async def contents(node_id: str, request: Request, user: Learner) -> dict[str, Any]:
    """Get the lesson that teaches a node."""
    lesson = external_of(request).tutor.lesson_of(await store_of(request).node(user.id, node_id))
    if lesson is None:
        raise NotFound("No active content found")
    return rendering.contents(lesson, node_id)


@router.get("/branches")
async def branches(request: Request, user: Learner, user_id: UserId = None) -> list[dict[str, Any]]:
    """List the learner's branches."""
    if user_id is not None and own_id(user, user_id) is None:
        return []
    return [rendering.branch(item, shown_id(user)) for item in await store_of(request).branches(user.id)]


@router.post("/branches", status_code=201)
async def create_branch(request: Request, user: Learner) -> dict[str, Any]:
    """Add a branch."""
    body = await json_object(request)
    user_id, title = text_of(body, "userId"), text_of(body, "title")
    if not (user_id and title):
        raise HTTPException(400, "userId and title are required")
    made = await store_of(request).add_branch(owner(user, user_id), title, id=text_of(body, "id") or None)
    return rendering.branch(made, shown_id(user))


@router.get("/branches/{branch_id}")
async def branch(branch_id: str, request: Request, user: Learner) -> dict[str, Any]:
    """Get a branch."""
    return rendering.branch(await store_of(request).branch(user.id, branch_id), shown_id(user))


@router.delete("/branches/{branch_id}", status_code=204)
async def remove_branch(branch_id: str, request: Request, user: Learner) -> Response:
    """Remove a branch; its nodes stay."""
    await store_of(request).remove_branch(user.id, branch_id)
    return Response(status_code=204)


@router.get("/progress")
async def progress(
    request: Request,
    user: Learner,
    user_id: UserId = None,
    node_id: NodeId = None,
) -> list[dict[str, Any]]:
    """Get a learner's progress."""
    if not user_id:
        raise HTTPException(400, "userId query param required")
    if own_id(user, user_id) is None:
        return []
    return [rendering.progress(item, shown_id(user)) for item in await store_of(request).progress(user.id, node_id)]


@router.get("/assessments")
async def assessments(
    request: Request,
    user: Learner,
    user_id: UserId = None,
    node_id: NodeId = None,
) -> list[dict[str, Any]]:
    """List assessments."""
    if user_id is not None and own_id(user, user_id) is None:
        return []
    found = await store_of(request).diagnostics(user.id, node_id)
    return [rendering.diagnostic(item, shown_id(user)) for item in found]


@router.post("/assessments", status_code=201)
async def create_assessment(request: Request, user: Learner) -> dict[str, Any]:
    """Store the assessment of a node, for `check_student_progress`."""
    body = await json_object(request)
    user_id, node_id = text_of(body, "userId"), text_of(body, "nodeId")
    if not (user_id and node_id):
        raise HTTPException(400, "userId and nodeId are required")
    total, wrong, weak = _count(body, "totalQuestions"), _count(body, "incorrectQuestions"), body.get("weakAreas", [])
    if not 0 <= wrong <= total or total == 0:
        raise HTTPException(400, "totalQuestions and incorrectQuestions must be counts")
    if not isinstance(weak, list) or not all(isinstance(area, str) for area in weak):
        raise HTTPException(400, "weakAreas must be a list of words")
    kept = await store_of(request).add_diagnostic(
        owner(user, user_id),
        node_id,
        score=1 - wrong / total,
        total=total,
        incorrect=wrong,
        weak_areas=weak,
    )
    return rendering.diagnostic(kept, shown_id(user))


def _count(body: dict[str, Any], key: str) -> int:
    value = body.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and value <= COUNT_LIMIT else -1
