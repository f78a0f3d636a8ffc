"""The image: well-formed, and made here step by step without Docker, so that it serves as the user it names."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.deploy.dockerfile import Image, build, instructions

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "Dockerfile"


def test_the_linter_has_nothing_to_say() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    if not hadolint.exists():
        pytest.skip("hadolint is not installed")
    ran = subprocess.run([hadolint, "--no-color", DOCKERFILE], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (0, "")


def test_nothing_is_open_but_the_service_and_no_secret_is_in_it() -> None:
    found = instructions(DOCKERFILE.read_text("utf-8"))
    assert [arguments for name, arguments in found if name == "EXPOSE"] == ["8010"]
    assert [arguments for name, arguments in found if name == "USER"] == ["10001"]
    names = [name for name, _ in found]
    assert names.index("USER") > len(names) - 1 - names[::-1].index("RUN"), "all that is installed is root's"
    assert "ARG" not in names
    assert "ADD" not in names


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    # Not pytest's folder: another user has to reach it.
    folder = Path(tempfile.mkdtemp(prefix="glow-image-"))
    folder.chmod(0o755)
    try:
        yield build(DOCKERFILE, ROOT, folder)
    finally:
        shutil.rmtree(folder)


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_its_steps_make_a_service_that_runs_as_its_user(image: Image) -> None:
    assert image.changes == ["useradd --create-home --uid 10001 glow", f"chown glow {image.root}/data"]
    data = image.root / "data"
    user = image.user if os.geteuid() == 0 else os.geteuid()
    os.chown(data, user, user if os.geteuid() == 0 else os.getegid())
    shutil.rmtree(image.workdir)  # what was copied is installed: nothing is read from there
    image.workdir.mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = {"GLOW_PORT": str(port), "GLOW_HOST": "127.0.0.1", "HOME": "/nonexistent", "TMPDIR": str(data)}
    environment = image.environment | own | {"PATH": image.path}
    identity = {"user": user, "group": user, "extra_groups": []} if os.geteuid() == 0 else {}
    log = image.root / "log"
    with log.open("wb") as written:
        service = subprocess.Popen(
            image.command, cwd=image.workdir, env=environment, stdout=written, stderr=subprocess.STDOUT, **identity
        )
    try:
        began = time.monotonic()
        while not is_ready(port):
            assert service.poll() is None, log.read_text()[-3000:]
            assert time.monotonic() - began < 300, log.read_text()[-3000:]
            time.sleep(0.2)
        engines = httpx.get(f"http://127.0.0.1:{port}/ready", trust_env=False).json()["engines"]
        assert (engines["stt"], engines["tts"]) == ("whisper:base", "piper"), "the image has the neural engines"
        healthy = subprocess.run(image.health, cwd=image.workdir, env=environment, check=False, **identity)
        assert healthy.returncode == 0
        told = subprocess.run(
            ["glow", "token", "create", "ada"],
            cwd=image.workdir, env=environment, capture_output=True, text=True, check=True, **identity,
        )  # fmt: skip
        headers = {"Authorization": f"Bearer {told.stdout.split()[-1]}"}
        url = f"http://127.0.0.1:{port}/practice/search"
        assert httpx.post(url, json={}, headers=headers, trust_env=False).json()["practices"]
        # The folder of packages is root's: the service writes into its data alone.
        assert {path.stat().st_uid for path in [data, *data.rglob("*")]} == {user}
        service.send_signal(signal.SIGTERM)
        assert service.wait(60) == 0
        gone = subprocess.run(image.health, cwd=image.workdir, env=environment, capture_output=True, check=False)
        assert gone.returncode != 0
    finally:
        if service.poll() is None:
            service.kill()
            service.wait()


def is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/ready", trust_env=False, timeout=10).status_code == 200
    except httpx.TransportError:
        return False
