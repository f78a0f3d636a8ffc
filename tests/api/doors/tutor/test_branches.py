"""The Tutor's branches: made, listed, read and removed like its nodes."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.doors.tutor.test_tutor import DEFAULT, TIME, ask
from tests.service import RunningService, unhearing


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service that nobody has made a token for."""
    with unhearing(tmp_path_factory.mktemp("branches"), tokens=None, requests_per_minute=100_000) as started:
        yield started


def test_a_branch_and_its_nodes(fresh: RunningService) -> None:
    made = ask(fresh, "POST", "/branches", {"userId": DEFAULT, "title": "Searching"})
    assert made.status_code == 201
    branch = made.json()
    assert (branch["userId"], branch["title"]) == (DEFAULT, "Searching")
    assert TIME.fullmatch(branch["createdAt"])
    other = ask(fresh, "POST", "/branches", {"userId": DEFAULT, "title": "Sorting", "id": "sorting"}).json()
    assert other["id"] == "sorting"
    assert ask(fresh, "GET", "/branches").json() == [branch, other]
    assert ask(fresh, "GET", f"/branches?userId={DEFAULT}").json() == [branch, other]
    assert ask(fresh, "GET", "/branches?userId=nobody").json() == []
    assert ask(fresh, "GET", f"/branches/{branch['id']}").json() == branch
    node = {"userId": DEFAULT, "type": "concept", "title": "Halving", "branchId": branch["id"]}
    node_id = ask(fresh, "POST", "/nodes", node).json()["id"]
    assert [item["id"] for item in ask(fresh, "GET", f"/nodes?branchId={branch['id']}").json()] == [node_id]
    assert ask(fresh, "DELETE", f"/branches/{branch['id']}").status_code == 204
    assert ask(fresh, "GET", "/branches").json() == [other]
    assert ask(fresh, "GET", f"/nodes/{node_id}").json()["branchId"] is None, "its nodes stay, on none"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "error"),
    [
        ("POST", "/branches", {"userId": DEFAULT}, 400, "userId and title are required"),
        ("POST", "/branches", {"title": "Searching"}, 400, "userId and title are required"),
        ("POST", "/branches", {"userId": "nobody", "title": "x"}, 500, "FOREIGN KEY constraint failed"),
        ("POST", "/branches", [], 400, "The request is not a JSON object; send one."),
        ("GET", "/branches/none", None, 404, "Branch not found"),
        ("DELETE", "/branches/none", None, 404, "Branch not found"),
    ],
)
def test_bad_input(fresh: RunningService, method: str, path: str, body: Any, status: int, error: str) -> None:
    answer = ask(fresh, method, path, body)
    assert (answer.status_code, answer.json()) == (status, {"error": error})


def test_another_users_branch_is_not_found(service: RunningService) -> None:
    mine = service.headers()
    branch = ask(service, "POST", "/branches", {"userId": "ada", "title": "Mine"}, headers=mine).json()
    theirs = service.headers("bob")
    assert ask(service, "GET", "/branches", headers=theirs).json() == []
    for method in ("GET", "DELETE"):
        assert ask(service, method, f"/branches/{branch['id']}", headers=theirs).status_code == 404
    assert ask(service, "GET", f"/branches/{branch['id']}", headers=mine).json() == branch
