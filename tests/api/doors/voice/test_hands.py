"""What a client does besides talking: it types, stops, mutes, presses keys, tells what it played, and interrupts."""

import asyncio
from typing import Any

import numpy as np
import pytest

from tests.service import Client, RunningService, quiet
from tests.voice.sound import recording
from voice.stt.word_error import normalised_words

QUESTION = "Hello, this is the records office. How can I help you?"
ANSWER = "Finally, a human being. I am Dana Whitfield"


async def asked(client: Client, text: str = QUESTION) -> dict[str, Any]:
    """Type something and wait until the persona speaks."""
    await client.send("chat_message", text=text)
    started = await client.until("reply.started")
    await client.until("reply.audio")
    return started


def heard_until(client: Client, turn: int, heard_ms: int) -> list[str]:
    """The words announced with audio that begins before this."""
    pieces = [piece.announced for piece in client.pieces if piece.announced["turn"] == turn]
    return "".join(event["text"] for event in pieces if event["at_ms"] < heard_ms).split()


def is_within_a_word(client: Client, event: dict[str, Any]) -> bool:
    heard = normalised_words(event["heard"])
    begun = normalised_words(" ".join(heard_until(client, event["turn"], event["heard_ms"])))
    return heard == begun[: len(heard)] and len(begun) - len(heard) <= 1


def test_typing_is_answered_aloud(service: RunningService) -> None:
    async def story() -> None:
        chat = service.chat()
        async with service.call(chat) as client:
            started = await asked(client)
            (message,) = client.of("user.message")
            assert (message["turn"], message["text"]) == (started["turn"], QUESTION) == (1, QUESTION)
            await client.hang_up()
        asked_line, answer = service.history(chat)
        assert (asked_line["origin"], asked_line["id"]) == ("typed", message["message_id"])
        assert answer["parent_message_id"] == asked_line["id"]

    asyncio.run(story())


def test_stop_ends_the_reply_at_what_was_heard_and_the_call_goes_on(service: RunningService) -> None:
    async def story() -> None:
        chat = service.chat()
        async with service.call(chat, hurries=True) as client:
            started = await asked(client)
            await client.played_to(1, 1_800)
            await client.send("stop")
            cleared = await client.until("reply.cleared", turn=1)
            ended = await client.until("reply.ended", turn=1)
            assert is_within_a_word(client, cleared)
            assert ended["interrupted"]
            assert cleared["heard"] == ended["heard"]
            assert len(ended["heard"].split()) >= 3
            assert ended["text"].startswith(ended["heard"])
            assert ended["text"].startswith(ANSWER)
            assert len(ended["heard"]) < len(ended["text"])
            await asked(client, "I understand that you are worried about your son")
            await client.hang_up()
        stored = next(line for line in service.history(chat) if line["id"] == started["message_id"])
        assert stored["contents"][0]["content"] == ended["heard"], "the history is what was heard"
        assert stored["full_text"] == ended["text"]
        assert (stored["interrupted"], stored["heard_ms"]) == (True, cleared["heard_ms"])

    asyncio.run(story())


def test_nothing_after_a_clear_belongs_to_the_cut_reply(service: RunningService) -> None:
    async def story() -> None:
        async with service.call(service.chat()) as client:
            await asked(client)
            await client.send("stop")
            await client.until("reply.ended", turn=1)
            await client.send("ping")
            await client.until("pong")
            kinds = [event["type"] for event in client.events if event.get("turn") == 1]
            assert kinds[kinds.index("reply.cleared") :] == ["reply.cleared", "reply.ended"]
            await client.send("stop")  # with nothing to stop
            await client.send("ping")
            await client.until("pong")
            assert not client.of("error")
            await client.hang_up()

    asyncio.run(story())


def test_typing_over_the_reply_cuts_it(service: RunningService) -> None:
    async def story() -> None:
        async with service.call(service.chat(), hurries=True) as client:
            await asked(client)
            await client.played_to(1, 700)
            await asked(client, "The law protects the privacy of every student")
            (ended,) = client.of("reply.ended", turn=1)
            assert ended["interrupted"]
            assert client.of("reply.started")[-1]["turn"] == 2
            await client.hang_up()

    asyncio.run(story())


