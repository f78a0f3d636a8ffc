"""Small ONNX graphs with Smart Turn v3's interface, made where a test needs one."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def energy_model(path: Path, *, threshold: float, slope: float = 200.0) -> Path:
    """A model that takes a turn for finished the less of its 8 s is loud.

    Its output is sigmoid(slope * (threshold - mean of the features)): the features are brought to the loudest sound, so
    their mean tells how much of the window holds speech.
    """
    weights = {"threshold": threshold, "slope": slope}
    nodes = [
        helper.make_node("ReduceMean", ["input_features", "axes"], ["mean"], keepdims=0),
        helper.make_node("Sub", ["threshold", "mean"], ["below"]),
        helper.make_node("Mul", ["below", "slope"], ["scaled"]),
        helper.make_node("Sigmoid", ["scaled"], ["flat"]),
        helper.make_node("Reshape", ["flat", "shape"], ["logits"]),
    ]
    constants = [numpy_helper.from_array(np.float32(value), name) for name, value in weights.items()]
    constants.append(numpy_helper.from_array(np.array([1, 2], np.int64), "axes"))
    constants.append(numpy_helper.from_array(np.array([-1, 1], np.int64), "shape"))
    return _saved(path, nodes, constants, TensorProto.FLOAT)


def no_probability(path: Path) -> Path:
    """A graph that takes the features and gives them all back."""
    return _saved(path, [helper.make_node("Identity", ["input_features"], ["logits"])], [], TensorProto.FLOAT)


def _saved(path: Path, nodes: list[onnx.NodeProto], constants: list[onnx.TensorProto], kind: int) -> Path:
    graph = helper.make_graph(
        nodes,
        "end_of_turn",
        [helper.make_tensor_value_info("input_features", TensorProto.FLOAT, ["batch", 80, 800])],
        [helper.make_tensor_value_info("logits", kind, None)],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, path)
    return path
