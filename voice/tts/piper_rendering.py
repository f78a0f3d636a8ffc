"""The seam of a Piper voice: phoneme ids of one sentence in, its audio out, in one piece or as it becomes ready."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from voice.tts.onnx_cut import FRAMES_NAME

if TYPE_CHECKING:
    from piper import PiperConfig, PiperVoice, SynthesisConfig

OVERLAP = 12
"""Frames on each side that a sample may depend on: 10.7 in a medium voice's decoder, 13.2 (fading) in a high one's."""

CHUNKS = (16, 28, 48, 80, 128)
"""Frames decoded at a time; the last number repeats.

A decoder at a third of real time makes each next chunk, overlap included, while the one before it plays.
"""

_TOLERANCE = 1e-3
_TRIED_FRAMES = 3 * OVERLAP + sum(CHUNKS[:2])


@dataclass(frozen=True, slots=True)
class Rendered:
    """Some audio of one sentence.

    Attributes:
        audio: float32 samples in about [-1, 1] at the voice's rate, shape (n,).
        durations: in the first piece, samples for each phoneme id of the sentence, shape (ids,); None if unknown.
    """

    audio: NDArray[np.float32]
    durations: NDArray[np.int64] | None = None


class Renderer(Protocol):
    """Says the phoneme ids of one sentence."""

    def render(self, phoneme_ids: list[int], config: "SynthesisConfig") -> Iterator[Rendered]:
        """Yield the sentence's audio in order; lazy, in one piece or several."""
        ...


class WholeSentence:
    """`Renderer` that runs the voice's whole graph once a sentence."""

    def __init__(self, voice: "PiperVoice") -> None:
        self._voice = voice

    def render(self, phoneme_ids: list[int], config: "SynthesisConfig") -> Iterator[Rendered]:
        """Yield the sentence in one piece."""
        audio, durations = self._voice.phoneme_ids_to_audio(phoneme_ids, config, include_alignments=True)
        yield Rendered(np.atleast_1d(audio).astype(np.float32), None if durations is None else np.atleast_1d(durations))


class StreamedSentence:
    """`Renderer` on a voice cut in two: encodes a sentence once and decodes it stretch by stretch."""

    def __init__(self, encoder: Any, decoder: Any, voice: "PiperConfig", ids: list[int]) -> None:
        """Try the halves on a few phonemes.

        Args:
            encoder, decoder: `onnxruntime.InferenceSession`s of the halves; the encoder may also give the durations.
            voice: the voice's description.
            ids: phoneme ids to try, at least one.

        Raises:
            ValueError: the stretches of this decoder are not the whole.
        """
        self._encoder, self._decoder, self._voice = encoder, decoder, voice
        self._encoder_inputs = {given.name for given in encoder.get_inputs()}
        self._decoder_inputs = {given.name for given in decoder.get_inputs()}
        self._hop = 1
        feeds = self._feeds(ids, None)
        frames = self._encode(feeds)[0][:, :, :_TRIED_FRAMES]
        whole = self._decoder.run(None, self._decoding(feeds, frames))[0].ravel()
        self._hop = len(whole) // frames.shape[2]
        joined = np.concatenate(list(self._decode(feeds, frames)))
        # Written so that NaN is refused too.
        if len(joined) != len(whole) or not float(np.max(np.abs(joined - whole))) <= _TOLERANCE:
            raise ValueError("The decoder of this voice needs the whole sentence.")

    @property
    def hop(self) -> int:
        """Samples of a frame."""
        return self._hop

    def render(self, phoneme_ids: list[int], config: "SynthesisConfig") -> Iterator[Rendered]:
        """Yield the sentence's stretches, the first short, so that it is heard soon."""
        feeds = self._feeds(phoneme_ids, config)
        frames, *rest = self._encode(feeds)
        durations = (rest[0].reshape(-1) * self._hop).astype(np.int64) if rest else None
        for audio in self._decode(feeds, frames):
            yield Rendered(audio, durations)
            durations = None

    def _decode(self, feeds: dict[str, NDArray[Any]], frames: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
        for start, end in stretches(frames.shape[2]):
            first, last = max(0, start - OVERLAP), min(frames.shape[2], end + OVERLAP)
            samples = self._decoder.run(None, self._decoding(feeds, frames[:, :, first:last]))[0].ravel()
            yield samples[(start - first) * self._hop : (end - first) * self._hop]

    def _encode(self, feeds: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
        found = self._encoder.run(None, {name: value for name, value in feeds.items() if name in self._encoder_inputs})
        return list(found)

    def _decoding(self, feeds: dict[str, NDArray[Any]], frames: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
        speaker = {name: value for name, value in feeds.items() if name in self._decoder_inputs}
        return {FRAMES_NAME: np.ascontiguousarray(frames), **speaker}

    def _feeds(self, ids: list[int], config: "SynthesisConfig | None") -> dict[str, NDArray[Any]]:
        """What `PiperVoice.phoneme_ids_to_audio` gives to the graph."""
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
    """Where each stretch of a sentence begins and ends, `CHUNKS` long; a short last one joins its neighbour."""
    start = number = 0
    while start < frames:
        length = CHUNKS[min(number, len(CHUNKS) - 1)]
        end = start + length if frames - start - length >= CHUNKS[0] else frames
        yield start, end
        start, number = end, number + 1
