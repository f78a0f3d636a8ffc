"""Cuts a Piper voice at its decoder, and its encoder at its flow, without the `onnx` package.

The decoder (HiFi-GAN) is convolutional: it maps any chunk of frames to samples as well as all of them. So is the
normalizing flow before it, which is most of the encoder's work. Run chunk by chunk, they yield audio before the
sentence is complete.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from voice.tts.piper.protobuf import encoded_field, encoded_key, encoded_number, fields, text, values

FRAMES_NAME = "z"
"""The decoder's input, whatever its name in the whole voice."""

_MODEL_GRAPH = 7
_GRAPH_NODE, _GRAPH_INPUT, _GRAPH_OUTPUT = 1, 11, 12
_NODE_INPUT, _NODE_OUTPUT, _NODE_NAME, _NODE_OP_TYPE, _NODE_ATTRIBUTE = 1, 2, 3, 4, 5
_ATTRIBUTE_GRAPH, _ATTRIBUTE_GRAPHS = 6, 11
_TENSOR_NAME, _VALUE_NAME, _VALUE_TYPE = 8, 1, 2
_FLOAT = 1
_DIMENSIONS = ("batch", "channels", "frames")


class Halves(NamedTuple):
    """The two serialized models of a voice that was cut at its decoder.

    Attributes:
        encoder: maps the voice's inputs to the frames, shape (1, channels, frames), its only output.
        decoder: maps `FRAMES_NAME` (and the speaker, if the voice has several) to samples.
    """

    encoder: bytes
    decoder: bytes


class Flow(NamedTuple):
    """The two serialized models of an encoder that was cut at its flow.

    Attributes:
        text: maps the voice's inputs to those of the flow; per-frame tensors have shape (1, channels, frames).
        flow: maps these tensors (and the speaker, if the voice has several) to frames, shape (1, channels, frames).
    """

    text: bytes
    flow: bytes


def cut_at_flow(encoder: bytes) -> Flow | None:
    """Cut an encoder at the inputs of its flow: the nodes under `/flow`, and all after them.

    Args:
        encoder: `Halves.encoder`.

    Returns:
        The parts; None if the graph has no flow, or if the frames depend on more than its inputs.

    Raises:
        ValueError: not a protobuf message, or a truncated one.
    """
    graph = _Graph.read(encoder)
    inside = set[int]()
    for node in graph.nodes:  # in execution order; some nodes of a flow have no name
        makers = (graph.makers.get(name) for name in node.inputs)
        if node.is_flow or any(maker is not None and maker.index in inside for maker in makers):
            inside.add(node.index)
    needed = dict.fromkeys(name for node in graph.nodes if node.index in inside for name in node.inputs)
    entering = [
        name
        for name in needed
        if name in graph.makers and graph.makers[name].index not in inside and graph.above([name]).inputs
    ]
    flow = graph.above([graph.output], stop=entering)
    if not entering or flow.inputs - {"sid"}:
        return None
    outputs = b"".join(encoded_field(_GRAPH_OUTPUT, _floats(name)) for name in entering)
    given = b"".join(encoded_field(_GRAPH_INPUT, _floats(name)) for name in entering)
    return Flow(
        graph.part(graph.above(entering), b"", outputs), graph.part(flow, given, bytes(graph.outputs[graph.output]))
    )


def cut_at_decoder(model: bytes) -> Halves | None:
    """Cut a voice at the input of its decoder's first convolution, `/dec/conv_pre`.

    Args:
        model: a serialized ONNX ModelProto.

    Returns:
        The halves; None if the graph has no such node, or if more than the frames and the speaker crosses the cut.

    Raises:
        ValueError: not a protobuf message, or a truncated one.

    Source: onnx.proto field numbers. onnx.utils.extract_model of the `onnx` package does the same, but takes 1.2 s and
    370 MB for half of the parts (0.16 s and 120 MB for all of them here), and 31 MB wherever a voice is opened.
    """
    graph = _Graph.read(model)
    begins = [node for node in graph.nodes if node.is_decoder_begin]
    if len(begins) != 1 or begins[0].inputs[0] not in graph.makers:
        return None
    frames = begins[0].inputs[0]
    encoder, decoder = graph.above([frames]), graph.above([graph.output], stop=[frames])
    if begins[0].index not in decoder.nodes or decoder.inputs - {"sid"}:
        return None
    named = encoded_field(_GRAPH_OUTPUT, _floats(frames, _DIMENSIONS))
    # An extra node renames the frames, so that nothing else must be rewritten.
    renamed = encoded_field(
        _GRAPH_NODE,
        encoded_field(_NODE_INPUT, FRAMES_NAME.encode())
        + encoded_field(_NODE_OUTPUT, frames.encode())
        + encoded_field(_NODE_OP_TYPE, b"Identity"),
    )
    given = encoded_field(_GRAPH_INPUT, _floats(FRAMES_NAME, _DIMENSIONS))
    return Halves(
        graph.part(encoder, b"", named), graph.part(decoder, renamed + given, bytes(graph.outputs[graph.output]))
    )


