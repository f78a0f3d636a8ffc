"""The optional end-of-turn model: predicts from the last 8 seconds of audio whether the speaker has finished.

Source: Smart Turn v3 (pipecat-ai/smart-turn): ONNX, input `input_features` of shape (1, 80, 800), Whisper's log-mel
features of 8 s at 16 kHz, left-padded with silence; output the probability that the turn is complete.
"""

import functools
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voice.audio.formats import RATE_HZ, Int16Mono, float32_of
from voice.errors import EngineFailed, EngineUnavailable
from voice.speech.prosody import SECONDS as PROSODY_S
from voice.speech.prosody import ending_by_prosody
from voice.work.cancellation import Cancelled
from voice.work.workers import Priority, Workers

SECONDS = 8
SAMPLES = SECONDS * RATE_HZ
MELS, HOP, WINDOW = 80, 160, 400
FRAMES = SAMPLES // HOP

_EPSILON = 1e-7
_LEAST_POWER = 1e-10
_RANGE = 8.0  # orders of magnitude below the loudest


class EndOfTurnModel:
    """An ONNX model with the interface of Smart Turn v3. Blocking: run it in a worker.

    Args:
        path: the .onnx file.

    Raises:
        EngineUnavailable: no such file, or a model with another interface.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise EngineUnavailable(
                f"There is no end-of-turn model {path}; put a Smart Turn v3 .onnx file there, or unset "
                "GLOW_END_OF_TURN_MODEL."
            )
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
            inputs = self._session.get_inputs()
            self._input = inputs[0].name
            probability = self.probability(np.zeros(RATE_HZ, np.int16)) if len(inputs) == 1 else None
        except Exception as error:  # onnxruntime has an exception class of its own for each kind of broken file
            raise EngineUnavailable(f"{path} is not a Smart Turn v3 model ({_first_line(error)}).") from error
        if probability is None:
            raise EngineUnavailable(f"{path} is not a Smart Turn v3 model: it has {len(inputs)} inputs, not one.")
        self.name = path.stem

    def probability(self, audio: Int16Mono) -> float:
        """Return the probability that the turn is complete, 0 to 1.

        Args:
            audio: the turn up to its pause, mono at 16 kHz, shape (n,); only the last 8 s are used.

        Raises:
            EngineFailed: the model failed, or its output is not a probability.
        """
        features = log_mel(audio)[None]
        try:
            found = np.asarray(self._session.run(None, {self._input: features})[0], np.float64)
        except Exception as error:  # see __init__
            raise EngineFailed(f"The end-of-turn model broke: {_first_line(error)}.") from error
        if found.size != 1 or not 0 <= float(found.item()) <= 1:
            raise EngineFailed("The end-of-turn model gave no probability; use a Smart Turn v3 model.")
        return float(found.item())


class EndOfTurnDetector:
    """Looks for the end of a turn in its sound, on shared workers: by prosody, and by a model if there is one.

    Args:
        model: an end-of-turn model; None for prosody alone.
        workers: run both.
    """

    def __init__(self, model: EndOfTurnModel | None, workers: Workers) -> None:
        self._model = model
        self._workers = workers
        self.has_model = model is not None

    async def by_prosody(self, audio: Int16Mono, call: str) -> float | None:
        """Return the probability that the turn is complete, 0 to 1, or None; see `ending_by_prosody`.

        Args:
            audio: the turn up to its pause; copied, so that the caller may go on writing to it.
            call: id of the call, for fairness between calls.

        Raises:
            EngineBusy: the workers' queue is full.
        """
        heard = audio[-PROSODY_S * RATE_HZ :].copy()
        return await self._workers.run(lambda _: ending_by_prosody(heard), call=call, priority=Priority.FINAL)

    async def by_model(self, audio: Int16Mono, call: str) -> float | None:
        """Return the probability that the turn is complete, 0 to 1; see `EndOfTurnModel.probability`.

        Args:
            audio, call: see `by_prosody`.

        Returns:
            The probability; None without a model.

        Raises:
            EngineBusy: the workers' queue is full.
            EngineFailed: the model failed.
        """
        model = self._model
        if model is None:
            return None
        heard = audio[-SAMPLES:].copy()

        def job(cancelled: Cancelled) -> float | None:
            return None if cancelled() else model.probability(heard)

        return await self._workers.run(job, call=call, priority=Priority.FINAL)


def log_mel(audio: Int16Mono) -> NDArray[np.float32]:
    """Compute Whisper's log-mel features of the last 8 s, left-padded with silence: float32 of shape (80, 800).

    The waveform is normalised to zero mean and unit variance over all 8 s, as in Smart Turn's training.

    Source: Radford et al. 2022, section 2.2; transformers' WhisperFeatureExtractor with chunk_length=8, do_normalize.
    """
    wave = np.zeros(SAMPLES, np.float32)
    last = float32_of(audio[-SAMPLES:])
    if len(last):
        wave[-len(last) :] = last
    wave = (wave - wave.mean()) / np.sqrt(wave.var() + _EPSILON)
    padded = np.pad(wave, WINDOW // 2, mode="reflect")
    blocks = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP][:FRAMES]
    power = np.abs(np.fft.rfft(blocks * _hann(), axis=1)) ** 2
    decades = np.log10(np.maximum(power @ _mel_filters(), _LEAST_POWER))
    decades = np.maximum(decades, decades.max() - _RANGE)
    return np.ascontiguousarray(((decades + 4) / 4).T, np.float32)


@functools.cache
def _hann() -> NDArray[np.float64]:
    return np.hanning(WINDOW + 1)[:-1]


@functools.cache
def _mel_filters() -> NDArray[np.float64]:
    """Return triangular filters of equal area, evenly spaced on Slaney's mel scale from 0 to 8 kHz: shape (201, 80)."""
    corners = _hertz(np.linspace(0, _mel(RATE_HZ / 2), MELS + 2))
    bins = np.fft.rfftfreq(WINDOW, 1 / RATE_HZ)[:, None]
    low, middle, high = corners[:-2], corners[1:-1], corners[2:]
    rising, falling = (bins - low) / (middle - low), (high - bins) / (high - middle)
    return np.maximum(0, np.minimum(rising, falling)) * (2 / (high - low))


_KNEE_HZ, _KNEE_MEL, _STEP = 1000.0, 15.0, np.log(6.4) / 27  # linear up to 1 kHz, logarithmic above


def _mel(hertz: float) -> float:
    return float(_KNEE_MEL + np.log(hertz / _KNEE_HZ) / _STEP) if hertz > _KNEE_HZ else hertz * 3 / 200


def _hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(mel < _KNEE_MEL, mel * 200 / 3, _KNEE_HZ * np.exp(_STEP * (mel - _KNEE_MEL)))


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
