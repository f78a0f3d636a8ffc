"""What a model writes that is not meant for the listener: thoughts, tokens of templates, and a reply that is cut."""

import asyncio
from typing import TYPE_CHECKING

import pytest

from models.records.core import Persona
from pipeline.conversation.reply import HistoryEntry, ReplyContext, Retraction, Truncation, text_of_reply
from pipeline.errors import ResponderFailed
from pipeline.llm.answer_text import AnswerText, words_of_answer
from pipeline.llm.chat_model import ChatModel
from pipeline.llm.deadlines import Deadlines
from pipeline.llm.openai import OpenAIResponder

if TYPE_CHECKING:
    from servers_llm import LlmServer

ASKED = ReplyContext(Persona(id="p", name="Dana"), None, (), (HistoryEntry("user", "how are you"),))
PATIENT = Deadlines(connect_s=100, first_token_s=50, gap_s=60, total_s=80)
WRITTEN = [
    ("with its tags", "<think>\nThey greet me.\n</think>\n\nHello there.", "Hello there."),
    ("in capitals", "<THINKING>Hm.</THINKING> Hello there.", "Hello there."),
    ("twice", "<think>One.</think>Hello <think>Two.</think>there.", "Hello there."),
    ("without an opening tag", "Okay, so the user greets me.\n</think>\n\nHello there.", "Hello there."),
    ("an empty one", "<think>\n\n</think>\n\nHello there.", "Hello there."),
    ("by channels", "<|channel|>analysis<|message|>A greeting.<|end|><|start|>assistant<|channel|>final<|message|>"
     "Hello there.<|return|>", "Hello there."),
    ("Kimi's", "◁think▷A greeting.◁/think▷Hello there.", "Hello there."),
    ("the end of a turn", "Hello there.<|im_end|>", "Hello there."),
    ("and the next turn", "Hello there.<|im_end|>\n<|im_start|>user\nWho are you?<|im_end|>", "Hello there."),
    ("the next turn alone", "Hello there.\n<|im_start|>user\nWho are you?", "Hello there.\n"),
    ("the head of a turn", "<|im_start|>assistant\nHello there.", "Hello there."),
    ("Llama's", "<|start_header_id|>assistant<|end_header_id|>\n\nHello there.<|eot_id|>", "Hello there."),
    ("Gemma's", "Hello there.<end_of_turn>\n<start_of_turn>user\nWho?", "Hello there."),
    ("Mistral's", "Hello there.</s>[INST] Who?", "Hello there."),
    ("DeepSeek's", "Hello there.<｜end▁of▁sentence｜>", "Hello there."),
    ("what only looks like one", "I <3 it, 2 < 3 [IN all], <b>and</b> you", "I <3 it, 2 < 3 [IN all], <b>and</b> you"),
    ("one that breaks off", "Hello <|im_", "Hello <|im_"),
    ("words like a thought's", "The user manual. The user is right here, dear.",
     "The user manual. The user is right here, dear."),
]  # fmt: skip


def responder(server: "LlmServer", model: str) -> OpenAIResponder:
    return OpenAIResponder(model=model, base_url=server.url, deadlines=PATIENT)


@pytest.mark.parametrize(("story", "written", "said"), WRITTEN)
@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_what_is_said_does_not_depend_on_the_deltas(story: str, written: str, said: str, size: int) -> None:
    answer, words = AnswerText(), ""
    for start in range(0, len(written), size):
        words += answer.push(written[start : start + size])
    assert words + answer.flush() == said
    assert not answer.retracts
    assert words_of_answer(written) == said


