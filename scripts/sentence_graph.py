"""Write pipeline/search/minilm.onnx: MiniLM's computation without its weights, which stay in model.safetensors.

The graph refers to each tensor of the safetensors file as external data: its offset and its length. The architecture is
BERT's (Devlin et al. 2018) with the sizes of all-MiniLM-L6-v2; the pooling is the mean over the words and unit length,
as the model's 1_Pooling and 2_Normalize say. A second output has the words' pieces in context, from an inner layer.

    python scripts/sentence_graph.py model.safetensors
"""

import sys
from pathlib import Path

import onnx
from onnx import TensorProto, helper

from pipeline.search.safetensors import Tensor, tensors_of
from pipeline.search.sentence_model import EPSILON, HEADS, LAYERS, PIECES_LAYER, WEIGHTS_FILE, WIDTH

OPSET, IR_VERSION = 20, 9
GRAPH = Path(__file__).parents[1] / "pipeline" / "search" / "minilm.onnx"


class Graph:
    """The nodes and the constants so far."""

    def __init__(self, weights: dict[str, Tensor]) -> None:
        self._weights = weights
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[TensorProto] = []

    def node(self, kind: str, *inputs: str, **attributes: object) -> str:
        """Add a node; return the name of its output."""
        name = f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def weight(self, name: str) -> str:
        """Refer to a tensor of the safetensors file."""
        if all(held.name != name for held in self.constants):
            tensor = self._weights[name]
            held = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=tensor.shape)
            held.data_location = TensorProto.EXTERNAL
            for key, value in (("location", WEIGHTS_FILE), ("offset", tensor.offset), ("length", tensor.size)):
                held.external_data.add(key=key, value=str(value))
            self.constants.append(held)
        return name

    def constant(self, name: str, kind: int, shape: tuple[int, ...], values: list[float]) -> str:
        """Add a small constant."""
        self.constants.append(helper.make_tensor(name, kind, shape, values))
        return name

    def linear(self, x: str, name: str) -> str:
        """Add x @ weight.T + bias."""
        turned = self.node("Transpose", self.weight(f"{name}.weight"), perm=[1, 0])
        return self.node("Add", self.node("MatMul", x, turned), self.weight(f"{name}.bias"))

    def norm(self, x: str, name: str) -> str:
        """Add a layer's normalisation."""
        weight, bias = self.weight(f"{name}.weight"), self.weight(f"{name}.bias")
        return self.node("LayerNormalization", x, weight, bias, axis=-1, epsilon=EPSILON)


def graph_of(weights: dict[str, Tensor]) -> onnx.ModelProto:
    """Return the model for the tensors of a safetensors file."""
    g = Graph(weights)
    ints, floats = TensorProto.INT64, TensorProto.FLOAT
    heads = g.constant("heads", ints, (4,), [0, 0, HEADS, WIDTH // HEADS])
    joined = g.constant("joined", ints, (3,), [0, 0, WIDTH])
    scale = g.constant("scale", floats, (1,), [(WIDTH // HEADS) ** -0.5])
    hidden = g.constant("hidden", floats, (1,), [-1e4])
    one, least = g.constant("one", floats, (1,), [1.0]), g.constant("least", floats, (1,), [1e-9])
    zero, first, second = (g.constant(f"at_{n}", ints, (1,), [n]) for n in range(3))

    words = g.node("Gather", g.weight("embeddings.word_embeddings.weight"), "input_ids")
    length = g.node("Gather", g.node("Shape", "input_ids"), first)
    places = g.node("Slice", g.weight("embeddings.position_embeddings.weight"), zero, length, zero)
    kind = g.node("Slice", g.weight("embeddings.token_type_embeddings.weight"), zero, first, zero)
    x = g.norm(g.node("Add", g.node("Add", words, kind), places), "embeddings.LayerNorm")

    present = g.node("Cast", "attention_mask", to=floats)
    apart = g.node("Unsqueeze", present, g.constant("between", ints, (2,), [1, 2]))
    mask = g.node("Mul", g.node("Sub", one, apart), hidden)
    for layer in range(LAYERS):
        name = f"encoder.layer.{layer}"
        q, k, v = (
            g.node(
                "Transpose",
                g.node("Reshape", g.linear(x, f"{name}.attention.self.{part}"), heads),
                perm=[0, 2, 3, 1] if part == "key" else [0, 2, 1, 3],
            )
            for part in ("query", "key", "value")
        )
        scores = g.node("Add", g.node("Mul", g.node("MatMul", q, k), scale), mask)
        seen = g.node("MatMul", g.node("Softmax", scores, axis=-1), v)
        seen = g.node("Reshape", g.node("Transpose", seen, perm=[0, 2, 1, 3]), joined)
        attended = g.linear(seen, f"{name}.attention.output.dense")
        x = g.norm(g.node("Add", x, attended), f"{name}.attention.output.LayerNorm")
        inner = g.node("Gelu", g.linear(x, f"{name}.intermediate.dense"))
        x = g.norm(g.node("Add", x, g.linear(inner, f"{name}.output.dense")), f"{name}.output.LayerNorm")
        if layer == PIECES_LAYER - 1:
            length_of = g.node("Max", g.node("ReduceL2", x, second, keepdims=1), least)
            g.nodes.append(helper.make_node("Div", [x, length_of], ["pieces"]))

    weighed = g.node("Unsqueeze", present, second)
    total = g.node("ReduceSum", g.node("Mul", x, weighed), first, keepdims=0)
    mean = g.node("Div", total, g.node("Max", g.node("ReduceSum", weighed, first, keepdims=0), least))
    size = g.node("Max", g.node("ReduceL2", mean, first, keepdims=1), least)
    g.nodes.append(helper.make_node("Div", [mean, size], ["meaning"]))
    inputs = [helper.make_tensor_value_info(name, ints, ["n", "t"]) for name in ("input_ids", "attention_mask")]
    outputs = [
        helper.make_tensor_value_info("meaning", floats, ["n", WIDTH]),
        helper.make_tensor_value_info("pieces", floats, ["n", "t", WIDTH]),
    ]
    graph = helper.make_graph(g.nodes, "minilm", inputs, outputs, g.constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)


def main() -> None:
    """Write the graph for the safetensors file that the command line names."""
    GRAPH.write_bytes(graph_of(tensors_of(Path(sys.argv[1]))).SerializeToString(deterministic=True))


if __name__ == "__main__":
    main()
