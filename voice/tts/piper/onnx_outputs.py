"""Adds an inner tensor to the outputs of an ONNX model, without the `onnx` package.

Concatenated protobuf messages of one type are parsed as merged, so a few bytes appended to the model add an output;
only the graph's nodes are parsed, to find the tensor's name.
"""

from voice.tts.piper.protobuf import encoded_field, text, values

_MODEL_GRAPH = 7
_GRAPH_NODE, _GRAPH_OUTPUT = 1, 12
_NODE_OUTPUT, _NODE_OP_TYPE = 2, 4
_VALUE_NAME = 1


def with_output_of(model: bytes, op_type: str) -> bytes:
    """Add the output of the graph's only node of type `op_type` to the graph's outputs.

    Args:
        model: a serialized ONNX ModelProto.
        op_type: such as "Ceil", which in a Piper voice computes the frames per phoneme id.

    Returns:
        The model with one more output; unchanged if there is not exactly one such node, or it is an output already.

    Raises:
        ValueError: not a protobuf message, or a truncated one.

    Source: protobuf encoding, "last one wins" for embedded messages; onnx.proto field numbers.
    """
    view = memoryview(model)
    names: list[bytes] = []
    outputs: list[bytes] = []
    for graph in values(view, _MODEL_GRAPH):
        outputs += [bytes(name) for output in values(graph, _GRAPH_OUTPUT) for name in values(output, _VALUE_NAME)]
        for node in values(graph, _GRAPH_NODE):
            if text(node, _NODE_OP_TYPE) == op_type:
                names += [bytes(name) for name in values(node, _NODE_OUTPUT)]
    if len(names) != 1 or names[0] in outputs:
        return model
    return model + encoded_field(_MODEL_GRAPH, encoded_field(_GRAPH_OUTPUT, encoded_field(_VALUE_NAME, names[0])))
