"""While the persona thinks, a telephone is not silent for long: she says that it takes a moment."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from models.store import Store
from pipeline.conversation.reply import ReplyContext
from pipeline.errors import ResponderFailed
from pipeline.replay.virtual_time import run_virtually
from pipeline.speaking.preparation import FILLER
from pipeline.speaking.replies import APOLOGY
from tests.api.doors.line.scene import now
from tests.api.doors.telephone.scene import calling, desk_in, entry
from tests.pipeline.scene import engines, steadily

ANSWER = "It is on the third floor."


@dataclass
class Thinks:
    """A responder that takes its time."""

    seconds: float
    fails: bool = False
    name: str = "thinks"

    async def reply(self, context: ReplyContext) -> AsyncIterator[str]:
        await asyncio.sleep(self.seconds)
        if self.fails:
            raise ResponderFailed("It broke.")
        yield ANSWER


@pytest.mark.parametrize(
    ("thinks", "settings", "text", "sounds_after_s"),
    [
        (Thinks(1.5), {}, ANSWER, (1.5, 2.0)),
        (Thinks(6), {}, f"{FILLER} {ANSWER}", (2.0, 2.5)),
        (Thinks(6, fails=True), {}, f"{FILLER} {APOLOGY}", (2.0, 2.5)),
        (Thinks(6), {"phone_filler_s": 4.0}, f"{FILLER} {ANSWER}", (4.0, 4.5)),
        (Thinks(6), {"phone_filler_s": 0.0}, ANSWER, (6.0, 6.5)),
    ],
)
def test_words_fill_the_silence_before_a_late_answer(
    thinks: Thinks, settings: dict[str, float], text: str, sounds_after_s: tuple[float, float]
) -> None:
    async def story(store: Store) -> None:
        chosen = engines(responder=thinks)
        async with (
            desk_in(store, entry(greeting="Hello.", silence_s=[]), chosen=chosen, **settings) as desk,
            calling(desk) as phone,
        ):
            await phone.until(lambda: bool(phone.audio))
            await phone.speak(2)
            heard = len(phone.audio)
            phone.wire.say("key:7", "key:#")
            asked = now()
            await phone.until(lambda: len(phone.audio) > heard)
            earliest, latest = sounds_after_s
            assert earliest <= now() - asked <= latest
            reception = phone.dialect.reception
            assert reception is not None
            assert reception.call is not None
            await phone.speak(12)
            said = await store.messages(reception.call.session.conversation.chat_id)
            assert [one.text for one in said] == ["Hello.", "7", text]

    steadily(story, run_virtually)


def test_a_caller_who_goes_on_drops_the_words_that_would_have_filled_the_silence() -> None:
    async def story(store: Store) -> None:
        chosen = engines(responder=Thinks(3))
        async with (
            desk_in(store, entry(greeting="Hello.", silence_s=[]), chosen=chosen) as desk,
            calling(desk) as phone,
        ):
            await phone.until(lambda: bool(phone.audio))
            await phone.speak(2)
            heard = len(phone.audio)
            for key in "7#":
                phone.wire.say(f"key:{key}")
            await phone.speak(1.5)
            for key in "8#":
                phone.wire.say(f"key:{key}")
            asked = now()
            await phone.until(lambda: len(phone.audio) > heard)
            assert now() - asked >= 2.0

    steadily(story, run_virtually)
