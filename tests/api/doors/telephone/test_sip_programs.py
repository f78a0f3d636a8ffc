"""baresip, linphone and SIPp call a service with real weights: what they record, and what the chat holds."""

import asyncio
import re
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from models.records.telephone import PhoneCall
from tests.neural import Spoken, people
from tests.servers.sip_programs import WAIT_S, baresip, linphone, needs, sipp, write_wav
from tests.service import RunningService, running
from voice.audio.formats import float32_of
from voice.audio.g711 import mulaw_encode
from voice.audio.resample import Resampler
from voice.stt.whisper.engine import FasterWhisper
from voice.stt.word_error import normalised_words, word_errors

pytestmark = pytest.mark.slow

TRIES = 3
"""Calls of which one has to be heard: these programs work in real time, and a loaded machine stalls them."""

SCENARIOS = Path(__file__).parents[3] / "servers" / "sipp"
GREETING = "Good morning. This is the front desk, how may I help you?"
PASSWORD = "a-password-for-phones"

PROMPT: Spoken = next(one for one in people("prompts") if len(one.text.split()) >= 6)
"""What a person says on the telephone."""


@pytest.fixture(scope="module")
def sip_service(tmp_path_factory: pytest.TempPathFactory, neural_models: Path) -> Iterator[RunningService]:
    folder = tmp_path_factory.mktemp("sip")
    (folder / "numbers.yaml").write_text(
        f'numbers:\n  - {{number: "100", practice: The worried parent, greeting: "{GREETING}"}}\n'
    )
    chosen: dict[str, Any] = {"stt": "auto", "tts": "auto", "models_dir": neural_models, "whisper_compute_type": "int8"}
    with running(folder, phone_numbers=folder / "numbers.yaml", phone_sip="127.0.0.1:0", **chosen) as started:
        asyncio.run_coroutine_threadsafe(started.inside.ready.wait(), started.loop).result(100)
        yield started


def address(service: RunningService) -> tuple[str, int]:
    found: tuple[str, int] = service.app.state.phone_listeners.sip.address
    return found


def store(service: RunningService, work: Any) -> Any:
    """Await something of the service's store, on its loop."""
    return asyncio.run_coroutine_threadsafe(work, service.loop).result(WAIT_S)


def calls(service: RunningService) -> list[PhoneCall]:
    return list(store(service, service.inside.store.phone_calls()))


def ended(service: RunningService, known: int) -> PhoneCall:
    """Wait until one more call than `known` is over, and return it."""
    deadline = time.monotonic() + WAIT_S
    while True:
        found = calls(service)
        if len(found) > known and found[0].ended_at is not None:
            return found[0]
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def said(service: RunningService, call: PhoneCall, role: str = "user") -> str:
    messages = store(service, service.inside.store.messages(call.chat_id))
    return " ".join(message.text for message in messages if message.role == role)


def at_rate(audio: np.ndarray, rate_hz: int) -> Any:
    resampler = Resampler(16_000, rate_hz)
    return np.concatenate([resampler.process(audio), resampler.flush()])


def spoken(rate_hz: int, before_s: float = 12.0, after_s: float = 9.0) -> Any:
    """The prompt, with silence around it."""
    audio = at_rate((PROMPT.audio * 32767).astype(np.int16), rate_hz)
    quiet = [np.zeros(int(rate_hz * seconds), np.int16) for seconds in (before_s, after_s)]
    return np.concatenate([quiet[0], audio, quiet[1]])


def heard_in(whisper: FasterWhisper, audio: Any, rate_hz: int) -> str:
    """What Whisper hears in a recording."""
    whole = np.clip(audio, -1, 1) if audio.dtype != np.int16 else float32_of(audio)
    resampler = Resampler(rate_hz, 16_000)
    samples = (whole * 32767).astype(np.int16)
    return whisper.transcribe(
        float32_of(np.concatenate([resampler.process(samples), resampler.flush()])), cancelled=lambda: False
    ).text


def share_of_words(wanted: str, text: str) -> float:
    """How many of the words are in a text: a recording has more than the greeting."""
    words, heard = normalised_words(wanted), set(normalised_words(text))
    return sum(word in heard for word in words) / len(words)


def is_whole(by_the_service: str, by_the_caller: str) -> bool:
    """Whether both sides have heard each other."""
    return rate_of_errors(PROMPT.text, by_the_service) <= 0.35 and share_of_words(GREETING, by_the_caller) >= 0.65


