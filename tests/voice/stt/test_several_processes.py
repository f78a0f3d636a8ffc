"""Several processes of one recogniser: whoever is idle transcribes, and a crash takes down one of them."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from tests.voice.child_engines import Held, Polyglot, speech
from voice.errors import EngineUnavailable
from voice.stt.base import MultilingualTranscriber, PerCallTranscriber, SketchingTranscriber
from voice.stt.process.process import ProcessStreamingTranscriber, ProcessTranscriber
from voice.stt.process.several import SeveralProcesses, in_processes
from voice.stt.sphinx.engine import PocketSphinx


@pytest.mark.slow
def test_a_transcript_waits_for_no_sketch_while_another_process_is_idle(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    several = in_processes(partial(Held, gate), Held(gate), count=2)
    assert isinstance(several, SeveralProcesses)
    several.warm()
    with ThreadPoolExecutor(3) as threads:
        asked = []
        for ask in (several.sketch, several.transcribe, several.transcribe):
            asked.append(threads.submit(ask, speech()))
            while several.pending < len(asked):
                pass
        with gate.open("w"):
            sketch, transcript, another = (one.result(100).text for one in asked)
    assert {sketch, transcript} == {str(pid) for pid in several.pids}
    assert another == sketch, "both have something to do, and a sketch gives way"
    with ThreadPoolExecutor(1) as threads:
        after = threads.submit(several.transcribe, speech())
        with gate.open("w"):
            assert after.result(100).text == sketch, "what is done counts no more"
    several.close()


def test_a_decoder_that_streams_and_a_single_process_are_as_ever() -> None:
    make = partial(PocketSphinx, 1)
    assert isinstance(in_processes(make, make(), count=2), ProcessStreamingTranscriber)
    assert isinstance(in_processes(Polyglot, Polyglot(), count=1), ProcessTranscriber)


@pytest.mark.slow
def test_one_that_is_killed_is_replaced_and_the_language_of_the_call_stays() -> None:
    several = in_processes(Polyglot, Polyglot(), count=2)
    assert isinstance(several, SeveralProcesses)
    assert isinstance(several, PerCallTranscriber)
    assert isinstance(several, MultilingualTranscriber)
    assert isinstance(several, SketchingTranscriber)
    several.warm()
    german, french = speech(level=0.1, seconds=3), speech(level=-0.1, seconds=1.5)
    call = several.for_call()
    assert call.transcribe(german).language == "de"
    pids = several.pids
    assert len(set(pids)) == 2
    os.kill(pids[0], signal.SIGKILL)
    assert call.transcribe(french).language == "de"
    assert several.pids[1] == pids[1]
    assert several.pids[0] != pids[0]
    several.close()
    with pytest.raises(EngineUnavailable):
        several.transcribe(german)
