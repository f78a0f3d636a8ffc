"""Replies from a language model over the real protocol: what is said, what goes wrong, and how long it may take."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

import pytest

from models.records.core import Persona
from pipeline.conversation.reply import HistoryEntry, ReplyContext
from pipeline.errors import ResponderFailed
from pipeline.llm.choose import DEFAULT_MODEL, choose_responder
from pipeline.llm.openai import Deadlines, OpenAIResponder
from pipeline.llm.scripted import ScriptedResponder
from tests.hurry import Hurry
from tests.servers.llm import PATIENCE_S

if TYPE_CHECKING:
    from servers_llm import LlmServer

KEY = "sk-very-secret-1234567890"
PERSONA = Persona(id="p", name="Dana", instructions="You are Dana.", greeting="Hello?")
ASKED = ReplyContext(PERSONA, None, (), (HistoryEntry("user", "how are you"),))
PATIENT = Deadlines(connect_s=100, first_token_s=50, gap_s=60, total_s=80)


def talk(
    server: "LlmServer", model: str, use: Callable[[OpenAIResponder], Coroutine[Any, Any, Any]], **options: Any
) -> Any:
    async def run() -> Any:
        responder = OpenAIResponder(model=model, base_url=server.url, api_key=KEY, **{"deadlines": PATIENT, **options})
        try:
            return await use(responder)
        finally:
            await responder.close()

    return asyncio.run(run())


async def whole(responder: OpenAIResponder, context: ReplyContext = ASKED) -> list[str]:
    return [delta async for delta in responder.reply(context) if isinstance(delta, str)]


def failure(server: "LlmServer", model: str, **options: Any) -> str:
    with pytest.raises(ResponderFailed) as raised:
        talk(server, model, whole, **options)
    assert KEY not in str(raised.value)
    assert "127.0.0.1" not in str(raised.value) or server.host in str(raised.value)
    assert str(raised.value).endswith(".")
    return str(raised.value)


def test_the_reply_streams_as_it_is_written(llm_server: "LlmServer") -> None:
    deltas = talk(llm_server, "echo", whole)

    assert "".join(deltas) == "You said: how are you."
    assert len(deltas) == 5
    assert llm_server.last.key == KEY
    assert llm_server.last.messages[0]["role"] == "system"
    assert llm_server.last.messages[-1] == {"role": "user", "content": "how are you"}
    assert llm_server.last.ended.wait(PATIENCE_S)
    assert not llm_server.last.disconnected.is_set()


def test_each_delta_comes_at_once(llm_server: "LlmServer") -> None:
    async def use(responder: OpenAIResponder) -> tuple[str, int]:
        reply = responder.reply(ASKED)
        llm_server.release(1)
        first = await anext(reply)
        sent = llm_server.last.words_sent
        llm_server.release(50)
        rest = [delta async for delta in reply]
        return first + "".join(rest), sent

    text, sent = talk(llm_server, "slow", use)
    assert text == "This is a reply that takes its time, one word after the other, until it is over."
    assert sent <= 1


def test_connections_are_kept_between_turns(llm_server: "LlmServer") -> None:
    llm_server.replies["script"] = ["One.", "Two."]

    async def use(responder: OpenAIResponder) -> list[str]:
        return ["".join(await whole(responder)) for _ in range(2)]

    assert talk(llm_server, "script", use) == ["One.", "Two."]


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("split", "Grüße, 你好."),
        ("reasoning", "Hello there."),
        ("refusal", "I cannot talk about that."),
        ("length", "Well, let me see what"),
        ("no-finish", "You said: how are you."),
        ("no-done", "You said: how are you."),
        ("new-parameters", "You said: how are you."),
        ("list-of-parts", "Hello there."),
        ("message-for-delta", "Hello there."),
        ("reason-", "Hello there."),
        ("reason-null", "Hello there."),
        ("reason-stop", "Hello there."),
        ("surrogates", "Well \U0001f600 done."),
        ("half-a-character", "Well \ufffd then."),
        ("plain-json", "Hello there."),
        ("pretty-json", "Hello there."),
        ("mark", "Hello there."),
        ("only-done", "Hello there, I am"),
        ("empty-deltas", "Hello there."),
    ],
)
def test_what_servers_do_differently(llm_server: "LlmServer", model: str, said: str) -> None:
    assert "".join(talk(llm_server, model, whole)) == said


def test_newer_models_get_the_parameters_they_know_from_then_on(llm_server: "LlmServer") -> None:
    async def use(responder: OpenAIResponder) -> None:
        await whole(responder)
        await whole(responder)

    talk(llm_server, "new-parameters", use, max_tokens=77)
    assert len(llm_server.requests) == 4, "two refusals, and none on the second turn"
    assert llm_server.last.body["max_completion_tokens"] == 77


def test_a_greeting_needs_no_model(llm_server: "LlmServer") -> None:
    async def use(responder: OpenAIResponder) -> list[str]:
        return await whole(responder, ReplyContext(PERSONA, None, (), ()))

    assert talk(llm_server, "echo", use) == ["Hello?"]
    assert llm_server.requests == []


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("refuse-401", "check OPENAI_API_KEY"),
        ("refuse-403", "check OPENAI_API_KEY"),
        ("refuse-404", "does not know the model 'refuse-404'"),
        ("refuse-400", "refused the request (HTTP 400)"),
        ("refuse-429", "out of quota or has too many requests"),
        ("refuse-500", "failed (HTTP 500)"),
        ("refuse-503", "failed (HTTP 503)"),
        ("empty", "gave an empty reply"),
        ("html", "gave an empty reply"),
        ("filtered", "content filter"),
        ("filtered-late", "content filter"),
        ("thought-only", "limit of tokens"),
        ("malformed", "does not answer in the chat completions protocol"),
        ("not-an-object", "does not answer in the chat completions protocol"),
        ("error-event", "reported an error"),
        ("json-error", "reported an error"),
        ("only-empty-deltas", "gave an empty reply"),
        ("cut-mid", "broke off in mid-reply"),
        ("cut-silently", "broke off in mid-sentence"),
    ],
)
def test_failures_are_sentences_that_say_what_to_do(llm_server: "LlmServer", model: str, says: str) -> None:
    assert says in failure(llm_server, model)
    assert len(llm_server.requests) == 1, "a refusal is not asked again while somebody waits"


@pytest.mark.parametrize(
    ("model", "words", "passes_s", "says"),
    [
        ("hang", 0, 50, "said nothing for 50 s"),
        ("hang-before-words", 0, 50, "said nothing for 50 s"),
        ("hang-mid", 5, 60, "fell silent for 60 s in mid-reply"),
    ],
)
def test_a_hanging_model_is_given_up(
    llm_server: "LlmServer", model: str, words: int, passes_s: float, says: str
) -> None:
    async def use(responder: OpenAIResponder) -> None:
        time, reply = Hurry(), responder.reply(ASKED)
        for _ in range(words):
            await anext(reply)
        waiting = asyncio.ensure_future(anext(reply))
        await asyncio.to_thread(llm_server.wait_for_request)
        time.passed_s += passes_s
        with pytest.raises(ResponderFailed, match=says):
            await waiting

    talk(llm_server, model, use)
    assert llm_server.last.disconnected.wait(PATIENCE_S), "the server may stop generating"


def test_a_model_that_takes_too_long_in_all_is_given_up(llm_server: "LlmServer") -> None:
    async def use(responder: OpenAIResponder) -> None:
        time, reply = Hurry(), responder.reply(ASKED)
        llm_server.release(1)
        await anext(reply)
        for passes_s, says in ((50, ""), (40, "took more than 80 s for one reply")):
            waiting = asyncio.ensure_future(anext(reply))
            await asyncio.sleep(0)  # it waits now
            time.passed_s += passes_s
            if says:
                with pytest.raises(ResponderFailed, match=says):
                    await waiting
            else:
                llm_server.release(1)
                await waiting

    talk(llm_server, "slow", use)
    assert llm_server.last.disconnected.wait(PATIENCE_S)


def test_the_time_the_listener_takes_is_not_the_models(llm_server: "LlmServer") -> None:
    async def use(responder: OpenAIResponder) -> str:
        time, said = Hurry(), ""
        async for delta in responder.reply(ASKED):
            said += delta
            time.passed_s += 100
        return said

    assert talk(llm_server, "split", use) == "Grüße, 你好."


def test_closing_the_reply_stops_the_server(llm_server: "LlmServer") -> None:
    async def use(responder: OpenAIResponder) -> None:
        reply = responder.reply(ASKED)
        llm_server.release(2)
        await anext(reply)
        await reply.aclose()  # type: ignore[attr-defined]
        assert await asyncio.to_thread(llm_server.last.disconnected.wait, PATIENCE_S)

    talk(llm_server, "slow", use)
    assert llm_server.last.words_sent <= 2


@pytest.mark.parametrize("model", ["hang", "hang-before-words", "hang-mid"])
def test_cancelling_the_reply_stops_the_server(llm_server: "LlmServer", model: str) -> None:
    async def use(responder: OpenAIResponder) -> None:
        task = asyncio.ensure_future(whole(responder))
        await asyncio.to_thread(llm_server.wait_for_request)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(llm_server.last.disconnected.wait, PATIENCE_S)

    talk(llm_server, model, use)


def test_a_server_that_is_not_there(llm_server: "LlmServer") -> None:
    async def run() -> None:
        responder = OpenAIResponder(model="m", base_url="http://user:hunter2@127.0.0.1:9/v1", api_key=KEY)
        try:
            await whole(responder)
        finally:
            await responder.close()

    with pytest.raises(ResponderFailed, match=r"at 127\.0\.0\.1:9 cannot be reached") as raised:
        asyncio.run(run())
    assert "hunter2" not in str(raised.value)
    assert "user" not in str(raised.value)


def test_auto_takes_the_language_model_where_one_is_configured() -> None:
    async def run() -> None:
        assert isinstance(choose_responder(), ScriptedResponder)
        assert isinstance(choose_responder("scripted", api_key=KEY), ScriptedResponder)
        for configured in ({"api_key": KEY}, {"base_url": "http://localhost:1/v1"}):
            chosen = choose_responder("auto", **configured)
            assert isinstance(chosen, OpenAIResponder)
            assert chosen._model == DEFAULT_MODEL
            await chosen.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("options", "says"), [({}, "set OPENAI_API_KEY"), ({"base_url": "localhost:1"}, "write it like http")]
)
def test_a_language_model_that_is_not_configured_is_an_error(options: dict[str, str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        choose_responder("openai", **options)  # type: ignore[arg-type]
