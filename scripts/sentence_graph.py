"""Write pipeline/search/minilm.onnx: MiniLM's computation without its weights, which stay in model.safetensors.

The graph refers to each tensor of the safetensors file as external data: its offset and its length. The pooling is the
mean over the words and unit length, as the model's 1_Pooling and 2_Normalize say. A second output has the words' pieces
in context, from an inner layer.

    python scripts/sentence_graph.py model.safetensors
"""

import sys
from collections.abc import Callable
from pathlib import Path

import onnx
from graphs import Graph, Shape, write
from onnx import TensorProto, helper

from pipeline.search.safetensors import Tensor, tensors_of
from pipeline.search.sentence_model import LAYERS, PIECES_LAYER, WEIGHTS_FILE, WIDTH

GRAPH = Path(__file__).parents[1] / "pipeline" / "search" / "minilm.onnx"
WORDS = "embeddings.word_embeddings.weight"


def in_another_file(tensors: dict[str, Tensor]) -> Callable[[Graph, str], str]:
    """Return what refers to the tensors of a safetensors file."""

    def refer(g: Graph, name: str) -> str:
        tensor = tensors[name]
        held = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=tensor.shape)
        held.data_location = TensorProto.EXTERNAL
        for key, value in (("location", WEIGHTS_FILE), ("offset", tensor.offset), ("length", tensor.size)):
            held.external_data.add(key=key, value=str(value))
        g.constants.append(held)
        return name

    return refer


def gathered(g: Graph) -> str:
    """Look up the words' vectors."""
    return g.node("Gather", g.weight(WORDS), "input_ids")


def sentence_graph(g: Graph, words: Callable[[Graph], str] = gathered) -> onnx.ModelProto:
    """Return MiniLM on a graph that knows its weights."""
    ints = TensorProto.INT64
    zero, first, second = g.at
    length = g.node("Gather", g.node("Shape", "input_ids"), first)
    places = g.node("Slice", g.weight("embeddings.position_embeddings.weight"), zero, length, zero)
    kind = g.node("Slice", g.weight("embeddings.token_type_embeddings.weight"), zero, first, zero)
    x = g.norm(g.node("Add", g.node("Add", words(g), kind), places), "embeddings.LayerNorm")
    present = g.node("Cast", "attention_mask", to=TensorProto.FLOAT)
    mask = g.hiding(present)
    for layer in range(LAYERS):
        x = g.layer(x, f"encoder.layer.{layer}", mask)
        if layer == PIECES_LAYER - 1:
            size = g.node("Max", g.node("ReduceL2", x, second, keepdims=1), g.least)
            g.nodes.append(helper.make_node("Div", [x, size], ["pieces"]))
    mean = g.mean(x, present)
    size = g.node("Max", g.node("ReduceL2", mean, first, keepdims=1), g.least)
    g.nodes.append(helper.make_node("Div", [mean, size], ["meaning"]))
    inputs: dict[str, tuple[int, Shape]] = {
        "input_ids": (ints, ["n", "t"]),
        "attention_mask": (ints, ["n", "t"]),
    }
    return g.model("minilm", inputs, {"meaning": ["n", WIDTH], "pieces": ["n", "t", WIDTH]})


def graph_of(weights: dict[str, Tensor]) -> onnx.ModelProto:
    """Return the model for the tensors of a safetensors file."""
    return sentence_graph(Graph(in_another_file(weights)))


def main() -> None:
    """Write the graph for the safetensors file that the command line names."""
    write(graph_of(tensors_of(Path(sys.argv[1]))), GRAPH)


if __name__ == "__main__":
    main()
