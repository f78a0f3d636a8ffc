"""The event loop is watched while utterances are decoded in each way."""

from pathlib import Path

import pytest

from api.bench.random_whisper import make_random_whisper
from api.bench.stt_lag import lag_table, measure_lag

pytestmark = pytest.mark.slow


def test_each_way_is_measured_over_every_tick(tmp_path: Path) -> None:
    model = make_random_whisper(tmp_path, "least.en")
    rows = measure_lag(model, utterances=3, seconds=0.5, rounds=2)
    assert [row.way for row in rows] == [
        "nothing is decoded",
        "threads of this process",
        "a process of its own at nice 5",
    ]
    for row in rows:
        assert 0 <= row.p50_ms <= row.p99_ms <= row.most_ms
        assert row.ticks >= 1
    assert all(row.decoded_ms > 0 for row in rows[1:])
    assert lag_table(rows, "lag").row_count == 3