def test_typing_while_speaking_loses_neither(service: RunningService) -> None:
    async def story() -> None:
        chat = service.chat()
        async with service.call(chat) as client:
            await client.hear(np.concatenate([quiet(200), recording("rms/turns/13")[:12_000]]))
            await client.until("user.started")
            await client.send("chat_message", text="I mean the grades")
            await client.hear(np.concatenate([recording("rms/turns/13")[12_000:], quiet(1_500)]))
            await client.until("user.message", text="I mean the grades")
            spoken = await client.until("user.message")
            assert "repeat that" in spoken["text"]
            await client.until("reply.started")
            assert len(client.of("reply.started")) == 1, "one answer to both"
            await client.hang_up()
        assert [line["origin"] for line in service.history(chat)] == ["typed", "spoken", "spoken"]

    asyncio.run(story())


def test_speaking_over_the_reply_cuts_it_at_what_was_heard(service: RunningService) -> None:
    async def story() -> None:
        chat = service.chat()
        async with service.call(chat, hurries=True) as client:
            started = await asked(client)
            await client.played_to(1, 1_500)
            await client.say("slt/records-office/07")
            cleared = await client.until("reply.cleared", turn=1)
            ended = await client.until("reply.ended", turn=1)
            message = await client.until("user.message")
            assert ended["interrupted"]
            assert is_within_a_word(client, cleared)
            assert message["text"].startswith("wait let me explain")
            answered = await client.until("reply.started")
            assert answered["turn"] == message["turn"] == 2
            await client.hang_up()
        stored = next(line for line in service.history(chat) if line["id"] == started["message_id"])
        assert (stored["contents"][0]["content"], stored["full_text"]) == (ended["heard"], ended["text"])

    asyncio.run(story())


@pytest.mark.slow
@pytest.mark.parametrize("nod", ["slt/turns/05", "rms/turns/04"])
def test_a_nod_does_not_cut(service: RunningService, nod: str) -> None:
    async def story() -> None:
        chat = service.chat()
        async with service.call(chat, hurries=True) as client:
            await asked(client)
            await client.say(nod)
            ended = await client.until("reply.ended", turn=1)
            assert not ended["interrupted"]
            assert ended["heard"] == ended["text"]
            await client.hang_up()

    asyncio.run(story())


@pytest.mark.slow
def test_manual_turns_end_by_commit_alone(service: RunningService) -> None:
    async def story() -> None:
        chat = service.chat()
        async with service.call(chat, turns="manual") as client:
            await client.say("slt/turns/11", silence_ms=1_000)
            await client.say("slt/turns/12", silence_ms=2_000)
            await client.send("ping")
            await client.until("pong")
            assert not client.of("user.ended")
            await client.send("commit")
            ended = await client.until("user.ended")
            message = await client.until("user.message")
            assert ended["reason"] == "commit"
            assert message["text"].endswith("five five five one two three four"), "both parts are one message"
            await client.until("reply.audio")
            await client.hang_up()

    asyncio.run(story())


@pytest.mark.slow
@pytest.mark.parametrize("said", [0, 100, 1_000])
def test_a_commit_with_nothing_said_is_an_error_and_no_turn(service: RunningService, said: int) -> None:
    async def story() -> None:
        chat = service.chat()
        async with service.call(chat, turns="manual") as client:
            await client.hear(quiet(said))
            await client.send("commit")
            error = await client.until("error")
            assert (error["code"], error["fatal"]) == ("no_words", False)
            assert "say it again or type it" in error["message"]
            await client.say("rms/turns/01")
            await client.send("commit")
            assert (await client.until("user.message"))["text"] == "yes"
            await client.hang_up()
        assert service.history(chat)[0]["origin"] == "spoken"

    asyncio.run(story())


def test_greet_has_the_persona_speak_first(service: RunningService) -> None:
    async def story() -> None:
        chat = service.chat()
        async with service.call(chat, greet=True, hurries=True) as client:
            ended = await client.until("reply.ended")
            assert ended["text"].startswith("Hello? Is this the records office?")
            await client.hang_up()
        assert service.lines(chat) == [("response", ended["text"])]

    asyncio.run(story())


