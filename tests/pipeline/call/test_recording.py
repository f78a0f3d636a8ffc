"""What a killed process left in the folder of recordings, as the next one finds it."""

import asyncio
import wave
from pathlib import Path

import numpy as np

from models.files import Files
from pipeline.call.recording import Recordings
from pipeline.call.registry import CallLimits, Calls
from pipeline.tasks.clock import LoopClock
from tests.pipeline.scene import engines
from tests.stores import empty_store


def test_tracks_are_joined_to_their_recording_and_what_was_half_written_is_gone(tmp_path: Path) -> None:
    (tmp_path / "0b8f.part").write_bytes(b"half")
    for side, level in (("learner", 100), ("persona", 200)):
        (tmp_path / f"call-chat-1.conversation.12000.{side}").write_bytes(np.full(800, level, "<i2").tobytes())

    async def story() -> None:
        async with (
            empty_store() as store,
            Calls(engines(), store, LoopClock(), CallLimits(), lambda: "id") as calls,
            Recordings(calls, Files(tmp_path), LoopClock()),
        ):
            pass

    asyncio.run(story())
    assert [path.name for path in tmp_path.iterdir()] == ["call-chat-1"]
    with wave.open(str(tmp_path / "call-chat-1")) as recording:
        frames = np.frombuffer(recording.readframes(800), "<i2").reshape(-1, 2)
    assert (len(frames), (frames == [100, 200]).all()) == (800, True)
