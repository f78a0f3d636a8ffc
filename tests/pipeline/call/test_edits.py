"""What a client changes in the middle of a call: messages, tools that it carries out, what was heard, the settings."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest

from models.errors import Conflict, NotFound
from models.store import Store
from pipeline.call.commands import (
    AddMessage,
    Command,
    Commit,
    DropAudio,
    Forget,
    HeardUntil,
    RequestReply,
    Stop,
    TakeSettings,
    ToolAnswered,
    obey,
)
from pipeline.call.session import SessionSettings
from pipeline.conversation.conversation import ReplyWishes
from pipeline.conversation.events import (
    NothingSaid,
    ReplyAudio,
    ReplyBegan,
    ReplyEnded,
    ToolsCalled,
    UserMessage,
    UserStarted,
)
from pipeline.conversation.reply import HandedOver, ReplyContext, ReplyPart, ToolsRun
from pipeline.conversation.tools import FunctionCall, Tool
from pipeline.replay.virtual_time import run_virtually
from pipeline.turn.machine import Rules
from tests.pipeline.scene import Scene, engines, opened, steadily
from tests.service import quiet
from tests.voice.sound import recording

SPEECH = recording("rms/turns/13")
LONG = "The first sentence is here. The second one follows it, and then there is a third sentence to be heard."
WEATHER = Tool("weather", "The weather in a city.")
CALLED = FunctionCall("call-1", "weather", '{"city":"Oslo"}')


class Answers:
    """Gives one list of parts after another, and keeps what it was asked; the last one stays."""

    name = "answers"

    def __init__(self, *replies: tuple[ReplyPart, ...]) -> None:
        self.replies = list(replies)
        self.asked: list[ReplyContext] = []

    async def reply(self, context: ReplyContext) -> AsyncIterator[ReplyPart]:
        """The next parts."""
        self.asked.append(context)
        for part in self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]:
            yield part

    @property
    def history(self) -> list[tuple[str, str]]:
        """Who said what, as the latest reply was asked for."""
        return [(line.role, line.text) for line in self.asked[-1].history]


def called(
    story: Callable[[Scene, Answers], Awaitable[None]],
    *replies: tuple[ReplyPart, ...],
    settings: SessionSettings | None = None,
) -> None:
    """Play a story with a persona that gives these replies."""
    answers = Answers(*(replies or ((LONG,),)))

    async def played(store: Store) -> None:
        async with opened(store, engines(responder=answers), settings=settings) as scene:
            await story(scene, answers)

    steadily(played, run_virtually)


async def told(scene: Scene, *commands: Command) -> None:
    for command in commands:
        await obey(scene.call, command)


def test_a_note_is_answered_when_that_is_asked_for() -> None:
    async def story(scene: Scene, answers: Answers) -> None:
        await told(scene, AddMessage("My name is Ada.", "note-1"), AddMessage("I see.", "note-2", "assistant"))
        await asyncio.sleep(5)
        assert not scene.of(ReplyBegan)
        await told(scene, AddMessage("Earlier still.", "note-0", after=""), RequestReply())
        await scene.until(ReplyEnded)
        assert answers.history == [("user", "Earlier still."), ("user", "My name is Ada."), ("assistant", "I see.")]
        stored = await scene.store.messages(scene.call.session.conversation.chat_id)
        assert [(one.role, one.text) for one in stored[:3]] == [
            ("user", "My name is Ada."),
            ("assistant", "I see."),
            ("user", "Earlier still."),
        ]
        assert [one.message_id for one in scene.of(UserMessage)] == ["note-1", "note-0"]

    called(story)


def test_a_message_may_come_in_the_middle_and_a_forgotten_one_is_in_no_context() -> None:
    async def story(scene: Scene, answers: Answers) -> None:
        await told(
            scene, AddMessage("One.", "a"), AddMessage("Three.", "c"), AddMessage("Two.", "b", after="a"), Forget("c")
        )
        with pytest.raises(Conflict):
            await told(scene, AddMessage("Again.", "a"))
        await told(scene, RequestReply())
        await scene.until(ReplyEnded)
        assert answers.history == [("user", "One."), ("user", "Two.")]

    called(story)


def test_a_second_request_is_answered_after_the_first_answer() -> None:
    async def story(scene: Scene, answers: Answers) -> None:
        await told(scene, AddMessage("Hello.", "a"), RequestReply())
        first = await scene.until(ReplyBegan)
        await told(scene, RequestReply(anyway=True))
        ended = await scene.until(ReplyEnded)
        assert (ended.message_id, ended.interrupted) == (first.message_id, False)
        second = await scene.until(ReplyBegan)
        assert second.message_id != first.message_id

    called(story)


def test_stopping_takes_back_the_second_request() -> None:
    async def story(scene: Scene, answers: Answers) -> None:
        await told(scene, AddMessage("Hello.", "a"), RequestReply())
        await scene.until(ReplyBegan)
        await told(scene, RequestReply(anyway=True), Stop())
        await scene.until(ReplyEnded, interrupted=True)
        await asyncio.sleep(5)
        assert len(scene.of(ReplyBegan)) == 1

    called(story)


def test_one_reply_has_wishes_of_its_own() -> None:
    async def story(scene: Scene, answers: Answers) -> None:
        await told(scene, AddMessage("Hello.", "a"))
        wishes = ReplyWishes("Be brief.", (WEATHER,), "required", text_only=True)
        await told(scene, RequestReply(wishes=wishes))
        await scene.until(ReplyEnded)
        assert not scene.of(ReplyAudio)
        asked = answers.asked[-1]
        assert (asked.persona.instructions, asked.tools, asked.tool_choice) == ("Be brief.", (WEATHER,), "required")
        await told(scene, AddMessage("And?", "b"), RequestReply())
        await scene.until(ReplyEnded)
        assert scene.of(ReplyAudio)
        assert (answers.asked[-1].persona.instructions, answers.asked[-1].tool_choice) == ("", "auto")

    called(story)


def test_the_client_carries_out_a_tool_and_another_reply_follows_its_result() -> None:
    async def story(scene: Scene, answers: Answers) -> None:
        await told(scene, AddMessage("How is the weather?", "a"), RequestReply())
        calls = await scene.until(ToolsCalled)
        assert calls.calls == (CALLED,)
        await scene.until(NothingSaid)
        with pytest.raises(NotFound):
            await told(scene, ToolAnswered("call-7", "?"))
        await told(scene, ToolAnswered("call-1", "sunny"), RequestReply())
        ended = await scene.until(ReplyEnded)
        assert ended.text == "It is sunny."
        entry = answers.asked[-1].history[-1]
        assert (entry.role, entry.text, entry.calls) == ("assistant", "", (replace(CALLED, result="sunny"),))

    tools = SessionSettings(tools=(WEATHER,))
    called(story, (ToolsRun(("weather",), ahead=False), HandedOver((CALLED,))), ("It is sunny.",), settings=tools)


def test_words_before_a_tool_are_spoken_and_a_call_without_a_result_is_in_no_context() -> None:
    async def story(scene: Scene, answers: Answers) -> None:
        await told(scene, AddMessage("How is the weather?", "a"), RequestReply())
        await scene.until(ToolsCalled)
        await scene.until(ReplyEnded)
        assert not scene.of(NothingSaid)
        await told(scene, AddMessage("Well?", "b"), RequestReply())
        await scene.until(ReplyEnded)
        assert answers.history == [("user", "How is the weather?"), ("assistant", "Let me look."), ("user", "Well?")]

    parts: tuple[ReplyPart, ...] = ("Let me look.", ToolsRun(("weather",), ahead=False), HandedOver((CALLED,)))
    called(story, parts, ("It is sunny.",), settings=SessionSettings(tools=(WEATHER,)))


def test_the_client_corrects_what_was_heard_of_a_reply_that_was_cut() -> None:
    async def story(scene: Scene, answers: Answers) -> None:
        await told(scene, AddMessage("Hello.", "a"), RequestReply())
        began = await scene.until(ReplyBegan)
        await asyncio.sleep(3)
        await told(scene, Stop())
        ended = await scene.until(ReplyEnded)
        assert len(ended.heard) > len("The first sentence is here.")
        await told(scene, HeardUntil(began.message_id, 700), AddMessage("And?", "b"), RequestReply())
        await scene.until(ReplyEnded)
        heard = answers.history[1][1]
        assert "The first" in heard
        assert heard != ended.heard
        assert ended.heard.startswith(heard)
        assert answers.asked[-1].history[1].interrupted
        stored = await scene.store.messages(scene.call.session.conversation.chat_id)
        assert (stored[1].text, stored[1].full_text, stored[1].heard_ms) == (heard, LONG, 700)

    called(story)


def test_no_more_counts_as_heard_than_was_sent_and_an_unknown_reply_changes_nothing() -> None:
    async def story(scene: Scene, answers: Answers) -> None:
        await told(scene, AddMessage("Hello.", "a"), RequestReply())
        began = await scene.until(ReplyBegan)
        await asyncio.sleep(2)
        await told(scene, Stop())
        ended = await scene.until(ReplyEnded)
        await told(scene, HeardUntil(began.message_id, 10**7), HeardUntil("nobody", 5), HeardUntil("a", 5))
        await told(scene, AddMessage("And?", "b"), RequestReply())
        await scene.until(ReplyEnded)
        assert answers.history[1][1] == ended.heard

    called(story)


def test_turns_become_manual_in_the_middle_of_a_call_and_audio_can_be_dropped() -> None:
    async def story(scene: Scene, answers: Answers) -> None:
        manual = replace(scene.call.session.settings, rules=Rules(manual=True, on_request=True))
        await told(scene, TakeSettings(manual))
        await scene.say(SPEECH)
        await told(scene, DropAudio())
        await scene.say(quiet(2_000))
        assert len(scene.of(UserStarted)) == 1
        assert not scene.of(UserMessage)
        await scene.say(SPEECH)
        await told(scene, Commit())
        await scene.until(UserMessage)
        await asyncio.sleep(3)
        assert not scene.of(ReplyBegan)
        await told(scene, RequestReply())
        await scene.until(ReplyBegan)

    called(story)


def test_without_barge_in_speech_over_a_reply_is_answered_after_it() -> None:
    async def story(scene: Scene, answers: Answers) -> None:
        await told(scene, AddMessage("Hello.", "a"), RequestReply())
        first = await scene.until(ReplyBegan)
        await scene.say(SPEECH)
        await scene.say(quiet(3_000))
        ended = await scene.until(ReplyEnded)
        assert (ended.message_id, ended.interrupted) == (first.message_id, False)
        await scene.until(ReplyBegan)
        await told(scene, Stop())
        assert (await scene.until(ReplyEnded)).interrupted

    called(story, (LONG + " " + LONG,), settings=SessionSettings(rules=Rules(barge_in=False)))


def test_instructions_are_added_to_the_personas_own_and_change_with_the_settings() -> None:
    async def story(scene: Scene, answers: Answers) -> None:
        settings = scene.call.session.settings
        await told(scene, TakeSettings(replace(settings, instructions="Speak of cats.", tools=(WEATHER,))))
        await told(scene, AddMessage("Hello.", "a"), RequestReply())
        await scene.until(ReplyEnded)
        assert answers.asked[-1].persona.instructions == "Speak of cats."
        assert answers.asked[-1].tools[-1] == WEATHER
        await told(scene, TakeSettings(settings), AddMessage("Hello?", "b"), RequestReply())
        await scene.until(ReplyEnded)
        assert answers.asked[-1].persona.instructions == ""

    called(story)
