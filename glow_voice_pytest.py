"""A pytest plugin for other people's tests of voice: a running service, words as sound, calls replayed from files.

It is loaded by pytest itself wherever Glow Voice is installed (entry point `glow_voice`), so it is a module with a name
of its own, and imports nothing of the house before a fixture is used: a project that has a package `api` or `models`
itself keeps it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from api.client.own_service import OwnService
    from pipeline.replay import Replayed, Stage

_LONGEST_TIMELINE = 60
"""Lines of the timeline that a failure shows."""

_ROOMS = ("api.client.own_service", "pipeline.replay", "voice.audio.formats", "models.store")
"""A room of each package that the fixtures need."""


@dataclass(frozen=True, slots=True)
class Speech:
    """Something said.

    Attributes:
        text: the words, where they are known.
        samples: int16 mono, shape (n,).
        rate_hz: their rate, 16000.
    """

    text: str
    samples: "NDArray[np.int16]"
    rate_hz: int = 16_000

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / self.rate_hz

    @property
    def wav(self) -> bytes:
        """The same as a WAV file."""
        from voice.audio.formats import wav_bytes

        return wav_bytes(self.samples, self.rate_hz)


class Say:
    """Makes speech to test with."""

    def __call__(self, text: str, voice: str = "en-us", snr_db: float | None = None) -> Speech:
        """Return words said by eSpeak NG.

        Args:
            text: the words.
            voice: a voice of eSpeak NG, such as en-us or en-gb+f3.
            snr_db: pink noise behind the words, so many decibels below them; the same noise each time.
        """
        from pipeline.replay.sounds import spoken, with_noise

        samples = spoken(text, voice)
        return Speech(text, samples if snr_db is None else with_noise(samples, snr_db, seed=0))

    def recording(self, name: str) -> Speech:
        """Return a recording that comes with Glow Voice, such as `slt/records-office/01`, or any sound file by its path.

        Raises:
            OSError, VoiceError: it cannot be read.
        """
        from pipeline.replay.sounds import packaged, packaged_text, recording

        return Speech(packaged_text(name), recording(packaged(name) or Path(name)))


class CallReplayed(Protocol):
    """Replays a call file, beside the test or by its whole path, and fails the test if the call goes another way."""

    def __call__(self, file: str | Path, *, measured: bool = False) -> "Replayed":
        """Replay; with `measured` the engines' work costs the time it takes, and neither goldens nor budgets count."""
        ...


@pytest.fixture(scope="session")
def glow_service() -> "Iterator[OwnService]":
    """Yield a running service with the embedded engines: its `url`, and a `token` that opens it."""
    _check_that_we_are_not_hidden()
    from api.client.own_service import embedded, own_service
    from api.settings import Settings

    # Machines that run tests may be slow, and that is no failure.
    with own_service(embedded(stt_timeout_s="100", frames_gap_s="4"), Settings().models_dir) as service:
        yield service


@pytest.fixture(scope="session")
def glow_stage() -> "Iterator[Stage]":
    """Yield the engines that replays share."""
    _check_that_we_are_not_hidden()
    from pipeline.replay import Stage

    with Stage() as stage:
        yield stage


@pytest.fixture(scope="session")
def say() -> Say:
    """Return words as sound: `say("hello")`, `say.recording("slt/turns/01")`."""
    _check_that_we_are_not_hidden()
    return Say()


@pytest.fixture
def call(request: pytest.FixtureRequest, glow_stage: "Stage") -> CallReplayed:
    """Replay a call file: `call("calls/first-answer.yaml")`."""

    def replayed(file: str | Path, *, measured: bool = False) -> "Replayed":
        return _replayed(request.path.parent / file, glow_stage, measured=measured)

    return replayed


def _check_that_we_are_not_hidden() -> None:
    """Fail with a sentence where the project that is tested has packages of the same names."""
    for room in _ROOMS:
        package = room.partition(".")[0]
        try:
            found = find_spec(room)
        except ModuleNotFoundError:
            found = None
        if found is None:
            pytest.fail(
                f"This project's own '{package}' hides Glow Voice's package of that name; keep the tests that use its "
                "fixtures in a project of their own.",
                pytrace=False,
            )


def _replayed(file: Path, stage: "Stage", *, measured: bool) -> "Replayed":
    from pipeline.replay import InvalidCall, read_call, replay

    try:
        result = replay(read_call(file), stage, "measured" if measured else "ideal")
    except InvalidCall as error:
        pytest.fail(f"This is not a call that can be replayed:\n{error}", pytrace=False)
    if not result.ok:
        pytest.fail(_explained(result), pytrace=False)
    return result


def _explained(result: "Replayed") -> str:
    lines = result.lines
    shown = [f"  {line}" for line in lines[:_LONGEST_TIMELINE]]
    if len(lines) > _LONGEST_TIMELINE:
        shown.append(f"  ... and {len(lines) - _LONGEST_TIMELINE} more lines; see `glow replay {result.call.path}`")
    return "\n".join(
        [f"'{result.call.title}' went another way than its file says.", *result.explanation, "The timeline:", *shown]
    )
