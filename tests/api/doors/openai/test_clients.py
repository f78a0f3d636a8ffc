"""Clients that exist, each in an environment of its own: turns, an interruption, typed text, a tool, and REST."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import soundfile

from api.certificate import self_signed
from tests.installed import node_with, python_with
from tests.servers.weather import STORY, weather_model
from tests.service import TOKENS, RunningService, running
from tests.voice.sound import recording
from voice.audio.resample import resample

pytestmark = pytest.mark.slow

PROGRAMS = Path(__file__).parent / "clients"
KEY = TOKENS["ada"]
LONGEST_S = 300
FIRST, SECOND = "rms/turns/13", "slt/records-office/07"
HEARD, BROKE_IN = "can you repeat that please", "wait let me explain"
"""What is heard of the two recordings; the end of the second is heard through the persona's voice."""


@dataclass(frozen=True)
class Addresses:
    """Where the service is, and the recordings that are said to it."""

    http: str
    first: str
    second: str

    @property
    def ws(self) -> str:
        """The same for websockets."""
        return self.http.replace("http", "ws", 1)


def told(command: Sequence[str | Path], **variables: str) -> dict[str, Any]:
    """Run a client's program; return what it prints."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "OPENAI"))}
    environment |= {"NO_PROXY": "127.0.0.1", "OPENAI_AGENTS_DISABLE_TRACING": "1", **variables}
    environment.pop("SSL_CERT_DIR", None)
    ran = subprocess.run(
        [str(part) for part in command],
        env=environment,
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-2_000:] + ran.stderr[-6_000:]
    found: dict[str, Any] = json.loads(ran.stdout.strip().splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def wavs(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    folder = tmp_path_factory.mktemp("wavs")
    files = []
    for name in (FIRST, SECOND):
        files.append(str(folder / f"{name.replace('/', '-')}.wav"))
        soundfile.write(files[-1], resample(recording(name), 16_000, 24_000), 24_000, subtype="PCM_16")
    return files[0], files[1]


def chosen(url: str) -> dict[str, Any]:
    return {"llm": "openai", "openai_base_url": url, "openai_api_key": "x", "requests_per_minute": 10_000}


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory, wavs: tuple[str, str]) -> Iterator[Addresses]:
    with weather_model() as url, running(tmp_path_factory.mktemp("service"), **chosen(url)) as service:
        service.ask(lambda inside: inside.ready)
        yield Addresses(service.url, *wavs)


def broke_in(text: str) -> bool:
    """Whether this is what broke in: its start falls where the reply is just then, which may cost its first word."""
    expected, found = BROKE_IN.split(), text.split()
    return found[1 : len(expected)] == expected[1:]


def heard(transcripts: list[str]) -> None:
    """Check what was heard of the user."""
    first, second = transcripts
    assert first == HEARD
    assert broke_in(second), second


def held(lines: list[list[Any]]) -> None:
    """Check a history with an interruption in it, and a tool."""
    said = [line[2] if isinstance(line[2], str) else line[2][0] for line in lines]
    assert [line[0] for line in lines] == ["user", "assistant"] * 3
    assert (said[0], said[4]) == (HEARD, "How is the weather in Oslo?")
    assert broke_in(said[2]), said[2]
    assert lines[1][1] == "incomplete"
    assert STORY.startswith(said[1])
    assert 0 < len(said[1]) < len(STORY)
    assert said[3].strip() == STORY
    assert "sunny" in said[5]


def test_openai_agents_for_python(addresses: Addresses) -> None:
    python = python_with("openai-agents==0.24.0", "websockets")
    program = PROGRAMS / "agents_client.py"
    found = told([python, program, f"{addresses.ws}/v1/realtime", KEY, addresses.first, addresses.second])
    assert found["errors"] == []
    assert found["interrupted"]
    assert found["tools"] == ["Oslo"]
    held(found["lines"])


def test_livekits_plugin(addresses: Addresses) -> None:
    python = python_with("livekit-plugins-openai==1.8.9")
    program = PROGRAMS / "livekit_client.py"
    found = told([python, program, f"{addresses.ws}/v1", KEY, addresses.first, addresses.second])
    assert found["errors"] == []
    heard(found["heard"])
    assert found["interrupted"] == 1
    assert 0 < len(found["said"][0]) < len(STORY)
    assert "sunny" in found["said"][-1]
    assert found["tools"] == ["Oslo"]
    assert found["recognised"] == found["streamed"] == HEARD
    assert 0.5 < found["spoken_s"] < 5


def test_pipecat(addresses: Addresses) -> None:
    python = python_with("pipecat-ai[openai]==1.14.0")
    program = PROGRAMS / "pipecat_client.py"
    found = told([python, program, f"{addresses.ws}/v1/realtime", KEY, addresses.first, addresses.second])
    assert found["errors"] == []
    heard(found["heard"])
    assert found["interrupted"] >= 1
    assert found["tools"] == ["Oslo"]
    assert "sunny" in found["before"]


NODE = ("openai@7.59.0", "ws@8", "@openai/agents-realtime@0.20.0", "zod@4", "openai-realtime-api@1.0.8")


def node(program: str, *arguments: str, **variables: str) -> dict[str, Any]:
    folder = node_with(*NODE)
    shutil.copy(PROGRAMS / program, folder)
    return told(["node", folder / program, *arguments], **variables)


def test_agents_realtime_for_node(addresses: Addresses) -> None:
    url = f"{addresses.ws}/v1/realtime"
    found = node("agents_realtime_client.mjs", url, KEY, addresses.first, addresses.second)
    assert found["errors"] == []
    assert (found["interrupted"], found["truncated"], found["tools"]) == (1, 1, ["Oslo"])
    held(found["lines"])


def test_a_client_of_the_beta_dialect(addresses: Addresses) -> None:
    found = node("beta_client.mjs", f"{addresses.ws}/v1/realtime", KEY, addresses.first)
    assert found["errors"] == []
    assert found["tools"] == ["Oslo"]
    assert "sunny" in found["said"][0]
    assert found["heard"] == [HEARD]
    assert found["audio"] > 10


def test_openais_client_for_node_over_tls(tmp_path: Path, wavs: tuple[str, str]) -> None:
    certificate, key = self_signed(tmp_path, ("127.0.0.1",), datetime.now(UTC))
    with weather_model() as url, running(tmp_path, tls_cert=certificate, tls_key=key, **chosen(url)) as service:
        over_tls(service, wavs, certificate)


def over_tls(service: RunningService, wavs: tuple[str, str], certificate: Path) -> None:
    address = service.url.replace("http", "https", 1) + "/v1"
    found = node("openai_client.mjs", address, KEY, *wavs, NODE_EXTRA_CA_CERTS=str(certificate))
    assert found["errors"] == []
    heard(found["heard"])
    assert found["statuses"] == ["cancelled", "completed", "completed", "completed"]
    assert STORY.startswith(found["said"][0])
    assert "sunny" in found["said"][3]
    assert found["tools"] == ["Oslo"]
    assert found["models"] > 2
    assert 0.5 < found["speechSeconds"] < 5
    assert found["transcribed"] == HEARD
    assert found["answer"].strip() == STORY