def rate_of_errors(wanted: str, text: str) -> float:
    return word_errors(wanted, text).rate


@needs("baresip")
@pytest.mark.parametrize(
    ("codec", "rate_hz"), [("pcmu", 8_000), ("pcma", 8_000), ("g722", 16_000), ("opus/48000/2", 48_000)]
)
def test_a_call_of_baresip(
    sip_service: RunningService, whisper_base: FasterWhisper, tmp_path: Path, codec: str, rate_hz: int
) -> None:
    """It plays a person's recording, and hangs up at its end; its own recording has the greeting."""
    audio = tmp_path / "said.wav"
    write_wav(audio, spoken(rate_hz), rate_hz)
    heard: list[tuple[str, str]] = []
    for number in range(TRIES):
        known = len(calls(sip_service))
        with baresip(tmp_path / f"baresip-{number}", audio, codec=codec, rate_hz=rate_hz) as phone:
            phone.command("dial", "sip:100@{}:{}".format(*address(sip_service)))
            call = ended(sip_service, known)
        assert (call.line, call.caller, call.called, call.reason) == ("sip", "ada", "100", "caller")
        recording, rate = phone.recording()
        heard.append((said(sip_service, call), heard_in(whisper_base, recording[: 28 * rate], rate)))
        if is_whole(*heard[-1]):
            return
    raise AssertionError(heard)


@needs("baresip")
def test_baresip_holds_presses_keys_and_hangs_up(sip_service: RunningService, tmp_path: Path) -> None:
    audio, known = tmp_path / "said.wav", len(calls(sip_service))
    write_wav(audio, np.zeros(8_000 * 60, np.int16), 8_000)
    with baresip(tmp_path / "baresip", audio) as phone:
        phone.command("dial", "sip:100@{}:{}".format(*address(sip_service)))
        deadline = time.monotonic() + WAIT_S
        while "Call established" not in phone.log():
            assert time.monotonic() < deadline, phone.log()
            time.sleep(0.05)
        phone.command("hold")
        phone.command("resume")
        phone.command("sndcode", "4")
        phone.command("sndcode", "2")
        phone.command("sndcode", "#")
        call = calls(sip_service)[0]
        while call.chat_id is None or "4" not in said(sip_service, call):
            assert time.monotonic() < deadline, phone.log()
            time.sleep(0.1)
            call = calls(sip_service)[0]
        phone.command("hangup")
        assert ended(sip_service, known).reason == "caller"


@needs("linphonec")
def test_a_call_of_linphone(sip_service: RunningService, whisper_base: FasterWhisper, tmp_path: Path) -> None:
    audio = tmp_path / "said.wav"
    write_wav(audio, spoken(8_000, before_s=9, after_s=12), 8_000)
    heard: list[tuple[str, str]] = []
    for number in range(TRIES):
        folder = tmp_path / f"linphone-{number}"
        call, recording = _by_linphone(sip_service, folder, audio)
        sound, rate = soundfile.read(recording, dtype="float32")
        text = heard_in(whisper_base, sound[: 28 * rate], int(rate))
        heard.append((said(sip_service, call).removesuffix("5"), text))
        if is_whole(*heard[-1]):
            return
    raise AssertionError(heard)


def _by_linphone(service: RunningService, folder: Path, audio: Path) -> tuple[PhoneCall, Path]:
    """Call, play when the greeting is over, press a key, and hang up; returns the record and the recording."""
    known = len(calls(service))
    with linphone(folder) as phone:
        recording = folder / "heard.wav"
        phone.type("soundcard use files", f"record {recording}", "call sip:100@{}:{}".format(*address(service)))
        phone.until("Media streams established")
        deadline = time.monotonic() + WAIT_S

        def wait_for(condition: Callable[[], bool]) -> None:
            while not condition():
                assert time.monotonic() < deadline, phone.log()
                time.sleep(0.1)

        wait_for(lambda: len(calls(service)) > known and calls(service)[0].chat_id is not None)
        call = calls(service)[0]
        wait_for(lambda: bool(said(service, call, "assistant")))
        phone.type(f"play {audio}")
        wait_for(lambda: bool(said(service, call)))
        phone.type("5", "terminate")
        call = ended(service, known)
        phone.type("quit")
    return call, recording


