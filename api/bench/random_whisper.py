"""A Whisper model of real size with random weights: realistic in cost, meaningless in output."""

import json
from pathlib import Path
from typing import Any

import numpy as np

VOCABULARY, TEXT_TOKENS = 51_864, 50_256
"""Vocabulary of the English-only models; the multilingual ones have one token more."""

# Width, layers and heads. Source: Radford et al. 2022, table 1; "least" is the smallest possible, for tests.
SIZES = {
    "tiny.en": (384, 4, 6),
    "base.en": (512, 6, 8),
    "small.en": (768, 12, 12),
    "least.en": (64, 1, 1),
    "least": (64, 1, 1),
}


def make_random_whisper(folder: Path, size: str = "base.en", seed: int = 1) -> Path:
    """Write a CTranslate2 int8 model of this size into `folder`, loadable by faster-whisper; return the folder.

    A size without ".en" in its name is multilingual.
    """
    from ctranslate2.specs import whisper_spec
    from faster_whisper.tokenizer import _LANGUAGE_CODES

    width, layers, heads = SIZES[size]
    tokens, texts = _vocabulary(multilingual=not size.endswith(".en"))
    languages = [index for index, token in enumerate(tokens) if token.strip("<|>") in _LANGUAGE_CODES]
    spec = whisper_spec.WhisperSpec(layers, heads, layers, heads)
    random = np.random.default_rng(seed)
    encoder, decoder = spec.encoder, spec.decoder
    _linear(encoder.conv1, random, (width, 80, 3))
    _linear(encoder.conv2, random, (width, width, 3))
    encoder.position_encodings.encodings = _weights(random, (1500, width))
    _norm(encoder.layer_norm, width)
    decoder.embeddings.weight = _weights(random, (len(tokens), width))
    decoder.position_encodings.encodings = _weights(random, (448, width))
    decoder.scale_embeddings = False
    _norm(decoder.layer_norm, width)
    _linear(decoder.projection, random, (len(tokens), width), bias=False)
    for layer in encoder.layer:
        _attention(layer.self_attention, random, width)
        _feed_forward(layer.ffn, random, width)
    for layer in decoder.layer:
        _attention(layer.self_attention, random, width)
        _attention(layer.attention, random, width, own=False)
        _feed_forward(layer.ffn, random, width)
    spec.register_vocabulary(tokens)
    spec.config.suppress_ids, spec.config.suppress_ids_begin = [], [texts]
    spec.config.lang_ids = languages
    spec.config.alignment_heads = [(layers - 1, head) for head in range(heads)]
    spec.validate()
    spec.optimize(quantization="int8")
    folder.mkdir(parents=True, exist_ok=True)
    spec.save(str(folder))
    _tokenizer(tokens, texts).save(str(folder / "tokenizer.json"))
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


def _vocabulary(*, multilingual: bool) -> tuple[list[str], int]:
    """Return the tokens, and the number of text tokens among them."""
    from faster_whisper.tokenizer import _LANGUAGE_CODES
    from tokenizers.pre_tokenizers import ByteLevel

    texts, languages = TEXT_TOKENS + multilingual, _LANGUAGE_CODES[:99] if multilingual else ("en",)
    letters = sorted(ByteLevel.alphabet())
    words = [*letters, *(f"w{index}" for index in range(texts - len(letters)))]
    if multilingual:
        words[-1] = ""  # by this token CTranslate2 recognises a multilingual model
    marks = ("translate", "transcribe", "startoflm", "startofprev", "nospeech", "notimestamps")
    special = [f"<|{name}|>" for name in ("endoftext", "startoftranscript", *languages, *marks)]
    times = [f"<|{index * 0.02:.2f}|>" for index in range(VOCABULARY + multilingual - texts - len(special))]
    return [*words, *special, *times], texts


def _tokenizer(tokens: list[str], texts: int) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    tokenizer = Tokenizer(models.BPE({token: index for index, token in enumerate(tokens[:texts])}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(tokens[texts:])
    return tokenizer
