"""A Piper voice with the architecture of a medium voice and random weights, to benchmark without a real voice.

The decoder equals medium's HiFi-GAN: the names, channels, kernels, rates and dilations of `piper.train.vits`. The part
before it has the sizes of medium's convolutions and no attention: a stand-in for the text encoder (six layers on the
phonemes) and the whole normalizing flow (four couplings of four gated layers on the frames), which dominates an
encoder's time. Its output is noise. Building it needs the `onnx` package; using it does not.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from voice.errors import EngineUnavailable

if TYPE_CHECKING:
    import onnx

NAME = "test-random-medium"
RATE_HZ = 22_050
HOP = 256

_CHANNELS, _FILTER, _SYMBOLS = 192, 768, 256
_UPSAMPLE_RATES, _UPSAMPLE_KERNELS, _UPSAMPLE_CHANNELS = (8, 8, 4), (16, 16, 8), 256
_RESBLOCK_KERNELS, _RESBLOCK_DILATIONS = (3, 5, 7), ((1, 2), (2, 6), (3, 12))
_SLOPE = 0.1
_SOUND_FRAMES, _PAD_FRAMES = 5.0, 1.0


def write_medium_voice(folder: Path) -> Path:
    """Write the voice and its description, deterministically.

    Returns:
        The .onnx file.

    Raises:
        EngineUnavailable: the `onnx` package is not installed.

    Source: piper-tts 1.8, piper/train/vits: config.py (medium), models.py (Generator), modules.py (ResBlock2, WN).
    """
    try:
        import onnx
    except ImportError:
        raise EngineUnavailable("A voice to measure needs the onnx package; run `pip install onnx`.") from None
    from piper.phoneme_ids import DEFAULT_PHONEME_ID_MAP

    folder.mkdir(parents=True, exist_ok=True)
    model = folder / f"{NAME}.onnx"
    onnx.save(_Layers().voice(), str(model))
    about = {
        "audio": {"sample_rate": RATE_HZ, "quality": "medium"},
        "espeak": {"voice": "en-us"},
        "phoneme_type": "espeak",
        "num_symbols": _SYMBOLS,
        "num_speakers": 1,
        "speaker_id_map": {},
        "inference": {"noise_scale": 0.667, "length_scale": 1.0, "noise_w": 0.8},
        "phoneme_id_map": DEFAULT_PHONEME_ID_MAP,
        "hop_length": HOP,
        "test_voice": True,
    }
    model.with_name(model.name + ".json").write_text(json.dumps(about), encoding="utf-8")
    return model


class _Layers:
    """Collects nodes and their random weights."""

    def __init__(self) -> None:
        self._random = np.random.default_rng(1)
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, NDArray[Any]] = {}

    def voice(self) -> "onnx.ModelProto":
        """Build the whole graph."""
        from onnx import TensorProto, helper, numpy_helper

        self._frames_of_symbols()
        x = self._decoder(self._flow(self._text()))
        self._constant("axis_1", np.array([1], np.int64))
        self._add("Unsqueeze", x, "axis_1", name="/Unsqueeze", output="output")
        graph = helper.make_graph(
            self._nodes,
            "main_graph",
            [
                helper.make_tensor_value_info("input", TensorProto.INT64, ["batch_size", "phonemes"]),
                helper.make_tensor_value_info("input_lengths", TensorProto.INT64, ["batch_size"]),
                helper.make_tensor_value_info("scales", TensorProto.FLOAT, [3]),
            ],
            [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch_size", 1, 1, "time"])],
            [numpy_helper.from_array(value, name) for name, value in self._constants.items()],
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)

    def _text(self) -> str:
        """Map symbols to a mean and a deviation each, (1, 2 * channels, symbols)."""
        self._constant("enc_p.emb.weight", self._normal(_SYMBOLS, _CHANNELS))
        x = self._add("Gather", "enc_p.emb.weight", "input", name="/enc_p/emb/Gather")
        x = self._add("Transpose", x, name="/enc_p/Transpose", perm=[0, 2, 1])
        for layer in range(6):
            inner = self._conv(f"enc_p.encoder.ffn_layers.{layer}.conv_1", x, _CHANNELS, _FILTER, 3)
            inner = self._add("Relu", inner, name=f"/enc_p/encoder/ffn_layers.{layer}/Relu")
            inner = self._conv(f"enc_p.encoder.ffn_layers.{layer}.conv_2", inner, _FILTER, _CHANNELS, 3)
            x = self._half(self._add("Add", x, inner, name=f"/enc_p/encoder/Add_{layer}"))
        return self._conv("enc_p.proj", x, _CHANNELS, 2 * _CHANNELS, 1)

    def _frames_of_symbols(self) -> None:
        """Compute the duration of each symbol in frames, and the symbol of each frame: `index`, (frames,)."""
        frames = np.full(_SYMBOLS, _SOUND_FRAMES, np.float32)
        frames[:3] = _PAD_FRAMES
        self._constant("frames_of", frames)
        self._constant("zero", np.array(0, np.int64))
        for name, value in (("zeros", 0), ("ones", 1), ("twos", 2), ("flat", -1)):
            self._constant(name, np.array([value], np.int64))
        scale = self._add("Slice", "scales", "ones", "twos", name="/Slice_length")
        each = self._add("Gather", "frames_of", "input", name="/dp/Gather")
        counts = self._add("Ceil", self._add("Mul", each, scale, name="/dp/Mul"), name="/Ceil")
        counts = self._add("Cast", counts, name="/Cast", to=7)
        counts = self._add("Reshape", counts, "flat", name="/Reshape")
        ends = self._add("CumSum", counts, "zero", name="/CumSum")
        total = self._add("ReduceSum", counts, name="/ReduceSum", keepdims=1)
        more = self._add("Add", total, "ones", name="/Add_total")
        none = self._add("Expand", "zeros", more, name="/Expand_none")
        marks = self._add("Expand", "ones", self._add("Shape", ends, name="/Shape"), name="/Expand_marks")
        ended = self._add("ScatterElements", none, ends, marks, name="/ScatterElements", axis=0)
        ended = self._add("CumSum", ended, "zero", name="/CumSum_ended")
        self._add("Slice", ended, "zeros", total, name="/Slice_index", output="index")

    def _flow(self, statistics: str) -> str:
        """Sample frames from the symbols' statistics and run them through four couplings, (1, channels, frames)."""
        self._constant("halves", np.array([_CHANNELS, _CHANNELS], np.int64))
        self._constant("quarters", np.array([_CHANNELS // 2, _CHANNELS // 2], np.int64))
        self._constant("small", np.array(0.1, np.float32))
        wide = self._add("Gather", statistics, "index", name="/Gather_frames", axis=2)
        mean, spread = self._split(wide, "halves", "/Split_statistics")
        spread = self._add("Exp", self._add("Mul", spread, "small", name="/Mul_small"), name="/Exp")
        noise = self._add("RandomNormalLike", mean, name="/RandomNormalLike", seed=7.0)
        scale = self._add("Slice", "scales", "zeros", "ones", name="/Slice_noise")
        noise = self._add("Mul", self._add("Mul", noise, spread, name="/Mul_1"), scale, name="/Mul_2")
        x = self._add("Add", mean, noise, name="/Add")
        for flow in (6, 4, 2, 0):
            x = self._coupling(x, f"flow.flows.{flow}")
        return x

    def _coupling(self, x: str, name: str) -> str:
        second, first = self._split(x, "quarters", f"/{name}/Split")
        hidden = self._conv(f"{name}.pre", first, _CHANNELS // 2, _CHANNELS, 1)
        skipped = ""
        for layer in range(4):
            gates = self._conv(f"{name}.enc.in_layers.{layer}", hidden, _CHANNELS, 2 * _CHANNELS, 5)
            tanh, sigmoid = self._split(gates, "halves", f"/{name}/enc/Split_{layer}")
            tanh = self._add("Tanh", tanh, name=f"/{name}/enc/Tanh_{layer}")
            sigmoid = self._add("Sigmoid", sigmoid, name=f"/{name}/enc/Sigmoid_{layer}")
            acts = self._add("Mul", tanh, sigmoid, name=f"/{name}/enc/Mul_{layer}")
            wide = 2 * _CHANNELS if layer < 3 else _CHANNELS
            skip = self._conv(f"{name}.enc.res_skip_layers.{layer}", acts, _CHANNELS, wide, 1)
            if layer < 3:
                rest, skip = self._split(skip, "halves", f"/{name}/enc/Split_skip_{layer}")
                hidden = self._add("Add", hidden, rest, name=f"/{name}/enc/Add_{layer}")
            skipped = self._add("Add", skipped, skip, name=f"/{name}/enc/Add_skip_{layer}") if skipped else skip
        shift = self._conv(f"{name}.post", skipped, _CHANNELS, _CHANNELS // 2, 1)
        second = self._half(self._add("Sub", second, shift, name=f"/{name}/Sub"))
        return self._add("Concat", first, second, name=f"/{name}/Concat", axis=1)

    def _decoder(self, x: str) -> str:
        channels = _UPSAMPLE_CHANNELS
        x = self._conv("dec.conv_pre", x, _CHANNELS, channels, 7)
        self._constant("kernels", np.array(len(_RESBLOCK_KERNELS), np.float32))
        for number, (rate, kernel) in enumerate(zip(_UPSAMPLE_RATES, _UPSAMPLE_KERNELS, strict=True)):
            x = self._leaky(x, f"/dec/LeakyRelu_{number}")
            x = self._upsample(f"dec.ups.{number}", x, channels, channels // 2, kernel, rate)
            channels //= 2
            blocks = [
                self._resblock(f"dec.resblocks.{number * len(_RESBLOCK_KERNELS) + which}", x, channels, *shape)
                for which, shape in enumerate(zip(_RESBLOCK_KERNELS, _RESBLOCK_DILATIONS, strict=True))
            ]
            x = blocks[0]
            for which, block in enumerate(blocks[1:]):
                x = self._add("Add", x, block, name=f"/dec/Add_{number}_{which}")
            x = self._add("Div", x, "kernels", name=f"/dec/Div_{number}")
        x = self._add("LeakyRelu", x, name="/dec/LeakyRelu_post", alpha=0.01)
        x = self._conv("dec.conv_post", x, channels, 1, 7, bias=False)
        return self._add("Tanh", x, name="/dec/Tanh")

    def _resblock(self, name: str, x: str, channels: int, kernel: int, dilations: tuple[int, ...]) -> str:
        path = name.replace("dec.", "/dec/", 1)
        for number, dilation in enumerate(dilations):
            inner = self._leaky(x, f"{path}/LeakyRelu_{number}")
            inner = self._conv(f"{name}.convs.{number}", inner, channels, channels, kernel, dilation)
            x = self._add("Add", inner, x, name=f"{path}/Add_{number}")
        return x

    def _upsample(self, name: str, x: str, channels: int, out: int, kernel: int, rate: int) -> str:
        weight, bias = (
            self._normal(channels, out, kernel) * np.sqrt(rate / (channels * kernel)),
            self._normal(out) * 0.01,
        )
        self._constant(f"{name}.weight", weight.astype(np.float32))
        self._constant(f"{name}.bias", bias)
        node = name.replace("dec.", "/dec/", 1) + "/ConvTranspose"
        pads = [(kernel - rate) // 2] * 2
        inputs = (x, f"{name}.weight", f"{name}.bias")
        return self._add("ConvTranspose", *inputs, name=node, kernel_shape=[kernel], strides=[rate], pads=pads)

    def _conv(
        self, name: str, x: str, channels: int, out: int, kernel: int, dilation: int = 1, *, bias: bool = True
    ) -> str:
        self._constant(f"{name}.weight", self._normal(out, channels, kernel) / np.float32(np.sqrt(channels * kernel)))
        inputs = [x, f"{name}.weight"]
        if bias:
            self._constant(f"{name}.bias", self._normal(out) * np.float32(0.01))
            inputs.append(f"{name}.bias")
        top, _, rest = name.partition(".")
        pads = [dilation * (kernel - 1) // 2] * 2
        settings: dict[str, Any] = {"kernel_shape": [kernel], "pads": pads, "dilations": [dilation]}
        return self._add("Conv", *inputs, name=f"/{top}/{rest.replace('.convs.', '/convs.')}/Conv", **settings)

    def _split(self, x: str, sizes: str, name: str) -> tuple[str, str]:
        from onnx import helper

        outputs = (f"{name}_output_0", f"{name}_output_1")
        self._nodes.append(helper.make_node("Split", [x, sizes], outputs, name=name, axis=1))
        return outputs

    def _leaky(self, x: str, name: str) -> str:
        return self._add("LeakyRelu", x, name=name, alpha=_SLOPE)

    def _half(self, x: str) -> str:
        """Scale a sum of two layers by sqrt(0.5), to keep its variance."""
        self._constant("level", np.array(np.sqrt(0.5), np.float32))
        return self._add("Mul", x, "level", name=f"{x}_level")

    def _normal(self, *shape: int) -> NDArray[np.float32]:
        return self._random.standard_normal(shape, dtype=np.float32)

    def _constant(self, name: str, value: NDArray[Any]) -> None:
        self._constants[name] = value

    def _add(self, kind: str, *inputs: str, name: str, output: str = "", **settings: Any) -> str:
        from onnx import helper

        output = output or f"{name}_output_0"
        self._nodes.append(helper.make_node(kind, inputs, [output], name=name, **settings))
        return output
