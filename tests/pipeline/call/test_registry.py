"""Calls over hours of virtual time: what waits is bounded, what is dropped is kept, what ends is stored."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise

import numpy as np
import pytest

from models.errors import NotFound
from models.store import Store
from pipeline.call.registry import CallLimits
from pipeline.call.session import SessionSettings
from pipeline.call.settings import Prompt, SilencePlan
from pipeline.conversation.events import (
    CallEnded,
    Problem,
    ReplyAudio,
    ReplyBegan,
    ReplyCleared,
    ReplyEnded,
    ReplyText,
    TurnLatency,
    UserEnded,
    UserMessage,
    UserPartial,
    UserStarted,
)
from pipeline.errors import Busy, CallOver, NotOwner, SessionConflict
from pipeline.replay.virtual_time import run_virtually
from pipeline.speaking.lead import LONGEST_LEAD_MS
from pipeline.turn.machine import Rules
from tests.pipeline.scene import GREETING, Repeater, Scene, engines, opened, steadily
from tests.voice.sound import recording, tone
from voice.audio.formats import AudioFormat
from voice.stt.sphinx.engine import PocketSphinx
from voice.stt.word_error import word_errors
from voice.tts.espeak.engine import EspeakSynthesizer
from voice.tts.synthesis import TextToSpeech
from voice.work.workers import InlineWorkers

LINE = recording("rms/turns/13")
SILENCE = np.zeros(16_000, np.int16)


def played_out(story: Callable[[Store], Awaitable[None]]) -> None:
    steadily(story, run_virtually)


def now() -> float:
    return asyncio.get_running_loop().time()


def test_audio_goes_out_at_the_pace_it_is_played() -> None:
    async def story(store: Store) -> None:
        async with opened(store) as scene:
            begun, sent_ms, ahead = now(), 0.0, []
            scene.call.session.greet()
            while not scene.of(ReplyEnded):
                audio = await scene.until(ReplyAudio)
                sent_ms += audio.duration_ms
                ahead.append(sent_ms - (now() - begun) * 1000)
                if "fine day" in "".join(block.text for block in scene.of(ReplyAudio)):
                    break
            ended = await scene.until(ReplyEnded)
            assert max(ahead) <= LONGEST_LEAD_MS + 20, "the last block is filled up to 20 ms"
            assert min(ahead[3:]) > 0, "and never too late"
            total_ms = sum(block.duration_ms for block in scene.of(ReplyAudio))
            assert (now() - begun) * 1000 == pytest.approx(total_ms, abs=60), "it ends when it has been played"
            assert "".join(block.text for block in scene.of(ReplyAudio)) == ended.text == GREETING

    played_out(story)


def test_a_hung_voice_is_replaced_and_not_waited_for_again() -> None:
    async def story(store: Store) -> None:
        fallback = TextToSpeech(EspeakSynthesizer(), InlineWorkers())
        hung = engines(tts_workers=InlineWorkers(delay=lambda _: 3_600.0), fallback=fallback)
        async with opened(store, hung) as scene:
            scene.call.session.greet()
            await scene.until(ReplyAudio)
            assert now() < 11
            (problem,) = scene.of(Problem)
            assert (problem.code, "gave nothing for 10 s" in problem.message) == ("tts_failed", True)
            assert (await scene.until(ReplyEnded)).heard == GREETING
            before = now()
            await scene.call.session.type_text("Hello")
            await scene.until(ReplyAudio)
            assert now() - before < 1
            assert len(scene.of(Problem)) == 1

    played_out(story)


def test_without_another_voice_the_words_come_in_writing_and_the_call_goes_on() -> None:
    async def story(store: Store) -> None:
        async with opened(store, engines(tts_workers=InlineWorkers(delay=lambda _: 3_600.0))) as scene:
            scene.call.session.greet()
            ended = await scene.until(ReplyEnded)
            assert now() < 11
            assert (ended.text, "".join(event.delta for event in scene.of(ReplyText))) == (GREETING, GREETING)
            assert [problem.code for problem in scene.of(Problem)] == ["tts_failed"]
            assert not scene.of(CallEnded)
            await scene.call.session.type_text("Hello")
            await scene.until(ReplyBegan)

    played_out(story)


def test_a_second_at_a_time_is_one_utterance_and_its_end_is_noticed() -> None:
    """Recorders hand over a second at a time; that is no pause, but no more of it for a while is an end."""

    async def story(store: Store) -> None:
        async with opened(store) as scene:
            speech = np.concatenate([recording(f"rms/records-office/0{n}") for n in (2, 3)])
            await scene.say(speech[: len(speech) - len(speech) % 16_000], message_ms=1_000)
            ended_at = now()
            ended = await scene.until(UserEnded)
            assert ended.reason == "silence"
            assert now() - ended_at <= 2.5
            assert len(scene.of(UserStarted)) == 1

    played_out(story)


def test_a_call_is_logged_from_its_begin_to_its_end_without_a_word_of_it(caplog: pytest.LogCaptureFixture) -> None:
    async def story(store: Store) -> None:
        async with opened(store) as scene:
            session = scene.call.session
            await scene.say(np.concatenate([LINE, np.zeros(32_000, np.int16)]))
            await scene.until(ReplyEnded)
            session.hang_up("idle")
            await session.finished()
            ended = await scene.until(CallEnded)
            begins, ends = [
                record.getMessage() for record in caplog.records if record.name.startswith("pipeline.call.")
            ]
            chat, user = session.conversation.chat_id, scene.call.user_id
            assert begins == f"Call {session.conversation_id} begins on chat {chat}, of user {user}."
            seconds = ended.duration_ms / 1000
            (latency,) = [event.voice_to_voice_ms for event in scene.of(TurnLatency)]
            assert ends == (
                f"Call {session.conversation_id} ends after {seconds:.1f} s and {ended.turns} turns: idle; "
                f"voice to voice {latency} ms (median), {latency} ms (slowest)."
            )
            assert ended.turns == 1

    with caplog.at_level("INFO", logger="pipeline.call"):
        played_out(story)


def test_a_manual_turn_waits_for_its_commit_however_long() -> None:
    async def story(store: Store) -> None:
        settings = SessionSettings(rules=Rules(manual=True))
        async with opened(store, settings=settings, limits=CallLimits(idle_s=3_600)) as scene:
            await scene.say(LINE)
            await asyncio.sleep(120)
            assert not scene.of(UserEnded)
            await scene.say(LINE)
            await scene.call.commit()
            assert (await scene.until(UserEnded)).reason == "commit"
            await scene.until(UserMessage)

    played_out(story)


def test_a_commit_takes_what_was_too_soft_to_notice() -> None:
    async def story(store: Store) -> None:
        repeater = Repeater()
        settings = SessionSettings(rules=Rules(manual=True))
        async with opened(store, engines(transcriber=repeater), settings=settings) as scene:
            await scene.say((tone(3.0) // 64).astype(np.int16))
            assert not scene.of(UserStarted)
            await scene.call.commit()
            await scene.until(UserMessage)
            assert repeater.seconds[-1] == pytest.approx(3.0, abs=0.05), "all of it, not only its end"

    played_out(story)


@pytest.mark.slow
def test_a_turn_without_end_is_heard_in_pieces_and_none_is_lost() -> None:
    async def story(store: Store) -> None:
        repeater = Repeater("words")
        settings = SessionSettings(rules=Rules(max_turn_ms=70_000), partial_every_ms=0)
        async with opened(store, engines(transcriber=repeater), settings=settings) as scene:
            speech = np.concatenate([recording("rms/records-office/03")] * 20)
            await scene.say(speech, message_ms=20)
            ended = await scene.until(UserEnded)
            assert (ended.reason, ended.at_ms) == ("limit", pytest.approx(70_000, abs=500))
            assert max(repeater.seconds) <= 30, "no recogniser takes more"
            message = await scene.until(UserMessage)
            assert set(message.text.split()) == {"words"}
            assert len(message.text.split()) >= 3

    played_out(story)


@pytest.mark.slow
def test_partials_grow_and_come_true() -> None:
    async def story(store: Store) -> None:
        async with opened(store, engines(transcriber=PocketSphinx())) as scene:
            await scene.say(np.concatenate([recording("slt/records-office/02"), SILENCE]), message_ms=20)
            message = await scene.until(UserMessage)
            partials = [event.text for event in scene.of(UserPartial)]
            assert len(partials) >= 2
            for before, after in pairwise(partials):
                assert after.startswith(before), "what was told is not taken back"
            assert word_errors(message.text, partials[-1]).rate < 0.6

    played_out(story)


def test_keys_are_a_message_two_seconds_after_the_last() -> None:
    async def story(store: Store) -> None:
        async with opened(store) as scene:
            for digit in "4711":
                scene.call.session.digit(digit)
                await asyncio.sleep(1.5)
            assert not scene.of(UserMessage)
            assert (await scene.until(UserMessage)).text == "4711"
            assert now() == pytest.approx(6.5, abs=0.1)
            for digit in "1" * 200:
                scene.call.session.digit(digit)
            assert (await scene.until(UserMessage)).text == "1" * 64, "as many as a message takes"

    played_out(story)


def test_a_dropped_call_keeps_what_happens_and_ends_when_nobody_comes() -> None:
    async def story(store: Store) -> None:
        async with opened(store, limits=CallLimits(resume_s=60)) as scene:
            call, session = scene.call, scene.call.session
            session.greet()
            await scene.until(ReplyAudio, seq=8)
            session.played(0, 400)
            scene.calls.leave(call, [UserPartial(0, "missed")])
            handed_out = len(scene.of(ReplyAudio))
            await asyncio.sleep(30)
            assert len(scene.of(ReplyAudio)) == handed_out, "nothing is said to nobody"
            await session.type_text("Hello")
            assert scene.calls.resume(call.user_id, session.conversation.chat_id, session.resume_token) is call
            missed = call.take_backlog()
            assert missed[0] == UserPartial(0, "missed")
            assert [type(event) for event in missed if isinstance(event, ReplyCleared | UserMessage)] == [
                ReplyCleared,
                UserMessage,
            ]
            call.keep_events()
            await asyncio.sleep(31)
            assert session.ended
            with pytest.raises(NotFound, match="without `resume`"):
                scene.calls.resume(call.user_id, session.conversation.chat_id, session.resume_token)
            with pytest.raises(CallOver, match="open a new one"):
                session.type_text("too late")
            session.digit("5")  # of no use, and no harm

    played_out(story)


def test_what_was_not_acknowledged_is_handed_out_again() -> None:
    async def story(store: Store) -> None:
        async with opened(store) as scene:
            call, session = scene.call, scene.call.session
            session.greet()
            await scene.until(ReplyAudio, seq=3)
            session.played(0, 120)
            await asyncio.sleep(2)  # the line is dead, and nobody has noticed yet
            scene.calls.leave(call)
            scene.events.clear()
            scene._next = 0
            scene.calls.attend(call)
            assert (await scene.until(ReplyAudio)).at_ms == 120
            assert (await scene.until(ReplyEnded)).heard == GREETING

    played_out(story)


def test_the_backlog_is_bounded_and_joins_what_belongs_together() -> None:
    async def story(store: Store) -> None:
        async with opened(store) as scene:
            texts = [ReplyText(1, f"{n} ") for n in range(2_000)]
            partials = [UserPartial(2, "a"), UserPartial(2, "a b")]
            scene.calls.leave(scene.call, [*texts, *partials, *(Problem("p", str(n)) for n in range(900))])
            kept = scene.call.take_backlog()
            assert len(kept) == 500
            scene.call.keep_events([*texts, *partials])
            joined, partial = scene.call.take_backlog()
            assert isinstance(joined, ReplyText)
            assert joined.delta.split() == [str(n) for n in range(2_000)]
            assert partial == UserPartial(2, "a b")

    played_out(story)


def test_an_idle_call_ends_and_says_why_and_any_sign_of_life_keeps_it() -> None:
    async def story(store: Store) -> None:
        async with opened(store, limits=CallLimits(idle_s=300)) as scene:
            for _ in range(10):
                await asyncio.sleep(200)
                scene.call.session.touch()
            problem = await scene.until(Problem)
            assert problem.code == "idle"
            assert now() == pytest.approx(2_300, abs=10)
            await scene.until(CallEnded)
            assert len(scene.calls) == 0

    played_out(story)


def test_one_user_may_have_so_many_calls_and_no_more() -> None:
    async def story(store: Store) -> None:
        async with opened(store, limits=CallLimits(per_user=1)) as scene:
            mine = await store.start_attempt(scene.call.user_id, practice_id="practice")
            with pytest.raises(Busy, match="one user"):
                await scene.calls.open(scene.call.user_id, mine.chats[0].id, AudioFormat(), SessionSettings())
            bob = await store.create_user("bob")
            his = await store.start_attempt(bob.id, practice_id="practice")
            await scene.calls.open(bob.id, his.chats[0].id, AudioFormat(), SessionSettings())
            scene.call.session.hang_up()
            await scene.until(CallEnded)
            await scene.calls.open(scene.call.user_id, mine.chats[0].id, AudioFormat(), SessionSettings())

    played_out(story)


def test_who_may_open_and_find_a_call() -> None:
    async def story(store: Store) -> None:
        async with opened(store, limits=CallLimits(max_calls=1)) as scene:
            call, chat = scene.call, scene.call.session.conversation.chat_id
            assert scene.calls.find(call.user_id, chat_id=chat) is call
            assert scene.calls.find(call.user_id, conversation_id=call.session.conversation_id) is call
            assert scene.calls.find(call.user_id, chat_id="another") is None
            with pytest.raises(NotOwner):
                scene.calls.find("bob", chat_id=chat)
            with pytest.raises(SessionConflict):
                await scene.calls.open(call.user_id, chat, AudioFormat(), SessionSettings())
            other = await store.start_attempt(call.user_id, practice_id="practice")
            with pytest.raises(Busy):
                await scene.calls.open(call.user_id, other.chats[0].id, AudioFormat(), SessionSettings())
            call.session.hang_up()
            await call.session.finished()
            with pytest.raises(NotFound):
                await scene.calls.open("bob", chat, AudioFormat(), SessionSettings())
            again = await scene.calls.open(call.user_id, chat, AudioFormat(), SessionSettings())
            assert not again.attended

    played_out(story)


def test_the_one_who_resumes_waits_until_the_other_has_left() -> None:
    async def story(store: Store) -> None:
        async with opened(store) as scene:
            left: list[str] = []

            async def first() -> None:
                await scene.call.evicted()
                await asyncio.sleep(1)
                left.append("first")
                scene.calls.leave(scene.call)

            holder = asyncio.create_task(first())
            await scene.call.evict()
            assert left == ["first"]
            await holder

    played_out(story)


def test_a_persona_speaks_up_after_a_long_silence() -> None:
    async def story(store: Store) -> None:
        async with opened(store, settings=SessionSettings(silence=SilencePlan((Prompt(20),)))) as scene:
            await scene.until(ReplyBegan)
            assert now() == pytest.approx(20, abs=0.5)

    played_out(story)


def test_the_call_ends_with_its_owner_and_what_was_heard_is_stored() -> None:
    async def story(store: Store) -> None:
        scene: Scene
        async with opened(store) as scene:
            scene.call.session.greet()
            await scene.until(ReplyAudio, seq=10)
            chat = scene.call.session.conversation.chat_id
        assert [type(event) for event in scene.events[-2:]] == [ReplyEnded, CallEnded]
        (message,) = await store.messages(chat)
        assert message.interrupted
        assert GREETING.startswith(message.text)
        assert message.full_text == GREETING

    played_out(story)