def test_mute_ends_the_utterance_and_takes_no_audio(service: RunningService) -> None:
    async def story() -> None:
        async with service.call(service.chat()) as client:
            await client.hear(np.concatenate([quiet(200), recording("slt/turns/13")]))
            await client.send("mute", muted=True)
            ended = await client.until("user.ended")
            assert ended["reason"] == "mute"
            assert (await client.until("user.message"))["text"] == "can you repeat that please"
            await client.send("stop")
            await client.say("rms/turns/12")
            await client.send("ping")
            await client.until("pong")
            assert len(client.of("user.started")) == 1, "nothing is heard while muted"
            await client.send("mute", muted=False)
            await client.say("rms/turns/01")
            assert (await client.until("user.message"))["text"] == "yes"
            await client.hang_up()

    asyncio.run(story())


def test_keys_are_a_typed_message(service: RunningService) -> None:
    async def story() -> None:
        chat = service.chat()
        async with service.call(chat) as client:
            for digit in "5551234#":
                await client.send("dtmf", digit=digit)
            assert (await client.until("user.message"))["text"] == "5551234"
            await client.until("reply.audio")
            await client.send("stop")
            await client.send("dtmf", digit="#")
            await client.send("dtmf", digit="1")
            await client.hang_up()
            assert client.of("user.message")[-1]["text"] == "#1", "keys that nothing ended are not lost"
        assert [text for kind, text in service.lines(chat) if kind == "query"] == ["5551234", "#1"]

    asyncio.run(story())


def test_heard_is_what_the_client_says_it_played(service: RunningService) -> None:
    """A client that has played nothing has heard nothing, however much it was sent; nobody hears more than was sent."""

    async def heard(ms: float, turn: int = 1) -> str:
        async with service.call(service.chat()) as client:
            await asked(client)
            await client.send("played", turn=turn, ms=ms)
            await client.send("stop")
            ended = await client.until("reply.ended")
            await client.hang_up()
            assert len(ended["heard"]) < len(ended["text"])
            sent = "".join(piece.announced["text"] for piece in client.pieces)
            assert sent.startswith(ended["heard"])
            return str(ended["heard"])

    assert asyncio.run(heard(0)) == ""
    asyncio.run(heard(86_400_000.5))  # of what it was sent, and no more
    asyncio.run(heard(250.25, turn=7))  # of another turn: changes nothing


def test_a_silence_in_the_middle_of_an_utterance_stores_it(service: RunningService) -> None:
    async def story() -> None:
        chat = service.chat()
        async with service.call(chat) as client:
            await client.hear(np.concatenate([quiet(200), recording("rms/records-office/05")]))
            ended = await client.hang_up()
            assert (ended["stopped"], ended["turns"], ended["chat_id"]) == (True, 1, chat)
            assert client.of("user.ended")[0]["reason"] == "end"
            kinds = [event["type"] for event in client.events]
            assert kinds[-3:] == ["user.ended", "user.message", "chat_silence"]
        assert service.lines(chat) == [("query", "the law protects the privacy of every student")]

    asyncio.run(story())


def test_hanging_up_over_a_reply_stores_what_was_heard(service: RunningService) -> None:
    async def story() -> None:
        chat = service.chat()
        async with service.call(chat, hurries=True) as client:
            await asked(client)
            await client.played_to(1, 900)
            await client.hang_up()
            (ended,) = client.of("reply.ended")
            assert ended["interrupted"]
        assert service.lines(chat)[-1] == ("response", ended["heard"])

    asyncio.run(story())


@pytest.mark.slow
def test_a_client_that_sends_no_more_frames_has_ended_its_utterance(service: RunningService) -> None:
    async def story() -> None:
        async with service.call(service.chat()) as client:
            await client.hear(np.concatenate([quiet(200), recording("slt/turns/01"), quiet(40)]))
            ended = await client.until("user.ended")
            assert ended["reason"] == "silence"
            assert (await client.until("user.message"))["text"] == "yes"
            await client.hang_up()

    asyncio.run(story())
