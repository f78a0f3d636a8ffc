"""The contract of `test_drivers` for recognisers elsewhere: behind OpenAI's API, one server of two away, and on Ray."""

from collections.abc import Iterator
from functools import partial

import pytest

from tests.servers.ray_cluster import ray_cluster
from tests.servers.stt import transcription_server
from tests.voice.stt.test_drivers import (
    test_impossible_lengths_are_refused,
    test_impossible_samples_are_refused_and_the_next_utterance_is_heard,
    test_it_hears,
    test_one_sample_and_silence_hold_no_words,
    test_several_at_once_keep_their_words_apart,
    test_what_nobody_wants_is_not_done,
)
from voice.ray_serve.deployments import RayPlan
from voice.ray_serve.gateway import RayTranscriber
from voice.stt.base import SketchingTranscriber, Transcriber
from voice.stt.openai import OpenAITranscriber
from voice.stt.several_servers import SeveralTranscriptionServers
from voice.stt.whisper.engine import FasterWhisper
from voice.test_models import WHISPER_NANO

pytestmark = pytest.mark.slow

__all__ = [
    "test_impossible_lengths_are_refused",
    "test_impossible_samples_are_refused_and_the_next_utterance_is_heard",
    "test_it_hears",
    "test_one_sample_and_silence_hold_no_words",
    "test_several_at_once_keep_their_words_apart",
    "test_what_nobody_wants_is_not_done",
]

MAKE = partial(FasterWhisper, WHISPER_NANO, cpu_threads=1)


@pytest.fixture(scope="module", params=["openai", "ray"])
def driver(request: pytest.FixtureRequest) -> Iterator[Transcriber]:
    if request.param == "openai":
        with transcription_server(MAKE()) as server:
            urls = ["http://127.0.0.1:1/v1", server.url]
            several = SeveralTranscriptionServers([OpenAITranscriber(base_url=url, timeout_s=100) for url in urls])
            yield several
            several.close()
        return
    with ray_cluster(RayPlan(MAKE, cpus=0.1)) as cluster:
        there = RayTranscriber(cluster.address, request_s=60)
        there.warm()
        assert isinstance(there, SketchingTranscriber)
        yield there
        there.close()