@dataclass(frozen=True, slots=True)
class _Node:
    index: int
    raw: memoryview
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    is_decoder_begin: bool
    is_flow: bool

    @classmethod
    def read(cls, index: int, raw: memoryview, message: memoryview) -> "_Node":
        inputs = _names(message, _NODE_INPUT)
        given = text(message, _NODE_NAME)
        name = "/".join((given, *inputs[1:2])).replace(".", "/")
        begins = text(message, _NODE_OP_TYPE) == "Conv" and "dec/conv_pre" in name
        nested = [
            name
            for attribute in values(message, _NODE_ATTRIBUTE)
            for number in (_ATTRIBUTE_GRAPH, _ATTRIBUTE_GRAPHS)
            for graph in values(attribute, number)
            for name in _used_in(graph)
        ]
        outputs = _names(message, _NODE_OUTPUT)
        return cls(index, raw, (*inputs, *nested), outputs, begins, given.startswith("/flow"))


@dataclass(frozen=True, slots=True)
class _Above:
    """The ancestors of a tensor: nodes by index, inputs of the graph, initializers."""

    nodes: frozenset[int]
    inputs: frozenset[str]
    constants: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Graph:
    before: list[memoryview]  # fields of the model
    rest: list[memoryview]  # fields of the graph that go into both halves
    nodes: list[_Node]
    makers: dict[str, _Node]  # by output tensor
    constants: dict[str, memoryview]
    inputs: dict[str, memoryview]
    outputs: dict[str, memoryview]

    @classmethod
    def read(cls, model: bytes) -> "_Graph":
        graph = cls([], [], [], {}, {}, {}, {})
        for field in fields(memoryview(model)):
            if field.number == _MODEL_GRAPH:
                graph._add(field.value)
            else:
                graph.before.append(field.raw)
        if not graph.outputs:
            raise ValueError("The file is not an ONNX model.")
        return graph

    @property
    def output(self) -> str:
        return next(iter(self.outputs))

    def _add(self, message: memoryview) -> None:
        for field in fields(message):
            match field.number:
                case 1:  # a node
                    node = _Node.read(len(self.nodes), field.raw, field.value)
                    self.nodes.append(node)
                    self.makers.update(dict.fromkeys(node.outputs, node))
                case 5:  # a constant
                    self.constants[text(field.value, _TENSOR_NAME)] = field.raw
                case 11:  # an input
                    self.inputs[text(field.value, _VALUE_NAME)] = field.raw
                case 12:  # an output
                    self.outputs[text(field.value, _VALUE_NAME)] = field.raw
                case 13:  # the shape of an inner tensor: each half infers it
                    pass
                case _:
                    self.rest.append(field.raw)

    def above(self, tensors: Iterable[str], stop: Collection[str] = ()) -> _Above:
        """Return the ancestors of these tensors, up to the inputs or to `stop`."""
        nodes, inputs, constants = set[int](), set[str](), set[str]()
        waiting = list(tensors)
        while waiting:
            name = waiting.pop()
            if name in stop or not name:
                continue
            if name in self.constants:
                constants.add(name)
            elif name in self.inputs:
                inputs.add(name)
            elif (node := self.makers.get(name)) is not None and node.index not in nodes:
                nodes.add(node.index)
                waiting += node.inputs
        return _Above(frozenset(nodes), frozenset(inputs), frozenset(constants))

    def part(self, above: _Above, begin: bytes, end: bytes) -> bytes:
        """Serialize a model of some of the nodes, in their order."""
        pieces: list[bytes | memoryview] = [begin, *self.rest]
        pieces += [node.raw for node in self.nodes if node.index in above.nodes]
        pieces += [raw for name, raw in self.constants.items() if name in above.constants]
        pieces += [raw for name, raw in self.inputs.items() if name in above.inputs]
        pieces.append(end)
        length = sum(len(piece) for piece in pieces)
        return b"".join([*self.before, encoded_key(_MODEL_GRAPH, length), *pieces])


def _names(message: memoryview, number: int) -> tuple[str, ...]:
    return tuple(str(name, "utf-8") for name in values(message, number))


def _used_in(graph: memoryview) -> Iterator[str]:
    """Yield the tensors that a subgraph may use from the graph around it."""
    for output in values(graph, _GRAPH_OUTPUT):
        yield text(output, _VALUE_NAME)
    for message in values(graph, _GRAPH_NODE):
        yield from _Node.read(0, message, message).inputs


def _floats(name: str, dimensions: tuple[str, ...] = ()) -> bytes:
    """Serialize a ValueInfoProto of floats with named dimensions; of any shape without them."""
    shape = b"".join(encoded_field(1, encoded_field(2, dimension.encode())) for dimension in dimensions)
    tensor = encoded_number(1, _FLOAT) + (encoded_field(2, shape) if dimensions else b"")
    return encoded_field(_VALUE_NAME, name.encode()) + encoded_field(_VALUE_TYPE, encoded_field(1, tensor))