def pcap(path: Path, audio: Any, *, lost_every: int = 0) -> None:
    """Write RTP packets of 20 ms mu-law as SIPp plays them; each `lost_every`-th is missing."""
    blocks = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 1)]
    for number in range(len(audio) // 160):
        if lost_every and number % lost_every == lost_every - 1:
            continue
        payload = mulaw_encode(audio[number * 160 : number * 160 + 160])
        rtp = struct.pack("!BBHII", 0x80, 0, number & 0xFFFF, number * 160, 0x5151) + payload
        udp = struct.pack("!HHHH", 6_000, 6_000, 8 + len(rtp), 0) + rtp
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), number, 0, 64, 17, 0, b"\x7f\0\0\1", b"\x7f\0\0\1")
        frame = b"\0" * 12 + b"\x08\0" + ip + udp
        at = number * 20_000
        blocks.append(struct.pack("<IIII", at // 1_000_000, at % 1_000_000, len(frame), len(frame)) + frame)
    path.write_bytes(b"".join(blocks))


@needs("sipp")
@pytest.mark.parametrize("lost_every", [0, 20])
def test_a_call_of_sipp(sip_service: RunningService, tmp_path: Path, lost_every: int) -> None:
    """A call that is held and hung up, also with every twentieth packet lost."""
    pcap(tmp_path / "speech.pcap", spoken(8_000, before_s=0.5, after_s=6), lost_every=lost_every)
    heard: list[str] = []
    for _ in range(TRIES):
        known = len(calls(sip_service))
        outcome = sipp(SCENARIOS / "call.xml", address(sip_service), tmp_path, "-m", "1")
        assert outcome.returncode == 0, outcome.stdout[-3_000:] + outcome.stderr
        call = ended(sip_service, known)
        assert call.reason == "caller"
        heard.append(said(sip_service, call))
        if rate_of_errors(PROMPT.text, heard[-1]) <= 0.35:
            return
    raise AssertionError(heard)


@needs("sipp")
def test_a_flood_of_sipp(sip_service: RunningService, tmp_path: Path) -> None:
    """Two hundred INVITEs a second; afterwards a call works, and nothing is left."""
    outcome = sipp(SCENARIOS / "flood.xml", address(sip_service), tmp_path, "-r", "200", "-m", "600", "-l", "600")
    assert outcome.returncode == 0, outcome.stdout[-3_000:] + outcome.stderr
    found = re.findall(r"503 <-+\s+(\d+)", outcome.stdout)
    assert found, outcome.stdout[-3_000:]
    assert int(found[-1]) > 300
    deadline = time.monotonic() + WAIT_S
    while sip_service.ask(lambda _: len(sip_service.app.state.phone_listeners.sip)):
        assert time.monotonic() < deadline
        time.sleep(0.1)


@needs("sipp")
def test_malformed_messages_of_sipp(sip_service: RunningService, tmp_path: Path) -> None:
    outcome = sipp(SCENARIOS / "malformed.xml", address(sip_service), tmp_path, "-m", "20", "-r", "5")
    assert outcome.returncode == 0, outcome.stdout[-3_000:] + outcome.stderr
    assert sip_service.ask(lambda _: len(sip_service.app.state.phone_listeners.sip)) == 0


@needs("baresip")
def test_a_phone_with_a_password(tmp_path: Path) -> None:
    """From an address that is not allowed: the user's password opens, another does not."""
    (tmp_path / "numbers.yaml").write_text('numbers:\n  - {number: "100", practice: The worried parent}\n')
    chosen: dict[str, Any] = {
        "stt": "fixed:0",
        "phone_numbers": tmp_path / "numbers.yaml",
        "phone_sip": "127.0.0.1:0",
        "phone_sip_allow": ("192.0.2.1",),
        "phone_sip_users": f"ada:{PASSWORD}",
    }
    audio = tmp_path / "quiet.wav"
    write_wav(audio, np.zeros(8_000 * 3, np.int16), 8_000)
    with running(tmp_path / "data", **chosen) as service:
        for number, (password, taken) in enumerate((("wrong-password", False), (PASSWORD, True))):
            with baresip(tmp_path / f"baresip-{number}", audio, user=f"ada:{password}") as phone:
                phone.command("dial", "sip:100@{}:{}".format(*address(service)))
                deadline = time.monotonic() + WAIT_S
                while not re.search(r"Call established|session closed|terminated|403", phone.log()):
                    assert time.monotonic() < deadline, phone.log()
                    time.sleep(0.05)
                assert ("Call established" in phone.log()) == taken, phone.log()
        ended(service, 0)
