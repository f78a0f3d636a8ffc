"""A connection that drops at any moment of an utterance, and a client that resumes: the words are heard once."""

import asyncio

import numpy as np
import pytest

from tests.service import RunningService, quiet
from tests.voice.sound import recording

pytestmark = pytest.mark.slow

HEARD = "can you repeat that please"
SPOKEN = np.concatenate([quiet(200), recording("rms/turns/13"), quiet(100)])
STEP_MS = 150


@pytest.mark.parametrize("cut_ms", range(0, len(SPOKEN) // 16, STEP_MS))
def test_dropped_and_resumed(service: RunningService, cut_ms: int) -> None:
    chat = service.chat()

    async def story() -> None:
        async with service.call(chat, turns="manual") as client:
            if cut_ms:
                await client.hear(SPOKEN[: cut_ms * 16])
            # What was sent before a drop may be lost with it; the pong says that it was taken.
            await client.send("ping")
            await client.until("pong")
            client.drop()
        async with service.call(chat, resume=client.ready["resume"]) as again:
            await again.hear(SPOKEN[cut_ms * 16 :])
            await again.send("commit")
            assert (await again.until("user.message"))["text"] == HEARD
            await again.hang_up()
        assert [text for kind, text in service.lines(chat) if kind == "query"] == [HEARD]

    asyncio.run(story())
