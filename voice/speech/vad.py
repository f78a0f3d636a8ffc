"""Voice activity detection: WebRTC's detector and the level gate cheaply, Silero decides."""

import functools
import importlib.util
import math
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import webrtcvad
from numpy.typing import NDArray

from voice.audio.formats import FRAME, RATE_HZ, Int16Mono, float32_of
from voice.errors import EngineUnavailable

if TYPE_CHECKING:
    import onnxruntime

AUDIBLE_DB = -70.0
"""Level below which no frame is speech, in dB of full scale."""

_WINDOW, _CONTEXT = 512, 64
_PRE_ROLL_FRAMES = 9  # including the one that opens the gate
_CLOSE_AFTER_FRAMES = 25
_QUIET, _BACKGROUND = 0.15, 0.05
_ABOVE_FLOOR_DB = 6.0
_BACKGROUND_DB = 1.5
_FIRST_FLOOR_DB = -45.0  # low, since a call may begin in the middle of a word
_FLOOR_UP, _FLOOR_DOWN = 0.1, 0.2


def load_detector() -> None:
    """Load the model that all detectors share, so that the first call does not wait for it. Blocking.

    Raises:
        EngineUnavailable: its file is missing.
    """
    _model()


class SpeechDetector:
    """Voice activity detector of one call, fed one 20 ms frame at a time.

    Silero runs only while the gate is open: from the first frame that WebRTC's detector classifies as speech, or that
    is louder than the background, until neither Silero nor the gate has detected speech for half a second. When the
    gate opens, Silero first gets the last 160 ms as pre-roll, so that it hears the beginning of the word.

    Attributes:
        level_db: the level of the last frame, in dB of full scale.

    Source: Silero VAD v6 (window of 512 samples after 64 of context, at 16 kHz); WebRTC common_audio/vad.
    """

    def __init__(self, *, aggressiveness: int = 2) -> None:
        """Create a detector for one call.

        Args:
            aggressiveness: WebRTC's mode, from 0 (the gate opens most readily) to 3.

        Raises:
            EngineUnavailable: Silero's model file is missing from faster-whisper's assets.
        """
        self._gate = webrtcvad.Vad(aggressiveness)
        self._silero = _Silero()
        self.reset()

    def reset(self) -> None:
        """Reset all state, including the background level."""
        self._recent: deque[Int16Mono] = deque(maxlen=_PRE_ROLL_FRAMES)
        self._open = False
        self._quiet_frames = 0
        self._floor_db: float | None = None
        self.level_db = AUDIBLE_DB
        self._silero.reset()

    def push(self, frame: Int16Mono, *, least_db: float = AUDIBLE_DB) -> float:
        """Feed the next frame; return its speech probability, 0 to 1.

        A frame no louder than the background counts as background, since Silero's state lags behind the word.

        Args:
            frame: int16, shape (320,), 16 kHz.
            least_db: level below which it counts as background whatever it sounds like.
        """
        samples = float32_of(frame)
        self.level_db = level_db = 10 * math.log10(float(np.dot(samples, samples)) / FRAME + 1e-10)
        if self._floor_db is None:
            self._floor_db = min(level_db, _FIRST_FLOOR_DB)
        above_db = level_db - self._floor_db
        background = level_db < least_db or above_db < _BACKGROUND_DB
        voiced = self._gate.is_speech(frame.tobytes(), RATE_HZ)
        opens = not background and (voiced or above_db > _ABOVE_FLOOR_DB)
        self._recent.append(frame)
        if self._open:
            probability = self._silero.push(samples)
        elif opens:
            self._open = True
            self._silero.reset()
            probability = self._silero.push(float32_of(np.concatenate(self._recent)))
        else:
            probability = 0.0
        quiet = probability < _QUIET
        if quiet:
            self._floor_db += above_db * (_FLOOR_DOWN if above_db < 0 else _FLOOR_UP)
        self._quiet_frames = self._quiet_frames + 1 if quiet and not opens else 0
        self._open = self._open and self._quiet_frames < _CLOSE_AFTER_FRAMES
        return min(probability, _BACKGROUND) if background else probability


class _Silero:
    """The recurrent state of one call on the shared Silero model.

    Zero-copy: onnxruntime reads and writes these arrays through two I/O bindings that alternate, the output state of
    one being the input state of the other. That saves a quarter of a run's time.
    """

    def __init__(self) -> None:
        model = _model()
        self._input = np.zeros((1, _CONTEXT + _WINDOW), np.float32)
        self._found = np.zeros(1, np.float32)
        self._states = np.zeros((2, 2, 1, 1, 128), np.float32)
        self._run = model.run_with_iobinding
        self._bindings = [self._bound(model, before, 1 - before) for before in (0, 1)]
        self.reset()

    def _bound(self, model: "onnxruntime.InferenceSession", before: int, after: int) -> "onnxruntime.IOBinding":
        import onnxruntime

        value = onnxruntime.OrtValue.ortvalue_from_numpy
        binding = model.io_binding()
        binding.bind_ortvalue_input("input", value(self._input))
        for at, name in enumerate("hc"):
            binding.bind_ortvalue_input(name, value(self._states[before, at]))
            binding.bind_ortvalue_output(f"{name}n", value(self._states[after, at]))
        binding.bind_ortvalue_output("speech_probs", value(self._found))
        return binding

    def reset(self) -> None:
        self._states[:] = 0
        self._input[:] = 0
        self._windows = 0
        self._filled = 0
        self._probability = 0.0

    def push(self, samples: NDArray[np.float32]) -> float:
        """Feed samples; return the speech probability of the last whole window."""
        at = 0
        while at < len(samples):
            taken = min(len(samples) - at, _WINDOW - self._filled)
            start = _CONTEXT + self._filled
            self._input[0, start : start + taken] = samples[at : at + taken]
            at += taken
            self._filled += taken
            if self._filled == _WINDOW:
                self._run(self._bindings[self._windows % 2])
                self._windows += 1
                self._probability = float(self._found[0])
                self._input[0, :_CONTEXT] = self._input[0, -_CONTEXT:]
                self._filled = 0
        return self._probability


@functools.cache
def _model() -> "onnxruntime.InferenceSession":
    """Return the session that all calls share: it is stateless, and single-threaded inference is cheapest."""
    import onnxruntime  # takes a tenth of a second, which a service that starts has no need of

    package = importlib.util.find_spec("faster_whisper")
    folder = Path(package.origin).parent if package and package.origin else Path()
    path = folder / "assets" / "silero_vad_v6.onnx"
    if not path.is_file():
        raise EngineUnavailable("Silero's model file is missing; run: pip install --force-reinstall faster-whisper")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
