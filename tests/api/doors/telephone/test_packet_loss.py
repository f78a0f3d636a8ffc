"""What a line that loses packets costs the recogniser, on people's telephone prompts."""

import random

import numpy as np
import pytest

from api.bench.packet_loss import PACKET, at_8_khz, lossy, measured
from tests.neural import people
from voice.stt.whisper.engine import FasterWhisper


def test_the_line_hears_all_that_is_not_lost() -> None:
    """Its length stays: what is lost is concealed."""
    tone = (6_000 * np.sin(np.arange(PACKET * 100) / 5)).astype(np.int16)
    whole = lossy(tone, 0.0, random.Random(1))
    assert np.abs(whole[: len(tone)].astype(int) - tone).max() < 300, "mu-law's error"
    with_holes = lossy(tone, 0.05, random.Random(1))
    assert len(with_holes) == len(whole)
    assert 0 < np.count_nonzero(with_holes != whole) < len(whole) / 5


@pytest.mark.slow
def test_two_per_cent_of_lost_packets_cost_at_most_one_and_a_half_points(whisper_base: FasterWhisper) -> None:
    prompts = [(spoken.text, at_8_khz(spoken.audio)) for spoken in people("prompts")]
    clean, lost = measured(whisper_base, prompts, (None, 0.02))
    assert lost.rate <= clean.rate + 0.015, (clean, lost)
