"""Rendering of a Piper voice: phoneme ids of one sentence in, audio out, whole or incrementally."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from voice.tts.piper.onnx_cut import FRAMES_NAME

if TYPE_CHECKING:
    from piper import PiperConfig, PiperVoice, SynthesisConfig

OVERLAP = 12
"""Receptive field of the decoder in frames per side: 10.7 in a medium voice, 13.2 (fading) in a high one."""

FLOW_OVERLAP = 32
"""Receptive field of the flow in frames per side: four couplings of four layers, two each."""

CHUNKS = (16, 28, 48, 80, 128)
"""Frames per chunk; the last number repeats.

At three times real time the decoder produces each chunk, overlap included, while the previous one plays.
"""

_TOLERANCE = 1e-3
_FRAMES_RANK = 3
_TRIED_FRAMES = 3 * OVERLAP + sum(CHUNKS[:2])


@dataclass(frozen=True, slots=True)
class Rendered:
    """A piece of the audio of one sentence.

    Attributes:
        audio: float32 samples in about [-1, 1] at the voice's rate, shape (n,).
        durations: in the first piece, samples per phoneme id of the sentence, shape (ids,); None if unknown.
    """

    audio: NDArray[np.float32]
    durations: NDArray[np.int64] | None = None


class Renderer(Protocol):
    """Synthesizes a sentence from its phoneme ids."""

    def render(self, phoneme_ids: list[int], config: "SynthesisConfig") -> Iterator[Rendered]:
        """Yield the sentence's audio in order, lazily, in one or several pieces."""
        ...


class WholeSentence:
    """A `Renderer` that runs the voice's whole graph once per sentence."""

    def __init__(self, voice: "PiperVoice") -> None:
        self._voice = voice

    def render(self, phoneme_ids: list[int], config: "SynthesisConfig") -> Iterator[Rendered]:
        """Yield the sentence in one piece."""
        audio, durations = self._voice.phoneme_ids_to_audio(phoneme_ids, config, include_alignments=True)
        yield Rendered(np.atleast_1d(audio).astype(np.float32), None if durations is None else np.atleast_1d(durations))


class Frames:
    """The frames of one sentence, shape (1, channels, number).

    Attributes:
        number: number of frames.
    """

    def __init__(self, frames: NDArray[np.float32]) -> None:
        self._done = frames
        self.number = frames.shape[2]

    def whole(self) -> NDArray[np.float32]:
        """Return all frames."""
        return self._done

    def upto(self, end: int) -> NDArray[np.float32]:
        """Return the first `end` frames."""
        return self._done[:, :, :end]


class FlowingFrames(Frames):
    """Frames that the flow computes on demand.

    Each stretch is computed with `FLOW_OVERLAP` more on each side, and is three times as long as all before it, so that
    little is computed twice.
    """

    def __init__(self, flow: Any, entering: dict[str, Any]) -> None:
        """Keep the flow's inputs: float32 arrays, of which those of shape (1, channels, number) are sliced by frame."""
        self._flow, self._entering = flow, entering
        self.number = max(value.shape[2] for value in entering.values() if value.ndim == _FRAMES_RANK)
        self._done = np.zeros((1, 0, 0), np.float32)

    def whole(self) -> NDArray[np.float32]:
        """Return all frames."""
        return self._made(0, self.number)

    def upto(self, end: int) -> NDArray[np.float32]:
        """Return the first `end` frames."""
        done = self._done.shape[2]
        if end > done:
            target = min(self.number, max(end, 3 * done))
            first, last = max(0, done - FLOW_OVERLAP), min(self.number, target + FLOW_OVERLAP)
            made = self._made(first, last)[:, :, done - first : target - first]
            self._done = np.concatenate((self._done, made), axis=2) if done else made
        return self._done[:, :, :end]

    def _made(self, first: int, last: int) -> NDArray[np.float32]:
        feeds = {name: self._stretch(value, first, last) for name, value in self._entering.items()}
        frames: NDArray[np.float32] = self._flow.run(None, feeds)[0]
        return frames

    def _stretch(self, value: NDArray[Any], first: int, last: int) -> NDArray[Any]:
        framed = value.ndim == _FRAMES_RANK and value.shape[2] == self.number
        return np.ascontiguousarray(value[:, :, first:last]) if framed else value


