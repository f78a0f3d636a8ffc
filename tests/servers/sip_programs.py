"""baresip, linphone and SIPp as callers: Debian's programs, headless, each with a configuration of its own.

Without them their tests are skipped: apt-get install --no-install-recommends baresip-core linphone-cli sip-tester
"""

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

WAIT_S = 90.0
STARTS = 5

BARESIP = """\
poll_method epoll
sip_listen 127.0.0.1:{sip}
audio_source aufile,{audio}
audio_player aufile,{folder}/played.wav
audio_alert aufile,{folder}/alert.wav
ausrc_srate {rate}
auplay_srate {rate}
ausrc_channels 1
auplay_channels 1
rtp_ports {rtp}-{last}
jitter_buffer_delay 1-10
module_path /usr/lib/baresip/modules
module ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{control}
module sndfile.so
snd_path {folder}
module g711.so
module g722.so
module opus.so
module aufile.so
module_tmp account.so
module_tmp uuid.so
module_app menu.so
"""

LINPHONE = """\
[sip]
use_ipv6=0
guess_hostname=0
sip_port={sip}
sip_tcp_port=0
sip_tls_port=0
contact="ada" <sip:ada@127.0.0.1>
[rtp]
audio_rtp_port={rtp}
"""


def needs(program: str) -> pytest.MarkDecorator:
    """Skip a test where a program is missing."""
    package = {"baresip": "baresip-core", "linphonec": "linphone-cli", "sipp": "sip-tester"}[program]
    return pytest.mark.skipif(
        shutil.which(program) is None, reason=f"{program} is not installed: apt-get install {package}"
    )


def free_port() -> int:
    """A port that nobody has for UDP or TCP, and that is even with room for RTCP."""
    for _ in range(100):
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as stream,
        ):
            datagrams.bind(("127.0.0.1", 0))
            port = int(datagrams.getsockname()[1])
            with suppress(OSError):
                stream.bind(("127.0.0.1", port))
                if port % 2 == 0:
                    return port
    raise AssertionError("no even port is free")


def write_wav(path: Path, audio: NDArray[np.int16], rate_hz: int) -> None:
    """What a caller says: a program loops or stops at its end, so it ends in silence."""
    soundfile.write(path, audio, rate_hz, subtype="PCM_16")


class Baresip:
    """A running baresip, controlled over its TCP interface."""

    def __init__(self, folder: Path, audio: Path, *, codec: str, rate_hz: int, user: str = "") -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        secret = f";auth_user={user.partition(':')[0]};auth_pass={user.partition(':')[2]}" if user else ""
        (folder / "accounts").write_text(f"<sip:ada@127.0.0.1>;regint=0;audio_codecs={codec}{secret}\n")
        (folder / "contacts").write_text("")
        for _ in range(STARTS):
            rtp, self.control = free_port(), free_port()
            (folder / "config").write_text(
                BARESIP.format(
                    sip=free_port(), audio=audio, folder=folder, rate=rate_hz,
                    rtp=rtp, last=rtp + 20, control=self.control,
                )
            )  # fmt: skip
            with (folder / "log").open("w") as log:
                self.process = subprocess.Popen(
                    ["baresip", "-f", str(folder), "-t", str(int(WAIT_S))],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            if self.listens():
                return
            self.process.kill()
            self.process.wait(WAIT_S)
        raise AssertionError(self.log())

    def listens(self) -> bool:
        """Whether it got its ports, once it is up: another program may have taken one since it was looked for."""
        deadline = time.monotonic() + WAIT_S
        while "baresip is ready" not in self.log() and self.process.poll() is None:
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.05)
        return "Address already in use" not in self.log() and self.process.poll() is None

    def command(self, command: str, argument: str = "") -> None:
        """Give a command."""
        body = json.dumps({"command": command, "params": argument}).encode()
        with socket.create_connection(("127.0.0.1", self.control), timeout=WAIT_S) as control:
            control.sendall(b"%d:%s," % (len(body), body))
            control.recv(4096)

    def log(self) -> str:
        """What it has printed."""
        return (self.folder / "log").read_text(errors="replace")

    def recording(self) -> tuple[NDArray[np.float32], int]:
        """What its user heard, and its rate."""
        (path,) = self.folder.glob("dump-*-dec.wav")
        audio, rate = soundfile.read(path, dtype="float32")
        return (audio if audio.ndim == 1 else audio[:, 0]), int(rate)


@contextmanager
def baresip(
    folder: Path, audio: Path, *, codec: str = "pcmu", rate_hz: int = 8_000, user: str = ""
) -> Iterator[Baresip]:
    """baresip for the length of the block."""
    phone = Baresip(folder, audio, codec=codec, rate_hz=rate_hz, user=user)
    try:
        yield phone
    finally:
        phone.process.terminate()
        phone.process.wait(WAIT_S)


class Linphone:
    """A running linphonec, whose user types."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / ".local/share/linphone").mkdir(parents=True, exist_ok=True)
        (folder / "linphonerc").write_text(LINPHONE.format(sip=free_port(), rtp=free_port()))
        with (folder / "log").open("w") as log:
            self.process = subprocess.Popen(
                ["linphonec", "-c", str(folder / "linphonerc")],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
                env={"HOME": str(folder), "PATH": "/usr/bin:/bin"},
            )

    def type(self, *lines: str) -> None:
        """Type lines."""
        assert self.process.stdin is not None
        for line in lines:
            self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def log(self) -> str:
        """What it has printed."""
        return (self.folder / "log").read_text(errors="replace")

    def until(self, text: str) -> None:
        """Wait until it prints this."""
        deadline = time.monotonic() + WAIT_S
        while text not in self.log():
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.05)


@contextmanager
def linphone(folder: Path) -> Iterator[Linphone]:
    """linphonec for the length of the block."""
    phone = Linphone(folder)
    try:
        phone.until("linphonec>")
        yield phone
    finally:
        phone.process.kill()
        phone.process.wait(WAIT_S)
        assert phone.process.stdin is not None
        phone.process.stdin.close()


def sipp(scenario: Path, server: tuple[str, int], folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a scenario of SIPp to its end."""
    command = [
        "sipp", f"{server[0]}:{server[1]}", "-sf", str(scenario), "-i", "127.0.0.1", "-p", str(free_port()),
        "-mi", "127.0.0.1", "-mp", str(free_port()), "-nostdin", "-trace_err", "-timeout", f"{int(WAIT_S)}s",
        "-timeout_error", *options,
    ]  # fmt: skip
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=WAIT_S + 10, check=False)
