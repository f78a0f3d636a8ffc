"""What the scripts build graphs of: nodes, constants, and weights in another file or in eight bits.

The architecture is BERT's (Devlin et al. 2018) with the sizes of all-MiniLM-L6-v2.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from pipeline.search.sentence_model import EPSILON, HEADS, WIDTH

OPSET, IR_VERSION = 20, 9
STEPS = 127

Shape = Sequence[str | int | None]


class Graph:
    """The nodes and the constants so far.

    Args:
        weight: adds a tensor of this name to the graph, and returns the name of the node's output that has it.
    """

    def __init__(self, weight: Callable[["Graph", str], str]) -> None:
        self._weight = weight
        self._known: dict[str, str] = {}
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[TensorProto] = []
        ints, floats = TensorProto.INT64, TensorProto.FLOAT
        self.heads = self.constant("heads", ints, (4,), [0, 0, HEADS, WIDTH // HEADS])
        self.joined = self.constant("joined", ints, (3,), [0, 0, WIDTH])
        self.scale = self.constant("scale", floats, (1,), [(WIDTH // HEADS) ** -0.5])
        self.hidden = self.constant("hidden", floats, (1,), [-1e4])
        self.one = self.constant("one", floats, (1,), [1.0])
        self.least = self.constant("least", floats, (1,), [1e-9])
        self.at = [self.constant(f"at_{n}", ints, (1,), [n]) for n in range(3)]
        self.between = self.constant("between", ints, (2,), [1, 2])

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node; return the name of its output."""
        name = f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def weight(self, name: str) -> str:
        """Refer to a tensor."""
        if name not in self._known:
            self._known[name] = self._weight(self, name)
        return self._known[name]

    def constant(self, name: str, kind: int, shape: tuple[int, ...], values: list[float]) -> str:
        """Add a small constant."""
        self.constants.append(helper.make_tensor(name, kind, shape, values))
        return name

    def array(self, name: str, values: NDArray[np.generic]) -> str:
        """Add a constant."""
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def linear(self, x: str, name: str) -> str:
        """Add x @ weight.T + bias."""
        turned = self.node("Transpose", self.weight(f"{name}.weight"), perm=[1, 0])
        return self.node("Add", self.node("MatMul", x, turned), self.weight(f"{name}.bias"))

    def norm(self, x: str, name: str) -> str:
        """Add a layer's normalisation."""
        weight, bias = self.weight(f"{name}.weight"), self.weight(f"{name}.bias")
        return self.node("LayerNormalization", x, weight, bias, axis=-1, epsilon=EPSILON)

    def hiding(self, present: str) -> str:
        """Add what hides padding from attention, of a mask of floats."""
        apart = self.node("Unsqueeze", present, self.between)
        return self.node("Mul", self.node("Sub", self.one, apart), self.hidden)

    def layer(self, x: str, name: str, mask: str, beside: str = "") -> str:
        """Add a layer of BERT; `beside` is what it attends to after its own tokens."""
        held = self.node("Concat", x, beside, axis=1) if beside else x
        q, k, v = (
            self.node(
                "Transpose",
                self.node("Reshape", self.linear(source, f"{name}.attention.self.{part}"), self.heads),
                perm=[0, 2, 3, 1] if part == "key" else [0, 2, 1, 3],
            )
            for part, source in (("query", x), ("key", held), ("value", held))
        )
        scores = self.node("Add", self.node("Mul", self.node("MatMul", q, k), self.scale), mask)
        seen = self.node("MatMul", self.node("Softmax", scores, axis=-1), v)
        seen = self.node("Reshape", self.node("Transpose", seen, perm=[0, 2, 1, 3]), self.joined)
        attended = self.linear(seen, f"{name}.attention.output.dense")
        x = self.norm(self.node("Add", x, attended), f"{name}.attention.output.LayerNorm")
        inner = self.node("Gelu", self.linear(x, f"{name}.intermediate.dense"))
        return self.norm(self.node("Add", x, self.linear(inner, f"{name}.output.dense")), f"{name}.output.LayerNorm")

    def mean(self, x: str, present: str) -> str:
        """Add the mean over the tokens that are present."""
        weighed = self.node("Unsqueeze", present, self.at[2])
        total = self.node("ReduceSum", self.node("Mul", x, weighed), self.at[1], keepdims=0)
        count = self.node("ReduceSum", weighed, self.at[1], keepdims=0)
        return self.node("Div", total, self.node("Max", count, self.least))

    def model(self, name: str, inputs: dict[str, tuple[int, Shape]], outputs: dict[str, Shape]) -> onnx.ModelProto:
        """Return the graph with these inputs and outputs, by name."""
        graph = helper.make_graph(
            self.nodes,
            name,
            [helper.make_tensor_value_info(key, kind, shape) for key, (kind, shape) in inputs.items()],
            [helper.make_tensor_value_info(key, TensorProto.FLOAT, shape) for key, shape in outputs.items()],
            self.constants,
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)


def in_eight_bits(weights: dict[str, NDArray[np.float32]]) -> Callable[[Graph, str], str]:
    """Return what adds matrices to a graph as whole numbers with a scale for each row, and the rest as it is."""

    def add(g: Graph, name: str) -> str:
        values = weights[name]
        if values.ndim < 2:
            return g.array(name, values.astype(np.float32))
        coarse, scale = coarse_rows(values)
        floats = g.node("Cast", g.array(name, coarse), to=TensorProto.FLOAT)
        return g.node("Mul", floats, g.array(f"{name}.scale", scale))

    return add


def coarse_rows(values: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Return a matrix in steps of a scale for each row, and the scales, shape (rows, 1)."""
    scale = np.maximum(np.abs(values).max(1, keepdims=True), 1e-9).astype(np.float32) / STEPS
    return np.rint(values / scale).astype(np.int8), scale


def write(model: onnx.ModelProto, path: Path) -> None:
    """Write a model, the same bytes each time."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(model.SerializeToString(deterministic=True))
