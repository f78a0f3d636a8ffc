"""A telephone shows no words: its calls have partials only over a reply, where words confirm a barge-in."""

import pytest

from models.store import Store
from pipeline.replay.virtual_time import run_virtually
from tests.api.doors.telephone.scene import calling, desk_in, entry
from tests.pipeline.scene import engines, steadily
from tests.voice.sound import recording
from voice.audio.formats import Float32Mono16k
from voice.audio.g711 import mulaw_encode
from voice.audio.resample import resample
from voice.stt.base import Transcript
from voice.work.cancellation import Cancelled, never_cancelled

SPEECH = mulaw_encode(resample(recording("slt/clinic/01"), 16_000, 8_000))
SECONDS = len(SPEECH) / 8_000


class Counting:
    """A recogniser that counts what it is asked for."""

    name = "counting"

    def __init__(self) -> None:
        self.asked = 0

    def transcribe(
        self, audio: Float32Mono16k, *, prompt: str = "", cancelled: Cancelled = never_cancelled
    ) -> Transcript:
        """The same words each time."""
        self.asked += 1
        return Transcript("I need some help with my bill")


@pytest.mark.parametrize(("partials", "in_silence"), [("paced", False), ("barge-in", False), ("always", True)])
def test_partials_come_over_a_reply_and_else_only_where_one_wants_them_always(partials: str, in_silence: bool) -> None:
    async def story(store: Store) -> None:
        counting = Counting()
        called = entry(greeting="Good morning, and welcome to the front desk. " * 3, silence_s=[])
        async with (
            desk_in(store, called, chosen=engines(transcriber=counting), partials=partials) as desk,
            calling(desk) as phone,
        ):
            await phone.until(lambda: bool(phone.audio))
            await phone.speak(1)
            await phone.speak(SECONDS, SPEECH)
            await phone.speak(30)
            assert counting.asked >= 2, "the transcript, and before it at least the words that stopped the greeting"
            before = counting.asked
            await phone.speak(SECONDS + 3, SPEECH)
            assert (counting.asked - before > 3) is in_silence
            assert counting.asked > before

    steadily(story, run_virtually)
