"""A pytest plugin for voice tests of other projects: a running service, synthesized speech, replayed calls.

pytest loads it wherever Glow Voice is installed (entry point `glow_voice`). Hence it is a module with a unique name,
and imports nothing of this project before a fixture is used, so as not to shadow a tested project's `api` or `models`.
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
"""Maximum number of timeline lines in a failure message."""

_ROOMS = ("api.client.own_service", "pipeline.replay", "voice.audio.formats", "models.store")
"""A module of each package that the fixtures need."""


@dataclass(frozen=True, slots=True)
class Speech:
    """Speech samples.

    Attributes:
        text: the text, if known.
        samples: int16 mono, shape (n,).
        rate_hz: sample rate, 16000.
    """

    text: str
    samples: "NDArray[np.int16]"
    rate_hz: int = 16_000

    @property
    def seconds(self) -> float:
        """Duration in seconds."""
        return len(self.samples) / self.rate_hz

    @property
    def wav(self) -> bytes:
        """The samples as a WAV file."""
        from voice.audio.formats import wav_bytes

        return wav_bytes(self.samples, self.rate_hz)


class Say:
    """Creates speech for tests."""

    def __call__(self, text: str, voice: str = "en-us", snr_db: float | None = None) -> Speech:
        """Synthesize a text with eSpeak NG.

        Args:
            text: the text.
            voice: a voice of eSpeak NG, such as en-us or en-gb+f3.
            snr_db: signal-to-noise ratio of deterministic pink noise in dB; None for no noise.
        """
        from pipeline.replay.sounds import spoken, with_noise

        samples = spoken(text, voice)
        return Speech(text, samples if snr_db is None else with_noise(samples, snr_db, seed=0))

    def recording(self, name: str) -> Speech:
        """Load a packaged recording, such as `slt/records-office/01`, or an audio file by its path.

        Raises:
            OSError, VoiceError: the file cannot be read.
        """
        from pipeline.replay.sounds import packaged, packaged_text, recording

        return Speech(packaged_text(name), recording(packaged(name) or Path(name)))


class CallReplayed(Protocol):
    """Replays a call file, given relative to the test or by its path, and fails the test on unmet expectations."""

    def __call__(self, file: str | Path, *, measured: bool = False) -> "Replayed":
        """Replay the call; in `measured` time neither golden timelines nor budgets are checked."""
        ...


@pytest.fixture(scope="session")
def glow_service() -> "Iterator[OwnService]":
    """Run a service with the embedded engines; yield its `url` and a `token`."""
    _check_that_we_are_not_hidden()
    from api.client.own_service import embedded, own_service
    from api.settings import Settings

    # Test machines may be slow; that is not a failure.
    with own_service(embedded(stt_timeout_s="100", frames_gap_s="4"), Settings().models_dir) as service:
        yield service


@pytest.fixture(scope="session")
def glow_stage() -> "Iterator[Stage]":
    """Load the engines that replays share."""
    _check_that_we_are_not_hidden()
    from pipeline.replay import Stage

    with Stage() as stage:
        yield stage


@pytest.fixture(scope="session")
def say() -> Say:
    """Create speech: `say("hello")`, `say.recording("slt/turns/01")`."""
    _check_that_we_are_not_hidden()
    return Say()


@pytest.fixture
def call(request: pytest.FixtureRequest, glow_stage: "Stage") -> CallReplayed:
    """Replay a call file: `call("calls/first-answer.yaml")`."""

    def replayed(file: str | Path, *, measured: bool = False) -> "Replayed":
        return _replayed(request.path.parent / file, glow_stage, measured=measured)

    return replayed


def _check_that_we_are_not_hidden() -> None:
    """Fail with an explanation if the tested project has packages of the same names."""
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