class StreamedSentence:
    """A `Renderer` on a voice cut into parts: encodes a sentence once and decodes it stretch by stretch.

    Attributes:
        encoder: the session that takes the phoneme ids.
    """

    def __init__(self, encoder: Any, decoder: Any, voice: "PiperConfig", ids: list[int], flow: Any = None) -> None:
        """Check the parts on a few phonemes.

        Args:
            encoder, decoder: `onnxruntime.InferenceSession`s; the encoder may also output the durations.
            voice: the voice's description.
            ids: phoneme ids for the check, at least one.
            flow: the session of the flow, if the encoder was cut in two; it runs stretch by stretch, too.

        Raises:
            ValueError: the stretches differ from the whole sentence, or the description is of another voice.
        """
        self.encoder, self._decoder, self._flow, self._voice = encoder, decoder, flow, voice
        self._encoder_inputs = {given.name for given in encoder.get_inputs()}
        self._decoder_inputs = {given.name for given in decoder.get_inputs()}
        self._hop = 1
        feeds = self._feeds(ids, None)
        taken = self._encoder_inputs | self._decoder_inputs
        if flow is not None:
            taken |= {given.name for given in flow.get_inputs()}
        if "sid" in feeds.keys() - taken:
            raise ValueError("The description tells of several speakers, and the voice has one.")
        frames, _ = self._encode(feeds)
        tried = min(frames.number, _TRIED_FRAMES)
        whole = self._decoder.run(None, self._decoding(feeds, frames.whole()[:, :, :tried]))[0].ravel()
        self._hop = len(whole) // tried
        joined = np.concatenate(list(self._decode(feeds, frames, tried)))
        # Written so that NaN fails, too.
        if len(joined) != len(whole) or not float(np.max(np.abs(joined - whole))) <= _TOLERANCE:
            raise ValueError("The decoder of this voice, or its flow, needs the whole sentence.")

    @property
    def hop(self) -> int:
        """Samples per frame."""
        return self._hop

    def render(self, phoneme_ids: list[int], config: "SynthesisConfig") -> Iterator[Rendered]:
        """Yield the sentence in stretches, a short one first, for low latency."""
        feeds = self._feeds(phoneme_ids, config)
        frames, counts = self._encode(feeds)
        durations = None if counts is None else (counts.reshape(-1) * self._hop).astype(np.int64)
        for audio in self._decode(feeds, frames, frames.number):
            yield Rendered(audio, durations)
            durations = None

    def _decode(self, feeds: dict[str, NDArray[Any]], frames: "Frames", number: int) -> Iterator[NDArray[np.float32]]:
        for start, end in stretches(number):
            first, last = max(0, start - OVERLAP), min(number, end + OVERLAP)
            samples = self._decoder.run(None, self._decoding(feeds, frames.upto(last)[:, :, first:]))[0].ravel()
            yield samples[(start - first) * self._hop : (end - first) * self._hop]

    def _encode(self, feeds: dict[str, NDArray[Any]]) -> "tuple[Frames, NDArray[Any] | None]":
        """Return a sentence's frames, and the number of frames per phoneme id."""
        found = self.encoder.run(None, {name: value for name, value in feeds.items() if name in self._encoder_inputs})
        if self._flow is None:
            frames, *counts = found
            return Frames(frames), counts[0] if counts else None
        given = dict(zip((outputs.name for outputs in self.encoder.get_outputs()), found, strict=True))
        taken = [wanted.name for wanted in self._flow.get_inputs()]
        entering = {name: given.pop(name, feeds.get(name)) for name in taken}
        return FlowingFrames(self._flow, entering), next(iter(given.values()), None)

    def _decoding(self, feeds: dict[str, NDArray[Any]], frames: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
        speaker = {name: value for name, value in feeds.items() if name in self._decoder_inputs}
        return {FRAMES_NAME: np.ascontiguousarray(frames), **speaker}

    def _feeds(self, ids: list[int], config: "SynthesisConfig | None") -> dict[str, NDArray[Any]]:
        """Return the graph's inputs, as `PiperVoice.phoneme_ids_to_audio` does."""
        voice = self._voice

        def setting(name: str) -> float:
            given = getattr(config, name, None)
            return float(getattr(voice, name) if given is None else given)

        feeds: dict[str, NDArray[Any]] = {
            "input": np.array([ids], np.int64),
            "input_lengths": np.array([len(ids)], np.int64),
            "scales": np.array([setting("noise_scale"), setting("length_scale"), setting("noise_w_scale")], np.float32),
        }
        if voice.num_speakers > 1:
            speaker = config.speaker_id if config is not None else None
            feeds["sid"] = np.array([voice.default_speaker_id if speaker is None else speaker], np.int64)
        return feeds


def stretches(frames: int) -> Iterator[tuple[int, int]]:
    """Yield the begin and end of each stretch, `CHUNKS` long; a short last one is merged into its neighbour."""
    start = number = 0
    while start < frames:
        length = CHUNKS[min(number, len(CHUNKS) - 1)]
        end = start + length if frames - start - length >= CHUNKS[0] else frames
        yield start, end
        start, number = end, number + 1
