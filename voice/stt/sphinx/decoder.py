"""A PocketSphinx decoder that releases the GIL.

The wheel's Python binding holds the GIL while it decodes, which blocks the event loop for a quarter of a second. The
same shared object exports the library's C API, and ctypes releases the GIL. The binding is the fallback where the
symbols are not exported.

Source: PocketSphinx 5, include/pocketsphinx.h.
"""

import ctypes
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, Protocol

_MODEL_FILES = {"hmm": "en-us/en-us", "lm": "en-us/en-us.lm.bin", "dict": "en-us/cmudict-en-us.dict"}
# Noise activates every path of the search; this bound keeps its cost below real time. Lower bounds lose words.
_MOST_PATHS = 6000


class HypothesisSegment(NamedTuple):
    """A word or filler of a hypothesis.

    Attributes:
        word: as in the dictionary, including fillers and pronunciation variants.
        frames: duration in frames, 100 per second.
        probability: posterior probability, 0..1; only after `end`.
    """

    word: str
    frames: int
    probability: float


class SphinxDecoder(Protocol):
    """An utterance decoder. Blocking; one caller at a time. Every method raises RuntimeError if the library fails."""

    def begin(self, cepstral_mean: str) -> None:
        """Begin an utterance with this cepstral mean, comma-separated."""
        ...

    def process(self, samples: bytes) -> None:
        """Decode the next int16 samples at 16 kHz."""
        ...

    def hypothesis(self) -> str:
        """Return the current hypothesis; empty if there is none."""
        ...

    def end(self) -> None:
        """End the utterance: run the second and third pass of the search."""
        ...

    def segments(self) -> Iterator[HypothesisSegment]:
        """Yield the segments of the hypothesis in order."""
        ...


def sphinx_decoder() -> SphinxDecoder:
    """Load a decoder with the wheel's English model; takes a third of a second.

    Raises:
        ImportError: PocketSphinx is not installed.
        RuntimeError: its model cannot be loaded.
    """
    binding = import_module("pocketsphinx")
    library = _library(import_module("pocketsphinx._pocketsphinx").__file__)
    if library is None:
        return _Bound(binding.Decoder(loglevel="FATAL", maxhmmpf=_MOST_PATHS))
    return _Native(library, Path(binding.get_model_path()))


class _Native:
    def __init__(self, library: ctypes.CDLL, models: Path) -> None:
        self._library = library
        self._decoder: int | None = None
        config = library.ps_config_init(None)
        try:
            settings = {"loglevel": "FATAL", **{key: str(models / file) for key, file in _MODEL_FILES.items()}}
            for key, value in settings.items():
                if library.ps_config_set_str(config, key.encode(), value.encode()) is None:
                    raise RuntimeError(f"PocketSphinx knows no setting {key}.")
            if library.ps_config_set_int(config, b"maxhmmpf", _MOST_PATHS) is None:
                raise RuntimeError("PocketSphinx knows no setting maxhmmpf.")
            self._decoder = library.ps_init(config)
        finally:
            library.ps_config_free(config)  # the decoder holds its own reference
        if self._decoder is None:
            raise RuntimeError("PocketSphinx does not load its model.")

    def __del__(self) -> None:
        if self._decoder is not None:
            self._library.ps_free(self._decoder)

    def begin(self, cepstral_mean: str) -> None:
        # Reset the feature extraction, or results would depend on the last speaker's mean.
        self._check(self._library.ps_reinit_feat(self._decoder, None))
        self._check(self._library.ps_set_cmn(self._decoder, cepstral_mean.encode()))
        self._check(self._library.ps_start_utt(self._decoder))

    def process(self, samples: bytes) -> None:
        self._check(self._library.ps_process_raw(self._decoder, samples, len(samples) // 2, 0, 0))

    def hypothesis(self) -> str:
        text: bytes | None = self._library.ps_get_hyp(self._decoder, None)
        return text.decode() if text else ""

    def end(self) -> None:
        self._check(self._library.ps_end_utt(self._decoder))

    def segments(self) -> Iterator[HypothesisSegment]:
        library, first, last = self._library, ctypes.c_int(), ctypes.c_int()
        logarithms = library.ps_get_logmath(self._decoder)
        segment = library.ps_seg_iter(self._decoder)
        while segment:
            library.ps_seg_frames(segment, ctypes.byref(first), ctypes.byref(last))
            probability = library.logmath_exp(logarithms, library.ps_seg_prob(segment, None, None, None))
            yield HypothesisSegment(library.ps_seg_word(segment).decode(), last.value - first.value + 1, probability)
            segment = library.ps_seg_next(segment)

    @staticmethod
    def _check(status: int) -> None:
        if status < 0:
            raise RuntimeError(f"PocketSphinx answered {status}.")


class _Bound:
    def __init__(self, decoder: Any) -> None:
        self._decoder = decoder

    def begin(self, cepstral_mean: str) -> None:
        self._decoder.reinit_feat()
        self._decoder.set_cmn(cepstral_mean)
        self._decoder.start_utt()

    def process(self, samples: bytes) -> None:
        self._decoder.process_raw(samples, False, False)

    def hypothesis(self) -> str:
        found = self._decoder.hyp()
        return str(found.hypstr) if found else ""

    def end(self) -> None:
        self._decoder.end_utt()

    def segments(self) -> Iterator[HypothesisSegment]:
        for segment in self._decoder.seg() or ():
            yield HypothesisSegment(segment.word, segment.end_frame - segment.start_frame + 1, float(segment.prob))


_POINTER, _TEXT, _INT, _SIZE = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_size_t
_FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "ps_config_init": (_POINTER, [_POINTER]),
    "ps_config_set_str": (_POINTER, [_POINTER, _TEXT, _TEXT]),
    "ps_config_set_int": (_POINTER, [_POINTER, _TEXT, ctypes.c_long]),
    "ps_config_free": (_INT, [_POINTER]),
    "ps_init": (_POINTER, [_POINTER]),
    "ps_free": (_INT, [_POINTER]),
    "ps_reinit_feat": (_INT, [_POINTER, _POINTER]),
    "ps_set_cmn": (_INT, [_POINTER, _TEXT]),
    "ps_start_utt": (_INT, [_POINTER]),
    "ps_process_raw": (_INT, [_POINTER, _TEXT, _SIZE, _INT, _INT]),
    "ps_end_utt": (_INT, [_POINTER]),
    "ps_get_hyp": (_TEXT, [_POINTER, _POINTER]),
    "ps_get_logmath": (_POINTER, [_POINTER]),
    "ps_seg_iter": (_POINTER, [_POINTER]),
    "ps_seg_next": (_POINTER, [_POINTER]),
    "ps_seg_word": (_TEXT, [_POINTER]),
    "ps_seg_frames": (None, [_POINTER, _POINTER, _POINTER]),
    "ps_seg_prob": (ctypes.c_int32, [_POINTER, _POINTER, _POINTER, _POINTER]),
    "logmath_exp": (ctypes.c_double, [_POINTER, _INT]),
}


@cache
def _library(path: str) -> ctypes.CDLL | None:
    """Return the wheel's shared object with its C functions declared, or None if it does not export them."""
    library = ctypes.CDLL(path)
    for name, (result, arguments) in _FUNCTIONS.items():
        function = getattr(library, name, None)
        if function is None:
            return None
        function.restype, function.argtypes = result, arguments
    return library
