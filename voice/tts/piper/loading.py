"""Loading of Piper voices, cut into parts if the graph allows it, and checked with every phoneme."""

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voice.errors import EngineUnavailable
from voice.tts.piper.onnx_outputs import with_output_of
from voice.tts.piper.parts import Parts, forget_parts, parts_of
from voice.tts.piper.rendering import Renderer, StreamedSentence, WholeSentence

if TYPE_CHECKING:
    from piper import PiperConfig, PiperVoice

_RATES_HZ = range(8_000, 48_001)
"""Sample rates of speech. The graph does not declare its own, so a wrong one would surface in the middle of a call."""

_log = logging.getLogger(__name__)


def open_voice(model: Path) -> "tuple[PiperVoice, Renderer]":
    """Load a voice for incremental synthesis or, if its graph cannot be cut, sentence by sentence.

    The `PiperVoice` provides phonemes and their ids; if the voice is cut, its session is the encoder only.

    Raises:
        EngineUnavailable: a file is missing, damaged, or belongs to another voice.
    """
    config = _description(model)
    try:
        in_parts = _in_parts(model, config)
    except Exception as error:  # noqa: BLE001 - loading the whole voice reports whatever is wrong
        _log.info("%s is used whole: %s", model.name, error)
        forget_parts(model)
        in_parts = None
    if in_parts is not None:
        return in_parts
    voice = load_voice(model)
    return voice, WholeSentence(voice)


def load_voice(model: Path) -> "PiperVoice":
    """Load a whole voice on one thread, with phoneme durations if its graph computes them.

    Raises:
        EngineUnavailable: a file is missing, damaged, or belongs to another voice.
    """
    from piper import PiperVoice

    config = _description(model)
    try:
        session = _session(with_output_of(model.read_bytes(), "Ceil"))
    except Exception as error:
        raise EngineUnavailable(
            f"{model.name} is not a whole ONNX model; delete it and run `glow models pull {model.stem}`."
        ) from error
    voice = PiperVoice(session=session, config=config, download_dir=model.parent)
    try:
        # Detect the description of another voice now, not in the middle of a call.
        voice.phoneme_ids_to_audio(_every_id(config))
        voice.phonemize("ready")
    except Exception as error:
        raise EngineUnavailable(
            f"{model.name}.json does not belong to {model.name}; delete both and run `glow models pull {model.stem}`."
        ) from error
    return voice


def _description(model: Path) -> "PiperConfig":
    from piper import PiperConfig

    description = model.with_name(model.name + ".json")
    for path in (model, description):
        if not path.is_file():
            raise EngineUnavailable(
                f"The Piper voice file {path.name} is missing; run `glow models pull {model.stem}`."
            )
    try:
        config = PiperConfig.from_dict(json.loads(description.read_text(encoding="utf-8")))
        if not (isinstance(config.sample_rate, int) and config.sample_rate in _RATES_HZ):
            raise ValueError(f"a sample rate of {config.sample_rate!r}")
        return config
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EngineUnavailable(
            f"{description.name} does not describe a Piper voice; delete it and run `glow models pull {model.stem}`."
        ) from error


def _in_parts(model: Path, config: "PiperConfig") -> "tuple[PiperVoice, Renderer] | None":
    from piper import PiperVoice

    parts = parts_of(model)
    if parts is None:
        return None
    decoder, ids = _session(parts.decoder), _every_id(config)
    renderer = _flowing(parts, decoder, config, ids, model.name)
    if renderer is None:
        renderer = StreamedSentence(_session(parts.encoder), decoder, config, ids)
    voice = PiperVoice(session=renderer.encoder, config=config, download_dir=model.parent)
    voice.phonemize("ready")
    return voice, renderer


def _flowing(parts: Parts, decoder: Any, config: "PiperConfig", ids: list[int], name: str) -> StreamedSentence | None:
    """Return a renderer that also runs the flow incrementally, or None if this voice's flow cannot."""
    if parts.text is None or parts.flow is None:
        return None
    try:
        return StreamedSentence(_session(parts.text), decoder, config, ids, flow=_session(parts.flow))
    except Exception as error:  # noqa: BLE001 - the whole encoder is the fallback
        _log.info("The flow of %s is used whole: %s", name, error)
        return None


def _session(model: str | bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # Calls run concurrently: a session that uses every core for one of them delays the others.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, sess_options=options, providers=["CPUExecutionProvider"])


def _every_id(config: "PiperConfig") -> list[int]:
    return sorted({number for numbers in config.phoneme_id_map.values() for number in numbers})
