"""The ONNX graph of piper:nano: from phoneme ids to the audio of half-phonemes, in gathers and one overlap-add."""

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

ID_COUNT = 256


class Graph:
    """Builds the graph; each method adds one step."""

    def __init__(self, constants: dict[str, NDArray[Any]]) -> None:
        """Start with the voice's constant tables.

        Args:
            constants: `wave` (uint8, mu-law), `levels` (256 floats), `window` and `around` (2 periods), `marks`,
                `symbol_of` (4 numbers an id: plain, long, stressed, both; -1 where it does not sound), `is_stress`,
                `is_long`, `pause_of` (by id), `left` and `right` (start and count in `marks` for each pair of symbols).
        """
        self._nodes: list[onnx.NodeProto] = []
        self._constants = {
            **constants,
            "flat": np.array([-1], np.int64),
            "zeros": np.array([0], np.int64),
            "ones": np.array([1], np.int64),
            "twos": np.array([2], np.int64),
            "fours": np.array([4], np.int64),
            "zero": np.array(0, np.int64),
            "one": np.array(1, np.int64),
            "last": np.array([-1], np.int64),
            "all": np.array([np.iinfo(np.int64).max], np.int64),
            "half": np.array(0.5, np.float32),
            "batch": np.array([1, 1, 1, -1], np.int64),
            "symbols": np.array(len(constants["left"]) ** 0.5, np.int64),
            "period": np.array([len(constants["window"]) // 2], np.int64),
        }

    def model(self) -> onnx.ModelProto:
        """Build the whole voice, with Piper's inputs and outputs."""
        self._sounding()
        self._halves_of_neighbours()
        self._frames()
        self._sound()
        graph = helper.make_graph(
            self._nodes,
            "piper-nano",
            [
                helper.make_tensor_value_info("input", TensorProto.INT64, ["batch_size", "phonemes"]),
                helper.make_tensor_value_info("input_lengths", TensorProto.INT64, ["batch_size"]),
                helper.make_tensor_value_info("scales", TensorProto.FLOAT, [3]),
            ],
            [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 1, 1, "time"])],
            [numpy_helper.from_array(value, name) for name, value in sorted(self._constants.items())],
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 16)], ir_version=8)

    def _sounding(self) -> None:
        """Map ids to the symbols with a sound, `said`, and their positions in the input, `places`."""
        self._add("Reshape", "input", "flat", to="ids")
        self._where(self._add("Greater", "ids", "zero", to="not_pad"), "kept_places")
        self._add("Gather", "ids", "kept_places", to="kept")
        self._add("Concat", "zeros", self._slice("kept", "zeros", "last", "kept_but_last"), to="before", axis=0)
        self._add("Concat", self._slice("kept", "ones", "all", "kept_but_first"), "zeros", to="after", axis=0)
        self._add("Gather", "is_stress", "before", to="stressed")
        self._add("Gather", "is_long", "after", to="long")
        code = self._add("Mul", "kept", "fours", to="code_of_id")
        code = self._add("Add", code, self._add("Mul", "stressed", "twos", to="code_of_stress"), to="code_so_far")
        self._add("Gather", "symbol_of", self._add("Add", code, "long", to="code"), to="symbol")
        self._where(self._add("GreaterOrEqual", "symbol", "zero", to="sounds"), "said_places")
        self._add("Gather", "symbol", "said_places", to="said")
        self._add("Gather", "kept_places", "said_places", to="places")
        self._add("Gather", "pause_of", self._add("Gather", "kept", "said_places", to="said_ids"), to="pause")

    def _halves_of_neighbours(self) -> None:
        """Select for each symbol its first half (by its left neighbour), a pause, and its second half."""
        self._add("Concat", "zeros", "said", to="left_neighbours", axis=0)
        self._add("Concat", "said", "zeros", to="right_neighbours", axis=0)
        row = self._add("Mul", "left_neighbours", "symbols", to="pair_row")
        self._add("Add", row, "right_neighbours", to="pairs")
        for table, begin, end in (("right", "zeros", "last"), ("left", "ones", "all")):
            rows = self._slice(self._add("Gather", table, "pairs", to=f"{table}_of_all"), begin, end, f"{table}_rows")
            self._add("Gather", rows, "zero", to=f"{table}_start", axis=1)
            self._add("Gather", rows, "one", to=f"{table}_count", axis=1)
        self._add("Add", "right_count", "pause", to="second_from")
        self._add("Add", "second_from", "left_count", to="natural")

    def _frames(self) -> None:
        """Compute the duration of each id in frames (the only `Ceil`), and the pitch mark of each frame, `at`."""
        self._add("Cast", "natural", to="natural_float", kind=TensorProto.FLOAT)
        silence = self._add("Mul", self._add("Cast", "ids", to="ids_float", kind=1), "none", to="no_frames")
        self._constants["none"] = np.array(0.0, np.float32)
        self._add("ScatterElements", silence, "places", "natural_float", to="natural_of_ids", axis=0)
        scale = self._slice("scales", "ones", "twos", "length_scale")
        self._add("Ceil", self._add("Mul", "natural_of_ids", scale, to="stretched"), to="w_ceil")
        self._add("Gather", self._add("Cast", "w_ceil", to="frames_of_ids", kind=7), "places", to="frames")
        self._add("CumSum", "frames", "zero", to="ends")
        self._add("ReduceSum", "frames", to="total", keepdims=1)
        none = self._add("Expand", "zeros", self._add("Add", "total", "ones", to="total_and_one"), to="no_ends")
        marks = self._add("Expand", "ones", self._add("Shape", "ends", to="said_shape"), to="end_marks")
        self._add("ScatterElements", none, "ends", marks, to="ended_at", axis=0, reduction="add")
        self._add("CumSum", "ended_at", "zero", to="ended")
        self._slice("ended", "zeros", "total", "which")
        self._add("Reshape", "total", "scalar", to="total_scalar")
        self._constants["scalar"] = np.array([], np.int64)
        self._add("Range", "zero", "total_scalar", "one", to="frame")
        self._add("Sub", "ends", "frames", to="begins")
        self._add("Sub", "frame", self._of_frame("begins"), to="within")
        part = self._add("Add", self._add("Cast", "within", to="within_float", kind=1), "half", to="within_middle")
        part = self._add("Mul", part, self._of_frame("natural_float"), to="within_natural")
        many = self._add("Cast", self._of_frame("frames"), to="frames_float", kind=1)
        self._add("Cast", self._add("Div", part, many, to="step_float"), to="step", kind=7)
        first = self._add("Add", self._of_frame("right_start"), "step", to="first_half_mark")
        second = self._add("Sub", "step", self._of_frame("second_from"), to="second_step")
        second = self._add("Add", self._of_frame("left_start"), second, to="second_half_mark")
        in_first = self._add("Less", "step", self._of_frame("right_count"), to="in_first_half")
        in_pause = self._add("Less", "step", "second_from_of_frame", to="before_second_half")
        rest = self._add("Where", in_pause, "zero", second, to="pause_or_second")
        self._add("Gather", "marks", self._add("Where", in_first, first, rest, to="mark"), to="at")

    def _sound(self) -> None:
        """Overlap-add the windowed periods around the marks."""
        column = self._add("Unsqueeze", "at", "ones", to="at_column")
        bits = self._add("Gather", "wave", self._add("Add", column, "around", to="samples"), to="bits")
        values = self._add("Gather", "levels", self._add("Cast", bits, to="level", kind=TensorProto.INT32), to="values")
        self._add("Mul", values, "window", to="windowed")
        rising = self._slice("windowed", "zeros", "period", "rising", axes="ones")
        falling = self._slice("windowed", "period", "all", "falling", axes="ones")
        falling = self._slice(falling, "zeros", "last", "falling_but_last")
        self._constants["silent_row"] = np.zeros((1, int(self._constants["period"][0])), np.float32)
        falling = self._add("Concat", "silent_row", falling, to="falling_later", axis=0)
        self._add("Reshape", self._add("Add", rising, falling, to="added"), "batch", to="output")

    def _of_frame(self, tensor: str) -> str:
        """Expand a value per symbol to one per frame."""
        return self._add("Gather", tensor, "which", to=f"{tensor}_of_frame")

    def _where(self, condition: str, to: str) -> str:
        return self._add("Reshape", self._add("NonZero", condition, to=f"{to}_row"), "flat", to=to)

    def _slice(self, tensor: str, begin: str, end: str, to: str, axes: str = "zeros") -> str:
        return self._add("Slice", tensor, begin, end, axes, to=to)

    def _add(self, operator: str, *inputs: str, to: str, kind: int | None = None, **settings: Any) -> str:
        if kind is not None:
            settings["to"] = kind
        self._nodes.append(helper.make_node(operator, inputs, [to], name=to, **settings))
        return to
