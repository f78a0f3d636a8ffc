"""Tools that run: HTTP calls, an MCP server, and what is built in."""

import asyncio
import json
import logging
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from models.errors import Invalid
from models.records.core import Document, Persona
from models.records.tools import PersonaTool
from pipeline.call.settings import SessionSettings
from pipeline.call.tools import call_tools
from pipeline.conversation.reply import ReplyContext
from pipeline.conversation.tools import Tool, ToolResult
from pipeline.llm.completions import ToolCall
from pipeline.llm.tool_loop import RESULT_LIMIT, run_tool
from pipeline.tools.addresses import Addresses
from pipeline.tools.calling import BODY_LIMIT
from pipeline.tools.workshop import EquippedResponder, Workshop
from tests.servers.shop import Shop, mcp_shop, shop

KEY = "k-0123456789"
SCHEMA: Mapping[str, Any] = {"type": "object", "properties": {"order": {"type": "string"}, "loud": {"type": "boolean"}}}


@pytest.fixture(scope="module")
def here() -> Iterator[Shop]:
    with shop() as opened:
        yield opened


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with mcp_shop() as url:
        yield url


def used(
    tool: PersonaTool,
    arguments: Mapping[str, Any] | str,
    *,
    allowed: tuple[str, ...] = ("127.0.0.1",),
    documents: tuple[Document, ...] = (),
    noted: dict[str, str] | None = None,
) -> str:
    """What a model is told when it uses a tool."""

    async def set_field(chat_id: str, name: str, value: str) -> None:
        if noted is None:
            raise Invalid("A chat has at most 50 fields.")
        noted[f"{chat_id} {name}"] = value

    async def run() -> ToolResult:
        workshop = Workshop(Addresses(allowed), {"SHOP_KEY": KEY, "BAD": "a\nb"}.get, set_field)
        persona = Persona("p", "Dana", tools=(tool,))
        tools = workshop.tools_of(ReplyContext(persona, None, documents, (), chat_id="chat"))
        call = ToolCall("1", tool.name, arguments if isinstance(arguments, str) else json.dumps(arguments))
        try:
            return await run_tool(call, tools)
        finally:
            await workshop.close()

    return asyncio.run(run()).text


def http(url: str, **chosen: Any) -> PersonaTool:
    return PersonaTool("look", "Looks.", "http", url=url, **{"parameters": SCHEMA, **chosen})


# -------------------------------------------------------------------- HTTP


def test_arguments_fill_the_url_and_the_query_and_cannot_leave_their_place(here: Shop) -> None:
    tool = http(here.url + "/orders/{order}?kind=short")
    told = used(tool, {"order": "47 11?x=1#y&z", "loud": True})
    assert json.loads(told) == {"order": "47 11?x=1#y&z", "state": "on its way", "due": "Friday"}
    asked = here.requests[-1]
    assert asked.method == "GET"
    assert asked.headers["host"] == here.url.removeprefix("http://")
    assert asked.path.endswith("?kind=short&loud=true")


@pytest.mark.parametrize("order", ["..", ".", "../notes", "a/../../notes", "..\\x"])
def test_an_argument_is_no_step_up_in_the_path(here: Shop, order: str) -> None:
    before = len(here.requests)
    assert "cannot be" in used(http(here.url + "/orders/{order}"), {"order": order})
    assert len(here.requests) == before


def test_a_post_sends_json_and_a_secret_of_the_service(here: Shop) -> None:
    tool = http(here.url + "/notes", method="POST", headers={"Authorization": "Bearer {secret:SHOP_KEY}"})
    assert "nothing more to tell" in used(tool, {"order": "4711"})
    asked = here.requests[-1]
    assert json.loads(asked.body) == {"order": "4711"}
    assert asked.headers["authorization"] == f"Bearer {KEY}"


def test_a_missing_secret_is_a_failure_that_names_nothing(here: Shop) -> None:
    for name in ("OTHER", "BAD"):
        before = len(here.requests)
        told = used(http(here.url + "/notes", headers={"X-Api-Key": f"{{secret:{name}}}"}), {})
        assert json.loads(told) == {"error": "This tool is not set up here: a secret of it is missing."}
        assert len(here.requests) == before


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/moved", "status 307"),
        ("/refused", "status 404. There is no such order."),
        ("/picture", "no text"),
    ],
)
def test_what_is_no_answer_is_a_failure(here: Shop, path: str, says: str) -> None:
    assert says in json.loads(used(http(here.url + path), {}))["error"]


