"""What a killed process left in the folder of recordings, as the next one finds it."""

import asyncio
import wave
from pathlib import Path

import numpy as np
import pytest

from models.files import Files
from pipeline.call.recording import Recordings
from pipeline.call.registry import CallLimits, Calls
from pipeline.tasks.clock import LoopClock
from tests.pipeline.scene import engines
from tests.stores import empty_store


@pytest.mark.parametrize("others", [False, True])
def test_tracks_are_joined_to_their_recording_and_what_was_half_written_is_gone(tmp_path: Path, others: bool) -> None:
    """At once, or when the other processes are gone, whose they may have been."""
    (tmp_path / "0b8f.part").write_bytes(b"half")
    for side, level in (("learner", 100), ("persona", 200)):
        (tmp_path / f"call-chat-1.conversation.12000.{side}").write_bytes(np.full(800, level, "<i2").tobytes())

    async def story() -> None:
        async with (
            empty_store() as store,
            Calls(engines(), store, LoopClock(), CallLimits(), lambda: "id") as calls,
        ):
            alone = asyncio.Event() if others else None
            async with Recordings(calls, Files(tmp_path), LoopClock(), alone=alone):
                if alone is None:
                    return
                (tmp_path / "1c9a.part").write_bytes(b"being written by this one")
                (tmp_path / "0b8f.part").write_bytes(b"still")
                alone.set()
                await asyncio.sleep(0)
            assert (tmp_path / "1c9a.part").exists()
            (tmp_path / "1c9a.part").unlink()

    asyncio.run(story())
    assert [path.name for path in tmp_path.iterdir()] == ["call-chat-1"]
    with wave.open(str(tmp_path / "call-chat-1")) as recording:
        frames = np.frombuffer(recording.readframes(800), "<i2").reshape(-1, 2)
    assert (len(frames), (frames == [100, 200]).all()) == (800, True)
