"""Tools in a content pack: what is read, what is kept, and what `check` says of each mistake."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import yaml

from models.errors import InvalidPack
from models.packs import load_pack
from models.records.tools import PersonaTool
from models.store import Store
from tests.stores import database

PERSONA = {"name": "Dana", "greeting": "Hello?", "instructions": "You are Dana.", "waiting": "Un momento."}
ORDER = {"type": "object", "properties": {"order": {"type": "string"}}, "required": ["order"]}
HTTP = {
    "name": "order_status",
    "description": "Finds an order.",
    "parameters": ORDER,
    "http": {
        "url": "https://shop.example/orders/{order}",
        "headers": {"Authorization": "Bearer {secret:SHOP_KEY}"},
    },
    "timeout_s": 5,
    "reads_only": True,
}


def loaded(folder: Path, *tools: Any) -> tuple[PersonaTool, ...]:
    (folder / "pack.yaml").write_text(
        yaml.safe_dump({"pack": "p", "name": "P", "personas": {"dana": {**PERSONA, "tools": list(tools)}}})
    )
    return load_pack(folder).personas[0].tools


def changed(**changes: Any) -> dict[str, Any]:
    """The HTTP tool with changes; None leaves a key out."""
    return {key: value for key, value in {**HTTP, **changes}.items() if value is not None}


def test_every_sort_of_tool_is_read(tmp_path: Path) -> None:
    mcp = {"name": "stock", "description": "Counts.", "mcp": {"url": "http://shop.local/mcp", "tool": "count"}}
    field = {"built_in": "set_field", "name": "set_name", "description": "Notes the name.", "field": "name"}
    tools = loaded(
        tmp_path, HTTP, mcp, field, {"built_in": "end_call"}, {"built_in": "transfer"}, {"built_in": "look_up"}
    )
    order, stock, name, end_call, transfer, look_up = tools
    assert (order.kind, order.method, order.timeout_s, order.ahead) == ("http", "GET", 5, True)
    assert order.parameters == ORDER
    assert order.headers == {"Authorization": "Bearer {secret:SHOP_KEY}"}
    assert (stock.kind, stock.target, stock.url) == ("mcp", "count", "http://shop.local/mcp")
    assert (name.kind, name.name, name.target) == ("set_field", "set_name", "name")
    assert name.parameters["required"] == ["value"]
    assert (end_call.name, transfer.name, look_up.name) == ("end_call", "transfer", "look_up")
    assert look_up.description


def test_tools_are_kept_with_their_persona(tmp_path: Path) -> None:
    tools = loaded(tmp_path, HTTP, {"built_in": "look_up"})
    persona = load_pack(tmp_path).personas[0]

    async def run(url: str) -> None:
        async with Store(url) as store:
            await store.install(personas=[persona])
            kept = await store.persona(persona.id)
            assert kept.tools == tools
            assert kept.waiting == "Un momento."

    with database() as url:
        asyncio.run(run(url))


@pytest.mark.parametrize(
    ("tool", "says"),
    [
        (changed(http=None), "write exactly one of 'http', 'mcp' and 'built_in'"),
        (changed(built_in="look_up"), "write exactly one of"),
        ({"built_in": "dance"}, "'built_in' is 'dance'; choose end_call or transfer or look_up or set_field"),
        (changed(name=None), "'name' is missing"),
        (changed(name="order status"), "use 1 to 64 letters"),
        (changed(name="end_call"), "the tool 'end_call' is the built-in one"),
        ({"built_in": "end_call", "name": "bye"}, "the tool 'end_call' is the built-in one"),
        (changed(description=None), "'description' is missing"),
        (changed(parameters={"order": "string"}), "write 'type: object'"),
        (changed(parameters=["order"]), "write 'type: object'"),
        (changed(parameters={**ORDER, "required": ["number"]}), "'required' names 'number'"),
        (changed(parameters={"type": "object", "properties": {"order": {"type": "text"}}}), "has the type 'text'"),
        (changed(parameters={"type": "object", "properties": {"order": 5}}), "'order' must be keys with values"),
        (changed(parameters={"type": "object", "properties": {}}), "'{order}', which is none of the parameters"),
        (changed(parameters={"type": "object", "properties": ORDER["properties"]}), "'{order}', which is not required"),
        ({"built_in": "look_up", "parameters": ORDER}, "'look_up' needs the parameter 'query'"),
        ({"built_in": "end_call", "parameters": ORDER}, "has its own parameters"),
        (changed(http={"url": "ftp://shop.example/{order}"}), "begins with https:// or http://"),
        (changed(http={"url": "https://ada:secret@shop.example/{order}"}), "'url' holds a password"),
        (changed(http={"url": "https://{order}.example/"}), "an argument in its host"),
        (changed(http={"url": "https://shop.example/{order}?key={secret:KEY}"}), "'url' holds a secret"),
        (changed(http={"url": "https://shop.example/{order}", "method": "BREW"}), "'method' is 'BREW'"),
        (changed(http={"url": "https://shop.example/{order}", "body": "x"}), "unknown key 'body'"),
        (
            changed(http={"url": "https://shop.example/{order}", "headers": {"Authorization": "Bearer abc"}}),
            "holds a secret; write '{secret:NAME}', and set GLOW_SECRET_NAME",
        ),
        (
            changed(http={"url": "https://shop.example/{order}", "headers": {"X-A": "{secret:lower}"}}),
            "may hold '{secret:NAME}'",
        ),
        (
            changed(http={"url": "https://shop.example/{order}", "headers": {"Host": "x"}}),
            "no header that a tool may set",
        ),
        (changed(timeout_s=600), "'timeout_s' is 600, out of range"),
        (changed(nmae="x"), "unknown key 'nmae'"),
    ],
)
def test_each_mistake_is_named_with_its_line(tmp_path: Path, tool: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidPack) as refusal:
        loaded(tmp_path, tool)
    assert any(says in problem for problem in refusal.value.problems), refusal.value.problems
    assert all(problem.startswith(f"{tmp_path / 'pack.yaml'}:") for problem in refusal.value.problems)


def test_two_tools_of_one_name_are_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(InvalidPack, match=r"there is a tool 'order_status' in line \d+ already"):
        loaded(tmp_path, HTTP, HTTP)
