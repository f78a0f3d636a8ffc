"""Programs that others wrote: the benchmark of the protocol, and the satellite of 2023."""

import asyncio
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile

from api.service import Service
from tests.clients import environment
from tests.service import WAIT_S, running
from tests.voice.sound import noise, recording

pytestmark = pytest.mark.slow

PACED = """
import sys, time
sound, at, due = open(sys.argv[1], "rb").read(), 0, time.monotonic()
while True:
    sys.stdout.buffer.write(sound[at : at + 2048].ljust(2048, b"\\0"))
    sys.stdout.buffer.flush()
    at, due = at + 2048, due + 0.064
    time.sleep(max(0, due - time.monotonic()))
"""
"""A microphone: it plays a file at its pace, and is silent then."""


def bench(*arguments: str) -> str:
    command = [str(environment("wyoming-bench", "wyoming-bench==2026.10.0") / "wyoming-bench"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=3 * WAIT_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_benchmark_reads_the_description(port: int) -> None:
    told = bench("info", f"127.0.0.1:{port}")
    assert "ruth-penhallow" in told.lower().replace(" ", "-")


def test_the_benchmark_hears_the_voice(port: int) -> None:
    told = bench("tts", f"127.0.0.1:{port}", "--mode", "both", "--rounds", "1")
    assert "error" not in told.lower()


def test_the_benchmark_measures_the_recogniser(port: int, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    soundfile.write(corpus / "one.wav", recording("slt/clinic/01"), 16_000, subtype="PCM_16")
    (corpus / "one.txt").write_text("Hello, my name is Alice and I am your nurse today.\n")
    told = bench("stt", f"127.0.0.1:{port}", "--corpus", str(corpus), "--mode", "streaming")
    assert "WER" in told


@contextmanager
def satellite(folder: Path, port: int, microphone: np.ndarray) -> Iterator[Path]:
    """The satellite of 2023, which streams always; yields the file of what its loudspeaker got."""
    commands = environment("wyoming-satellite", "wyoming-satellite==1.0.0")
    (folder / "mic.raw").write_bytes(microphone.astype("<i2").tobytes())
    (folder / "pace.py").write_text(PACED)
    heard = folder / "heard.raw"
    command = [
        str(commands / "python"), "-m", "wyoming_satellite", "--name", "kitchen", "--no-zeroconf",
        "--uri", f"tcp://127.0.0.1:{port}", "--snd-command-rate", "22050",
        "--mic-command", f"{sys.executable} {folder / 'pace.py'} {folder / 'mic.raw'}",
        "--snd-command", f"tee {heard}",
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        yield heard
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(WAIT_S)


def test_a_whole_conversation_on_a_satellite(tmp_path: Path) -> None:
    room = noise(8 * 16_000, level_db=-70)
    microphone = np.concatenate([room[: 3 * 16_000], recording("slt/clinic/01"), room])
    port = free_port()
    with (
        satellite(tmp_path, port, microphone) as heard,
        running(tmp_path / "data", satellites=f"tcp://127.0.0.1:{port}=ruth-penhallow") as service,
    ):
        said, answer = asyncio.run(service.until(exchanged))
        assert "alice" in said
        assert answer
        sound = np.frombuffer(heard.read_bytes()[: heard.stat().st_size // 2 * 2], "<i2")
        assert len(sound) > 22_050
        assert np.abs(sound).max() > 3_000


def exchanged(service: Service) -> tuple[str, str] | None:
    """What was said on the satellite and answered, once that was heard to the end."""
    for call in service.calls.open_calls():
        said, answer = call.session.conversation.last_exchange
        if said is not None and answer is not None:
            return said.text, answer.text
    return None


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
