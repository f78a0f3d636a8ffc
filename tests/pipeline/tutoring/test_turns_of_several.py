"""Turns of one lesson at two processes: one after the other."""

import asyncio

from models.store import Store
from pipeline.tutoring.turns import student_turn
from pipeline.tutoring.tutor import Tutor
from tests.pipeline.tutoring.test_tutoring import ANSWERS, LESSONS
from tests.stores import database


def test_turns_at_two_processes_follow_one_another() -> None:
    async def story() -> None:
        with database() as url:
            async with Store(url) as one, Store(url) as two:
                for store in (one, two):
                    await store.join()
                user = await one.create_user("ada")
                first, second = Tutor(one, LESSONS), Tutor(two, LESSONS)
                await first.node(user.id, "abc123")
                session = await one.add_external_chat(user.id, "tutor", subject_id="abc123")
                await first.answer(user.id, session.id, student_turn(""))
                order = []

                async def held(tutor: Tutor, name: str, go_on: asyncio.Event, inside: asyncio.Event) -> None:
                    async with tutor.turn_of(user.id, session.id):
                        order.append(name)
                        inside.set()
                        await go_on.wait()
                        order.append(f"{name} ends")

                go_on, inside = asyncio.Event(), asyncio.Event()
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(held(first, "one", go_on, inside))
                    await inside.wait()
                    waiting = asyncio.Event()
                    tasks.create_task(held(second, "two", go_on, waiting))
                    while len(await two.jobs("turn", user.id)) != 1 or second._turns.get(session.id) is None:  # noqa: ASYNC110
                        await asyncio.sleep(0)
                    assert order == ["one"]
                    go_on.set()
                assert order == ["one", "one ends", "two", "two ends"]
                assert await one.jobs("turn", user.id) == []
                said = ANSWERS["binary-search"]
                turns = [
                    tutor.answer(user.id, session.id, student_turn(f"[ANSWER] {said[0]}")) for tutor in (first, second)
                ]
                await asyncio.gather(*turns)
                messages = await one.external_messages(session.id)
                assert [message.role for message in messages] == ["assistant", *["user", "assistant"] * 2]
                texts = [message.text for message in messages if message.role == "assistant"]
                assert texts[1] != texts[2], "the second one answers what the first one asked"

    asyncio.run(story())
