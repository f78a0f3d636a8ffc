"""A Whisper model of real size with random weights: what it costs is true, what it writes means nothing."""

import json
from pathlib import Path
from typing import Any

import numpy as np

_SPECIAL = (
    "<|endoftext|>",
    "<|startoftranscript|>",
    "<|en|>",
    "<|translate|>",
    "<|transcribe|>",
    "<|startoflm|>",
    "<|startofprev|>",
    "<|nospeech|>",
    "<|notimestamps|>",
)
VOCABULARY, TEXT_TOKENS = 51_864, 50_256

# Width, layers and heads of the English-only sizes. Source: Radford et al. 2022, table 1.
SIZES = {"tiny.en": (384, 4, 6), "base.en": (512, 6, 8), "small.en": (768, 12, 12)}


def make_random_whisper(folder: Path, size: str = "base.en", seed: int = 1) -> Path:
    """Write a CTranslate2 int8 model of this size into `folder`, loadable by faster-whisper; returns the folder."""
    from ctranslate2.specs import whisper_spec

    width, layers, heads = SIZES[size]
    spec = whisper_spec.WhisperSpec(layers, heads, layers, heads)
    random = np.random.default_rng(seed)
    encoder, decoder = spec.encoder, spec.decoder
    _linear(encoder.conv1, random, (width, 80, 3))
    _linear(encoder.conv2, random, (width, width, 3))
    encoder.position_encodings.encodings = _weights(random, (1500, width))
    _norm(encoder.layer_norm, width)
    decoder.embeddings.weight = _weights(random, (VOCABULARY, width))
    decoder.position_encodings.encodings = _weights(random, (448, width))
    decoder.scale_embeddings = False
    _norm(decoder.layer_norm, width)
    _linear(decoder.projection, random, (VOCABULARY, width), bias=False)
    for layer in encoder.layer:
        _attention(layer.self_attention, random, width)
        _feed_forward(layer.ffn, random, width)
    for layer in decoder.layer:
        _attention(layer.self_attention, random, width)
        _attention(layer.attention, random, width, own=False)
        _feed_forward(layer.ffn, random, width)
    spec.register_vocabulary(_vocabulary())
    spec.config.suppress_ids, spec.config.suppress_ids_begin = [], [TEXT_TOKENS]
    spec.config.lang_ids = []
    spec.config.alignment_heads = [(layers - 1, head) for head in range(heads)]
    spec.validate()
    spec.optimize(quantization="int8")
    folder.mkdir(parents=True, exist_ok=True)
    spec.save(str(folder))
    _tokenizer().save(str(folder / "tokenizer.json"))
    audio = {"feature_size": 80, "hop_length": 160, "n_fft": 400, "sampling_rate": 16_000, "chunk_length": 30}
    (folder / "preprocessor_config.json").write_text(json.dumps(audio | {"nb_max_frames": 3000, "n_samples": 480_000}))
    return folder


def _weights(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray[Any, np.dtype[np.float32]]:
    return (random.standard_normal(shape) * 0.02).astype(np.float32)


def _linear(spec: Any, random: np.random.Generator, shape: tuple[int, ...], *, bias: bool = True) -> None:
    spec.weight = _weights(random, shape)
    if bias:
        spec.bias = np.zeros(shape[0], np.float32)


def _norm(spec: Any, width: int) -> None:
    spec.gamma, spec.beta = np.ones(width, np.float32), np.zeros(width, np.float32)


def _attention(spec: Any, random: np.random.Generator, width: int, *, own: bool = True) -> None:
    _norm(spec.layer_norm, width)
    for linear, rows in zip(spec.linear, (3, 1) if own else (1, 2, 1), strict=True):
        _linear(linear, random, (rows * width, width))


def _feed_forward(spec: Any, random: np.random.Generator, width: int) -> None:
    _norm(spec.layer_norm, width)
    _linear(spec.linear_0, random, (4 * width, width))
    _linear(spec.linear_1, random, (width, 4 * width))


def _vocabulary() -> list[str]:
    from tokenizers.pre_tokenizers import ByteLevel

    letters = sorted(ByteLevel.alphabet())
    words = [*letters, *(f"w{index}" for index in range(TEXT_TOKENS - len(letters)))]
    times = [f"<|{index * 0.02:.2f}|>" for index in range(VOCABULARY - TEXT_TOKENS - len(_SPECIAL))]
    return [*words, *_SPECIAL, *times]


def _tokenizer() -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    vocabulary = _vocabulary()
    tokenizer = Tokenizer(models.BPE({token: index for index, token in enumerate(vocabulary[:TEXT_TOKENS])}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(vocabulary[TEXT_TOKENS:])
    return tokenizer
