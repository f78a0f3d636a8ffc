"""`from api.client import ...` is all that a program needs, and costs nothing that it does not use."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import api.client
from api.client.voice import open_call

ROOT = Path(__file__).parents[3]


def test_every_public_name_is_the_one_of_its_module() -> None:
    for name in api.client.__all__:
        public = getattr(api.client, name)
        assert public is getattr(import_module(public.__module__), name)
    assert api.client.open_call is open_call


def test_type_checkers_know_the_same_names() -> None:
    tree = ast.parse(Path(api.client.__file__).read_text("utf-8"))
    (checked,) = (node for node in tree.body if isinstance(node, ast.If))
    told = {alias.name for node in checked.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert told == set(api.client.__all__) == set(api.client._HOME)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'sing'"):
        api.client.sing  # noqa: B018


def test_only_what_is_asked_for_is_loaded() -> None:
    program = (
        "import sys; from api.client import Call; "
        "print(sorted(name for name in ('websockets', 'httpx', 'soundfile', 'socketio') if name in sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
