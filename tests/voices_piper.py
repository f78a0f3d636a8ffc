"""Small Piper voices for tests, built with the `onnx` package: the real inputs and outputs, noise for a voice."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from piper.phoneme_ids import DEFAULT_PHONEME_ID_MAP

HOP = 256
RATE_HZ = 22_050
FRAMES = 6
"""Frames of a phoneme id that sounds; of a pad, one."""

SYMBOLS = 256


def make_voice(folder: Path, name: str = "en_US-noise-medium", *, speakers: int = 1, **description: Any) -> Path:
    """Write NAME.onnx and NAME.onnx.json.

    Each sound lasts 6 frames of 256 samples and each pad one, times the length scale; sounds are noise, spaces silence.

    Args:
        folder: made if it is not there.
        name: the voice's name.
        speakers: how many the graph and the description have.
        description: replaces entries of the description.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model = folder / f"{name}.onnx"
    onnx.save(_graph(speakers), str(model))
    about = {
        "audio": {"sample_rate": RATE_HZ, "quality": "medium"},
        "espeak": {"voice": "en-us"},
        "phoneme_type": "espeak",
        "num_symbols": SYMBOLS,
        "num_speakers": speakers,
        "speaker_id_map": {f"speaker{number}": number for number in range(speakers)} if speakers > 1 else {},
        "inference": {"noise_scale": 0.5, "length_scale": 1.0, "noise_w": 0.8},
        "phoneme_id_map": DEFAULT_PHONEME_ID_MAP,
        "hop_length": HOP,
        **description,
    }
    model.with_name(model.name + ".json").write_text(json.dumps(about), encoding="utf-8")
    return model


def _graph(speakers: int) -> onnx.ModelProto:
    frames = np.full(SYMBOLS, float(FRAMES), np.float32)
    loud = np.ones(SYMBOLS, np.float32)
    for mark in "_^$":
        frames[DEFAULT_PHONEME_ID_MAP[mark][0]] = 1.0
    for silent in ("_", "^", "$", " ", ",", "."):
        loud[DEFAULT_PHONEME_ID_MAP[silent][0]] = 0.0
    constants = {
        "frames_of": frames,
        "loudness_of": loud,
        "zero": np.array(0, np.int64),
        "zeros": np.array([0], np.int64),
        "ones": np.array([1], np.int64),
        "twos": np.array([2], np.int64),
        "flat": np.array([-1], np.int64),
        "one_hop": np.array([1, HOP], np.int64),
        "batch": np.array([1, 1, -1], np.int64),
    }
    nodes = [
        helper.make_node("Slice", ["scales", "ones", "twos"], ["length_scale"]),
        helper.make_node("Gather", ["frames_of", "input"], ["frames"]),
        helper.make_node("Mul", ["frames", "length_scale"], ["stretched"]),
        helper.make_node("Ceil", ["stretched"], ["w_ceil"]),
        helper.make_node("Cast", ["w_ceil"], ["batch_counts"], to=TensorProto.INT64),
        helper.make_node("Reshape", ["batch_counts", "flat"], ["counts"]),
        # Which phoneme id a frame belongs to: how many ids have ended by then.
        helper.make_node("CumSum", ["counts", "zero"], ["ends"]),
        helper.make_node("ReduceSum", ["counts"], ["total"], keepdims=1),
        helper.make_node("Add", ["total", "ones"], ["total_and_one"]),
        helper.make_node("ConstantOfShape", ["total_and_one"], ["none"], value=_zero()),
        helper.make_node("Shape", ["ends"], ["ids_shape"]),
        helper.make_node("Expand", ["ones", "ids_shape"], ["marks"]),
        helper.make_node("ScatterElements", ["none", "ends", "marks"], ["ended"], axis=0),
        helper.make_node("CumSum", ["ended", "zero"], ["index_and_one"]),
        helper.make_node("Slice", ["index_and_one", "zeros", "total"], ["index"]),
        helper.make_node("Reshape", ["input", "flat"], ["ids"]),
        helper.make_node("Gather", ["ids", "index"], ["id_at"]),
        helper.make_node("Gather", ["loudness_of", "id_at"], ["frame_level"]),
        helper.make_node("Unsqueeze", ["frame_level", "ones"], ["column"]),
        helper.make_node("Expand", ["column", "one_hop"], ["level"]),
        helper.make_node("RandomNormalLike", ["level"], ["noise"], scale=0.1, seed=7.0),
        helper.make_node("Mul", ["noise", "level"], ["voiced"]),
        helper.make_node("Reshape", ["voiced", "batch"], ["output"]),
    ]
    inputs = [
        helper.make_tensor_value_info("input", TensorProto.INT64, ["batch", "phonemes"]),
        helper.make_tensor_value_info("input_lengths", TensorProto.INT64, ["batch"]),
        helper.make_tensor_value_info("scales", TensorProto.FLOAT, [3]),
    ]
    if speakers > 1:
        inputs.append(helper.make_tensor_value_info("sid", TensorProto.INT64, ["batch"]))
    graph = helper.make_graph(
        nodes,
        "noise",
        inputs,
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 1, "time"])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)


def _zero() -> onnx.TensorProto:
    return numpy_helper.from_array(np.array([0], np.int64), "zero_value")