def test_an_answer_without_end_is_cut(here: Shop) -> None:
    told = used(http(here.url + "/big"), {})
    assert RESULT_LIMIT <= BODY_LIMIT
    assert len(told) == BODY_LIMIT
    assert used(http(here.url + "/odd"), {}) == "caf\ufffd"


def test_a_slow_answer_is_a_failure(here: Shop) -> None:
    assert "in time" in json.loads(used(http(here.url + "/slow", timeout_s=0.3), {}))["error"]


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/", "http://localhost:1/x", "http://[::1]:1/", "http://2130706433:1/"]
)
def test_private_addresses_are_not_called_and_what_is_not_there_is_a_failure(url: str) -> None:
    assert "not public" in used(http(url), {}, allowed=()) or "cannot be found" in used(http(url), {}, allowed=())
    assert "cannot be reached" in used(http("http://127.0.0.1:1/"), {})


def test_arguments_are_checked_before_anything_is_called(here: Shop) -> None:
    before = len(here.requests)
    assert "was not run" in used(http(here.url + "/orders/1"), {"loud": "very"})
    assert "not a JSON object" in used(http(here.url + "/orders/1"), "no json")
    assert len(here.requests) == before


def test_no_secret_is_logged(here: Shop, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for path in ("/notes", "/refused", "/moved", "/slow"):
        used(http(here.url + path, headers={"X-Api-Key": "{secret:SHOP_KEY}"}, timeout_s=0.3), {})
    assert here.requests[-1].headers["x-api-key"] == KEY
    assert KEY not in caplog.text


# --------------------------------------------------------------------- MCP


def mcp(url: str, name: str, **chosen: Any) -> PersonaTool:
    item = {"type": "object", "properties": {"item": {"type": "string"}}}
    return PersonaTool("shop", "Asks the shop.", "mcp", url=url, target=name, **{"parameters": item, **chosen})


def test_a_tool_of_an_mcp_server_answers(server: str) -> None:
    assert used(mcp(server, "stock"), {"item": "lamps"}) == "There are 7 of lamps."


def test_an_mcp_server_gets_the_secret(server: str) -> None:
    assert used(mcp(server, "key", headers={"X-Api-Key": "{secret:SHOP_KEY}"}), {}) == KEY


@pytest.mark.parametrize(("name", "says"), [("fails", "no lamps in this shop"), ("nothing", "nothing")])
def test_a_failure_of_an_mcp_server_is_told(server: str, name: str, says: str) -> None:
    assert says in json.loads(used(mcp(server, name), {"item": "lamps"}))["error"]


def test_an_mcp_server_that_hangs_or_is_not_there_or_is_private_is_a_failure(server: str) -> None:
    assert json.loads(used(mcp(server, "hangs", timeout_s=1.0), {}))["error"]
    assert "cannot be reached" in used(mcp("http://127.0.0.1:1/mcp", "stock"), {"item": "x"})
    assert "not public" in used(mcp(server, "stock"), {"item": "x"}, allowed=())


# ---------------------------------------------------------------- built in


def test_look_up_finds_passages_and_says_where_there_are_none() -> None:
    documents = (
        Document(
            "a", "Opening hours", text="# Opening hours\n\nThe desk is open from nine to five, and on Friday to noon."
        ),
        Document("b", "Prices", text="A new card costs twelve dollars."),
    )
    tool = PersonaTool(
        "look_up", "Looks up.", "look_up", {"type": "object", "properties": {"query": {"type": "string"}}}
    )
    assert used(tool, {"query": "How much is a new card?"}, documents=documents).startswith("Prices: A new card costs")
    assert "noon" in used(tool, {"query": "opening hours on Friday"}, documents=documents)
    assert used(tool, {"query": "zebra crossing"}, documents=documents) == "Nothing about that is in the documents."
    assert used(tool, {"query": "card"}) == "Nothing about that is in the documents."


def test_a_field_is_noted_in_the_chat_or_it_is_said_that_it_could_not() -> None:
    value = {"type": "object", "properties": {"value": {"type": "string"}}, "required": ["value"]}
    tool = PersonaTool("set_name", "Notes the name.", "set_field", value, target="name")
    noted: dict[str, str] = {}
    assert used(tool, {"value": "Alice"}, noted=noted) == "Noted."
    assert noted == {"chat name": "Alice"}
    assert "could not be noted" in used(tool, {"value": "Alice"})


def test_a_persona_describes_the_call_s_own_tools_and_cannot_replace_them() -> None:
    async def run() -> None:
        workshop = Workshop(Addresses(), {}.get, None)  # type: ignore[arg-type]
        tools = (
            PersonaTool("end_call", "Hang up when the form is signed.", "end_call"),
            PersonaTool("look", "Looks.", "http", url="https://example.com"),
            PersonaTool("calendar", "Not this one.", "http", url="https://example.com"),
        )
        own = (
            *call_tools(SessionSettings()),
            Tool("calendar", "The door's own.", call_tools(SessionSettings())[0].run),
        )
        made = workshop.tools_of(ReplyContext(Persona("p", "Dana", tools=tools), None, (), (), own))
        assert [tool.name for tool in made] == ["end_call", "transfer", "calendar", "look"]
        assert made[0].description == "Hang up when the form is signed."
        assert workshop.tools_of(ReplyContext(Persona("p", "Dana", tools=tools), None, (), ()))[0].name == "look"
        await workshop.close()

    asyncio.run(run())


def test_only_the_operator_s_personas_have_tools() -> None:
    class Keeps:
        name = "keeps"
        tools: tuple[Any, ...] = ()

        def reply(self, context: ReplyContext) -> Any:
            self.tools = context.tools

    async def run() -> None:
        workshop, keeps = Workshop(Addresses(), {}.get, None), Keeps()  # type: ignore[arg-type]
        responder = EquippedResponder(keeps, workshop)
        tool = PersonaTool("look", "Looks.", "http", url="https://example.com")
        for owner, count in ((None, 1), ("ada", 0)):
            responder.reply(ReplyContext(Persona("p", "Dana", tools=(tool,), owner_id=owner), None, (), ()))
            assert len(keeps.tools) == count
        await workshop.close()

    asyncio.run(run())


def test_missing_secrets_are_named_at_the_start(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        workshop = Workshop(Addresses(), {"SHOP_KEY": KEY}.get, None)  # type: ignore[arg-type]
        headers = {"A": "{secret:SHOP_KEY}", "B": "{secret:OTHER}"}
        workshop.check([Persona("p", "Dana", tools=(PersonaTool("look", "Looks.", "http", headers=headers),))])
        await workshop.close()

    asyncio.run(run())
    assert caplog.messages == ["Dana cannot use the tool 'look': set GLOW_SECRET_OTHER."]


def test_each_call_is_kept_with_what_it_answered_or_why_it_failed(here: Shop) -> None:
    kept: list[tuple[str, str, str, str, bool]] = []

    async def keep(chat_id: str, name: str, arguments: str, result: str, /, *, failed: bool) -> None:
        kept.append((chat_id, name, arguments, result, failed))

    async def no_fields(chat_id: str, name: str, value: str) -> None:
        raise Invalid("A chat has at most 50 fields.")

    async def run() -> None:
        workshop = Workshop(Addresses(("127.0.0.1",)), {}.get, no_fields, keep)
        value = {"type": "object", "properties": {"value": {"type": "string"}}}
        note = PersonaTool("note", "Notes.", "set_field", value, target="name")
        persona = Persona("p", "Dana", tools=(note, http(f"{here.url}/orders/4711", parameters=value)))
        tools = workshop.tools_of(ReplyContext(persona, None, (), (), chat_id="chat"))
        for name in ("note", "look"):
            await run_tool(ToolCall("1", name, '{"value": "x"}'), tools)
        await workshop.close()

    asyncio.run(run())
    assert [call[:3] for call in kept] == [("chat", "note", '{"value": "x"}'), ("chat", "look", '{"value": "x"}')]
    assert (kept[0][3:], kept[1][4]) == (("It could not be noted.", True), False)
