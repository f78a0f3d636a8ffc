"""Engines on Ray: replicas, all of them, and the cluster's head are killed, and no caller loses a turn."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from tests.servers.ray_cluster import RayCluster, ray_cluster
from tests.voice.child_engines import speech
from tests.voice.ray_engines import DIES, Humming, Replica
from voice.errors import Cancelled, EngineBusy, EngineFailed, EngineUnavailable, InvalidAudio, VoiceError
from voice.ray_serve.deployments import RayPlan
from voice.ray_serve.fallback import FallbackSynthesizer, FallbackTranscriber
from voice.ray_serve.gateway import RaySynthesizer, RayTranscriber
from voice.stt.fixed import WORDS as LOCAL
from voice.stt.fixed import FixedTranscriber
from voice.tts.base import VoiceStyle
from voice.tts.fixed import FixedSynthesizer

pytestmark = pytest.mark.slow

PATIENT_S = 60.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ray")


@pytest.fixture(scope="module")
def cluster(folder: Path) -> Iterator[RayCluster]:
    plan = RayPlan(partial(Replica, folder), partial(Humming, folder), recognisers=2, cpus=0.1)
    with ray_cluster(plan) as running:
        yield running


@pytest.fixture(scope="module")
def patient(cluster: RayCluster) -> Iterator[RayTranscriber]:
    """A driver whose deadlines a busy machine does not miss."""
    driver = RayTranscriber(cluster.address, request_s=PATIENT_S)
    driver.warm()
    yield driver
    driver.close()


def replicas(driver: RayTranscriber) -> set[int]:
    found: set[int] = set()
    while len(found) < 2:
        with ThreadPoolExecutor(8) as threads:
            found |= {int(one.text) for one in threads.map(driver.transcribe, [speech()] * 16)}
    return found


def test_the_replicas_share_the_utterances(patient: RayTranscriber) -> None:
    assert os.getpid() not in replicas(patient)


def test_impossible_audio_is_refused(patient: RayTranscriber) -> None:
    with pytest.raises(InvalidAudio):
        patient.transcribe(np.full(1600, np.nan, np.float32))


def test_what_nobody_wants_any_more_is_cancelled_in_the_replica(patient: RayTranscriber, folder: Path) -> None:
    with pytest.raises(Cancelled):
        patient.transcribe(speech(), prompt="hold", cancelled=(folder / "held").exists)
    while not (folder / "let go").exists():
        Event().wait(0.05)


def test_a_replica_that_is_killed_loses_no_utterance(patient: RayTranscriber) -> None:
    victim = replicas(patient).pop()
    asked = Event()

    def ask(number: int) -> str:
        if number == 20:
            asked.set()
        return patient.transcribe(speech()).text

    with ThreadPoolExecutor(4) as threads:
        waiting = [threads.submit(ask, number) for number in range(120)]
        assert asked.wait(PATIENT_S)
        os.kill(victim, signal.SIGKILL)
        words = [one.result(PATIENT_S) for one in waiting]
    assert all(text.isdecimal() for text in words)


def test_an_utterance_that_replicas_die_of_fails_alone(patient: RayTranscriber) -> None:
    with pytest.raises(EngineFailed, match="died"):
        patient.transcribe(speech(DIES))
    assert patient.transcribe(speech()).text.isdecimal()


def test_sketches_beyond_what_the_replica_takes_are_refused(patient: RayTranscriber) -> None:
    with ThreadPoolExecutor(64) as threads:
        waiting = [threads.submit(patient.sketch, speech()) for _ in range(64)]
        outcomes = [one.exception(PATIENT_S) for one in waiting]
    assert [outcome for outcome in outcomes if outcome is not None and not isinstance(outcome, EngineBusy)] == []
    assert outcomes.count(None) > 0


def test_a_clause_comes_whole_and_one_that_is_stopped_is_not_made_to_its_end(
    patient: RayTranscriber, folder: Path
) -> None:
    voice = RaySynthesizer(patient)
    assert sum(len(chunk.audio) for chunk in voice.synthesize("short", VoiceStyle(), cancelled=lambda: False)) == 7200
    chunks = voice.synthesize("long", VoiceStyle(), cancelled=lambda: False)
    next(chunks)
    chunks.close()
    made = -1
    while made != (folder / "chunks").stat().st_size:
        made = (folder / "chunks").stat().st_size
        Event().wait(1.0)
    assert made < 900


def test_a_clause_nobody_wants_is_cancelled(patient: RayTranscriber) -> None:
    voice, asked = RaySynthesizer(patient), []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > 2

    with pytest.raises(Cancelled):
        list(voice.synthesize("long", VoiceStyle(), cancelled=cancelled))


def test_while_all_replicas_are_dead_a_local_engine_hears_and_ray_is_taken_up_again(
    cluster: RayCluster, patient: RayTranscriber
) -> None:
    driver = RayTranscriber(cluster.address, request_s=1.0)
    engine = FallbackTranscriber(driver, FixedTranscriber, after_s=0.0)
    engine.warm()
    for pid in replicas(patient):
        os.kill(pid, signal.SIGKILL)
    words = {engine.transcribe(speech()).text for _ in range(10)}
    while LOCAL in words or not words:
        assert all(text == LOCAL or text.isdecimal() for text in words)
        words = {engine.transcribe(speech()).text}
    assert words.pop().isdecimal(), "new replicas hear"
    engine.close()


@pytest.fixture
def doomed(folder: Path) -> Iterator[RayCluster]:
    """A cluster of this test's own, which is killed."""
    with ray_cluster(RayPlan(partial(Replica, folder), partial(Humming, folder), cpus=0.1)) as running:
        yield running


def test_without_the_clusters_head_calls_go_on_here_and_nothing_waits_for_it(doomed: RayCluster) -> None:
    driver = RayTranscriber(doomed.address, request_s=1.0)
    engine = FallbackTranscriber(driver, FixedTranscriber, after_s=0.0)
    voice = FallbackSynthesizer(RaySynthesizer(driver), FixedSynthesizer, after_s=0.0)
    engine.warm()
    doomed.kill("gcs_server")
    doomed.kill("raylet")
    words = [engine.transcribe(speech()).text for _ in range(20)]
    while words[-1] != LOCAL:  # Ray serves on for a while without its head
        words.append(engine.transcribe(speech()).text)
    assert set(words) <= {LOCAL, *(text for text in words if text.isdecimal())}
    assert engine.outage.lasts
    with pytest.raises(VoiceError):
        driver.transcribe(speech())
    spoken = list(voice.synthesize("Yes.", VoiceStyle(), cancelled=lambda: False))
    assert spoken
    voice.close()
    engine.close()


def test_a_cluster_that_is_not_there_says_what_to_do_and_a_local_engine_hears() -> None:
    pytest.importorskip("ray", reason="the extra `ray` is not installed")
    driver = RayTranscriber("127.0.0.1:1", request_s=1.0)
    with pytest.raises(EngineUnavailable, match="ray start --head"):
        driver.warm()
    engine = FallbackTranscriber(driver, FixedTranscriber, after_s=0.0)
    engine.warm()
    assert engine.transcribe(speech()).text == LOCAL
    engine.close()
