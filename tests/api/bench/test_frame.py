"""The cost of a frame: every format is measured on the audio that it claims."""

import numpy as np
import pytest

from api.bench.frame import WIRE_FORMATS, WireFormat, frame_costs, messages_of
from api.client.recordings import learner_recording
from voice.audio.formats import FRAME
from voice.audio.intake import AudioIntake


@pytest.mark.parametrize("wire", WIRE_FORMATS, ids=lambda wire: wire.name)
def test_the_messages_of_a_format_hold_the_recording(wire: WireFormat) -> None:
    line = learner_recording("records-office", 1).samples
    messages = messages_of(wire, line)
    intake = AudioIntake(wire.format)
    frames = [frame for message in messages for frame in (intake.at_once(message) or ([], None))[0]]
    assert len(frames) == pytest.approx(len(line) / FRAME, abs=2)
    heard = np.concatenate(frames).astype(float)
    assert np.std(heard) == pytest.approx(np.std(line), rel=0.1)
    if wire.message_bytes:
        assert {len(message) for message in messages[:-1]} == {wire.message_bytes}


def test_each_format_is_measured_on_both_sounds() -> None:
    costs = frame_costs(2, recordings=1)
    assert {(cost.wire, cost.sound) for cost in costs} == {
        (wire.name, sound) for wire in WIRE_FORMATS for sound in ("quiet room", "speech")
    }
    assert all(0 < cost.median_us <= cost.p95_us for cost in costs)