@pytest.mark.parametrize("written", ["They greet me, politely.</think>Hello there.", "Hm.</think>Hello there."])
def test_a_thought_that_nothing_announced_is_taken_back(llm_server: "LlmServer", written: str) -> None:
    llm_server.replies["script"] = [written, written, "Hello there.", "Hello there."]

    async def parts() -> list[list[object]]:
        model = responder(llm_server, "letters")
        try:
            return [[part async for part in model.reply(ASKED)] for _ in range(4)]
        finally:
            await model.close()

    first, second, third, fourth = asyncio.run(parts())
    taken_back = first.index(Retraction())
    assert "".join(map(str, first[:taken_back])) == written.partition("</")[0]
    assert "".join(map(str, first[taken_back + 1 :])) == "Hello there."
    assert "".join(map(str, second)) == "Hello there.", "it is known from then on"
    assert third == ["Hello there."], "and is said at its end if it was none"
    assert len(fourth) == len("Hello there."), "and after that as it comes"


def test_a_model_that_is_said_to_think_says_nothing_before_the_end_of_its_thought(llm_server: "LlmServer") -> None:
    """From the first answer on, also after one without a thought, and of one that was cut in it nothing is said."""
    written = "They greet me, politely.</think>Hello there."

    async def story() -> None:
        model = OpenAIResponder(model="letters", base_url=llm_server.url, deadlines=PATIENT, thinks=True)
        other = ChatModel(model="letters", base_url=llm_server.url, deadlines=PATIENT, thinks=True)
        try:
            for said in (written, "Hello there.", written):
                llm_server.replies["script"] = [said]
                parts = [part async for part in model.reply(ASKED)]
                assert "".join(map(str, parts)) == "Hello there."
                asked = [{"role": "user", "content": "Hello?"}]
                assert "".join([word async for word in other.stream(asked)]) == "Hello there."
        finally:
            await model.close()
            await other.close()

    asyncio.run(story())


def test_thoughts_over_the_wire(llm_server: "LlmServer") -> None:
    llm_server.replies["script"] = [written for _, written, _ in WRITTEN]

    async def texts() -> list[str]:
        model = responder(llm_server, "letters")
        try:
            return [await text_of_reply(model.reply(ASKED)) for _ in WRITTEN]
        finally:
            await model.close()

    assert asyncio.run(texts()) == [said for *_, said in WRITTEN]


def test_the_other_doors_models_think_in_silence_too(llm_server: "LlmServer") -> None:
    llm_server.replies["script"] = [WRITTEN[0][1], WRITTEN[3][1], WRITTEN[0][1]]

    async def texts() -> list[str]:
        model = ChatModel(model="letters", base_url=llm_server.url, deadlines=PATIENT)
        asked = [{"role": "user", "content": "Hello?"}]
        try:
            streamed = ["".join([word async for word in model.stream(asked)]) for _ in range(2)]
            return [*streamed, (await model.complete(asked)).text]
        finally:
            await model.close()

    assert asyncio.run(texts()) == ["Hello there."] * 3


@pytest.mark.parametrize("model", ["plain-json", "mark", "only-done", "empty-deltas", "list-of-parts"])
def test_the_other_doors_models_lose_no_answer(llm_server: "LlmServer", model: str) -> None:
    async def text() -> str:
        odd = ChatModel(model=model, base_url=llm_server.url, deadlines=PATIENT)
        try:
            return "".join([word async for word in odd.stream([{"role": "user", "content": "Hello?"}])])
        finally:
            await odd.close()

    assert asyncio.run(text()).startswith("Hello there")


def test_a_reply_at_the_models_limit_says_so(llm_server: "LlmServer") -> None:
    async def parts() -> list[object]:
        model = responder(llm_server, "length")
        try:
            return [part async for part in model.reply(ASKED)]
        finally:
            await model.close()

    assert asyncio.run(parts())[-1] == Truncation()


def test_a_thought_that_never_ends_is_a_failure_not_a_reply(llm_server: "LlmServer") -> None:
    llm_server.replies["script"] = ["<think>The user greets me. Let me think."]

    async def text() -> str:
        model = responder(llm_server, "letters")
        try:
            return await text_of_reply(model.reply(ASKED))
        finally:
            await model.close()

    with pytest.raises(ResponderFailed, match="empty reply"):
        asyncio.run(text())
